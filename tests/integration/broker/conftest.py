"""One broker for all tests of a process; each test brings its own Participants."""

from collections.abc import AsyncIterator, Iterator

import pytest
import structlog

from console.process.logs import LogFormat, configure_logs
from protocol.identifiers import ParticipantCode
from tests.support.broker import (
    BrokerPlace,
    Hub,
    TestParticipant,
    connected_hub,
    make_directory,
    running_broker,
)


@pytest.fixture(autouse=True)
def strict_logs() -> Iterator[None]:
    """Let every log call that names a sensitive field fail its test."""
    configure_logs(LogFormat.CONSOLE, strict=True)
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerPlace]:
    """Run a broker that no test kills."""
    with running_broker(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.fixture
def own_place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerPlace]:
    """Run a broker for one test, which may kill it."""
    with running_broker(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.fixture
async def hub(place: BrokerPlace) -> AsyncIterator[Hub]:
    """Connect the hub to the shared broker."""
    async with connected_hub(place) as connected:
        yield connected


@pytest.fixture
async def pair(hub: Hub) -> tuple[TestParticipant, TestParticipant]:
    """Admit two fresh Participants, AA and BB, and nobody else."""
    first, second = TestParticipant(ParticipantCode("AA")), TestParticipant(ParticipantCode("BB"))
    report = await hub.admission.reconcile(make_directory([]))
    report = await hub.admission.reconcile(make_directory([first, second]))
    assert report.is_complete
    return first, second
