"""Alerts are derived from one look: each kind is found, has its words, and a quiet network none."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

import hub
from hub.network.advisories import EventKind
from hub.network.alerts import Alert, AlertKind, find_alerts
from hub.network.certificates import look_at_files
from hub.network.looking import NetworkLook
from hub.network.records import Presence
from hub.web.network.broker_pages import TASK_NAMES
from hub.web.network.words import ALERT_ADVICE, ALERT_PAGES, ALERT_TITLES, EVENTS, find_page
from tests.support.broker import write_certificates
from tests.support.console_face import NOON
from tests.support.hub_network import AL, MK, QUIET, TROUBLED

AWAY = {
    AL: Presence(
        participant=AL,
        is_connected=False,
        since=NOON - timedelta(hours=5),
        last_seen_at=NOON - timedelta(hours=5),
    )
}


def test_a_quiet_network_has_no_alert() -> None:
    """Nothing is called wrong that is not, nor before anybody has looked."""
    assert find_alerts(QUIET, {}, now=NOON) == []
    assert find_alerts(None, {}, now=NOON) == ()


def test_every_kind_is_found() -> None:
    """A network with every trouble yields every kind of alert, the urgent ones first."""
    found = find_alerts(TROUBLED, AWAY, now=NOON)
    silent = replace(QUIET, problem="The broker did not answer.")
    found_later = find_alerts(silent, {}, now=NOON + timedelta(minutes=4))
    assert {one.kind for one in (*found, *found_later)} == set(AlertKind)
    urgent = [one.is_urgent for one in found]
    assert urgent == sorted(urgent, reverse=True)
    assert len({one.key for one in found}) == len(found)


@pytest.mark.parametrize(
    ("days", "count", "urgent"), [(31, 0, False), (29, 1, False), (6, 1, True), (-1, 1, True)]
)
def test_certificates_are_told_in_time(days: int, count: int, *, urgent: bool) -> None:
    """A month before its end a certificate is an alert, in the last week an urgent one."""
    (certificate,) = QUIET.certificates
    ending = replace(certificate, ends_at=NOON + timedelta(days=days))
    found = find_alerts(replace(QUIET, certificates=(ending,)), {}, now=NOON)
    assert [one.is_urgent for one in found] == [urgent] * count


def test_a_node_that_restarts_is_no_alert() -> None:
    """A node that has been away for ten minutes, or was never seen, is not called away."""
    look: NetworkLook = replace(QUIET, connections={AL: 0, MK: 0})
    soon = {AL: replace(AWAY[AL], since=NOON - timedelta(minutes=10))}
    never = {MK: replace(AWAY[AL], participant=MK, last_seen_at=None)}
    assert find_alerts(look, soon | never, now=NOON) == []


def test_every_kind_has_its_words() -> None:
    """No alert and no event is without title, advice and page."""
    assert set(ALERT_TITLES) == set(ALERT_ADVICE) == set(ALERT_PAGES) == set(AlertKind)
    assert set(EVENTS) == set(EventKind)
    assert find_page(Alert(kind=AlertKind.NODE_AWAY, subject="AL")) == "/network/of/AL"
    assert find_page(Alert(kind=AlertKind.ADMISSION_REFUSED, subject="A" * 56)) == "/admission"


def test_the_hub_reads_when_its_own_certificate_ends(tmp_path: Path) -> None:
    """The end is read by a handshake in memory; files that do not fit say why."""
    authority, chain, key = write_certificates(tmp_path / "tls")
    found = look_at_files(chain, key, where="https://hub.example")
    assert found.ends_at is not None
    assert found.ends_at > NOON
    assert found.problem == ""
    wrong = look_at_files(authority, key, where="https://hub.example")
    assert wrong.ends_at is None
    assert wrong.problem


def test_every_task_of_the_hub_has_its_words() -> None:
    """The page of the broker names every background task that the hub starts, and no other."""
    started = {
        name
        for path in Path(hub.__path__[0]).rglob("*.py")
        for name in re.findall(r'add_(?:round|service)\(\s*"(\w+)"', path.read_text("utf-8"))
    }
    assert started == set(TASK_NAMES)
