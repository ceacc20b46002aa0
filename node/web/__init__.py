"""The web console of a node: pages for focal points and for the node's administrator."""
