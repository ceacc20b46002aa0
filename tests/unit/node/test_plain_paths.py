"""What is done with many messages at once ends in the same rows as one by one."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from node.service import dispatching
from node.service.audit import chain_due
from node.service.building import Draft
from node.service.composing import Sent, handle_send
from node.service.context import NodeContext, RefusedDraftError
from node.service.dispatching import Attempt
from node.service.opening import Arrival
from node.service.plain_intake import PlainIntake
from node.service.policy.gate import PolicyRefusedError
from node.service.receiving import Intake, handle_arrivals
from node.service.send_desk import CallerRefusedError, SendDesk
from node.store.audit_tables import AuditDueRow
from node.store.consent_tables import ConsentRow
from node.store.tables import EventRow, EvidenceRow, MessageRow, OutboxRow, ReceiptDueRow
from protocol.subjects import TrafficClass, parse_account_id
from tests.support.consent import ON_FILE, on_consent
from tests.support.node import Network, make_context, make_draft, make_network
from tests.support.people import acting, token_of
from tests.support.received_files import list_received, make_text, send_files

TABLES = (MessageRow, EventRow, ReceiptDueRow, EvidenceRow, OutboxRow)
#: What is drawn anew or counted by the database.
DRAWN = {"signed_payload_sealed", "case_id", "event_id", "receipt_due_id", "evidence_id"}
DRAWN |= {"receipt_id", "transport_id"}


@pytest.fixture
def url_of(node_url_of: Callable[[str], str]) -> Callable[[str], str]:
    """One database will do, not the same one for every test."""
    return node_url_of


CLAIMED = DRAWN | {"claimed_until", "attempts"}


def list_due(context: NodeContext) -> Sequence[ReceiptDueRow]:
    """Return the receipts that a node owes."""
    with context.database.reading() as session:
        return session.exec(select(ReceiptDueRow)).all()


def read_rows(context: NodeContext) -> dict[str, list[str]]:
    """Return what a node's store says, without what is drawn anew each time."""
    with context.database.reading() as session:
        return {
            table.__name__: sorted(
                repr(sorted(row.model_dump(exclude=DRAWN).items()))
                for row in session.exec(select(table))
            )
            for table in TABLES
        }


def hand_over(network: Network) -> list[Arrival]:
    """Hand over what waits at AL, in one batch; returns it as it reaches XK."""
    al, directory = network.node("AL"), network.directory.current()
    messages = dispatching.claim_messages(al, limit=100)
    sealed = [
        dispatching.seal_for(directory, peer=each.peer, signed=each.signed, at=network.clock())
        for each in messages
    ]
    dispatching.record_attempts(
        al,
        [
            Attempt(message_id=each.message_id, transport_id=each.transport_id, first=each.first)
            for each in messages
        ],
    )
    return [
        Arrival(
            sender=parse_account_id(directory.keys[al.participant].broker.account),
            recipient=each.recipient,
            traffic=TrafficClass.MESSAGE,
            envelope=each.envelope,
        )
        for each in sealed
    ]


