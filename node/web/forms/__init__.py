"""Forms of every message type, made from the models of the catalogue."""
