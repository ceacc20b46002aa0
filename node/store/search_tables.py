"""The table of words that can be looked for."""
