"""The message catalogue: one file per phase, general and system messages, what they share."""
