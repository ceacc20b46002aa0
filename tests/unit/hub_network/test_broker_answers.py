"""What the broker says is read with limits: it tells a state, or that it cannot be read."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.broker.accounts import MAILBOX_EVENTS, SERVER_EVENTS
from hub.broker.connection import BrokerUnavailableError
from hub.network.advisories import EventKind, Happening, Heard, read_advisory
from hub.network.servers import read_connections, read_server
from protocol.subjects import TrafficClass, mailbox_stream
from tests.support.hub_network import ACCOUNT

NAMED: dict[str, Any] = {"server": {"name": "broker-1", "ver": "2.15.1"}}
WORDS = (
    *("server", "statsz", "jetstream", "meta", "replicas", "name", "data", "start"),
    *("account_statz", "acc", "conns", "stats", "config", "storage", "leader"),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(WORDS),
            inner,
            max_size=5,
        )
    ),
    max_leaves=25,
)


def test_a_server_describes_itself() -> None:
    """Name, version, store, leader, and whose copy is behind are read from its own words."""
    said = NAMED | {
        "statsz": {
            "start": "2026-11-22T18:14:06.905653516Z",
            "mem": 21024768,
            "connections": 2,
            "jetstream": {
                "config": {"max_storage": 1000},
                "stats": {"storage": 812},
                "meta": {
                    "leader": "broker-1",
                    "replicas": [
                        {"name": "broker-2", "current": True},
                        {"name": "broker-3", "current": False, "offline": True},
                    ],
                },
            },
        }
    }
    found = read_server(json.dumps(said).encode())
    assert (found.name, found.version, found.leads) == ("broker-1", "2.15.1", True)
    assert (found.percent_full, found.lagging, found.connections) == (81, ("broker-3",), 2)
    assert found.started_at is not None
    assert found.started_at.isoformat() == "2026-11-22T18:14:06.905653+00:00"


def test_connections_are_counted_by_account() -> None:
    """Only accounts and numbers are read; the broker's account for nobody is passed over."""
    said = {"data": {"account_statz": [{"acc": ACCOUNT, "conns": 2}, {"acc": "$G", "conns": 9}]}}
    assert read_connections(json.dumps(said).encode()) == {ACCOUNT: 2}


@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_answer_breaks_the_readers(data: bytes) -> None:
    """Whatever comes is read, or refused in one way; an advisory of it tells something or not."""
    for read in (read_server, read_connections):
        with suppress(BrokerUnavailableError):
            read(data)
    for subject in (*SERVER_EVENTS, *MAILBOX_EVENTS):
        read_advisory(subject.replace("*", "X"), data)


@given(st.text(max_size=60))
def test_unknown_subjects_tell_nothing(end: str) -> None:
    """What is not in the table is no event, whatever it is called."""
    assert read_advisory("$JS.EVENT.ADVISORY.API", b"{}") is None
    assert read_advisory(f"$JS.EVENT.ADVISORY.STREAM.CREATED.{end}", b"{}") is None
    assert read_advisory(f"$SYS.SERVER.X.{end}x", b"{}") is None


@pytest.mark.parametrize("pattern", [*SERVER_EVENTS, *MAILBOX_EVENTS])
def test_what_the_hub_may_hear_it_understands(pattern: str) -> None:
    """Each subject that the hub's users may listen to is an event of the table."""
    subject = pattern.replace("*", mailbox_stream(ACCOUNT, TrafficClass.RECEIPT))
    told = read_advisory(subject, b'{"server": {"name": "broker-1"}, "leader": "broker-1"}')
    assert told is not None
    assert (told.account == ACCOUNT) is (pattern in MAILBOX_EVENTS)
    assert (told.server == "broker-1") is (pattern in SERVER_EVENTS)


def test_what_is_heard_is_bounded() -> None:
    """A thousand different events between two rounds are so many lines, the same one is counted."""
    heard = Heard(most=3)
    for number in range(1000):
        heard.note(Happening(EventKind.SERVER_STOPPED, server=f"s{number % 5}"))
    taken = heard.take()
    assert len(taken) == 3
    assert taken[Happening(EventKind.SERVER_STOPPED, server="s0")] == 200
    assert heard.take() == {}
