"""Receiving a node's webhooks: whether one is genuine, and what it says.

Any library of Standard Webhooks does the same; this one needs nothing but Python.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

TOLERANCE: Final = timedelta(minutes=5)
_PREFIX: Final = "whsec_"
_LONGEST: Final = 65_536
#: More than any time of a clock has.
_STAMP_DIGITS: Final = 12


class NotGenuineError(Exception):
    """It does not come from your node, was changed, or is old: answer 400 and do nothing."""


class HookData(BaseModel):
    """What it is about: identifiers to ask the node for."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    participant: str
    case_id: str | None = None
    message_id: str | None = None
    subject: str | None = None


class HookBody(BaseModel):
    """What happened."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: str
    timestamp: datetime
    data: HookData


def read_webhook(
    body: bytes, headers: Mapping[str, str], *, secrets: Sequence[str], now: datetime
) -> tuple[str, HookBody]:
    """Return the name and the content of a delivery; the same name again is the same thing again.

    ``headers``: by name in small letters. ``secrets``: the present one, and the one before while it
    is being changed. Raises :class:`NotGenuineError`.
    """
    name, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not name or not (stamp.isascii() and stamp.isdecimal() and len(stamp) <= _STAMP_DIGITS):
        raise NotGenuineError("Its name or time is missing.")
    if len(body) > _LONGEST:
        raise NotGenuineError("It is longer than any webhook of a node.")
    if abs(now.timestamp() - int(stamp)) > TOLERANCE.total_seconds():
        raise NotGenuineError("It was signed too long ago: compare the clocks.")
    signed = b".".join((name.encode(), stamp.encode(), body))
    given = [
        each.removeprefix("v1,")
        for each in headers.get("webhook-signature", "").split()
        if each.startswith("v1,")
    ]
    if not any(_matches(signed, secret, given) for secret in secrets):
        raise NotGenuineError("No signature of it was made with this secret.")
    try:
        return name, HookBody.model_validate_json(body)
    except ValidationError as error:
        raise NotGenuineError("It is signed, and says nothing that this program reads.") from error


def _matches(signed: bytes, secret: str, given: Sequence[str]) -> bool:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("A secret is 'whsec_' and base64: copy it again.") from error
    wanted = base64.b64encode(hmac.digest(key, signed, hashlib.sha256))
    return any(hmac.compare_digest(wanted, each.encode()) for each in given)
