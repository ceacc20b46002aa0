"""Evidence: which step proves what, and the bundle that proves it without hub and node."""
