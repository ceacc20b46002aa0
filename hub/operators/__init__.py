"""The operators of the hub: who they are, what they may do, and their way in."""
