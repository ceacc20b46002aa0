"""Tables of the course of a case."""
