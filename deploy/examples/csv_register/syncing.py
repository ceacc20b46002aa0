"""Keeping the register's sheets in step with its node, both ways.

Each step is safe to repeat: a line is sent under its national identifier, so that the node sends it
once however often this program dies between sending and writing the sheet.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from deploy.examples.csv_register.sheets import (
    RECEIVED_COLUMNS,
    SENT_COLUMNS,
    Sheet,
    split,
)
from node.client.client import NodeClient
from node.client.problems import NodeProblemError
from node.client.shapes import Draft, MessageLine

_TYPE: Final = "identification.presumed_victim_notification"
_DECISION: Final = "general.decision"
_LISTS: Final = ("exploitation_forms", "languages_spoken", "ties", "immediate_needs")
_PLAIN: Final = (
    "age_group", "possibly_under_18", "status", "sex", "interpreter_needed", "danger_now",
    "found_on",
)  # fmt: skip


@dataclass(slots=True)
class Tally:
    """What one round did."""

    sent: int = 0
    refused: int = 0
    received: int = 0
    decided: int = 0


def sync(client: NodeClient, folder: Path) -> Tally:
    """Send what waits, note what came and how it stands, carry decisions out."""
    tally = Tally()
    sent = Sheet.load(folder / "sent.csv", SENT_COLUMNS)
    received = Sheet.load(folder / "received.csv", RECEIVED_COLUMNS)
    _send(client, sent, tally)
    _note_received(client, received, sent, tally)
    _decide(client, received, tally)
    _note_states(client, sent)
    sent.save()
    received.save()
    return tally


def _send(client: NodeClient, sheet: Sheet, tally: Tally) -> None:
    for row in sheet.rows:
        if row["message_id"] or not row["national_id"]:
            continue
        try:
            done = client.send(_make_draft(row), key=_make_key(row["national_id"]))
        except NodeProblemError as error:  # people correct the line; the others go on
            row["problem"] = str(error)
            tally.refused += 1
            continue
        row["message_id"], row["case"], row["problem"] = done.message_id, done.case, ""
        tally.sent += 1
        sheet.save()


def _make_key(national_id: str) -> str:
    """Return the key of a line: whatever the identifier holds, and nobody's log can show it."""
    return hashlib.sha256(f"register:{national_id}".encode()).hexdigest()


def _make_draft(row: dict[str, str]) -> Draft:
    body: dict[str, Any] = {name: row[name] for name in _PLAIN if row[name]}
    body |= {name: split(row[name]) for name in _LISTS if row[name]}
    body["case_manager"] = {
        "post": row["manager_post"],
        "authority": row["manager_authority"],
        "telephone": row["manager_telephone"],
    }
    return Draft(
        type=_TYPE, recipient=row["recipient"], urgency=row["urgency"] or "standard", body=body
    )


def _note_received(client: NodeClient, sheet: Sheet, sent: Sheet, tally: Tally) -> None:
    """Take over what came since the last round, the oldest first, and how the others stand."""
    new: list[MessageLine] = []
    for line in client.list_messages("in"):
        known = sheet.find("message_id", line.message_id)
        if known is not None:
            known["state"] = line.handling
            continue
        new.append(line)
    for line in reversed(new):
        sheet.add(
            {
                "message_id": line.message_id,
                "case": line.case_reference or "",
                "from": line.from_authority or line.peer,
                "type": line.type,
                "urgency": line.urgency or "",
                "received_at": line.stored_at.isoformat(timespec="minutes"),
                "answer_by": line.answer_by.isoformat(timespec="minutes") if line.answer_by else "",
                "state": line.handling,
            }
        )
        tally.received += 1
        if line.type == _DECISION:
            _note_decision(client, line, sent)


def _note_decision(client: NodeClient, line: MessageLine, sent: Sheet) -> None:
    """Write what the other side decided beside the line that it is about."""
    message = client.fetch(line.message_id)
    about = sent.find("message_id", message.in_reply_to or "")
    if about is not None and message.message is not None:
        about["answer"] = str(message.message["body"]["outcome"])


def _decide(client: NodeClient, sheet: Sheet, tally: Tally) -> None:
    """Carry out what people wrote into the sheet, if nobody decided meanwhile."""
    for row in sheet.rows:
        if not row["decision"] or row["state"] not in {"new", "opened", "more_information_asked"}:
            continue
        decision: dict[str, Any] = {"outcome": row["decision"]}
        if row["decline_reason"]:
            decision["decline_reason"] = row["decline_reason"]
        if row["manager_post"]:
            decision["case_manager"] = {
                "post": row["manager_post"],
                "telephone": row["manager_telephone"],
            }
        try:
            message = client.open(row["message_id"])
            client.decide(message, decision, key=f"decision-{row['message_id']}")
        except NodeProblemError as error:
            row["problem"] = str(error)
            continue
        row["state"], row["problem"] = row["decision"], ""
        tally.decided += 1


def _note_states(client: NodeClient, sheet: Sheet) -> None:
    waiting = {row["message_id"]: row for row in sheet.rows if row["message_id"]}
    for line in client.list_messages("out"):
        if line.message_id in waiting:
            waiting[line.message_id]["state"] = line.dispatch or ""
