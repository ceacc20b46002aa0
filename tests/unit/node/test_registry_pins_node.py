"""Two nodes that were shown two registries find out, and say so: on both databases."""

from functools import partial

import pytest
from sqlmodel import col, select

from node.domain.alarms import AlarmStanding
from node.domain.events import EventKind
from node.service import pin_watching, reading
from node.service.notices import list_notices
from node.service.pin_watching import note_verified
from node.store.pin_tables import RegistryAlarmRow, RegistryNamedRow, RegistryVerifiedRow
from protocol.messages.link_repair import RegistryConflictBody
from tests.support.link_repair import count_kind, names, say, send, show_registry
from tests.support.node import Network
from tests.support.people import STAFF

OTHER = "cd" * 32
THIRD = "ef" * 32


def alarms(network: Network, code: str) -> list[tuple[str, str, str, str]]:
    """Return what a node holds: who found it, who holds and who named, and what that proves."""
    with network.node(code).database.reading() as session:
        rows = session.exec(select(RegistryAlarmRow).order_by(col(RegistryAlarmRow.alarm_id)))
        return [(row.raised_by, row.held_by, row.named_by, row.standing) for row in rows]


def named(network: Network, code: str) -> list[tuple[str, int, str]]:
    """Return what a node remembers of the words of others."""
    with network.node(code).database.reading() as session:
        rows = session.exec(
            select(RegistryNamedRow).order_by(
                col(RegistryNamedRow.peer), col(RegistryNamedRow.version)
            )
        )
        return [(row.peer, row.version, row.sha256) for row in rows]


def test_equal_registries_leave_nothing_behind(network: Network) -> None:
    """Nothing is remembered of a peer that names what was verified here."""
    send(network)
    network.settle()
    for code in ("AL", "XK"):
        assert (alarms(network, code), named(network, code)) == ([], [])
        assert list_notices(network.node(code)) == []
        with network.node(code).database.reading() as session:
            rows = session.exec(select(RegistryVerifiedRow)).all()
        assert [(row.version, row.sha256) for row in rows] == [(7, "ab" * 32)]


def test_two_hashes_for_one_version_alarm_both_sides(network: Network) -> None:
    """The message is taken in; both hold the proof, each told by the other; each once."""
    show_registry(network, "AL", sha256=OTHER)
    sent: list[str] = []
    for _ in range(3):
        sent += names(send(network))
        network.settle()
    certain, confirmed = AlarmStanding.CERTAIN, AlarmStanding.CONFIRMED
    assert sorted(alarms(network, "XK")) == [
        ("AL", "AL", "XK", confirmed),
        ("XK", "XK", "AL", certain),
    ]
    assert sorted(alarms(network, "AL")) == [
        ("AL", "AL", "XK", certain),
        ("XK", "XK", "AL", confirmed),
    ]
    assert reading.get_message(network.node("XK"), sent[-1], who=STAFF).item.message_id == sent[-1]
    for code in ("AL", "XK"):
        assert count_kind(network, EventKind.REGISTRY_CONFLICT, code) == 2
        notices = " ".join(list_notices(network.node(code)))
        assert "versions 7" in notices
        assert "AL" in notices
        assert "XK" in notices


def test_the_case_of_the_message_says_so(network: Network) -> None:
    """On both sides: whoever works on the case sees that something is wrong."""
    show_registry(network, "AL", sha256=OTHER)
    sent = names(send(network))
    network.settle()
    for code in ("AL", "XK"):
        case_id = reading.get_message(network.node(code), sent[0], who=STAFF).item.case_id
        assert case_id is not None
        timeline = reading.get_case(network.node(code), case_id, who=STAFF).timeline
        assert EventKind.REGISTRY_CONFLICT in [entry.kind for entry in timeline]


def test_two_peers_that_disagree_are_suspected_until_it_is_verified(network: Network) -> None:
    """What this node verifies later says which of them was misled, or lies."""
    show_registry(network, "AL", version=9, sha256=OTHER)
    show_registry(network, "MK", version=9, sha256=THIRD)
    send(network)
    send(network, sender="MK")
    network.settle_mailbox()
    assert alarms(network, "XK") == [("XK", "AL", "MK", AlarmStanding.SUSPECTED)]
    assert named(network, "XK") == [("AL", 9, OTHER), ("MK", 9, THIRD)]
    assert count_kind(network, EventKind.REGISTRY_CONFLICT) == 0
    show_registry(network, "XK", version=9, sha256=THIRD)
    xk = network.node("XK")
    xk.transact(partial(note_verified, xk))
    assert alarms(network, "XK") == [("XK", "XK", "AL", AlarmStanding.CERTAIN)]
    assert named(network, "XK") == []
    network.settle()
    assert ("XK", "XK", "AL", AlarmStanding.CONFIRMED) in alarms(network, "AL")


