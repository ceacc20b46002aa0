"""The broker answers falsely to what nodes ask, and hands out what nobody sent."""

import json
from unittest.mock import patch

from node.adapters import mailbox_pull
from node.domain.events import EventKind
from tests.malicious.hostile_broker import NO_RESPONDERS, Lies, Pull
from tests.malicious.table import Family, Outcome, Promise, attack
from tests.support import link_repair

REFUSED, SURVIVED, DETECTED = Outcome.REFUSED, Outcome.SURVIVED, Outcome.DETECTED
_STORED = json.dumps({"stream": "X", "seq": 1}).encode()


@attack(
    Family.ANSWERS,
    SURVIVED,
    Promise.ARRIVES,
    seen="the sender: on its way, without receipt; handed over again",
)
async def confirm_without_storing(lies: Lies) -> None:
    """Confirm each envelope as stored, and throw it away.

    The broker's word makes nothing delivered, and is no reason to forget anything: after its pause
    the message is handed over again, and arrives as soon as one copy is kept.
    """
    (written,) = lies.write()
    lies.broker.on_put = lambda _: _STORED
    await lies.hand_over()
    assert lies.state(written) == "on_its_way"
    lies.pass_time(minutes=6)
    await lies.hand_over()
    assert len({put.transport_id for put in lies.broker.puts}) == 2
    lies.broker.on_put = lambda _: None
    lies.pass_time(minutes=40)
    await lies.finish()
    assert lies.shown() == [written]
    assert lies.state(written) == "delivered"


@attack(
    Family.ANSWERS,
    DETECTED,
    Promise.ARRIVES,
    seen="the sender: not handed over, with the reason; tell the hub's operators",
)
async def say_that_it_has_it_already(lies: Lies) -> None:
    """Answer the first time that an envelope is handed over: a copy is here already.

    Identifiers of hand-overs are random, so this is false: not on its way. The next attempt has
    another identifier.
    """
    (written,) = lies.write()
    lies.broker.on_put = lambda _: json.dumps({"stream": "X", "seq": 1, "duplicate": True}).encode()
    await lies.hand_over()
    assert lies.state(written) == "queued"
    assert "never given to it" in str(lies.waiting().last_error)
    lies.broker.on_put = lambda _: None
    lies.pass_time(minutes=2)
    await lies.finish()
    assert len({put.transport_id for put in lies.broker.puts if "m" in put.subject[-1:]}) == 2
    assert lies.state(written) == "delivered"


@attack(
    Family.ANSWERS,
    SURVIVED,
    Promise.ARRIVES,
    seen="the sender: not handed over, with the broker's words, shortened",
)
async def answer_with_nonsense(lies: Lies) -> None:
    """Answer with nothing, text, deep nesting, other types, long reasons, and invented errors.

    None counts as stored; the same hand-over is tried again under the same identifier.
    """
    (written,) = lies.write()
    answers = [
        b"",
        b"+OK",
        b"[" * 3_000,
        b'{"seq": "1", "stream": 2}',
        b'{"stream": "X"}',
        json.dumps({"error": {"err_code": 1, "description": "no " * 20_000}}).encode(),
        json.dumps({"error": {"err_code": "x"}, "stream": 1}).encode(),
    ]
    for answer in answers:
        lies.broker.say(answer)
        await lies.hand_over()
        assert lies.state(written) == "queued", answer[:20]
        assert len(str(lies.waiting().last_error)) <= 200
        lies.pass_time(minutes=2)
    assert len({put.transport_id for put in lies.broker.puts}) == 1
    lies.broker.on_put = lambda _: None
    await lies.finish()
    assert lies.shown() == [written]


@attack(
    Family.ANSWERS,
    DETECTED,
    Promise.ARRIVES,
    seen="the sender: which Participant, since when, and why",
)
async def deny_mailboxes(lies: Lies) -> None:
    """Say that XK's mailbox is full, that there is none, and that the store failed.

    The message waits in the outbox, and says why; it leaves when the broker takes it.
    """
    (written,) = lies.write()
    full = {"error": {"err_code": 10077, "description": "maximum messages per subject exceeded"}}
    failed = {"error": {"err_code": 10077, "description": "no space"}}
    told = {
        json.dumps(full).encode(): "takes no more from us now",
        NO_RESPONDERS: "its node is not admitted",
        json.dumps(failed).encode(): "could not store it",
    }
    for answer, words in told.items():
        lies.broker.say(answer)
        await lies.hand_over()
        assert lies.state(written) == "queued"
        assert words in str(lies.waiting().last_error), lies.waiting().last_error
        lies.pass_time(minutes=2)
    lies.broker.on_put = lambda _: None
    await lies.finish()
    assert lies.state(written) == "delivered"


