"""The broker, as the operators run it: who is let in, and what lies in which mailbox."""
