"""What the node asks its administrator to look after: taken, and said to be done."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from console.accounts.models import SignedIn
from console.i18n import Message, msg
from node.domain.work import SETTLED_BY_HAND, ItemKind, ItemState
from node.service.context import StaleError
from node.service.work.acts import handle_claim, handle_release, handle_settle
from node.service.work.items import ItemFilter, list_items
from node.service.work.roster import WorkRefusedError
from node.store.work_tables import WorkItemRow
from node.web.site import Form, NodeAdmin, PageRoute, Site, get_text, get_version, go_to

#: More of them than this are a matter of one cause: it is looked for with these.
_LISTED: Final = 50

_WORDS: Final[Mapping[str, Message]] = {
    ItemKind.REFUSED_ENVELOPE: msg("Envelopes were refused here"),
    ItemKind.LINK_GAP: msg("Messages are missing and were asked for in vain"),
}
_HELP: Final[Mapping[str, Message]] = {
    ItemKind.REFUSED_ENVELOPE: msg(
        "Look at each of them under Undelivered. This is done when nothing is left there."
    ),
    ItemKind.LINK_GAP: msg("Telephone their administrator. Say here when it is done."),
}


@dataclass(frozen=True, slots=True)
class Alert:
    """One of them, ready to be shown."""

    item: WorkItemRow
    what: Message | str
    help: Message | str
    is_mine: bool
    is_taken: bool
    may_settle: bool


def list_alerts(site: Site, signed_in: SignedIn) -> list[Alert]:
    """List what needs an administrator, the oldest deadline first."""
    rows = list_items(site.context, ItemFilter(), who=site.principal(signed_in), limit=_LISTED)
    return [
        Alert(
            item=row,
            what=_WORDS.get(row.kind, row.kind),
            help=_HELP.get(row.kind, ""),
            is_mine=row.claimed_by == signed_in.account.id,
            is_taken=row.state == ItemState.CLAIMED,
            may_settle=ItemKind(row.kind) in SETTLED_BY_HAND,
        )
        for row in rows
        if row.kind in _WORDS
    ]


def create_alerts_router(site: Site) -> APIRouter:
    """Build what is done with alerts; the overview lists them."""
    router = APIRouter(route_class=PageRoute)
    acts = {"take": handle_claim, "release": handle_release, "done": handle_settle}

    @router.post("/delivery/alerts/{item_id}")
    def act(who: NodeAdmin, item_id: str, form: Form) -> Response:
        handle = acts.get(get_text(form, "act"))
        if handle is None:
            return go_to("/delivery")
        try:
            handle(
                site.context, item_id, who=site.principal(who), seen=get_version(form, "version")
            )
        except (StaleError, WorkRefusedError):
            return go_to("/delivery?done=stale")
        return go_to("/delivery")

    return router
