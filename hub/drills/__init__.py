"""Reachability drills at the hub: asking desks, taking answers, reminding."""
