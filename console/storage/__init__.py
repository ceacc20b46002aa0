"""SQL for a face: connections, column types, sign-in tables and their stores, migrations."""
