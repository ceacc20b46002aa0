"""Some days of invented work between two nodes, for tours of the pages and for pictures of them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Final

from fastapi import FastAPI

from console.i18n import Catalogues
from contact_registry.changes.sql_store import SqlChangeStore
from node.service.composing import handle_send
from node.service.context import NodeContext
from node.service.deciding import CaseManagerDraft, DecisionDraft, handle_decide
from node.service.followers import follow_all
from node.service.people import list_accounts
from node.service.reading import handle_open
from node.service.webhooks.keeping import WebhookWish, handle_make
from node.service.withdrawals import WithdrawalDraft, handle_withdraw
from node.store.change_tables import CHANGES
from node.web.router import create_web_router
from protocol.identifiers import ParticipantCode
from protocol.messages.general import DeclineReason, Outcome
from protocol.messages.head import ConsentGiver
from protocol.policy.facts import Role
from tests.support.changes import open_desk_world
from tests.support.consent import ON_FILE
from tests.support.examples import list_good
from tests.support.messages import CONSENT
from tests.support.node import NOTIFICATION_BODY, REFERRAL_BODY, Network, make_draft
from tests.support.node_console import (
    FACTS,
    LINK_SCREEN,
    NodeSite,
    PageReader,
    Pair,
    add_person,
    build_pair,
)
from tests.support.page_reader import Values
from tests.support.people import LOCAL, acting
from tests.support.registry import AL

OFFICE: Final = "AL-anti-trafficking-coordination-office"
EXCEPTION: Final[Values] = {
    "basis": "exception",
    "ground": "vital_interest",
    "justification": "He knows where she lives, and is on his way.",
    "person_told": "no",
    "reason_not_told": "She does not answer her telephone.",
    "danger_note": "He said on the telephone that he will come tonight.",
}
PEOPLE: Final = ("officer", "approver", "admin", "auditor", "editor")
"""Who looks at pages, in this order: a page is shown by the first who may."""


def find_officer(context: NodeContext) -> str:
    """Return the account of the focal point that the pair was built with."""
    return next(a.id for a in list_accounts(context) if a.sign_in_name == "officer")


def settle(network: Network) -> None:
    """Carry everything, and let followers work."""
    network.settle()
    for context in network.nodes.values():
        follow_all(context)


def tell_stories(pair: Pair) -> None:
    """Let some days of invented work pass between the two nodes."""
    network, al, xk = pair.network, pair.al.context, pair.xk.context
    officer, their_officer = acting(find_officer(al)), acting(find_officer(xk))
    body = {
        **NOTIFICATION_BODY,
        "case_manager": {"post": "Duty officer", "authority": OFFICE, "telephone": "+355 40000001"},
    }
    settled = handle_send(al, make_draft(body=body), who=acting("api:case-system"))
    settle(network)
    network.clock.advance(hours=2)
    handle_open(xk, settled.message_id, who=their_officer)
    network.clock.advance(minutes=20)
    accepted = DecisionDraft(
        outcome=Outcome.ACCEPTED,
        case_manager=CaseManagerDraft(post="Social worker on duty", telephone="+383 40000001"),
        procedure_note="A place is held from tomorrow, 9:00.",
    )
    handle_decide(xk, settled.message_id, accepted, who=their_officer)
    settle(network)
    network.clock.advance(hours=20)
    referral = {
        **REFERRAL_BODY,
        "case_manager": body["case_manager"],
        "summary": "The person agreed to return in about three weeks and wishes to learn a trade.",
    }
    consent = {
        "kind": "consent",
        "given_by": "person",
        "given_at": "2026-03-04T08:00:00+00:00",
        "explained_in": "sq",
        "classes": ["protection"],
        "recipients": ["XK"],
        "phases": ["identification"],
    }
    handle_send(
        al,
        make_draft(
            type="identification.initial_referral",
            case=settled.case_reference,
            body=referral,
            legal_basis=consent,
            consent=ON_FILE,
        ),
        who=officer,
    )
    settle(network)
    child = {
        **body,
        "age_group": "under_18",
        "possibly_under_18": "yes",
        "child": {"guardian": "not_yet_appointed", "child_informed": "yes"},
        "exploitation_forms": ["begging"],
    }
    handle_send(al, make_draft(body=child, urgency="urgent"), who=officer)
    settle(network)
    network.clock.advance(hours=19)
    danger = {**body, "danger_now": "yes", "sex": "male"}
    handle_send(al, make_draft(body=danger, urgency="immediate"), who=officer)
    settle(network)
    network.clock.advance(minutes=50)
    late = handle_send(al, make_draft(body=body), who=officer)
    settle(network)
    declined = DecisionDraft(outcome=Outcome.DECLINED, decline_reason=DeclineReason.NOT_COMPETENT)
    handle_decide(xk, late.message_id, declined, who=their_officer)
    settle(network)
    refresh_directory(network)


def answer_back(pair: Pair) -> None:
    """Let XK notify AL, too, so that both desks have something to decide."""
    network, xk = pair.network, pair.xk.context
    body = {
        **NOTIFICATION_BODY,
        "case_manager": dict(NOTIFICATION_BODY["case_manager"]),
        "found_on": "2026-03-05",
    }
    desks = network.directory.directory.contacts[ParticipantCode("XK")].authorities
    body["case_manager"]["authority"] = desks[0].id
    handle_send(xk, make_draft(body=body, recipient="AL"), who=acting(find_officer(xk)))
    settle(network)


def refresh_directory(network: Network) -> None:
    """Let the nodes have looked at the registry a moment ago, as running ones do every minute."""
    now = network.clock()
    network.directory.directory = replace(
        network.directory.directory, verified_at=now, expires_at=now + timedelta(days=1)
    )


@dataclass
class PageWorld:
    """AL's console with every page, after some days of work."""

    pair: Pair
    site: NodeSite

    @property
    def app(self) -> FastAPI:
        """What is served."""
        return self.site.app


