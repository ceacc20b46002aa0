"""Items that somebody has to look after: where they come from, whose they are, who is told."""