def test_a_newer_version_makes_the_node_look_for_it(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pin beyond the newest known asks for a refresh, once."""
    asked: list[int] = []
    xk = network.node("XK")
    monkeypatch.setattr(xk.signals.registry_wanted, "notify", lambda: asked.append(1))
    show_registry(network, "AL", version=8, sha256=OTHER)
    for _ in range(3):
        send(network)
        network.settle_mailbox()
    assert asked == [1]
    assert named(network, "XK") == [("AL", 8, OTHER)]


def test_an_alarm_about_nothing_is_shown_as_such(network: Network) -> None:
    """A peer can say what it wants, under its name: nothing here confirms it."""
    for message_id in ("a" * 32, "b" * 32):
        body = RegistryConflictBody(
            registry_version=7,
            held_sha256="ab" * 32,
            named_sha256=OTHER,
            verified=True,
            message_id=message_id,
            payload_sha256="c" * 64,
        )
        say(network, "AL", "XK", body)
        network.settle()
    assert alarms(network, "XK") == [("AL", "AL", "XK", AlarmStanding.UNFOUNDED)]
    assert count_kind(network, EventKind.REGISTRY_CONFLICT) == 0
    assert "nothing here confirms" in list_notices(network.node("XK"))[0]


def test_what_an_alarm_says_of_a_version_is_judged_when_it_is_verified(network: Network) -> None:
    """A peer's word in an alarm counts like its word in a message."""
    body = RegistryConflictBody(
        registry_version=8,
        held_sha256=OTHER,
        named_sha256=THIRD,
        verified=True,
        message_id="a" * 32,
        payload_sha256="c" * 64,
    )
    say(network, "AL", "XK", body)
    network.settle()
    assert named(network, "XK") == [("AL", 8, OTHER)]
    show_registry(network, "XK", version=8, sha256=THIRD)
    xk = network.node("XK")
    xk.transact(partial(note_verified, xk))
    assert ("XK", "XK", "AL", AlarmStanding.CERTAIN) in alarms(network, "XK")


def test_a_registry_that_changed_under_us_is_our_own_alarm(network: Network) -> None:
    """Two hashes for one version were verified here: taking in goes on, and it is shown."""
    send(network)
    network.settle()
    show_registry(network, "XK", sha256=OTHER)
    send(network)
    network.settle()
    assert ("XK", "XK", "XK", AlarmStanding.CERTAIN) in alarms(network, "XK")


def test_what_a_peer_can_fill_is_bounded(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of invented versions the newest stay, of alarms the first: each peer pushes out its own."""
    monkeypatch.setattr(pin_watching, "REMEMBERED", 3)
    monkeypatch.setattr(pin_watching, "MOST_ALARMS", 2)
    show_registry(network, "MK", version=20, sha256=THIRD)
    send(network, sender="MK")
    network.settle_mailbox()
    for version in range(30, 36):
        show_registry(network, "AL", version=version, sha256=OTHER)
        send(network)
        network.settle_mailbox()
    versions = [(peer, version) for peer, version, _ in named(network, "XK")]
    assert versions == [("AL", 33), ("AL", 34), ("AL", 35), ("MK", 20)]
    for version in range(40, 45):
        body = RegistryConflictBody(
            registry_version=version,
            held_sha256=OTHER,
            named_sha256=THIRD,
            verified=False,
            message_id="a" * 32,
            payload_sha256="c" * 64,
        )
        say(network, "AL", "XK", body)
    network.settle()
    assert sum(who == "AL" for who, *_ in alarms(network, "XK")) == 2


def test_the_versions_verified_here_are_bounded(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest stay."""
    monkeypatch.setattr(pin_watching, "REMEMBERED", 3)
    for version in range(7, 13):
        show_registry(network, "XK", version=version, sha256=OTHER)
        xk = network.node("XK")
        xk.transact(partial(note_verified, xk))
    with network.node("XK").database.reading() as session:
        rows = session.exec(select(RegistryVerifiedRow.version)).all()
    assert sorted(rows) == [10, 11, 12]
