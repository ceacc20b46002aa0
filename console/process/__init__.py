"""What every running service needs: a log without content, tasks with an owner, broker TLS."""
