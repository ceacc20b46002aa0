"""All rows of the attack table."""

from typing import Final

from tests.support import (
    registry_attacks_coding,
    registry_attacks_keys,
    registry_attacks_roots,
    registry_attacks_time,
    registry_attacks_transport,
)
from tests.support.registry_attack_table import list_attacks

ROWS: Final = list_attacks(
    (
        registry_attacks_coding,
        registry_attacks_keys,
        registry_attacks_roots,
        registry_attacks_time,
        registry_attacks_transport,
    )
)
