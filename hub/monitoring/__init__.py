"""What the operators watch."""
