"""Pages of whoever runs the node: state, people, programs. Never content."""
