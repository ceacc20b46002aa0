"""Consent at work: what is on file, exceptions to it, and what else the policy asks of a case."""
