"""The broker breaks the protocol that it speaks with nodes."""

import base64
from functools import partial

import pytest

from node.adapters.jetstream import BrokerLink
from node.adapters.keystore import FileKeyStore
from protocol.errors import ForgedError
from protocol.signing import Context
from tests.malicious.hostile_broker import Connection, Lies
from tests.malicious.table import Family, Outcome, Promise, attack
from tests.support.broker import eventually

REFUSED, SURVIVED = Outcome.REFUSED, Outcome.SURVIVED


async def _is_left(lies: Lies, said: bytes) -> str:
    """Say something to XK; returns why its link was given up, once it stands anew."""
    reasons: list[str] = []
    link = lies.links["XK"]
    link._on_state = lambda state: reasons.append(state.last_error or "")
    connections = len(lies.broker.connections)
    connection = _find(lies, "XK")
    connection.say(said)
    await lies.is_back("XK", connections)
    link._on_state = None
    return next(reason for reason in reasons if reason)


def _find(lies: Lies, code: str) -> Connection:
    """Return a node's newest connection."""
    account = lies.links[code]._identity.account
    return next(
        each
        for each in reversed(lies.broker.connections)
        if any(account in pattern for pattern in each.subscriptions.values())
    )


def _is_refused(link: BrokerLink) -> bool:
    """Whether no connection came about."""
    return "No connection" in str(link.state.last_error)


async def _works(lies: Lies) -> bool:
    """Whether a message arrives."""
    (written,) = lies.write()
    await lies.hand_over()
    await lies.take_in("XK")
    return written in lies.shown()


@attack(
    Family.PROTOCOL,
    SURVIVED,
    Promise.WORKS,
    seen="administrators: the broker broke the protocol, connecting again",
)
async def announce_a_gigabyte(lies: Lies) -> None:
    """Announce a message of a gigabyte, and a line without end.

    Nothing of that size is waited for or gathered: the connection ends at once.
    """
    for said in (
        b"MSG x 1 1000000000\r\n",
        b"HMSG x 1 12 1000000000\r\n",
        b"INFO " + b"x" * 100_000,
    ):
        assert await _is_left(lies, said)
    assert await _works(lies)


@attack(
    Family.PROTOCOL,
    SURVIVED,
    Promise.WORKS,
    seen="administrators: why the link was given up",
)
async def talk_nonsense(lies: Lies) -> None:
    """Say what no broker says: other verbs, bytes that are no text, lists for objects.

    The connection ends at once and does not just stop listening; the next one works.
    """
    for said in (
        b"\x00\xff\xfe\r\n",
        b"GET / HTTP/1.1\r\n",
        b"INFO [1, 2]\r\n",
        b"INFO \xff\xff\r\n",
        b"MSG x y z\r\n",
        b"-ERR\r\n-ERR '\xff\xff'\r\n",
    ):
        assert await _is_left(lies, said), said
    assert await _works(lies)


@attack(
    Family.PROTOCOL,
    SURVIVED,
    Promise.WORKS,
    seen="administrators: the broker's words, shortened and without control characters",
)
async def scold_at_length(lies: Lies) -> None:
    """End the connection with a reason of 50 kB full of characters that a terminal obeys.

    What is logged and shown of it is short and plain.
    """
    reason = await _is_left(lies, b"-ERR '" + b"\x1b[2Jno \x07" * 5_000 + b"'\r\n")
    assert len(reason) < 400
    assert reason.isprintable()
    assert await _works(lies)


@attack(
    Family.PROTOCOL,
    SURVIVED,
    Promise.WORKS,
    seen="administrators: no connection to the broker, and why",
)
async def greet_with_nonsense(lies: Lies) -> None:
    """Greet with a list, a line of a megabyte, nothing, another protocol, limits of other types.

    No connection, an error each time; with an honest greeting everything goes on.
    """
    for greeting in (
        b"INFO []\r\n",
        b"INFO " + b"y" * 200_000 + b"\r\n",
        b"\r\n",
        b"220 mail.example.org\r\n",
        lies.broker.greet(connect_urls=7),
    ):
        lies.broker.greeting = greeting
        link = lies.links["XK"]
        _find(lies, "XK").say(b"-ERR 'Stale Connection'\r\n")
        await eventually(partial(_is_refused, link))
        lies.broker.greeting = None
        await lies.wait_until_up()
    assert await _works(lies)


@attack(
    Family.PROTOCOL,
    SURVIVED,
    Promise.ARRIVES,
    seen="the sender: not handed over, with the reason",
)
async def lie_about_limits(lies: Lies) -> None:
    """Greet with a greatest message of ten bytes, then with one that is no number.

    What does not fit waits, and leaves over the next honest connection.
    """
    (written,) = lies.write()
    for limit in (10, "ten"):
        connections = len(lies.broker.connections)
        lies.broker.greeting = lies.broker.greet(max_payload=limit)
        _find(lies, "AL").say(b"-ERR 'Stale Connection'\r\n")
        await lies.is_back("AL", connections)
        await lies.hand_over()
        assert lies.state(written) == "queued"
        lies.pass_time(minutes=2)
    connections = len(lies.broker.connections)
    lies.broker.greeting = None
    _find(lies, "AL").say(b"-ERR 'Stale Connection'\r\n")
    await lies.is_back("AL", connections)
    await lies.finish()
    assert lies.state(written) == "delivered"


@attack(
    Family.PROTOCOL,
    SURVIVED,
    Promise.WORKS,
    seen="nobody: addresses are settings",
)
async def send_elsewhere(lies: Lies) -> None:
    """Name other servers in the greeting, and hang up.

    A node connects to the addresses that its administrators set, and to no other.
    """
    connections = len(lies.broker.connections)
    lies.broker.greeting = lies.broker.greet(connect_urls=["127.0.0.1:9", "198.51.100.7:4222"])
    for _ in range(2):
        _find(lies, "XK").say(b"-ERR 'Stale Connection'\r\n")
        await lies.is_back("XK", connections)
        connections = len(lies.broker.connections)
    assert await _works(lies)


@attack(
    Family.PROTOCOL,
    REFUSED,
    Promise.PROVEN,
    seen="nobody: the signature proves nothing but who connects",
)
async def have_a_statement_signed(lies: Lies) -> None:
    """Put the beginning of a signing statement in place of the number that a node signs to connect.

    It is signed with the key for connecting: no verifier of messages takes it for the node's.
    """
    connections = len(lies.broker.connections)
    nonce = f"TRM1\x00{Context.PAYLOAD}\x00" + "A" * 64
    lies.broker.greeting = lies.broker.greet(nonce=nonce)
    _find(lies, "XK").say(b"-ERR 'Stale Connection'\r\n")
    await lies.is_back("XK", connections)
    shown = _find(lies, "XK").connect
    keys = lies.network.node("XK").keys
    assert isinstance(keys, FileKeyStore)
    signature = base64.b64decode(shown["sig"])
    keys.user_key.signing_key.verify_key.verify_raw(nonce.encode(), signature=signature)
    with pytest.raises(ForgedError):
        keys.signing_key.verify_key.verify_raw(nonce.encode(), signature=signature)
    assert await _works(lies)
