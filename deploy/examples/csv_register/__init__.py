"""A national register in two CSV files, kept in step with a node."""
