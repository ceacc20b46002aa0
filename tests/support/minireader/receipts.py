"""What a sender makes of one item of a receipt (SPEC section 7.2)."""

from typing import Any

PROVES_NOTHING = {"unopenable", "unknown_sender"}


def apply_item(item: dict[str, Any], *, receipt_from: str, sent: dict[str, Any]) -> str:
    """Say what becomes of the message: a status, ``hand_over_again``, or ``ignored``."""
    if receipt_from != sent["recipient"] or item["message_id"] != sent["message_id"]:
        return "ignored"
    digest = item.get("payload_sha256")
    if digest is None or item.get("reason") in PROVES_NOTHING:
        return "hand_over_again"
    if digest != sent["payload_sha256"]:
        return "ignored"
    return str(item["status"])
