"""One case in three channels: who is cleared for one reads nothing of another, on any route."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

import pytest
from pypdf import PdfReader
from sqlmodel import Session

from node.api.app import create_api
from node.domain.returns import ReturnJourney
from node.service.cases.notes import handle_add_note
from node.service.cases.opening import handle_open_case
from node.service.cases.strands import touch_strand
from node.service.composing import handle_send
from node.service.consent.exceptions import ExceptionDraft, handle_record_exception
from node.service.consent.records import ConsentDraft, handle_record_consent
from node.service.followers import follow_all
from node.service.returns import handle_record_return
from node.service.withdrawals import WithdrawalDraft, handle_withdraw
from node.web.router import create_web_router
from protocol.identifiers import Channel
from protocol.messages.head import ConsentGiver, ExceptionGround
from protocol.policy.facts import Role
from tests.support.access import Faces, Route, list_api, list_pages, no_refresh, probe
from tests.support.case_world import agree
from tests.support.consent import ON_FILE
from tests.support.messages import CONSENT
from tests.support.node import make_draft
from tests.support.node_console import Pair, add_person, build_pair
from tests.support.people import STAFF, acting

OF: Final[Mapping[str, Channel]] = {
    "care": Channel.ASSISTANCE,
    "police": Channel.POLICE,
    "unit": Channel.WITNESS_PROTECTION,
}
READERS: Final[Mapping[str, tuple[str, ...]]] = {
    **{name: (name,) for name in OF},
    "both": ("care", "police"),
    "whole": tuple(OF),
}
#: What is said in a channel: a message, a note, beside a consent, why there is an exception, of the
#: return, on a withdrawal.
KINDS: Final = ("TEXT", "NOTE", "PAPER", "WHY", "RETURN", "WISH")
#: A return shows one note at a time, and the withdrawal is that of witness protection alone.
SHOWN: Final = {(name, kind) for name in OF for kind in KINDS[:4]}


def mark(name: str, kind: str) -> str:
    """Return a word that stands nowhere else."""
    return f"MARK{name}{kind}".upper()


@dataclass
class Scene(Faces):
    """Both faces of a node with that case, and what addresses name of it, by channel."""

    known: Mapping[str, Mapping[str, str]]


@pytest.fixture(scope="module")
def scene(
    tmp_path_factory: pytest.TempPathFactory, shared_node_url_of: Callable[[str], str]
) -> Iterator[Scene]:
    """Build it once; nothing is changed by looking."""
    pair = build_pair(tmp_path_factory.mktemp("channels"), url_of=shared_node_url_of)
    agree(pair.network)  # desks of every channel
    context = pair.al.context
    opened = handle_open_case(context, who=STAFF)

    def begin(session: Session) -> None:
        for channel in OF.values():
            touch_strand(session, opened.case_id, channel, at=context.clock())

    context.transact(begin)
    known = {name: _plant(pair, opened.case_id, opened.reference, name) for name in OF}
    wish = WithdrawalDraft(
        consents=(known["unit"]["consent_id"],),
        withdrawn_by=ConsentGiver.PERSON,
        procedure_note=mark("unit", "WISH"),
    )
    unit = acting("unit", channels=[Channel.WITNESS_PROTECTION])
    stopped = handle_withdraw(context, opened.case_id, wish, who=unit, tell_later=True)
    known["unit"]["withdrawal_id"] = stopped.withdrawal_id
    pair.network.settle()
    follow_all(context)
    for name, seen in READERS.items():
        for person in (name, f"{name}-asking"):  # a code of the second factor is good once
            add_person(context, person, Role.FOCAL_POINT, channels=[OF[each] for each in seen])
    yield Scene(
        pair=pair,
        pages=pair.al.console.build_app([create_web_router(context, pair.al.console)]),
        api=create_api(context, refresh_registry=no_refresh),
        known=known,
    )
    pair.network.close()


def _plant(pair: Pair, case_id: str, reference: str, name: str) -> dict[str, str]:
    """Write a marked word of each kind in a channel; returns what addresses name."""
    context, channel = pair.al.context, OF[name]
    who = acting(name, channels=[channel])
    basis = {**CONSENT, "classes": ["protection"], "recipients": ["XK"]}
    given: dict[str, Any] = {key: said for key, said in basis.items() if key != "kind"}
    consent = ConsentDraft.model_validate({**given, **ON_FILE, "note": mark(name, "PAPER")})
    made = handle_record_consent(context, case_id, consent, who=who)
    draft = make_draft(
        type="general.message",
        case=reference,
        channel=channel,
        legal_basis=basis,
        body={"text": mark(name, "TEXT")},
    )
    sent = handle_send(context, draft, who=who)
    note = handle_add_note(context, case_id, mark(name, "NOTE"), who=who)
    why = ExceptionDraft(ground=ExceptionGround.VITAL_INTEREST, justification=mark(name, "WHY"))
    handle_record_exception(context, case_id, why, who=who)
    handle_record_return(context, case_id, ReturnJourney(note=mark(name, "RETURN")), who=who)
    return {
        "case_id": case_id,
        "message_id": sent.message_id,
        "consent_id": made.consent_id,
        "note_id": note.note_id,
    }


async def _read_all(scene: Scene, reader: str) -> list[tuple[Route, str, str]]:
    """Let somebody look at every address of each channel: route, whose address, what was shown."""
    routes = sorted(
        route for route in list_pages(scene.pages) | list_api(scene.api) if route.method == "GET"
    )
    async with AsyncExitStack() as stack:
        browser, program = await scene.open(stack, reader)
        found = []
        for route in routes:
            client = browser.http if route.face == "page" else program
            for name, values in scene.known.items():
                if name == "care" or route.parameters & (set(values) - {"case_id"}):
                    found.append((route, name, (await probe(client, route, values)).text))
    return found


@pytest.mark.parametrize("reader", READERS)
async def test_nobody_reads_a_word_of_another_channel(scene: Scene, reader: str) -> None:
    """Pages and interface, every route, whatever identifiers they guess; their own they do read."""
    shown = await _read_all(scene, reader)
    theirs = READERS[reader]
    hidden = {mark(name, kind): name for name in OF if name not in theirs for kind in KINDS}
    for name in set(OF) - set(theirs):
        own = scene.known[name]
        hidden |= {own[what]: name for what in ("message_id", "note_id")}
    if "unit" not in theirs:  # that they are there at all says where somebody is
        hidden |= {scene.known["unit"][what]: "unit" for what in ("consent_id", "withdrawal_id")}
    told = [
        f"{route.face} {route.path} (address of {name}): {word} of {whose}"
        for route, name, text in shown
        for word, whose in hidden.items()
        if word in text and (word.startswith("MARK") or name != whose)  # what they asked for
    ]
    assert told == []
    words = {(name, kind) for name in theirs for kind in KINDS}
    for face in ("page", "api"):
        everything = "".join(text for route, _, text in shown if route.face == face)
        seen = {(name, kind) for name, kind in words if mark(name, kind) in everything}
        assert seen >= words & SHOWN, face


@pytest.mark.parametrize("reader", READERS)
async def test_neither_search_nor_paper_crosses(scene: Scene, reader: str) -> None:
    """What is asked for by form: words of another channel are found by nobody, and not printed."""
    async with AsyncExitStack() as stack:
        browser, program = await scene.open(stack, f"{reader}-asking")
        for name in OF:
            for kind in ("TEXT", "NOTE"):
                words = mark(name, kind)
                found = await program.post("/search", json={"words": words})
                await browser.open("/search")
                page = await browser.send("/search", words=words)
                is_theirs = name in READERS[reader]
                assert bool(found.json()["items"]) is is_theirs, (name, kind)
                assert ("Nothing found" in page.text) is not is_theirs, (name, kind)
        paper = f"/case/{scene.known['care']['case_id']}/paper"
        await browser.open(paper)
        printed = await browser.send(paper, more=["names", "texts"])
    pages = PdfReader(BytesIO(printed.content)).pages
    text = "\n".join(each.extract_text() for each in pages)
    assert {name for name in OF if mark(name, "TEXT") in text} == set(READERS[reader])
    assert not [name for name in OF for kind in KINDS[1:] if mark(name, kind) in text]
