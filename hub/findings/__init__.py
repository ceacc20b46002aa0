"""What is wrong in the registry, who looks after it, and why something may stay as it is."""
