"""How a webhook proves who tells and that nothing was changed: Standard Webhooks 1.0.0, scheme v1.

https://github.com/standard-webhooks/standard-webhooks (the specification).
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - what every secret begins with
#: Bytes of a secret: the specification wants 24 to 64.
SECRET_BYTES: Final = 32


def write_secret(key: bytes) -> str:
    """Write a secret as both sides keep it."""
    return SECRET_PREFIX + base64.b64encode(key).decode()


def sign_headers(
    body: bytes, *, message_id: str, at: datetime, secrets: Sequence[str]
) -> Mapping[str, str]:
    """Return the headers of one delivery: name, time in whole seconds, one signature per secret."""
    timestamp = str(int(at.timestamp()))
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    signatures = [
        "v1," + base64.b64encode(hmac.digest(_key(secret), signed, hashlib.sha256)).decode()
        for secret in secrets
    ]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(signatures),
    }


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(SECRET_PREFIX))
