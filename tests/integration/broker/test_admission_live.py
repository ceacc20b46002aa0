"""A running hub carries each change of the registry to the broker, connected nodes included.

The hub is a process of its own that compares broker and registry once an hour. So whatever takes
effect here does so because it was published, or because the hub was started.
"""

import asyncio
import json
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from nats.errors import Error as NatsError

from contact_registry.trust.signers import RegistrySigner
from contact_registry.trust.submitting import Submission, build_keys_submission
from deploy.demo.processes import ServiceProcess, find_free_port
from node.adapters import jetstream
from node.adapters.broker_identity import node_permissions
from protocol.identifiers import ParticipantCode
from protocol.nkeys import Nkey, NkeyKind
from tests.support.broker import (
    BrokerPlace,
    LinkedNode,
    TestParticipant,
    eventually,
    running_broker,
)
from tests.support.ceremonies import Stage
from tests.support.intrusion import connect_with
from tests.support.registry import Timepiece, serve

READY_SECONDS = 60.0
AL, MK = ParticipantCode("AL"), ParticipantCode("MK")


@dataclass
class Scene:
    """Operators with their tools, a broker, and the hub between them."""

    stage: Stage
    place: BrokerPlace
    hub: ServiceProcess
    #: A registry host over the same folder, for what is published while the hub is away.
    elsewhere: str

    def use(self, address: str) -> None:
        """Publish here from now on."""
        self.stage.host.restart()
        self.stage.address = address

    async def publish_keys(self, member: TestParticipant) -> None:
        """Publish what a Participant's node says of its keys."""
        await asyncio.to_thread(self._publish_keys, member)

    def _publish_keys(self, member: TestParticipant) -> None:
        self.stage.submit(self.sign_keys(member, signer=f"{member.code}-node"))

    def sign_keys(self, member: TestParticipant, *, signer: str) -> Submission:
        """Return the next version of what a Participant's node says of its keys."""
        stage = self.stage
        document = member.keys().model_copy(update={"issued_at": stage.clock()})
        stage.clock.move(timedelta(seconds=1))
        return build_keys_submission(
            document,
            previous_version=stage.host.repository.role_status(f"{member.code}-node").version,
            signer=RegistrySigner(stage.key(signer)),
            expires=stage.clock() + timedelta(days=7),
        )

    async def replace_stolen_keys(self, member: TestParticipant, *, node_key: str) -> None:
        """Let a Participant alone put another node, and its keys, in the place of a stolen one."""

        def replace_them() -> None:
            stage, code = self.stage, member.code
            stage.make_key(node_key)
            keys = self.sign_keys(member, signer=node_key)
            (stage.folder / "new-keys.json").write_text(json.dumps(keys.to_json()))
            words = ["node-key", code, "--node-key", f"public/{node_key}.pub"]
            words += ["--keys", "new-keys.json"]
            file = stage.prepare("stolen", *words, signers=[f"{code}-directory"])
            outcome = stage.publish(file)
            assert outcome.code == 0, outcome.err

        await asyncio.to_thread(replace_them)

    async def publish_contacts(self, code: ParticipantCode, *, node_keys: list[str]) -> None:
        """Publish a Participant's contacts, and which keys speak for its node."""
        stage = self.stage
        submission = stage.sign_contacts(code, signer=f"{code}-directory", node_keys=node_keys)
        await asyncio.to_thread(stage.submit, submission)

    async def hold_ceremony(self, name: str, *words: str, signers: list[str]) -> None:
        """Let the operators change who takes part."""

        def hold() -> None:
            file = self.stage.prepare(name, *words, signers=signers)
            outcome = self.stage.publish(file)
            assert outcome.code == 0, outcome.err

        await asyncio.to_thread(hold)

    async def start_hub(self) -> None:
        """Start the hub and wait until it is ready."""
        self.hub.start()
        await asyncio.to_thread(self.hub.wait_until, "/readyz", seconds=READY_SECONDS)
        self.use(self.hub.url)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """Found a registry with AL and MK, run a broker, and prepare the hub."""
    stage = Stage(tmp_path, Timepiece())
    data = tmp_path / "hub"
    data.chmod(0o700)
    port = find_free_port()
    with serve(stage.host) as elsewhere, running_broker(data) as place:
        stage.address = elsewhere
        stage.found()
        hub = ServiceProcess(
            "hub",
            program="trm-hub",
            settings={
                "TRM_HUB_DATA_DIR": str(data),
                "TRM_HUB_PORT": str(port),
                "TRM_HUB_BROKER_MODE": "external",
                "TRM_HUB_BROKER_SERVERS": place.server.url,
                "TRM_HUB_BROKER_CA": str(place.authority),
                "TRM_HUB_ADMISSION_INTERVAL": "PT1H",
                "TRM_HUB_DRILLS_BY_SCHEDULE": "false",
            },
            url=f"http://127.0.0.1:{port}",
            log=tmp_path / "hub.log",
        )
        try:
            yield Scene(stage, place, hub, elsewhere)
        finally:
            hub.kill()


async def exchange(one: LinkedNode, other: LinkedNode, *, word: bytes) -> None:
    """Send something each way and take it out."""
    for sender, recipient in ((one, other), (other, one)):
        await sender.put(recipient.participant, word)
        (delivery,) = await recipient.take()
        assert delivery.envelope == word
        await delivery.ack()


