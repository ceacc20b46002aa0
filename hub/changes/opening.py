"""The desk of changes, put together from the hub's parts: every step of it is in the audit log."""

from collections.abc import Callable, Mapping
from typing import Final

from sqlalchemy.orm import Session

from contact_registry.changes.change import Change, ChangeEvent
from contact_registry.changes.desk import ChangeDesk
from contact_registry.changes.direct import RepositoryPublisher, RepositorySource
from contact_registry.changes.following import DESK
from contact_registry.changes.sql_store import SqlChangeStore
from contact_registry.changes.states import Step
from contact_registry.trust.published import PublishedVersion
from hub.audit.actions import Action
from hub.context import HubContext
from hub.store.change_tables import CHANGES

#: Who acts where the desk follows what was published, or sends again.
DESK_ACTOR: Final = f"program:{DESK}"

ACTION_OF: Final[Mapping[Step, Action]] = {
    Step.EDITED: Action.CHANGE_EDITED,
    Step.PREPARED: Action.CHANGE_PREPARED,
    Step.SIGNATURE_ADDED: Action.CHANGE_SIGNED,
    Step.SIGNATURES_COMPLETE: Action.CHANGE_SIGNED,
    Step.REOPENED: Action.CHANGE_REOPENED,
    Step.SENT: Action.CHANGE_SENT,
    Step.PUBLISHED: Action.CHANGE_PUBLISHED,
    Step.REFUSED: Action.CHANGE_REFUSED,
    Step.MERGED: Action.CHANGE_MERGED,
    Step.CONFLICT_FOUND: Action.CHANGE_IN_CONFLICT,
    Step.RESOLVED: Action.CHANGE_RESOLVED,
    Step.NOTHING_LEFT: Action.CHANGE_SUPERSEDED,
    Step.WITHDRAWN: Action.CHANGE_WITHDRAWN,
}


def open_change_desk(
    context: HubContext, *, on_published: Callable[[PublishedVersion], None] | None = None
) -> ChangeDesk:
    """Open the desk of all Participants; ``on_published`` hears of each publication."""
    return ChangeDesk(
        store=open_change_store(context),
        registry=RepositorySource(context.repository),
        publisher=RepositoryPublisher(context.repository, context.online, on_published),
        clock=context.clock,
        random=context.random,
    )


def open_change_store(context: HubContext) -> SqlChangeStore:
    """Open the store of changes."""

    def record(session: Session, change: Change, event: ChangeEvent) -> None:
        context.audit.record(
            session,  # type: ignore[arg-type]  # the stores' sessions are SQLModel's, which is a subclass
            DESK_ACTOR if event.actor == DESK else event.actor,
            ACTION_OF[event.step],
            subject=change.id,
            detail={"participant": change.participant, "entry": event.entry},
        )

    return SqlChangeStore(CHANGES, context.database, on_event=record)
