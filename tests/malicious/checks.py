"""Checks of the node that tests take out, each with a row that fails without it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nats.aio.client import Client
from nats.protocol.parser import Parser
from sqlmodel import col, delete

from console.process.tls_transport import TlsClient, _BoundedParser
from contact_registry.trust import client as registry_client
from node import background
from node.adapters import jetstream
from node.service import dispatching, notices, opening, receipts, receiving
from node.service.context import NodeContext
from node.service.dispatching import Attempt
from node.store.tables import OutboxRow
from protocol import attachment
from protocol.envelope import SignedPayload


@dataclass(frozen=True)
class Check:
    """A check of the node, what stands in its place, and the row that shows it."""

    row: str
    owner: Any
    name: str
    instead: Any
    #: Without it the node waits for ever for what never comes: too late is how its row fails.
    waits: bool = False

    @property
    def id(self) -> str:
        """How the test is called."""
        return f"{self.row} without {self.name.strip('_')}"


def _nothing(*_: object, **__: object) -> None:
    """Check nothing."""


def _same(_: object, outcome: object) -> object:
    return outcome


_publish_ack = jetstream._read_publish_ack


def _never_duplicate(data: bytes) -> jetstream.PublishAck:
    return jetstream.PublishAck(_publish_ack(data).sequence, duplicate=False)


_record = dispatching.record_attempts


def _forget_when_confirmed(context: NodeContext, attempts: Sequence[Attempt]) -> None:
    """Take the broker's word for the recipient's, as a simpler outbox would."""
    _record(context, attempts)
    confirmed = [each.message_id for each in attempts if each.error is None]
    with context.database.transaction() as session:
        session.exec(delete(OutboxRow).where(col(OutboxRow.message_id).in_(confirmed)))


def _empty(*_: object, **__: object) -> list[str]:
    return []


def _no(*_: object) -> bool:
    return False


CHECKS = (
    Check("pass_off_as_another_sender", opening, "_verify_route", _nothing),
    Check("put_copies_where_they_do_not_belong", opening, "_verify_route", _nothing),
    Check("carry_a_message_as_a_receipt", opening, "_verify_content", _nothing),
    Check("invent_a_message_under_a_real_key", SignedPayload, "verify", _nothing),
    Check("hold_back_beyond_expiry", receiving, "_judge_late", _same),
    Check("repeat_fifty_times", receiving, "_find_known", _nothing),
    Check("drop_one_of_three", receiving, "note_arrival", _nothing),
    Check("show_two_registries", receiving, "watch_pin", _nothing),
    Check("hold_a_version_back_from_one", notices, "_list_unseen_versions", _empty),
    Check("invent_thousands_of_envelopes", receipts, "_has_enough_unproven", _no),
    Check("drop_everything_for_a_week", dispatching, "record_attempts", _forget_when_confirmed),
    Check("confirm_without_storing", dispatching, "record_attempts", _forget_when_confirmed),
    Check("freeze_the_registry", dispatching, "must_hold_back", _no),
    Check("publish_no_new_keys", background, "_list_ending_keys", _empty),
    Check("sign_timestamps_of_the_future", registry_client, "require_short_timestamp", _nothing),
    Check("say_that_it_has_it_already", jetstream, "_read_publish_ack", _never_duplicate),
    Check("announce_a_gigabyte", _BoundedParser, "parse", Parser.parse, waits=True),
    Check("talk_nonsense", TlsClient, "_read_loop", Client._read_loop, waits=True),
    Check("forge_headers", TlsClient, "_process_headers", Client._process_headers),
    Check("alter_chunks", attachment, "_verify_chunk", _nothing),
)