def test_a_fetch_is_stored_as_its_messages_would_be_one_by_one(
    network: Network, url_of: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """New cases, known ones, copies, a gap and what fills it: the same rows either way."""
    al = network.node("AL")
    case = handle_send(al, make_draft(), who=acting("u")).case_reference
    for number in range(8):
        handle_send(al, make_draft(case=case if number % 2 else None), who=acting("u"))
    letters = hand_over(network)
    letters[5], letters[6] = letters[6], letters[5]
    letters.insert(4, letters[1])
    xk = network.node("XK")
    single = make_context(
        xk.keys,  # type: ignore[arg-type]  # it is the file key store that the network made
        network.directory,
        database_url=url_of("XK2"),
        clock=network.clock,
    )
    at_once = [result.intake for result in handle_arrivals(xk, letters)]
    monkeypatch.setattr(PlainIntake, "take", lambda _self, _outcome: None)
    one_by_one = [handle_arrivals(single, [letter])[0].intake for letter in letters]
    single_rows = read_rows(single)
    single.database.close()
    assert at_once == one_by_one
    assert at_once.count(Intake.STORED) == 9
    assert read_rows(xk) == single_rows


def test_messages_with_files_are_stored_as_one_by_one(
    url_of: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their files are expected, and no receipt is owed or looked for before these are here."""
    network = make_network(["AL", "XK"], url_of=url_of, files=tmp_path / "disk")
    al, xk = network.node("AL"), network.node("XK")
    sent = send_files(al, {"a.txt": make_text(9_000), "b.txt": make_text(300_000)})
    handle_send(al, make_draft(), who=acting("u"))
    letters = hand_over(network)
    single = make_context(
        xk.keys,  # type: ignore[arg-type]  # it is the file key store that the network made
        network.directory,
        database_url=url_of("XK2"),
        clock=network.clock,
    )
    xk.leaving.receipts.set_open(is_open=True)
    looked = [0]
    monkeypatch.setattr(xk.signals.receipts, "notify", lambda: looked.append(1))
    assert [result.intake for result in handle_arrivals(xk, letters)] == [Intake.STORED] * 2
    monkeypatch.setattr(PlainIntake, "take", lambda _self, _outcome: None)
    for letter in letters:
        handle_arrivals(single, [letter])
    receipts_of = [each.model_dump(exclude=CLAIMED) for each in list_due(single)]
    files_of = [row.model_dump() for row in list_received(single)]
    single.database.close()
    assert looked == [0]
    assert [each.model_dump(exclude=CLAIMED) for each in list_due(xk)] == receipts_of
    assert [row.model_dump() for row in list_received(xk)] == files_of
    assert [row["message_id"] for row in files_of] == [sent.message_id] * 2
    network.close()


async def test_what_comes_together_is_queued_or_refused_for_itself(network: Network) -> None:
    """A burst: each request gets its own answer, and numbers on the link have no gap."""
    al = network.node("AL")
    token = token_of(al)
    case = handle_send(al, make_draft(), who=acting("u")).case_reference
    desk = SendDesk(al)

    def ask(draft: Draft, *, key: str | None = None, by: str = token) -> Coroutine[Any, Any, Sent]:
        return desk.send(draft, token=by, submission_key=key)

    answers = await asyncio.gather(
        ask(make_draft()),
        ask(make_draft(recipient="MK")),
        ask(make_draft(case=case), key="a-key-of-this-program"),
        ask(make_draft(case="TRM-2222-2222-2222-2222")),
        ask(make_draft(case=case), key="a-key-of-this-program"),
        ask(make_draft(body={"age_group": "unheard of"})),
        ask(make_draft(), by="nobody's token"),
        ask(make_draft(case=case), key="a-key-of-another-thing"),
        return_exceptions=True,
    )
    refusals = [type(each) for each in answers if isinstance(each, Exception)]
    assert RefusedDraftError in refusals
    assert CallerRefusedError in refusals
    assert len(refusals) == 3
    sent = [each for each in answers if isinstance(each, Sent)]
    assert len(sent) == 5
    assert sent[2] == sent[3]
    assert len({each.message_id for each in sent}) == 4
    with al.database.reading() as session:
        rows = session.exec(
            select(MessageRow).where(MessageRow.peer == "XK").order_by(col(MessageRow.link_seq))
        ).all()
        assert [row.link_seq for row in rows] == [1, 2, 3, 4]
        assert [row.link_prev for row in rows[1:]] == [row.payload_sha256 for row in rows[:-1]]
        assert len(session.exec(select(OutboxRow)).all()) == 5


async def test_a_burst_is_stored_as_its_messages_would_be_one_by_one(
    network: Network, url_of: Callable[[str], str]
) -> None:
    """Rows of messages that came together, consents among them, say what those of single ones say.

    A consent whose message is refused goes on no file.
    """
    al, xk = network.node("AL"), network.node("XK")
    token = token_of(al)
    chain_due(al)  # what making it left in the audit log
    desk = SendDesk(al)
    consented = {"type": "general.message", "body": {"text": "An invented case."}}
    consented |= on_consent("XK")
    drafts = [make_draft(), make_draft(**consented), make_draft()]
    unfree = make_draft(**consented | {"consent": {**ON_FILE, "is_free": False}})
    *_, refused = await asyncio.gather(
        *(desk.send(each, token=token, submission_key=None) for each in (*drafts, unfree)),
        return_exceptions=True,
    )
    assert isinstance(refused, PolicyRefusedError)
    single = make_context(
        al.keys,  # type: ignore[arg-type]  # it is the file key store that the network made
        network.directory,
        database_url=url_of("AL2"),
        clock=network.clock,
    )
    for draft in drafts:
        handle_send(single, draft, who=acting("api:program"))
    compared = [read_shape(context) for context in (al, single)]
    single.database.close()
    assert compared[0] == compared[1]
    assert len(compared[0]["ConsentRow"]) == 1
    results = handle_arrivals(xk, hand_over(network))
    assert [result.intake for result in results] == [Intake.STORED] * 3


def read_shape(context: NodeContext) -> dict[str, list[str]]:
    """Return the rows without what differs from message to message."""
    drawn = DRAWN | {"message_id", "wire_id", "payload_sha256", "link_prev"}
    drawn |= {"consent_id", "content_sealed", "rests_on", "subject", "due_id"}
    with context.database.reading() as session:
        return {
            table.__name__: sorted(
                repr(sorted(row.model_dump(exclude=drawn).items()))
                for row in session.exec(select(table))
            )
            for table in (MessageRow, OutboxRow, EventRow, ConsentRow, AuditDueRow)
        }
