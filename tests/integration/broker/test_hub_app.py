"""The hub as a whole: registry, broker, admission, and what it says of itself."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from contact_registry.models import ContactsDocument, ListedBy
from contact_registry.trust.signers import RegistrySigner
from contact_registry.trust.submitting import build_contacts_submission, build_keys_submission
from hub.bootstrap import HubParts, HubSetupError, build_parts, create_app
from hub.broker.embedded import EmbeddedBroker
from hub.broker.operator import load_operator_material
from hub.settings import BrokerMode, HubSettings
from protocol.identifiers import ParticipantCode
from protocol.signing import SigningKey
from tests.support.broker import BrokerPlace, LinkedNode, TestParticipant, kill_broker, read_clock
from tests.support.hub import HubFolder, make_hub_folder

OPERATOR = {"Authorization": "Bearer " + "t" * 40}


@pytest.fixture
def folder(tmp_path: Path) -> HubFolder:
    """Prepare a data folder."""
    return make_hub_folder(tmp_path)


def load_settings(folder: HubFolder, **changes: Any) -> HubSettings:
    """Read the settings as a process with the folder's environment would."""
    values = {
        name.removeprefix("TRM_HUB_").lower(): value for name, value in folder.environment.items()
    }
    return HubSettings.model_validate({**values, **changes})


@asynccontextmanager
async def running_hub(settings: HubSettings) -> AsyncIterator[tuple[httpx.AsyncClient, HubParts]]:
    """Run the application with all its tasks."""
    parts = build_parts(settings, environment={})
    try:
        app = create_app(parts)
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://hub") as client,
        ):
            yield client, parts
    finally:
        parts.close()


#: What programs ask beside what there is: refused in their own form, never with a page.
BESIDE = {
    ("GET", "/registry/"): 404,
    ("GET", "/registry/nothing"): 404,
    ("POST", "/registry/metadata/timestamp.json"): 405,
    ("GET", "/monitoring/"): 404,
    ("GET", "/monitoring/nothing"): 404,
    ("POST", "/healthz"): 405,
    ("GET", "/readyz/"): 404,
}


async def wait_for_readiness(client: httpx.AsyncClient, status: int) -> dict[str, Any]:
    """Ask until the hub answers with this status."""
    async with asyncio.timeout(100):
        while True:
            answer = await client.get("/readyz")
            if answer.status_code == status:
                found: dict[str, Any] = answer.json()
                return found


async def publish_keys(
    client: httpx.AsyncClient, folder: HubFolder, member: TestParticipant
) -> None:
    """Publish a Participant's contacts and its node's keys, over HTTP."""
    node_key = SigningKey.generate()
    expires = (read_clock() + timedelta(days=7)).replace(microsecond=0)
    contacts = build_contacts_submission(
        ContactsDocument(participant=member.code, listed_by=ListedBy.OPERATOR, authorities=()),
        previous_version=0,
        signers=[RegistrySigner(folder.directory_key)],
        expires=expires,
        node_keys=[node_key.verify_key],
    )
    keys = build_keys_submission(
        member.keys(), previous_version=0, signer=RegistrySigner(node_key), expires=expires
    )
    for submission in (contacts, keys):
        answer = await client.post("/registry/submissions", json=submission.to_json())
        assert answer.status_code == 201, answer.text


async def test_a_publication_lets_a_node_in_before_it_is_answered(folder: HubFolder) -> None:
    """A node whose keys were just published connects, sends and receives; the numbers show it."""
    member = TestParticipant(ParticipantCode("AL"))
    async with running_hub(load_settings(folder)) as (client, parts):
        ready = await wait_for_readiness(client, 200)
        await publish_keys(client, folder, member)
        assert parts.embedded is not None
        place = BrokerPlace(
            parts.embedded,
            load_operator_material(folder.data / "operator"),
            parts.settings.describe_broker(),
            folder.authority,
        )
        async with LinkedNode(place, member) as node:
            await node.put(member, b"note to self")
            (watched,) = (await client.get("/monitoring/mailboxes", headers=OPERATOR)).json()
            (delivery,) = await node.take()
            await delivery.ack()
        status = (await client.get("/monitoring/status", headers=OPERATOR)).json()

    assert ready["status"] == "ready"
    assert {check["check"] for check in ready["checks"]} == {
        "broker_registrar", "broker_mailboxes", "broker_disk", "registry", "admission", "store",
        "tasks",
    }  # fmt: skip
    assert (watched["participant"], watched["stored"], watched["waiting"]) == ("AL", 1, 1)
    assert watched["oldest_at"] is not None
    assert status["admission"] == [{"participant": "AL", "action": "admitted", "detail": ""}]
    assert {task["task"] for task in status["tasks"]} >= {
        "embedded_broker", "broker_registrar", "broker_mailboxes", "registry_timestamp",
        "admission", "audit_publications", "failed_sign_ins",
    }  # fmt: skip


