"""Finding messages, notes and cases by words, over what is encrypted at rest (ADR 26)."""
