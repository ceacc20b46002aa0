"""Telling other programs what happens, as Standard Webhooks."""