async def test_readiness_follows_the_broker(folder: HubFolder) -> None:
    """With a separately run broker: gone, the hub is not ready and says why; back, it is ready."""
    settings = load_settings(folder)
    material = load_operator_material(folder.data / "operator")
    broker = EmbeddedBroker(settings.describe_broker(), material, clock=read_clock)
    broker.start()
    try:
        external = load_settings(folder, broker_mode=BrokerMode.EXTERNAL, broker_servers=broker.url)
        async with running_hub(external) as (client, parts):
            assert parts.embedded is None
            await wait_for_readiness(client, 200)

            kill_broker(broker)
            problem = await wait_for_readiness(client, 503)
            health = await client.get("/healthz")
            answers = [await client.request(*asked) for asked in BESIDE]
            mailboxes = await client.get("/monitoring/mailboxes", headers=OPERATOR)
            broker.start()
            again = await wait_for_readiness(client, 200)
    finally:
        broker.stop()

    assert problem["type"] == "urn:trm:problem:hub:not-ready"
    assert problem["status"] == 503
    failed = {check["check"] for check in problem["checks"] if not check["ok"]}
    assert failed & {"broker_registrar", "broker_mailboxes"}
    assert health.status_code == 200
    for answer, asked, status in zip(answers, BESIDE, BESIDE.values(), strict=True):
        assert (answer.status_code, answer.headers.get("location")) == (status, None), asked
        assert answer.headers["content-type"] == "application/problem+json", asked
    # The registry lists one Participant without keys: nothing to count, so nothing is missing.
    assert mailboxes.status_code == 200
    assert again["status"] == "ready"


async def test_an_embedded_broker_that_dies_is_started_again(folder: HubFolder) -> None:
    """The hub notices that its broker was killed, and starts it at the same address."""
    async with running_hub(load_settings(folder)) as (client, parts):
        await wait_for_readiness(client, 200)
        assert parts.embedded is not None
        url, killed = parts.embedded.url, parts.embedded.process_id
        assert killed is not None

        os.kill(killed, signal.SIGKILL)
        await wait_for_readiness(client, 503)
        await wait_for_readiness(client, 200)

        assert parts.embedded.url == url
        assert parts.embedded.process_id not in {killed, None}
    assert parts.embedded.process_id is None


async def test_a_registry_about_to_end_makes_the_hub_unready(folder: HubFolder) -> None:
    """When the timestamp runs out sooner than the margin, the check says when."""
    settings = load_settings(folder, timestamp_margin=timedelta(days=365))
    async with running_hub(settings) as (client, _):
        problem = await wait_for_readiness(client, 503)

    (check,) = [c for c in problem["checks"] if c["check"] == "registry"]
    assert not check["ok"]
    assert "runs out" in check["detail"]


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic " + "t" * 40}]
)
async def test_monitoring_is_for_the_operators(folder: HubFolder, headers: dict[str, str]) -> None:
    """Without the operators' token the numbers stay closed, in the form of a problem."""
    async with running_hub(load_settings(folder)) as (client, _):
        for path in ("/monitoring/mailboxes", "/monitoring/status"):
            answer = await client.get(path, headers=headers)
            assert answer.status_code == 401
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["www-authenticate"] == "Bearer"
            assert answer.json()["code"] == "operator-only"


async def test_without_a_token_file_monitoring_is_closed_to_all(folder: HubFolder) -> None:
    """No token set does not mean no token needed."""
    settings = load_settings(folder, operator_token_file=None)
    async with running_hub(settings) as (client, _):
        for headers in ({}, {"Authorization": "Bearer "}, OPERATOR):
            answer = await client.get("/monitoring/status", headers=headers)
            assert answer.status_code == 401


async def test_an_unknown_address_is_a_problem_too(folder: HubFolder) -> None:
    """Errors of the framework take the same form; every other address is the console's."""
    async with running_hub(load_settings(folder)) as (client, _):
        answers = [
            await client.get("/registry/nowhere"),
            await client.delete("/registry/metadata/timestamp.json"),
        ]
        page = await client.get("http://localhost/nowhere")
        signed_out = await client.get("http://localhost/", follow_redirects=True)
        elsewhere = await client.get("/")

    assert [answer.status_code for answer in answers] == [404, 405]
    for answer in answers:
        assert answer.headers["content-type"] == "application/problem+json"
    assert (page.status_code, elsewhere.status_code) == (404, 421)
    assert "There is no such page" in page.text
    assert signed_out.url.path == "/sign-in"


def test_what_is_missing_is_named_at_the_start(folder: HubFolder) -> None:
    """A setting that does not hold ends in one sentence that says what to do."""
    with pytest.raises(HubSetupError, match="TRM_HUB_BROKER_CERTIFICATE"):
        build_parts(load_settings(folder, broker_certificate=None), environment={})
    with pytest.raises(HubSetupError, match="STORE_KEY"):
        build_parts(load_settings(folder, broker_store_key_variable="STORE_KEY"), environment={})
    (folder.data.parent / "operator-token").write_text("short")
    with pytest.raises(HubSetupError, match="too short"):
        build_parts(load_settings(folder), environment={})
