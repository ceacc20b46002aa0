"""Ceremonies: what operators and Participants sign together, each on an own machine."""
