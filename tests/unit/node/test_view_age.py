"""A node that cannot refresh the registry: it goes on, says so, and in the end holds data back."""

from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import ValidationError
from sqlmodel import select

from console.refusals import say_english
from contact_registry.errors import RegistryUnavailableError
from contact_registry.trust.staleness import AgeLimits
from node.background import find_registry_troubles
from node.service import reading
from node.service.attention import list_outbox
from node.service.composing import Sent, handle_send
from node.service.holding import HELD_BACK, count_held_back, release_held_back
from node.service.notices import list_notices
from node.settings import NodeSettings
from node.store.tables import OutboxRow
from node.workers.registry_refresh import RegistryRefresh
from protocol.identifiers import ParticipantCode
from tests.support.consent import ON_FILE
from tests.support.messages import CONSENT
from tests.support.node import Network, make_draft
from tests.support.people import STAFF, acting

AL = ParticipantCode("AL")
LONG = timedelta(days=14)
SETTINGS = {
    "data_dir": "node",
    "hub_url": "https://hub.example.org",
    "trusted_root": "1.root.json",
    "broker_servers": "tls://broker.example.org:4222",
}


def send_about_person(network: Network, **changes: object) -> Sent:
    """Queue a message with data about a person."""
    draft = make_draft(
        legal_basis={**CONSENT, "classes": ["protection"]},
        consent=ON_FILE,
        body={**make_draft().body, "note": "She asks for her sister."},
        **changes,
    )
    return handle_send(network.node("AL"), draft, who=acting("u"))


def send_without_data(network: Network) -> Sent:
    """Queue a message without data about a person."""
    return handle_send(network.node("AL"), make_draft(), who=acting("u"))


def dispatch_of(network: Network, sent: Sent) -> str | None:
    """Return how far a message has got."""
    return reading.get_message(network.node("AL"), sent.message_id, who=STAFF).item.dispatch


def refresh(network: Network) -> None:
    """Let every node have verified the registry just now."""
    directory = network.directory.directory
    network.directory.directory = replace(
        directory,
        verified_at=network.clock(),
        expires_at=network.clock() + timedelta(days=1),
    )


def test_data_about_persons_waits_and_nothing_is_lost(network: Network) -> None:
    """On a view that is too old the one message waits with its reason, and leaves afterwards."""
    about_person, without = send_about_person(network), send_without_data(network)
    network.clock.advance(seconds=LONG.total_seconds())
    network.settle()
    al = network.node("AL")
    assert dispatch_of(network, without) == "delivered"
    assert dispatch_of(network, about_person) == "queued"
    view = reading.get_message(al, about_person.message_id, who=STAFF)
    assert view.trying is not None
    assert view.trying.is_held_back
    assert view.trying.attempts == 0
    assert count_held_back(al) == 1
    assert [row.last_error for row in list_outbox(al)] == [HELD_BACK]
    assert release_held_back(al) == 0
    refresh(network)
    assert release_held_back(al) == 1
    network.settle()
    assert dispatch_of(network, about_person) == "delivered"
    assert count_held_back(al) == 0


def test_what_is_held_is_looked_at_again_by_itself(network: Network) -> None:
    """Even if nobody releases it, a held message leaves within a minute of the refresh."""
    sent = send_about_person(network)
    network.clock.advance(seconds=LONG.total_seconds())
    network.settle()
    assert dispatch_of(network, sent) == "queued"
    refresh(network)
    network.clock.advance(minutes=1)
    network.settle()
    assert dispatch_of(network, sent) == "delivered"


def test_a_resend_is_held_too(network: Network) -> None:
    """A message that was handed over already is not sealed again on a view that is too old."""
    sent = send_about_person(network)
    network.collect("AL")
    network.mailbox.clear()
    network.clock.advance(seconds=LONG.total_seconds())
    assert network.collect("AL") == 0
    assert dispatch_of(network, sent) == "on_its_way"
    assert count_held_back(network.node("AL")) == 1


