"""A small, complete OpenID Connect provider for tests, over real HTTP with real signed tokens.

It does what OpenID Connect Core 1.0 asks of the authorization code flow with PKCE, and lies where a
test wants it to.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import FastAPI, Form, HTTPException, Request
from fastapi.responses import RedirectResponse
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey

from node.domain.ports import Clock

CLIENT_ID, CLIENT_SECRET = "trm-node-al", "s3cret/+ with: signs"

Twist = Callable[[dict[str, Any]], None]


def _keep(_claims: dict[str, Any]) -> None:
    """Say the truth."""


@dataclass
class NationalProvider:
    """The provider; set what it shall lie about."""

    clock: Clock
    issuer: str = ""
    subject: str = "AL-7731"
    acr: str | None = "two-factors"
    amr: tuple[str, ...] = ("pwd", "hwk")
    #: Changes what the next tokens say.
    twist: Twist = _keep
    #: Signs with this instead of its own key.
    forged_by: ECKey | OctKey | None = None
    algorithm: str = "ES256"
    #: What it says of itself instead of the truth.
    described: dict[str, Any] = field(default_factory=dict)
    key: ECKey = field(default_factory=lambda: _make_key("first"))
    keys_asked: int = 0
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def change_key(self, name: str) -> None:
        """Sign with a new key from now on; the old one is not published any more."""
        self.key = _make_key(name)

    def build_app(self) -> FastAPI:
        """Build its routes."""
        app = FastAPI()

        @app.get("/.well-known/openid-configuration")
        def describe() -> dict[str, Any]:
            return {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
                **self.described,
            }

        @app.get("/keys")
        def list_keys() -> Any:
            self.keys_asked += 1
            return KeySet([self.key]).as_dict(private=False)

        @app.get("/authorize")
        def authorize(request: Request) -> RedirectResponse:
            asked = dict(request.query_params)
            if asked["code_challenge_method"] != "S256" or asked["scope"] != "openid":
                raise HTTPException(400)
            code = secrets.token_urlsafe(16)
            self._codes[code] = asked
            back = {"code": code, "state": asked["state"], "iss": self.issuer}
            return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(back)}", status_code=303)

        @app.post("/token")
        def give_token(
            request: Request,
            code: Annotated[str, Form()],
            code_verifier: Annotated[str, Form()],
            redirect_uri: Annotated[str, Form()],
        ) -> dict[str, str]:
            asked = self._codes.pop(code, None)
            digest = hashlib.sha256(code_verifier.encode()).digest()
            challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            client = "trm-node-al:s3cret%2F%2B%20with%3A%20signs"
            known = f"Basic {base64.b64encode(client.encode()).decode()}"
            if (
                asked is None
                or challenge != asked["code_challenge"]
                or redirect_uri != asked["redirect_uri"]
                or request.headers["authorization"] != known
            ):
                raise HTTPException(400)
            return {"token_type": "Bearer", "id_token": self._sign(asked["nonce"])}

        return app

    def _sign(self, nonce: str) -> str:
        now = int(self.clock().timestamp())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "sub": self.subject,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "nonce": nonce,
            "amr": list(self.amr),
        }
        if self.acr is not None:
            claims["acr"] = self.acr
        self.twist(claims)
        header = {"alg": self.algorithm, "kid": self.key.kid}
        key = self.forged_by or self.key
        if self.algorithm == "none":
            parts = (json.dumps(part).encode() for part in (header, claims))
            return ".".join(
                (*(base64.urlsafe_b64encode(p).rstrip(b"=").decode() for p in parts), "")
            )
        return jwt.encode(header, claims, key, algorithms=[self.algorithm])


def _make_key(name: str) -> ECKey:
    return ECKey.generate_key("P-256", {"kid": name, "use": "sig"})
