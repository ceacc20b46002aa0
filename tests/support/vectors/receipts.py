"""What a sender makes of the items of a receipt."""

import json
from collections.abc import Mapping
from typing import Any, Final

from protocol.errors import RejectionCode
from protocol.messages.system import ReceiptItem, ReceiptStatus
from tests.support.vectors.family import Family, Json, Operation

_Given = Mapping[str, Any]

SENT: Final[Json] = {
    "message_id": "0123456789abcdef" * 2,
    "recipient": "XK",
    "payload_sha256": "a" * 64,
}
_AT: Final = "2026-03-04T11:00:00Z"
_UNPROVEN: Final = frozenset({RejectionCode.UNOPENABLE, RejectionCode.UNKNOWN_SENDER})


def _apply(data: _Given, given: _Given) -> str:
    """Decide as SPEC 7.2 does; that a node does the same is shown by a test of the node."""
    item, sent = ReceiptItem.model_validate_json(json.dumps(data["item"])), given["sent"]
    if (data["receipt_from"], item.message_id) != (sent["recipient"], sent["message_id"]):
        return "ignored"
    if item.payload_sha256 is None or (
        item.status is ReceiptStatus.REJECTED and item.reason in _UNPROVEN
    ):
        return "hand_over_again"
    if item.payload_sha256 != sent["payload_sha256"]:
        return "ignored"
    return item.status.value


def _item(status: str, **changes: Any) -> Json:
    fields = {
        "message_id": SENT["message_id"],
        "payload_sha256": SENT["payload_sha256"],
        "status": status,
        "at": _AT,
    } | changes
    return {name: value for name, value in fields.items() if value is not None}


def _list_cases() -> list[tuple[str, str, Json, str]]:
    other, opaque = {"payload_sha256": "b" * 64}, {"payload_sha256": None}
    cases = [
        ("delivered", "XK", _item("delivered"), "delivered"),
        ("delivered, not readable there", "XK", _item("delivered", readable=False), "delivered"),
        ("read", "XK", _item("read"), "read"),
        ("delivered, from another Participant", "MK", _item("delivered"), "ignored"),
        (
            "delivered, a message that was never sent",
            "XK",
            _item("delivered", message_id="f" * 32),
            "ignored",
        ),
        ("delivered, another digest", "XK", _item("delivered", **other), "ignored"),
        ("read, another digest", "XK", _item("read", **other), "ignored"),
        (
            "rejected without a digest, from another Participant",
            "MK",
            _item("rejected", reason="unopenable", **opaque),
            "ignored",
        ),
    ]
    for reason in RejectionCode:
        again = reason in {RejectionCode.UNOPENABLE, RejectionCode.UNKNOWN_SENDER}
        cases += [
            (
                f"rejected as {reason}",
                "XK",
                _item("rejected", reason=reason.value),
                "hand_over_again" if again else "rejected",
            ),
            (
                f"rejected as {reason}, without a digest",
                "XK",
                _item("rejected", reason=reason.value, **opaque),
                "hand_over_again",
            ),
        ]
        if not again:
            cases.append(
                (
                    f"rejected as {reason}, another digest",
                    "XK",
                    _item("rejected", reason=reason.value, **other),
                    "ignored",
                )
            )
    return cases


def make_families() -> list[Family]:
    """Return the file of this family."""
    family = Family(
        name="receipts",
        description="What the sender of a message, which is on its way, makes of one item of a "
        "verified receipt of this Participant.",
        spec=("7.2",),
        operations={
            "apply": Operation(
                "delivered, read, or rejected: the item is kept as evidence, moves the message "
                "there, and nothing is sent again; hand_over_again: it proves nothing, the message "
                "is sealed for the newest key and handed over again until it expires; ignored: it "
                "moves nothing.",
                _apply,
            )
        },
        given={"sent": SENT},
    )
    for name, sender, item, outcome in _list_cases():
        data = {"receipt_from": sender, "item": item}
        family.good(name, "apply", data, expected=outcome)
    return [family]
