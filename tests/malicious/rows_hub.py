"""The hub lies about drills, corrections and publications, and keeps nodes waiting."""

import json
from collections.abc import Iterator
from datetime import timedelta
from itertools import repeat
from unittest.mock import patch

import pytest

from contact_registry import bounded_exchange
from contact_registry.changes.sql_store import SqlChangeStore
from contact_registry.drills.answering import is_confirmed_by_node
from contact_registry.drills.models import Drill, DrillResult
from contact_registry.drills.news import DrillNews, DrillNotice
from contact_registry.errors import RegistryUnavailableError
from node.adapters.keystore import FileKeyStore
from node.adapters.registry import KeysNotPublishedError
from node.service import drills
from node.service.drills import AnswerStanding, DrillHostError
from node.store.change_tables import CHANGES
from node.workers.drills import exchange
from protocol.drill_answer import (
    AnsweredBy,
    DrillAnswer,
    DrillOutcome,
    DrillQuestion,
    DrillStatement,
)
from protocol.identifiers import AuthorityId, ParticipantCode, Phase
from protocol.signing import SigningKey
from tests.malicious.hub_host import HubHost, Said
from tests.malicious.table import Family, Outcome, Promise, attack
from tests.support.node import NOON

REFUSED, SURVIVED, DETECTED = Outcome.REFUSED, Outcome.SURVIVED, Outcome.DETECTED
AL, XK = ParticipantCode("AL"), ParticipantCode("XK")


def _ask(number: int, code: ParticipantCode = AL, *, desk: str = "desk") -> Drill:
    return Drill(
        DrillQuestion(
            drill_id=f"{number:032x}",
            participant=code,
            authority=AuthorityId(f"{code}-{desk}"),
            phase=Phase.RETURN,
            asked_at=NOON,
            answer_by=NOON + timedelta(days=2),
        )
    )


def _news(*asked: Drill, revision: int = 1) -> Said:
    news = DrillNews(
        revision=revision,
        head=revision,
        mark=f"{revision:032x}",
        drills=tuple(DrillNotice.of(each) for each in asked),
    )
    return Said.whole(news.model_dump_json().encode())


@attack(
    Family.HUB,
    SURVIVED,
    Promise.KEYS,
    seen="the desk: answered, taken by the hub, and asked again",
)
def forget_an_answer_that_was_taken(hub: HubHost) -> None:
    """Ask AL's desk, confirm that its signed answer is on the disk, forget it, and know nothing.

    The answer stays at AL with its signature, and goes out again.
    """
    hub.say(_news(_ask(1)))
    exchange(hub.al, hub.drills())
    drills.handle_answer(
        hub.al,
        f"{1:032x}",
        outcome=DrillOutcome.REACHED,
        answered_by=AnsweredBy.DESK,
        actor="u1",
    )
    exchange(hub.al, hub.drills())
    assert drills.load_own(hub.al, f"{1:032x}").answer is not None
    given = [body for _, path, body in hub.asked if path.endswith("answers")]
    hub.say(_news(_ask(1), revision=0))
    exchange(hub.al, hub.drills())
    hub.say(_news(_ask(1)))
    exchange(hub.al, hub.drills())
    assert [body for _, path, body in hub.asked if path.endswith("answers")] == given * 2
    kept = drills.load_own(hub.al, f"{1:032x}").answer
    assert kept is not None
    assert kept.standing is AnswerStanding.TAKEN


@attack(
    Family.HUB,
    DETECTED,
    Promise.KEYS,
    seen="people at AL: the result is not proven by XK's signature",
)
def invent_an_answer_of_another(hub: HubHost) -> None:
    """Tell AL that XK's desk answered, with an answer that the hub signed itself.

    It is the hub's word and is shown as such: the signature of XK's node is not under it.
    """
    asked = _ask(2, XK)
    signed = DrillAnswer.sign(
        asked.question.encode(),
        statement=DrillStatement(DrillOutcome.REACHED, AnsweredBy.DESK, NOON),
        key=SigningKey(b"h" * 32),
    ).encode()
    result = DrillResult(
        outcome=DrillOutcome.REACHED,
        answered_by=AnsweredBy.DESK,
        answered_at=NOON,
        received_at=NOON,
        signed=signed,
    )
    hub.say(_news(asked.answer(result)))
    exchange(hub.al, hub.drills())
    (told,) = drills.list_last_drills(hub.al, AuthorityId("XK-desk"))
    assert told.result is not None
    assert not is_confirmed_by_node(told, hub.al.directory.current())


@attack(
    Family.HUB,
    SURVIVED,
    Promise.WORKS,
    seen="the page of drills: so many and no more",
)
def ask_without_end(hub: HubHost) -> None:
    """Ask hundreds of desks of AL that do not exist, page after page.

    What is kept is bounded, to the page; nothing is answered by itself.
    """
    with patch.object(drills, "MOST_OWN", 30):
        for page in range(4):
            numbers = range(100 * page, 100 * page + 40)
            invented = [_ask(number, desk=f"desk-{number}") for number in numbers]
            hub.say(_news(*invented, revision=page + 1))
            exchange(hub.al, hub.drills())
        assert len(drills.list_own(hub.al)) == 40
    assert [path for _, path, _ in hub.asked if path.endswith("answers")] == []


