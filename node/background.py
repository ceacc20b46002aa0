"""The background tasks of a running node: which there are, and what is wrong with them."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from console.i18n import Message, load_catalogues, msg
from console.process.tasks import BackgroundTasks, Work
from contact_registry.directory import Directory
from contact_registry.models import KeysDocument
from contact_registry.trust.layout import node_role
from contact_registry.trust.staleness import DEFAULT_AGE_LIMITS, AgeLimits, grade_view
from node.adapters.broker_identity import NodeBrokerIdentity
from node.adapters.clamd import build_scanner
from node.adapters.drill_host import DrillHost
from node.adapters.jetstream import BrokerLink, LinkStatus
from node.adapters.lines import Lines
from node.adapters.own_keys import OwnKeys
from node.adapters.registry import KeysPublisher, TakenFiles
from node.adapters.webhook_post import WebhookPoster, build_http
from node.domain.file_intake import FileIntakeRules
from node.parts import NodeParts, read_unlock, utc_now
from node.service.context import NodeContext
from node.service.holding import describe_view_age
from node.workers.access_rounds import AccessRounds
from node.workers.chunk_relay import ChunkRelay, FileSweep
from node.workers.clearing import Clearing
from node.workers.consumer import Consumer
from node.workers.deadlines import Deadlines
from node.workers.directory_changes import DirectoryChanges
from node.workers.drills import DrillRounds
from node.workers.follower import FollowerWorker
from node.workers.fresh_relay import make_message_relay, make_receipt_relay
from node.workers.keys_renewal import KeysRenewal
from node.workers.link_repair import LinkRepair
from node.workers.memory_return import MemoryReturn
from node.workers.notices import Notices
from node.workers.promises import PromisesWatch
from node.workers.received_files import add_file_tasks
from node.workers.registry_refresh import RegistryRefresh
from node.workers.relay import Kind, Relay
from node.workers.webhook_sender import WebhookSender
from protocol.identifiers import ParticipantCode
from protocol.subjects import AccountId, TrafficClass

#: How long a task may need for a round of work, whatever else it waits for.
_PATIENCE: Final = timedelta(minutes=2)
#: Pause between two looks at what links miss: short beside the pauses between two questions.
_LINK_REPAIR: Final = timedelta(seconds=30)
#: Pause between two looks at changes of our contacts that the hub has not answered.
_DIRECTORY_CHANGES: Final = timedelta(seconds=15)
#: Our keys are published three weeks ahead (SPEC 12.2). If the registry lists them for less than
#: this, it does not show what we publish, and soon nobody can seal to us.
_KEYS_AHEAD: Final = timedelta(days=10)


@dataclass(frozen=True, slots=True)
class NodeTasks:
    """The background tasks of a running node; enter ``owner`` to run them."""

    link: Lines
    owner: BackgroundTasks
    refresh: RegistryRefresh
    #: The way to receivers of webhooks: to be closed when the tasks have ended.
    receivers: WebhookPoster

    @classmethod
    def build(cls, parts: NodeParts) -> "NodeTasks":
        """Compose them; call inside the event loop."""
        settings, context = parts.settings, parts.context
        link = _build_lines(parts)
        refresh = RegistryRefresh(
            context, refresh=parts.directory.refresh, interval=settings.registry_refresh
        )
        owner = BackgroundTasks(clock=utc_now)
        owner.add_service("broker_link", link.run)
        owner.add_round(
            "registry_refresh",
            refresh.run_round,
            every=timedelta(0),
            overdue_after=3 * settings.registry_refresh + _PATIENCE,
        )
        _add_delivery_tasks(owner, parts, link, refresh=refresh)
        _add_work_tasks(owner, context)
        receivers = WebhookPoster(build_http(), allowed=settings.webhook_networks)
        _add_waiting(owner, {"webhooks": WebhookSender(context, receivers).run_round})
        _add_watches(owner, context)
        _add_registry_tasks(owner, parts, refresh=refresh)
        owner.add_round("memory_return", MemoryReturn().run_round, every=MemoryReturn.EVERY)
        return cls(link=link, owner=owner, refresh=refresh, receivers=receivers)

    def find_troubles(self, parts: NodeParts) -> list[Message]:
        """Say what is not as it should be; empty if the node is ready."""
        troubles = self.owner.find_troubles()
        state = self.link.state
        if state.status is not LinkStatus.UP:
            said = msg("broker link: %(state)s", state=state.status.value)
            if state.last_error:
                said = msg(
                    "broker link: %(state)s: %(error)s",
                    state=state.status.value,
                    error=str(state.last_error),
                )
            troubles.append(said)
        return troubles + find_registry_troubles(
            parts.directory.loaded,
            participant=parts.context.participant,
            now=utc_now(),
            limits=parts.context.age_limits,
        )


def _add_waiting(owner: BackgroundTasks, tasks: Mapping[str, Work]) -> None:
    """Add what waits by itself for something to do."""
    for task, work in tasks.items():
        owner.add_round(task, work, every=timedelta(0), overdue_after=_PATIENCE)


def _add_delivery_tasks(
    owner: BackgroundTasks, parts: NodeParts, link: Lines, *, refresh: RegistryRefresh
) -> None:
    """Add what brings messages, receipts and files out and in."""
    settings, context = parts.settings, parts.context
    intake = add_file_tasks(
        owner,
        context,
        link.files,
        scanner=build_scanner(
            settings.malware_scanner, max_bytes=settings.malware_scanner_max_bytes
        ),
        rules=FileIntakeRules(of_one_peer=settings.files_of_one_participant),
    )
    owner.add_service("chunk_relay", ChunkRelay(context, link.files).run)
    # Receipts never wait for messages that are on their way.
    relay = Relay(context, link, kinds=(Kind.MESSAGES, Kind.MACHINE_MAIL))
    relays = {
        "relay": relay.run_round,
        "receipt_relay": Relay(context, link, kinds=(Kind.RECEIPTS,)).run_round,
        "fresh_messages_1": make_message_relay(context, link).run_round,
        "fresh_messages_2": make_message_relay(context, link).run_round,
        "fresh_receipts": make_receipt_relay(context, link).run_round,
    }
    consumers = {
        f"consumer_{traffic.name.lower()}": Consumer(
            context,
            link,
            traffic=traffic,
            refresh_registry=refresh.refresh_now,
            hand_chunks=intake.take_in,
        ).run_round
        for traffic in (TrafficClass.MESSAGE, TrafficClass.RECEIPT, TrafficClass.LARGE)
    }
    _add_waiting(owner, relays | consumers)


def _add_work_tasks(owner: BackgroundTasks, context: NodeContext) -> None:
    """Add what looks after items: what follows from messages, who is told, and by which mail."""
    work = {
        "follower": FollowerWorker(context).run_round,
        "deadlines": Deadlines(context).run_round,
    }
    if context.postman is not None:
        notices = Notices(context, context.postman, catalogues=load_catalogues())
        work["notices"] = notices.run_round
    _add_waiting(owner, work)


def _add_watches(owner: BackgroundTasks, context: NodeContext) -> None:
    """Add what looks at the store now and then, and what clears it."""
    for task, work, every in (
        ("access", AccessRounds(context).run_round, AccessRounds.EVERY),
        ("promises", PromisesWatch(context).run_round, PromisesWatch.EVERY),
    ):
        owner.add_round(task, work, every=every, overdue_after=_PATIENCE)
    owner.add_round("file_sweep", FileSweep(context).run_round, every=FileSweep.EVERY)
    owner.add_round("clearing", Clearing(context).run_round, every=Clearing.EVERY)
    owner.add_round(
        "link_repair",
        LinkRepair(context).run_round,
        every=min(_LINK_REPAIR, context.rules.repair.pauses[0] / 4),
        overdue_after=_LINK_REPAIR + _PATIENCE,
    )


def _add_registry_tasks(
    owner: BackgroundTasks, parts: NodeParts, *, refresh: RegistryRefresh
) -> None:
    """Add what exchanges with the hub: our keys, drills, and changes of our contacts."""
    settings, context = parts.settings, parts.context
    publisher = KeysPublisher(
        hub_url=str(settings.hub_url),
        http=parts.registry,
        takes=TakenFiles(settings.max_attachment_bytes, settings.attachment_types),
    )
    own_keys = OwnKeys(
        parts.keystore,
        path=settings.keystore_path,
        unlock=read_unlock(settings),
        publisher=publisher,
    )
    renewal = KeysRenewal(context, own_keys, wait_for_registry=refresh.wait_until_refreshed)
    owner.add_round("keys_renewal", renewal.run_round, every=settings.keys_renewal)
    drills = DrillRounds(
        context,
        DrillHost(str(settings.hub_url), parts.registry),
        interval=settings.drills_refresh.total_seconds(),
    )
    owner.add_round(
        "drills",
        drills.run_round,
        every=timedelta(0),
        overdue_after=settings.drills_refresh + _PATIENCE,
    )
    owner.add_round(
        "directory_changes",
        DirectoryChanges(parts.changes).run_round,
        every=_DIRECTORY_CHANGES,
        overdue_after=_DIRECTORY_CHANGES + _PATIENCE,
    )


def _build_lines(parts: NodeParts) -> Lines:
    settings, keys = parts.settings, parts.keystore
    tls = ssl.create_default_context(cafile=str(settings.broker_ca) if settings.broker_ca else None)
    tls.minimum_version = ssl.TLSVersion.TLSv1_3
    identity = NodeBrokerIdentity(
        account=AccountId(keys.account_key.public),
        account_signing_key=keys.account_signing_key,
        user_key=keys.user_key,
    )
    small, large, files = (
        BrokerLink(
            servers=settings.broker_servers, tls=tls, identity=identity, clock=utc_now, line=line
        )
        for line in ("small", "large", "files")
    )
    return Lines(small=small, large=large, files=files)


def find_registry_troubles(
    directory: Directory | None,
    *,
    participant: ParticipantCode,
    now: datetime,
    limits: AgeLimits = DEFAULT_AGE_LIMITS,
) -> list[Message]:
    """Say what is wrong with the registry as this node sees it, and with its own part of it."""
    if directory is None:
        return [msg("registry: never seen")]
    age = grade_view(directory, now=now, limits=limits)
    troubles = [describe_view_age(age)] if age.meaning.is_trouble else []
    if participant not in directory.keys:
        troubles.append(msg("own keys: not in the registry, so nobody can send to this node"))
    else:
        troubles += _list_ending_keys(directory.keys[participant], now=now)
    overdue = directory.overdue.get(node_role(participant))
    if overdue is not None:
        at = f"{overdue:%Y-%m-%d %H:%M} UTC"
        troubles.append(msg("own keys: their signature ran out at %(at)s", at=at))
    return troubles


def _list_ending_keys(keys: KeysDocument, *, now: datetime) -> list[Message]:
    """Say that our keys, as the registry lists them, come to their end: see :data:`_KEYS_AHEAD`."""
    end = max((key.valid_to for key in keys.encryption_keys), default=now)
    if end - now > _KEYS_AHEAD:
        return []
    line = msg(
        "own keys: the registry lists none that is good after %(day)s, although this node "
        "publishes them three weeks ahead: ask the hub's operators why it does not show them",
        day=f"{end:%Y-%m-%d}",
    )
    return [line]
