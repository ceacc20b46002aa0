"""The relational store: tables, transactions, migrations."""
