"""The registry's past: every version, who signed it, what changed, and who was listed then."""
