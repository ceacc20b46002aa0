"""Entries of the directory as fields of a form, and back."""
