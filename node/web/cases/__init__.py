"""The pages of one case: its people, its consents, its return, its end, and what goes on paper."""
