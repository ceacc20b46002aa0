"""The port for time: nothing in this package reads a clock of its own."""

from collections.abc import Callable
from datetime import datetime

Clock = Callable[[], datetime]
"""Returns the present moment as a datetime in UTC."""
