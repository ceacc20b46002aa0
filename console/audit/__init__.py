"""A log of acts that is bound by hashes: what hub and node share of it."""
