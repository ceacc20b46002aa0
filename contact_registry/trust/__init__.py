"""Trust in the registry: TUF roles, signatures, the repository, and the client that verifies it."""
