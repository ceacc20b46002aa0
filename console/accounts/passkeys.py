"""Passkeys (Web Authentication, W3C): a way in that cannot be phished, by finger, face or PIN.

One is both factors at once, so user verification is always asked for. It is bound to the console's
own name; a challenge serves once, in time, and only the browser that asked for it.

The library brings a hundred modules along, and many nodes never see a passkey: the first one loads
it.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from console.accounts.factors import Ceremony, FactorStore, Passkey, Purpose
from console.accounts.models import Account, SignedIn

LONGEST_ANSWER: Final = 20_000
"""Characters of a browser's answer."""
MOST_PASSKEYS: Final = 10
_LIFETIME: Final = timedelta(minutes=5)
_CHALLENGE_BYTES: Final = 32
_LONGEST_LABEL: Final = 60
_SPACE: Final = re.compile(r"\s+")

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a passkey counts: the console as the browser sees it."""

    #: The host name, without port.
    rp_id: str
    #: Scheme, host and port.
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Passkeys:
    """Registers passkeys and checks what they sign."""

    store: FactorStore
    clock: Callable[[], datetime]
    random: Callable[[int], bytes]
    issuer: str

    def begin_adding(self, account: Account, *, place: Place, browser: str) -> str:
        """Return what the browser needs to make a passkey, as JSON."""
        from webauthn import generate_registration_options, options_to_json
        from webauthn.helpers import structs

        known = [
            structs.PublicKeyCredentialDescriptor(id=passkey.credential_id)
            for passkey in self.store.list_passkeys(account.id)
        ]
        options = generate_registration_options(
            rp_id=place.rp_id,
            rp_name=self.issuer,
            user_id=account.id.encode(),
            user_name=account.sign_in_name,
            user_display_name=account.display_name,
            challenge=self._begin(Purpose.PASSKEY_ADD, browser),
            exclude_credentials=known,
            authenticator_selection=structs.AuthenticatorSelectionCriteria(
                resident_key=structs.ResidentKeyRequirement.REQUIRED,
                user_verification=structs.UserVerificationRequirement.REQUIRED,
            ),
        )
        return options_to_json(options)

    def add(
        self, signed_in: SignedIn, answer: str, *, label: str, place: Place, browser: str
    ) -> bool:
        """Keep the passkey that a browser made; False if its answer does not fit.

        Raises :class:`~console.accounts.models.SessionOverError`.
        """
        account = signed_in.account
        challenge = self._end(Purpose.PASSKEY_ADD, browser)
        if challenge is None or len(self.store.list_passkeys(account.id)) >= MOST_PASSKEYS:
            return False
        from webauthn import verify_registration_response
        from webauthn.helpers.exceptions import WebAuthnException

        try:
            made = verify_registration_response(
                credential=answer,
                expected_challenge=challenge,
                expected_rp_id=place.rp_id,
                expected_origin=place.origin,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError, KeyError, TypeError) as error:
            _log.warning("passkey_not_added", problem=type(error).__name__)
            return False
        passkey = Passkey(
            credential_id=made.credential_id,
            account_id=account.id,
            public_key=made.credential_public_key,
            sign_count=made.sign_count,
            label=_SPACE.sub(" ", label).strip()[:_LONGEST_LABEL] or "-",
            created_at=self.clock(),
        )
        return self.store.add_passkey(passkey, by=signed_in.session.token_hash)

    def begin_signing_in(self, *, place: Place, browser: str) -> str:
        """Return what the browser needs to sign in with a passkey, as JSON. It names nobody."""
        from webauthn import generate_authentication_options, options_to_json
        from webauthn.helpers.structs import UserVerificationRequirement

        options = generate_authentication_options(
            rp_id=place.rp_id,
            challenge=self._begin(Purpose.PASSKEY_SIGN_IN, browser),
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return options_to_json(options)

    def find_signer(self, answer: str, *, place: Place, browser: str) -> Passkey | None:
        """Give the passkey that signed this browser's challenge, or None."""
        challenge = self._end(Purpose.PASSKEY_SIGN_IN, browser)
        if challenge is None:
            return None
        from webauthn import verify_authentication_response
        from webauthn.helpers import parse_authentication_credential_json
        from webauthn.helpers.exceptions import WebAuthnException

        try:
            given = parse_authentication_credential_json(answer)
            passkey = self.store.find_passkey(given.raw_id)
            if passkey is None:
                return None
            verified = verify_authentication_response(
                credential=given,
                expected_challenge=challenge,
                expected_rp_id=place.rp_id,
                expected_origin=place.origin,
                credential_public_key=passkey.public_key,
                credential_current_sign_count=passkey.sign_count,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError, KeyError, TypeError) as error:
            _log.warning("passkey_refused", problem=type(error).__name__)
            return None
        used = self.store.note_passkey_used(
            passkey, sign_count=verified.new_sign_count, at=self.clock()
        )
        return passkey if used else None

    def _begin(self, purpose: Purpose, browser: str) -> bytes:
        challenge, now = self.random(_CHALLENGE_BYTES), self.clock()
        ceremony = Ceremony(
            ceremony_id=_name(purpose, browser),
            purpose=purpose,
            secret=challenge,
            expires_at=now + _LIFETIME,
        )
        self.store.begin_ceremony(ceremony, now=now)
        return challenge

    def _end(self, purpose: Purpose, browser: str) -> bytes | None:
        return self.store.take_ceremony(_name(purpose, browser), purpose, at=self.clock())


def _name(purpose: Purpose, browser: str) -> str:
    """Name the ceremony of a browser, by the token that only it has."""
    return hashlib.sha256(f"{purpose}\0{browser}".encode()).hexdigest()
