"""The HTTP face of the hub for machines."""