def test_the_age_limit_is_the_node_s(network: Network) -> None:
    """The setting decides: with twenty days the same message leaves on the fifteenth."""
    network.nodes["AL"] = replace(
        network.nodes["AL"], age_limits=AgeLimits(too_old=timedelta(days=20))
    )
    sent = send_about_person(network)
    network.clock.advance(days=15)
    network.settle()
    assert dispatch_of(network, sent) == "delivered"


def test_a_held_message_that_expires_is_reported(network: Network) -> None:
    """Held to its very end, a message is told as not delivered, like any other."""
    sent = send_about_person(network)
    network.clock.advance(days=22)
    network.settle()
    assert dispatch_of(network, sent) == "expired"


async def test_a_refresh_releases_what_was_held(network: Network) -> None:
    """The worker that refreshes the registry lets held messages leave at once."""
    sent = send_about_person(network)
    network.clock.advance(seconds=LONG.total_seconds())
    network.settle()
    al = network.node("AL")

    def refresh_and_tell() -> int:
        refresh(network)
        return network.directory.directory.version

    worker = RegistryRefresh(al, refresh=refresh_and_tell, interval=timedelta(minutes=1))
    await worker.refresh_now()
    with al.database.reading() as session:
        row = session.exec(select(OutboxRow)).one()
        assert (row.last_error, row.next_attempt_at) == (None, network.clock())
    network.settle()
    assert dispatch_of(network, sent) == "delivered"


async def test_a_refresh_that_fails_releases_nothing(network: Network) -> None:
    """As long as the registry host is away, what is held stays held."""
    send_about_person(network)
    network.clock.advance(seconds=LONG.total_seconds())
    network.settle()
    al = network.node("AL")

    def fail() -> int:
        raise RegistryUnavailableError("away")

    worker = RegistryRefresh(al, refresh=fail, interval=timedelta(minutes=1))
    with pytest.raises(RegistryUnavailableError):
        await worker.refresh_now()
    assert count_held_back(al) == 1


@pytest.mark.parametrize(
    ("hours", "trouble", "notice"),
    [
        (0, "", ""),
        (2, "", "not refreshed since"),
        (25, "from 2026-03-18 11:00 UTC messages with data about persons wait", ""),
        (24 * 14, "messages with data about persons wait here", ""),
        (-1, "set the clock right", ""),
    ],
)
def test_the_age_is_told_in_time(network: Network, hours: int, trouble: str, notice: str) -> None:
    """First a notice, then a trouble with the day on which data will wait, then that it waits."""
    network.clock.advance(hours=hours)
    node, directory = network.node("AL"), network.directory.directory
    found = find_registry_troubles(directory, participant=AL, now=network.clock())
    troubles = [say_english(each) for each in found]
    assert len(troubles) == bool(trouble)
    assert trouble in "".join(troubles)
    notices = list_notices(node)
    assert len(notices) == bool(notice)
    assert notice in "".join(notices)


@pytest.mark.parametrize(
    ("refresh", "warn"), [("PT1M", 1), ("PT30M", 1.5), ("PT2H", 6), ("PT20H", 12)]
)
def test_who_looks_seldom_is_not_warned_between_two_looks(refresh: str, warn: float) -> None:
    """The first notice waits for three looks that failed, and comes half a day after at most."""
    settings = NodeSettings.model_validate(
        {**SETTINGS, "registry_refresh": refresh, "registry_age_limit": "P7D"}
    )
    assert settings.age_limits.warn == timedelta(hours=warn)
    assert settings.age_limits.too_old == timedelta(days=7)


@pytest.mark.parametrize("limit", ["P2D", "P22D", "-P14D"])
def test_a_limit_that_helps_nobody_is_refused(limit: str) -> None:
    """Below three days a weekend stops referrals, above 21 no key of the view is valid any more."""
    with pytest.raises(ValidationError, match="registry_age_limit"):
        NodeSettings.model_validate({**SETTINGS, "registry_age_limit": limit})
