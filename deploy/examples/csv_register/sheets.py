"""Two sheets of the register: what it sends, and what it received. Changed as a whole or not."""

import csv
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

SENT_COLUMNS: Final = (
    "national_id", "recipient", "urgency", "age_group", "possibly_under_18", "status", "sex",
    "exploitation_forms", "languages_spoken", "interpreter_needed", "danger_now", "ties",
    "found_on", "immediate_needs", "manager_post", "manager_authority", "manager_telephone",
    # The program writes these:
    "message_id", "case", "state", "answer", "problem",
)  # fmt: skip
"""``sent.csv``: a line for each notification; several values of one cell are separated by ``|``."""

RECEIVED_COLUMNS: Final = (
    "message_id", "case", "from", "type", "urgency", "received_at", "answer_by", "state",
    # People write these, and the program carries them out:
    "decision", "decline_reason", "manager_post", "manager_telephone",
    "problem",
)  # fmt: skip
"""``received.csv``: a line for each message that came; never what it says about a person."""


class SheetError(Exception):
    """A sheet cannot be read; the message says what to change."""


@dataclass(slots=True)
class Sheet:
    """One CSV file with a heading."""

    path: Path
    columns: Sequence[str]
    rows: list[dict[str, str]] = field(default_factory=list)

    @classmethod
    def load(cls, path: Path, columns: Sequence[str]) -> "Sheet":
        """Read it; a file that is not there is an empty sheet."""
        if not path.exists():
            return cls(path, columns)
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            unknown = set(reader.fieldnames or ()) - set(columns)
            if unknown:
                raise SheetError(
                    f"{path.name} has columns that this program does not know: "
                    f"{', '.join(sorted(unknown))}. Take them out, or correct their names."
                )
            rows = [{name: (row.get(name) or "").strip() for name in columns} for row in reader]
        return cls(path, columns, rows)

    def find(self, column: str, value: str) -> dict[str, str] | None:
        """Return the row that has this value, if any."""
        return next((row for row in self.rows if row[column] == value), None)

    def add(self, values: Mapping[str, str]) -> None:
        """Append a row; what it leaves out is empty."""
        self.rows.append({name: values.get(name, "") for name in self.columns})

    def save(self) -> None:
        """Write it beside the old one, then put it in its place: a crash leaves one of the two."""
        beside = self.path.with_name(f".{self.path.name}.new")
        with beside.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=self.columns)
            writer.writeheader()
            writer.writerows(self.rows)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.path)


def split(cell: str) -> list[str]:
    """Return the values of a cell."""
    return [value.strip() for value in cell.split("|") if value.strip()]


def join(values: Iterable[str]) -> str:
    """Undo :func:`split`."""
    return "|".join(values)
