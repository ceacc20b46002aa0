"""Worked examples of programs that use a node."""
