"""All rows of the table."""

from typing import Final

from tests.malicious import (
    rows_altering,
    rows_answers,
    rows_carrying,
    rows_chunks,
    rows_hub,
    rows_machines,
    rows_misdirecting,
    rows_protocol,
    rows_receipts,
    rows_registry,
    rows_stores,
)
from tests.malicious.table import list_attacks

ROWS: Final = list_attacks(
    (
        rows_altering,
        rows_answers,
        rows_carrying,
        rows_chunks,
        rows_hub,
        rows_machines,
        rows_misdirecting,
        rows_protocol,
        rows_receipts,
        rows_registry,
        rows_stores,
    )
)