@contextmanager
def open_page_world(
    folder: Path, *, url_of: Callable[[str], str], catalogues: Catalogues | None = None
) -> Iterator[PageWorld]:
    """Build it in a folder, with somebody of every role."""
    pair = build_pair(folder, url_of=url_of, catalogues=catalogues)
    context = pair.al.context
    add_person(context, "approver", Role.APPROVER)
    add_person(context, "editor", Role.DIRECTORY_EDITOR)
    tell_stories(pair)
    answer_back(pair)
    with open_desk_world(folder) as desks:
        desks.store = SqlChangeStore(CHANGES, context.database)
        desk = desks.open_desk(participant=AL)
        router = create_web_router(context, pair.al.console, changes=desk)
        app = pair.al.console.build_app([router])
        yield PageWorld(pair, NodeSite(context=context, console=pair.al.console, app=app))
    pair.network.close()


async def provide(world: PageWorld, reader: PageReader, person: str) -> list[str]:
    """Do what leaves pages behind that no link leads to; returns their addresses."""
    if person == "officer":
        return await _provide_work(world, reader)
    if person == "admin":
        wish = WebhookWish(label="case system", url="https://example.org/hook")
        webhook, _ = handle_make(world.site.context, wish, who=LOCAL)
        return [f"/programs/webhooks/{webhook}"]
    if person == "editor":
        await reader.open("/changes/new")
        await reader.send("/changes/new", title="New telephone number")
        return [reader.path, *(f"{reader.path}/{part}" for part in ("desks", "calendar"))]
    return []


async def _provide_work(world: PageWorld, reader: PageReader) -> list[str]:
    """Leave behind a message that waits, a note, a question, an owed deletion, and a request."""
    context = world.site.context
    who = acting(find_officer(context))
    asked = _ask(world)
    withdrawn, withdrawal = _withdraw(world)
    waiting = handle_send(context, make_draft(), who=who)
    await reader.open(f"/case/{waiting.case_id}/notes")
    await reader.send(f"/case/{waiting.case_id}/notes", text="The guardian was telephoned.")
    await reader.open("/new/begin")
    screens = []
    for answers in (LINK_SCREEN, {}, FACTS, EXCEPTION):
        await reader.send("/new/", **answers)
        screens.append(reader.path)
    await reader.send("/ask/", why="It cannot wait until the morning.")
    return [
        *(f"/{kind}/{waiting.message_id}" for kind in ("sent", "message", "cancel", "done")),
        *(f"/case/{waiting.case_id}{part}" for part in ("", "/notes")),
        *(f"/case/{withdrawn}{part}" for part in ("", "/basis", "/told", "/stop")),
        f"/answer/{asked}",
        f"/answer/{asked}/check",
        reader.path,
        "/owed",
        f"/case/{withdrawn}/stop/{withdrawal}",
        *screens,
    ]


def _ask(world: PageWorld) -> str:
    """Let XK ask AL which providers there are; the message as AL has it."""
    fields = list_good("social_inclusion.service_contacts")[0][1]
    kept = {name: fields[name] for name in ("type", "phase", "kind", "legal_basis", "body")}
    xk = world.pair.xk.context
    sent = handle_send(xk, make_draft(recipient="AL", **kept), who=acting(find_officer(xk)))
    settle(world.pair.network)
    return sent.message_id


def _withdraw(world: PageWorld) -> tuple[str, str]:
    """Let each side withdraw a text that the other holds; AL's case and its withdrawal."""
    cases = []
    for site, other in ((world.pair.al, "XK"), (world.pair.xk, "AL")):
        who = acting(find_officer(site.context))
        draft = make_draft(
            type="general.message",
            recipient=other,
            legal_basis={**CONSENT, "classes": ["protection"], "recipients": [other]},
            consent=ON_FILE,
            body={"text": "She asked to be rung in the morning."},
        )
        sent = handle_send(site.context, draft, who=who)
        settle(world.pair.network)
        stopped = handle_withdraw(
            site.context, sent.case_id, WithdrawalDraft(withdrawn_by=ConsentGiver.PERSON), who=who
        )
        settle(world.pair.network)
        cases.append((sent.case_id, stopped.withdrawal_id))
    return cases[0]
