"""What a node is about, without I/O: ports and state tables."""
