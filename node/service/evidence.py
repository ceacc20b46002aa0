"""Bundles that prove a message, or a whole case, to somebody who trusts neither hub nor node.

What is in a bundle, and how it is checked: ``docs/evidence.md``.
"""

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlmodel import Session, col, select

from contact_registry.errors import RegistryError, RegistryRefusedError
from contact_registry.evidence.container import pack_members
from contact_registry.evidence.errors import RegistryFileMissingError
from contact_registry.evidence.presenting import name_participant, show_moment
from contact_registry.evidence.registry_proof import PastRegistry, collect_objects
from contact_registry.evidence.report import write_report
from contact_registry.evidence.verifying import judge_contents
from node.domain.access import Permission, Principal
from node.domain.audit import Act
from node.domain.events import SYSTEM_ACTOR, EventKind
from node.domain.evidence import find_step
from node.service.audit import note_seen
from node.service.context import NodeContext, NotFoundError
from node.service.permitting import (
    find_seen_case,
    find_seen_message,
    is_event_seen,
    is_seen,
    require,
)
from node.service.reading import is_entry_seen
from node.service.records import OUT, find_case, list_with_files, load_signed
from node.service.registry_archive import RegistryArchive
from node.store.tables import CaseRow, EventRow, EvidenceRow, MessageRow, ReceiptRow
from protocol.envelope import SignedPayload
from protocol.errors import RemoteProtocolError
from protocol.evidence.bundle import BundleContents, encode_bundle, name_signed
from protocol.evidence.head import parse_evidence_head
from protocol.evidence.manifest import (
    CoversCase,
    CoversMessage,
    EventClaim,
    EventLog,
    Exporter,
)
from protocol.evidence.steps import STEPS
from protocol.identifiers import CaseReference, ParticipantCode
from protocol.messages.head import RegistryPin

_PARTICIPANT: Final = re.compile(r"[A-Z][A-Z0-9]{1,7}")
_CODE: Final = re.compile(r"[A-Za-z0-9_.-]{1,120}")


@dataclass(frozen=True, slots=True)
class ExportedBundle:
    """A bundle as a file, and what it lacks."""

    data: bytes
    messages: int
    receipts: int
    #: What the bundle cannot prove for want of registry files, one line each.
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Found:
    """What the store holds of what is to be proved."""

    covers: CoversMessage | CoversCase
    messages: tuple[SignedPayload, ...]
    receipts: tuple[SignedPayload, ...]
    events: tuple[EventClaim, ...]


def export_message(
    context: NodeContext, archive: RegistryArchive, message_id: str, *, who: Principal
) -> ExportedBundle:
    """Return the bundle of one message; raises ``NotFoundError``."""
    require(who, Permission.READ_CASES)
    with context.database.reading() as session:
        row = find_seen_message(session, message_id, who=who)
        if row is None:
            raise NotFoundError("There is no such message here: check its identifier.")
        case = session.get(CaseRow, row.case_id) if row.case_id else None
        events = session.exec(select(EventRow).where(EventRow.message_id == message_id)).all()
        sender = context.participant if row.direction == OUT else row.peer
        covers = CoversMessage(sender=sender, message_id=row.wire_id)
        found = _find(context, session, [row], case, covers, events)
    note_seen(context, who, Act.EVIDENCE_EXPORTED, message_id)
    return _make_bundle(context, archive, found)


def export_case(
    context: NodeContext, archive: RegistryArchive, reference: CaseReference, *, who: Principal
) -> ExportedBundle:
    """Return the bundle of all of a case that is there for them; raises ``NotFoundError``."""
    require(who, Permission.READ_CASES)
    with context.database.reading() as session:
        case = find_case(session, reference)
        if case is None or find_seen_case(session, case.case_id, who=who) is None:
            raise NotFoundError("This node knows no such case: check its reference.")
        rows = session.exec(
            select(MessageRow)
            .where(MessageRow.case_id == case.case_id, is_seen(who))
            .order_by(col(MessageRow.stored_at), col(MessageRow.message_id))
        ).all()
        names, peers = {row.message_id for row in rows}, {row.peer for row in rows}
        events = [
            event
            for event in session.exec(
                select(EventRow).where(EventRow.case_id == case.case_id, is_event_seen(who))
            )
            if is_entry_seen(event, names, peers)
        ]
        found = _find(context, session, rows, case, CoversCase(case=reference), events)
    note_seen(context, who, Act.EVIDENCE_EXPORTED, case.case_id)
    return _make_bundle(context, archive, found)