@attack(
    Family.HUB,
    REFUSED,
    Promise.WORKS,
    seen="the log: the hub's answer is too long, or cannot be read",
)
def answer_every_question_with_a_flood(hub: HubHost) -> None:
    """Answer what nodes ask about drills, corrections and keys with a stream that does not end.

    Read up to what an honest answer can have; then the connection is cut.
    """
    sent = 0

    def pour() -> Iterator[bytes]:
        nonlocal sent
        for block in repeat(bytes(1 << 16)):
            sent += len(block)
            yield block

    hub.say(lambda *_: Said(body=pour()))
    with pytest.raises(DrillHostError, match="too long"):
        exchange(hub.al, hub.drills())
    with pytest.raises(RegistryUnavailableError):
        hub.corrections().list_open()
    with pytest.raises(KeysNotPublishedError, match="no registry host"):
        hub.publisher().publish(_keys(hub), at=NOON)
    assert sent < 64 * 1024**2


def _keys(hub: HubHost) -> FileKeyStore:
    keys = hub.al.keys
    assert isinstance(keys, FileKeyStore)
    return keys


@attack(
    Family.HUB,
    SURVIVED,
    Promise.WORKS,
    seen="the log: the hub cannot be reached",
)
def answer_byte_by_byte(hub: HubHost) -> None:
    """Send the head, or the body, of each answer one byte at a time, for ever.

    Each byte comes in time, the exchange does not: it has an end of its own, whatever it is about.
    """
    heads = Said(raw=(b"x" if at else b"HTTP/1.1 200 OK\r\nX-Slow: " for at in range(10**9)))
    bodies = Said(
        raw=(b"a" if at else b"HTTP/1.1 200 OK\r\n\r\n{" for at in range(10**9)),
    )
    with patch.object(bounded_exchange, "WHOLE_EXCHANGE", 0.15):
        for slow in (heads, bodies):
            hub.say(slow)
            with pytest.raises(DrillHostError, match="AnswerTooSlowError"):
                exchange(hub.al, hub.drills())
        hub.say(heads)
        with pytest.raises(KeysNotPublishedError, match="cannot be reached"):
            hub.publisher().publish(_keys(hub), at=NOON)


@attack(
    Family.HUB,
    REFUSED,
    Promise.WORKS,
    seen="the log: the hub's news cannot be read",
)
def talk_nonsense_about_drills(hub: HubHost) -> None:
    """Answer with other shapes, other types, and drills that contradict themselves.

    Refused as a whole; what was known and owed stays.
    """
    hub.say(_news(_ask(1)))
    exchange(hub.al, hub.drills())
    good = json.loads(b"".join(_news(_ask(3)).body))
    bad = [
        [],
        {},
        good | {"more": 1},
        good | {"drills": [{"question": "AA==", "state": "asked"}]},
        good | {"drills": good["drills"] * 500},
        good | {"revision": -1},
    ]
    for news in bad:
        hub.say(Said.whole(json.dumps(news).encode()))
        with pytest.raises(DrillHostError):
            exchange(hub.al, hub.drills())
    assert [own.drill.drill_id for own in drills.list_own(hub.al)] == [f"{1:032x}"]


@attack(
    Family.HUB,
    REFUSED,
    Promise.KEYS,
    seen="people at AL: a request of the operators, in plain text; nothing was changed",
)
def ask_for_false_corrections(hub: HubHost) -> None:
    """Ask AL to change a telephone number, with markup in the text; then ask in MK's name.

    People read it as text, and nothing is done because of it; what is for another is refused.
    """
    wanted = {
        "id": "1" * 32,
        "authority_id": "AL-anti-trafficking-desk",
        "field": "telephones",
        "text": "Ring <b>+1 555</b> instead <script>",
        "entry_sha256": "2" * 64,
        "asked_at": "2026-03-04T11:00:00Z",
    }
    body = {"format": "trm-corrections/1", "participant": "AL", "corrections": [wanted]}
    hub.say(Said.whole(json.dumps(body).encode()))
    (found,) = hub.corrections().list_open()
    assert found.text == wanted["text"]
    assert list(SqlChangeStore(CHANGES, hub.al.database).list()) == []
    for changed in ({"participant": "MK"}, {"corrections": [wanted | {"run": "it"}]}):
        hub.say(Said.whole(json.dumps(body | changed).encode()))
        with pytest.raises(RegistryUnavailableError):
            hub.corrections().list_open()


@attack(
    Family.HUB,
    DETECTED,
    Promise.WORKS,
    seen="the node's administrators: keys not published, and why",
)
def refuse_or_botch_publication(hub: HubHost) -> None:
    """Answer a node's new keys with other types, a conflict each time, an error page, a redirect.

    None counts as published; the address in the settings is the only one that is asked.
    """
    elsewhere = "http://127.0.0.1:9/elsewhere"
    answers = [
        Said.whole(b"{}"),
        Said.whole(b'{"version": "7"}'),
        Said.whole(b"<html>", status=502),
        Said(status=307, headers=(("Location", elsewhere),), length=0),
    ]
    for answer in answers:
        hub.say(lambda *_, answer=answer: answer)
        with pytest.raises(KeysNotPublishedError):
            hub.publisher().publish(_keys(hub), at=NOON)
    hub.say(
        lambda method, *_: (
            Said.whole(b'{"version": 1}')
            if method == "GET"
            else Said.whole(b'{"detail": "again"}', status=409)
        )
    )
    before = len(hub.asked)
    with pytest.raises(KeysNotPublishedError, match="again"):
        hub.publisher().publish(_keys(hub), at=NOON)
    assert len(hub.asked) - before <= 6