async def test_the_broker_follows_the_registry_at_once(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Added, rotated key by key, expelled and back: each at once, also for who is connected."""
    monkeypatch.setattr(jetstream, "_RENEWAL", 0.1)
    al, mk = TestParticipant(AL), TestParticipant(MK)
    await scene.start_hub()
    for code in (AL, MK):
        await scene.publish_contacts(code, node_keys=[f"{code}-node"])
    await scene.publish_keys(al)
    place = scene.place
    async with (
        LinkedNode(place, al, credential_lifetime=timedelta(seconds=40)) as partner,
        LinkedNode(place, mk) as first,
    ):
        await partner.wait_until_up()
        assert not first.link.is_up

        # Added: it had been knocking all the time.
        await scene.publish_keys(mk)
        await first.wait_until_up()
        await exchange(partner, first, word=b"added")

        # A new user key needs nobody: the node signs for it itself.
        user_key_changed = replace(mk, user_key=Nkey.generate(NkeyKind.USER))
        async with LinkedNode(place, user_key_changed) as second:
            await exchange(partner, second, word=b"another user key")

        # A new account signing key: whoever holds the old one is cut off, and the mail stays.
        signing_key_changed = replace(
            mk,
            signing_key=Nkey.generate(NkeyKind.ACCOUNT),
            user_key=Nkey.generate(NkeyKind.USER),
        )
        await partner.put(mk, b"before the change")
        await scene.publish_keys(signing_key_changed)
        await first.wait_for(lambda link: not link.is_up)
        async with LinkedNode(place, signing_key_changed) as third:
            (delivery,) = await third.take()
            assert delivery.envelope == b"before the change"
            await delivery.ack()
            await exchange(partner, third, word=b"another signing key")

            # The hub is away: everybody goes on, credentials are renewed, and what the registry
            # says meanwhile is carried out as soon as the hub is back.
            scene.hub.kill()
            session = partner.link._session
            await exchange(partner, third, word=b"the hub is away")
            await eventually(lambda: partner.link._session not in {None, session})
            await exchange(partner, third, word=b"renewed without the hub")
            account_changed = TestParticipant(MK)
            scene.use(scene.elsewhere)
            await scene.publish_keys(account_changed)
            await exchange(partner, third, word=b"nobody told the broker yet")
            await scene.start_hub()
            await third.wait_for(lambda link: not link.is_up)
        async with LinkedNode(place, account_changed) as fourth:
            await exchange(partner, fourth, word=b"another account")

            # The operators expel it, and let it in again.
            await scene.hold_ceremony("depart", "depart", "MK", signers=["op-2", "op-3"])
            await fourth.wait_for(lambda link: not link.is_up)
            await scene.hold_ceremony(
                "return",
                *("admit", "MK", "--directory-key", "public/MK-directory.pub"),
                *("--contacts", scene.stage.write_contacts("MK")),
                *("--node-key", "public/MK-node.pub"),
                signers=["op-1", "op-2", "MK-directory"],
            )
            await scene.publish_keys(account_changed)
            await exchange(partner, fourth, word=b"back")
        assert partner.link.is_up


async def test_a_thief_of_all_keys_is_thrown_out_and_stays_out(scene: Scene) -> None:
    """Connected with each stolen key he is cut off at once; the honest node is back with new ones.

    What waited for it in the old mailbox its senders hand over to the new one.
    """
    al, mk = TestParticipant(AL), TestParticipant(MK)
    await scene.start_hub()
    for member in (al, mk):
        await scene.publish_contacts(member.code, node_keys=[f"{member.code}-node"])
        await scene.publish_keys(member)
    place = scene.place
    # With the key store he has the key of the account itself, too, which issues credentials, too.
    stolen = [
        mk,
        replace(mk, user_key=Nkey.generate(NkeyKind.USER)),
        replace(mk, signing_key=mk.account_key, user_key=Nkey.generate(NkeyKind.USER)),
    ]
    new = TestParticipant(MK)
    async with LinkedNode(place, al) as partner, AsyncExitStack() as stack:
        thieves = [await stack.enter_async_context(LinkedNode(place, each)) for each in stolen]
        for link in (partner, *thieves):
            await link.wait_until_up()
        await partner.put(mk, b"waits")

        await scene.replace_stolen_keys(new, node_key="MK-node-2")

        for thief in thieves:
            await thief.wait_for(lambda link: not link.is_up)
        async with LinkedNode(place, new) as honest:
            await partner.put(new, b"waits")
            (delivery,) = await honest.take()
            await delivery.ack()
            await exchange(partner, honest, word=b"with new keys")
            # The thief publishes once more with the node key that he has, and knocks again.
            late = scene.sign_keys(mk, signer="MK-node")
            answer = await asyncio.to_thread(
                httpx.post,
                f"{scene.stage.address}/registry/submissions",
                json=late.to_json(),
                trust_env=False,
            )
            assert answer.json()["code"] == "not_signed"
            for each in stolen:
                with pytest.raises(NatsError, match=r"(?i)authorization"):
                    async with connect_with(place, each, node_permissions(mk.account)):
                        pytest.fail("The thief is in again.")
            await exchange(partner, honest, word=b"still with new keys")
            assert not any(thief.link.is_up for thief in thieves)
