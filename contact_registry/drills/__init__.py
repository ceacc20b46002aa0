"""Reachability drills: asking a desk, for one phase, to confirm that it can be reached."""
