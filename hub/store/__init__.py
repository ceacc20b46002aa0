"""The hub's relational store: accounts, the audit log, and what operators work on."""
