"""TRM1, the wire protocol: pure functions and frozen objects. No I/O, clock, logging, or SQL."""