# ------------------------------------------------------------------ out of the store


def _find(  # noqa: PLR0913, PLR0917 - what one transaction has found
    context: NodeContext,
    session: Session,
    rows: Sequence[MessageRow],
    case: CaseRow | None,
    covers: CoversMessage | CoversCase,
    events: Sequence[EventRow],
) -> _Found:
    # What was erased for good is left out; where that is everything, it is said.
    kept = [row for row in rows if row.signed_payload_sealed] or rows
    signed = {row.message_id: load_signed(context, row, case) for row in kept}
    names = {message_id: name_signed(it) for message_id, it in signed.items()}
    receipts = session.exec(
        select(ReceiptRow)
        .join(EvidenceRow, col(EvidenceRow.receipt_id) == col(ReceiptRow.receipt_id))
        .where(col(EvidenceRow.message_id).in_(signed))
        .distinct()
    ).all()
    with_files = list_with_files(session, signed)
    return _Found(
        covers=covers,
        messages=tuple(signed.values()),
        receipts=tuple(SignedPayload.parse(row.signed_receipt) for row in receipts),
        events=tuple(
            _make_claim(event, names, awaits_files=event.message_id in with_files)
            for event in sorted(events, key=lambda event: event.event_id or 0)
        ),
    )


def _make_claim(event: EventRow, names: dict[str, str], *, awaits_files: bool) -> EventClaim:
    """Say what an entry of the timeline says, without naming an officer."""
    step = find_step(EventKind(event.kind), awaits_files=awaits_files)
    actor = event.actor
    if actor != SYSTEM_ACTOR and not _PARTICIPANT.fullmatch(actor):
        actor = "staff"
    return EventClaim(
        at=event.at.replace(microsecond=0),
        kind=event.kind,
        step=step,
        event=STEPS[step].event if step else None,
        message=names.get(event.message_id or ""),
        actor=actor,
        code=event.code if event.code and _CODE.fullmatch(event.code) else None,
    )


# ------------------------------------------------------------------ into the bundle


def _make_bundle(context: NodeContext, archive: RegistryArchive, found: _Found) -> ExportedBundle:
    now = context.clock().replace(microsecond=0)
    directory = context.directory.current()
    own_pin = RegistryPin(version=directory.version, sha256=directory.sha256)
    registry = archive.open()
    wanted = [(own_pin, context.participant)]
    for signed in (*found.messages, *found.receipts):
        # A message of a type unknown here need not name a registry: then nothing can prove it.
        with suppress(RemoteProtocolError):
            head = parse_evidence_head(signed)
            wanted.append((head.registry, ParticipantCode(head.sender)))
    objects, missing = _collect(registry, wanted)
    key = context.keys.signing_key
    try:
        registry.find_signing_key(own_pin, context.participant, key.key_id, at=now)
    except RegistryRefusedError as error:
        missing = (*missing, f"Confirmation of this node's own signature: {error}")
    except RegistryFileMissingError:
        pass  # among what is missing already
    contents = BundleContents(
        messages={name_signed(it): it for it in found.messages},
        receipts={name_signed(it): it for it in found.receipts},
        roots=registry.roots,
        objects=objects,
        events=EventLog(claimed_by=context.participant, events=found.events),
        report=b"",
    )
    members = encode_bundle(
        _add_report(contents, registry, made_by=context.participant, at=now),
        covers=found.covers,
        exporter=Exporter(
            participant=context.participant,
            at=now,
            registry=own_pin,
            key=key,
        ),
    )
    return ExportedBundle(
        data=pack_members(members),
        messages=len(found.messages),
        receipts=len(found.receipts),
        missing=missing,
    )


def _collect(
    registry: PastRegistry, wanted: Iterable[tuple[RegistryPin, ParticipantCode]]
) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """Return the registry files that prove these keys, and what is not at hand."""
    objects: dict[str, bytes] = {}
    missing: list[str] = []
    for pin, code in dict.fromkeys((*wanted,)):
        try:
            objects |= collect_objects(registry, pin, {code})
        except RegistryError as error:
            missing.append(f"Registry version {pin.version}, keys of {code}: {error}")
    return objects, tuple(missing)


def _add_report(
    contents: BundleContents, registry: PastRegistry, *, made_by: str, at: datetime
) -> BundleContents:
    page = write_report(
        judge_contents(contents, registry),
        title="Evidence",
        introduction=f"Put together by the node of {name_participant(made_by)} on "
        f"{show_moment(at)}.",
    )
    return replace(contents, report=page)
