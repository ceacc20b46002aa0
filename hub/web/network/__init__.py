"""The pages of the network: numbers, ages and states, never content."""