@attack(
    Family.ANSWERS,
    SURVIVED,
    Promise.ARRIVES,
    seen="nobody: copies are known",
)
async def forget_acknowledgements(lies: Lies) -> None:
    """Confirm every acknowledgement, and hand the same envelope out again, six times.

    Shown once; the mailbox is no memory that a node relies on.
    """
    (written,) = lies.write()
    lies.broker.keeps_all = True
    await lies.hand_over()
    for _ in range(6):
        await lies.take_in("XK")
    assert lies.shown() == [written]
    assert link_repair.count_kind(lies.network, EventKind.MESSAGE_RECEIVED) == 1


@attack(
    Family.ANSWERS,
    SURVIVED,
    Promise.ARRIVES,
    seen="nobody: headers say nothing to a node",
)
async def forge_headers(lies: Lies) -> None:
    """Hand a message out with headers that look like the broker's own word, or are no headers.

    A node reads its mailbox by where an answer arrives, not by what a header says: taken in.
    """
    forged = [
        b"NATS/1.0 404 No Messages\r\n\r\n",
        b"NATS/1.0\r\nStatus: 409\r\nDescription: Consumer Deleted\r\n\r\n",
        b"NATS/1.0 \xff\xff\xff\r\n\r\n",
        b"NATS/1.0",
        b"\xfe\xed: \xff\r\n",
    ]
    written = lies.write(count=len(forged))
    await lies.hand_over()
    puts = list(lies.broker.puts)

    def hand_out(pull: Pull) -> bytes | None:
        if not puts:
            return None
        raw = [
            lies.broker.format(pull, put, headers=header)
            for put, header in zip(puts, forged, strict=True)
        ]
        puts.clear()
        return b"".join(raw) + lies.broker.end(pull)

    lies.broker.on_pull = hand_out
    await lies.take_in("XK")
    assert sorted(lies.shown()) == sorted(written)


@attack(
    Family.ANSWERS,
    SURVIVED,
    Promise.WORKS,
    seen="administrators: the link was given up, and why; the log",
)
async def invent_where_to_confirm(lies: Lies) -> None:
    """Hand messages out with an address for the acknowledgement that is none.

    What cannot be told from a word about nothing is left; the next honest delivery is taken in.
    """
    (written,) = lies.write()
    await lies.hand_over()
    (put,) = lies.broker.puts
    replies = [
        "nowhere",
        "$JS.ACK.a.b.c",
        f"$JS.ACK.{'x.' * 5}9{'9' * 400}.1",
        "$JS.ACK.a.b.1.x.1.1.1",
    ]

    def hand_out(pull: Pull) -> bytes | None:
        if not replies:
            return None
        return lies.broker.format(pull, put, reply=replies.pop()) + lies.broker.end(pull)

    lies.broker.on_pull = hand_out
    while replies:
        await lies.take_in("XK")
    assert lies.shown() == []
    await lies.take_in("XK")
    assert lies.shown() == [written]


@attack(
    Family.ANSWERS,
    SURVIVED,
    Promise.WORKS,
    seen="administrators: the broker sends far more than it was asked for",
)
async def send_far_more_than_asked(lies: Lies) -> None:
    """Answer a question for some messages with a thousand.

    Memory is bounded: what is beyond is dropped, the connection given up, and a new one works.
    """
    (written,) = lies.write()
    await lies.hand_over()
    (put,) = lies.broker.puts
    flood = [1_000]
    connections = len(lies.broker.connections)

    def hand_out(pull: Pull) -> bytes | None:
        if not flood:
            return None
        return lies.broker.format(pull, put) * flood.pop()

    with patch.object(mailbox_pull, "_MOST_UNREAD", 40):
        lies.broker.on_pull = hand_out
        await lies.take_in("XK")
        assert lies.shown() == []
        await lies.is_back("XK", connections)
        await lies.take_in("XK")
    assert lies.shown() == [written]


@attack(
    Family.ANSWERS,
    SURVIVED,
    Promise.WORKS,
    seen="administrators: the broker did not answer, connecting again",
)
async def fall_silent(lies: Lies) -> None:
    """Keep the connection open and answer no question any more.

    Silence is no empty mailbox: the connection is given up, and the next one works.
    """
    (written,) = lies.write()
    await lies.hand_over()
    connections = len(lies.broker.connections)
    lies.broker.is_silent = True
    with patch.object(mailbox_pull, "ANSWER_SECONDS", 0.1):
        await lies.take_in("XK")
    lies.broker.is_silent = False
    await lies.is_back("XK", connections)
    await lies.take_in("XK")
    assert lies.shown() == [written]
