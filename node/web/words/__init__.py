"""The words of message types, fields and codes, by phase."""
