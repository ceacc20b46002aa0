"""How the parts are run: compositions of hub and nodes."""
