"""Changes of contacts at the hub: operators draft them, and ask Participants for corrections."""
