"""Webhooks for administrators: which there are, how they stand, secrets, replays."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Response
from pydantic import AwareDatetime, BaseModel, Field

from console.routes import take_routes
from node.api.conditional import RequiredVersion, SeenVersion, tag
from node.api.doors import Doors
from node.api.shapes import Asked, Id
from node.domain.access import Permission, Principal
from node.domain.hooks import HookState
from node.service.context import NodeContext
from node.service.webhooks.keeping import (
    WebhookView,
    WebhookWish,
    handle_change,
    handle_make,
    handle_remove,
    handle_replay,
    handle_rotate_secret,
    handle_test,
    list_webhooks,
    load_webhook,
)
from protocol.identifiers import Channel

_MOST_KINDS: Final = 200


class AskedWebhook(Asked):
    """What a webhook shall be."""

    label: str = Field(min_length=1, max_length=80, description="What people call it.")
    url: str = Field(
        max_length=500, description="https://host/path, not of a private network by default."
    )
    kinds: list[Annotated[str, Field(max_length=60)]] = Field(
        default=[], max_length=_MOST_KINDS, description="What it is told of; empty: everything."
    )
    channels: list[Channel] = Field(
        default=[Channel.ASSISTANCE], min_length=1, max_length=len(Channel)
    )
    paused: bool = Field(default=False, description="Told nothing, and nothing is kept for it.")

    def read(self) -> WebhookWish:
        """Return it as the service takes it."""
        return WebhookWish(
            label=self.label,
            url=self.url,
            kinds=frozenset(self.kinds),
            channels=frozenset(self.channels),
            is_paused=self.paused,
        )


class WebhookBody(BaseModel):
    """A webhook, and how it stands."""

    webhook_id: str
    label: str
    url: str
    kinds: list[str]
    channels: list[Channel]
    state: HookState
    created_at: datetime
    failures: int = Field(description="Attempts that failed since the last success.")
    failing_since: datetime | None
    last_error: str | None
    last_success_at: datetime | None
    owed: int = Field(description="How much it has still to be told.")
    both_secrets_until: datetime | None = Field(
        description="Until then the secret before the newest signs beside it."
    )
    row_version: int

    @classmethod
    def of(cls, view: WebhookView, response: Response) -> "WebhookBody":
        """Make it from what the service says; the answer bears its version."""
        tag(response, view.row_version)
        return cls(
            webhook_id=view.webhook_id,
            label=view.label,
            url=view.url,
            kinds=list(view.kinds),
            channels=list(view.channels),
            state=view.state,
            created_at=view.created_at,
            failures=view.failures,
            failing_since=view.failing_since,
            last_error=view.last_error,
            last_success_at=view.last_success_at,
            owed=view.owed,
            both_secrets_until=view.both_secrets_until,
            row_version=view.row_version,
        )


class MadeWebhookBody(WebhookBody):
    """A webhook that was just made. The secret is shown here and never again."""

    secret: str


class SecretBody(BaseModel):
    """A new secret, shown here and never again. The one before it holds for a day beside it."""

    secret: str


class TestedBody(BaseModel):
    """What will be told."""

    event: str = Field(description="The 'webhook-id' that the receiver will see.")


class ReplayAsked(Asked):
    """From which moment on."""

    since: AwareDatetime


class ReplayedBody(BaseModel):
    """How much will be told again."""

    owed: int


def create_webhooks(context: NodeContext, doors: Doors) -> APIRouter:
    """Build the routes about webhooks."""
    router = APIRouter()
    take_routes(router, _create_keeping(context, doors))
    take_routes(router, _create_acting(context, doors))
    return router


def _create_keeping(context: NodeContext, doors: Doors) -> APIRouter:
    router = APIRouter(prefix="/webhooks")
    Admin = Annotated[Principal, Depends(doors.who(Permission.ADMINISTER_NODE))]

    @router.get("")
    def list_all(who: Admin) -> list[WebhookBody]:
        """List webhooks, by label."""
        views = list_webhooks(context, who=who)
        return [WebhookBody.of(view, Response()) for view in views]

    @router.post("", status_code=HTTPStatus.CREATED)
    def make(asked: AskedWebhook, who: Admin, response: Response) -> MadeWebhookBody:
        """Make a webhook; its secret is in this answer alone."""
        webhook_id, secret = handle_make(context, asked.read(), who=who)
        response.headers["Location"] = f"/api/v1/webhooks/{webhook_id}"
        body = WebhookBody.of(load_webhook(context, webhook_id, who=who), response)
        return MadeWebhookBody(**body.model_dump(), secret=secret)

    @router.get("/{webhook_id}")
    def get(webhook_id: Id, who: Admin, response: Response) -> WebhookBody:
        """Return one."""
        return WebhookBody.of(load_webhook(context, webhook_id, who=who), response)

    @router.put("/{webhook_id}")
    def put(
        webhook_id: Id, asked: AskedWebhook, who: Admin, seen: RequiredVersion, response: Response
    ) -> WebhookBody:
        """Change one. One that was given up takes up where it broke off."""
        view = handle_change(context, webhook_id, asked.read(), who=who, seen=seen)
        return WebhookBody.of(view, response)

    @router.delete("/{webhook_id}", status_code=HTTPStatus.NO_CONTENT)
    def remove(webhook_id: Id, who: Admin, seen: SeenVersion) -> None:
        """Take one away, with what it was still owed."""
        handle_remove(context, webhook_id, who=who, seen=seen)

    return router


def _create_acting(context: NodeContext, doors: Doors) -> APIRouter:
    router = APIRouter(prefix="/webhooks/{webhook_id}")
    Admin = Annotated[Principal, Depends(doors.who(Permission.ADMINISTER_NODE))]

    @router.post("/rotate-secret")
    def rotate(webhook_id: Id, who: Admin, seen: SeenVersion) -> SecretBody:
        """Make a new secret; for a day both sign."""
        return SecretBody(secret=handle_rotate_secret(context, webhook_id, who=who, seen=seen))

    @router.post("/test", status_code=HTTPStatus.ACCEPTED)
    def test(webhook_id: Id, who: Admin) -> TestedBody:
        """Let it be told something that says nothing."""
        return TestedBody(event=handle_test(context, webhook_id, who=who))

    @router.post("/replay", status_code=HTTPStatus.ACCEPTED)
    def replay(webhook_id: Id, asked: ReplayAsked, who: Admin) -> ReplayedBody:
        """Let it be told everything since a moment once more, in order."""
        owed = handle_replay(context, webhook_id, since=asked.since, who=who)
        return ReplayedBody(owed=owed)

    return router
