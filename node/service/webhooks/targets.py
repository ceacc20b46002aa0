"""Where a webhook goes and what it signs with, sealed under the node key."""

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from node.service.context import NodeContext
from node.service.webhooks.signing import SECRET_BYTES, write_secret
from node.store.hook_tables import WebhookRow

#: How long the secret before the newest signs beside it.
ROTATION: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Target:
    """An address, the newest secret, and the one before it as long as both sign."""

    url: str
    secret: str
    old_secret: str | None = None
    old_until: datetime | None = None

    def list_secrets(self, *, at: datetime) -> tuple[str, ...]:
        """Return what signs at this moment, the newest first."""
        is_both = self.old_secret and self.old_until and at < self.old_until
        return (self.secret, self.old_secret) if is_both and self.old_secret else (self.secret,)

    def rotate(self, secret: str, *, at: datetime) -> "Target":
        """Return it with a new secret; the present one signs beside it for a day."""
        return replace(self, secret=secret, old_secret=self.secret, old_until=at + ROTATION)


def make_secret(context: NodeContext) -> str:
    """Return a new secret."""
    return write_secret(context.random(SECRET_BYTES))


def seal_target(context: NodeContext, webhook_id: str, target: Target) -> bytes:
    """Return what is kept."""
    content = {
        "url": target.url,
        "secret": target.secret,
        "old_secret": target.old_secret,
        "old_until": target.old_until.isoformat() if target.old_until else None,
    }
    return context.keys.encrypt(
        json.dumps(content).encode(), wrapped_key=None, context=f"webhook:{webhook_id}"
    )


def open_target(context: NodeContext, row: WebhookRow) -> Target:
    """Undo :func:`seal_target`."""
    content = json.loads(
        context.keys.decrypt(
            row.target_sealed, wrapped_key=None, context=f"webhook:{row.webhook_id}"
        )
    )
    until = content["old_until"]
    return Target(
        url=content["url"],
        secret=content["secret"],
        old_secret=content["old_secret"],
        old_until=datetime.fromisoformat(until) if until else None,
    )
