"""Time-based one-time codes (RFC 6238): six digits, 30 seconds, SHA-1, as apps expect."""

import base64
import hmac
from datetime import datetime
from io import BytesIO
from typing import Final

import pyotp

STEP_SECONDS: Final = 30
DIGITS: Final = 6
SECRET_BYTES: Final = 20  # the length of SHA-1's output, as RFC 4226 section 4 recommends
_DRIFT_STEPS: Final = 1  # a phone's clock may be half a minute off


def make_totp_secret(random: bytes) -> str:
    """Write 20 random bytes as the secret that an authenticator app takes: base32."""
    if len(random) != SECRET_BYTES:
        raise ValueError(f"a secret takes {SECRET_BYTES} random bytes, not {len(random)}")
    return base64.b32encode(random).decode()


def find_totp_step(code: str, *, secret: str, at: datetime, after: int) -> int | None:
    """Find the time step whose code this is, within one step of ``at`` and later than ``after``.

    None if there is none: a wrong code, or one that was used before. Spaces are allowed, since apps
    show the code in two groups. Whoever accepts the step must remember it.
    """
    digits = "".join(code.split())
    if len(digits) != DIGITS or not (digits.isascii() and digits.isdecimal()):
        return None
    totp = pyotp.HOTP(secret, digits=DIGITS)
    present = int(at.timestamp()) // STEP_SECONDS
    found = None
    for step in range(present - _DRIFT_STEPS, present + _DRIFT_STEPS + 1):
        # Each candidate is compared, in constant time, so that the time tells nothing.
        if step >= 0 and hmac.compare_digest(totp.at(step), digits) and step > after:
            found = step
    return found


def build_totp_uri(secret: str, *, account: str, issuer: str) -> str:
    """Build the ``otpauth://`` address that an authenticator app reads from a QR code."""
    return pyotp.TOTP(secret, digits=DIGITS).provisioning_uri(name=account, issuer_name=issuer)


def draw_qr(uri: str) -> bytes:
    """Draw an address as a QR code: SVG, dark on white in both themes, with a quiet zone."""
    import segno

    drawing = BytesIO()
    segno.make_qr(uri, error="m").save(
        drawing, kind="svg", xmldecl=False, border=4, dark="#000", light="#fff", omitsize=True
    )
    return drawing.getvalue()
