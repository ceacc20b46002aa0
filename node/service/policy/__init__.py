"""The policy in front of sending: gathering what it asks for, and letting it decide."""
