"""Taking in many ordinary messages at once.

Nearly every message is ordinary: new, in time, the next one on its link, settling nothing, of a
sender who sees the same registry. What is known about a whole fetch of them is asked
for in a few statements, and they are stored by a few more; each of them alone would take twenty.
Whatever is not ordinary in any respect is left to :mod:`node.service.receiving`, one by one, which
knows every rule. The result is the same, row for row.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import BindParameter, bindparam, select, union_all
from sqlmodel import Session

from node.domain.events import EventKind
from node.domain.states import Handling
from node.service.attachments.received import describe_files
from node.service.context import NodeContext
from node.service.following import note_to_follow
from node.service.handoff import Read
from node.service.local_names import make_local_name
from node.service.opening import Opened, Refused
from node.service.pin_watching import note_verified
from node.service.receipt_rows import Owed, owe_claimed
from node.service.records import IN, find_joined
from node.store.attachment_tables import ReceivedFileRow
from node.store.bulk import in_parts, insert_rows, table_of
from node.store.link_tables import LinkGapRow, LinkGoneRow
from node.store.pin_tables import RegistryVerifiedRow
from node.store.prepared import Prepared
from node.store.tables import CaseRow, EventRow, MessageRow, ReceiptDueRow
from protocol.links import FIRST_PREVIOUS, LinkVerdict
from protocol.messages.catalogue import get_entry
from protocol.messages.entries import Expectation
from protocol.messages.general import CaseClosed
from protocol.messages.head import CaseMessage
from protocol.messages.system import ReceiptStatus

_MESSAGE, _DUE, _CASE = table_of(MessageRow).c, table_of(ReceiptDueRow).c, table_of(CaseRow).c
_GAP, _GONE = table_of(LinkGapRow).c, table_of(LinkGoneRow).c
_VERIFIED_ROW: Final = table_of(RegistryVerifiedRow).c

# Made once: putting a question together costs more than asking it.
_NAMES: Final[BindParameter[Any]] = bindparam("names", expanding=True)
_PEERS: Final[BindParameter[Any]] = bindparam("peers", expanding=True)
_TAKEN: Final = Prepared(
    union_all(
        select(_MESSAGE.message_id).where(_MESSAGE.message_id.in_(_NAMES)),
        select(_MESSAGE.wire_id).where(
            _MESSAGE.direction == IN, _MESSAGE.peer.in_(_PEERS), _MESSAGE.wire_id.in_(_NAMES)
        ),
        select(_DUE.wire_id).where(_DUE.peer.in_(_PEERS), _DUE.wire_id.in_(_NAMES)),
    )
)
_CASES: Final = Prepared(
    select(_CASE.reference, _CASE.case_id, _CASE.wrapped_key).where(
        _CASE.reference.in_(bindparam("references", expanding=True))
    )
)
_LAST: Final = Prepared(
    select(_MESSAGE.link_generation, _MESSAGE.link_seq, _MESSAGE.payload_sha256)
    .where(
        _MESSAGE.direction == IN,
        _MESSAGE.peer == bindparam("peer"),
        _MESSAGE.link_generation.is_not(None),
        _MESSAGE.link_seq.is_not(None),
    )
    .order_by(_MESSAGE.link_generation.desc(), _MESSAGE.link_seq.desc())
    .limit(1)
)
_BEHIND: Final = Prepared(
    union_all(
        *(
            select(table.peer).where(
                table.peer == bindparam("peer"),
                table.generation >= bindparam("generation"),
                table.last > bindparam("seq"),
            )
            for table in (_GAP, _GONE)
        )
    ).limit(1)
)
_VERIFIED: Final = Prepared(
    select(_VERIFIED_ROW.version, _VERIFIED_ROW.sha256).where(
        _VERIFIED_ROW.version.in_(bindparam("versions", expanding=True))
    )
)


@dataclass(slots=True)
class _LinkEnd:
    """The last message held of a link."""

    generation: int
    seq: int
    digest: str


@dataclass(slots=True)
class _Known:
    """What the store says about everything that a fetch touches."""

    #: Names, on the wire or ours, that are taken; receipts that are owed already.
    taken: set[str]
    #: Case identifier and wrapped key by reference.
    cases: dict[str, tuple[str, bytes]]
    joined: set[tuple[str, str]]
    ends: dict[str, _LinkEnd | None]
    verified: dict[int, str]


@dataclass(slots=True)
class _Rows:
    """What is to be written."""

    cases: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    receipts: list[dict[str, Any]] = field(default_factory=list)
    #: Of the messages that the receipts are for.
    channels: list[str] = field(default_factory=list)
    files: list[dict[str, Any]] = field(default_factory=list)


class PlainIntake:
    """The ordinary messages of one fetch, inside one transaction.

    Ask :meth:`take` for each outcome in turn. :meth:`write` has to come before anybody else looks
    into the store, and :meth:`forget` after anybody else has changed it.
    """

    def __init__(
        self, context: NodeContext, session: Session, outcomes: Sequence[Opened | Refused]
    ) -> None:
        self._context = context
        self._session = session
        self._outcomes = outcomes
        self._turn = 0
        self._known: _Known | None = None
        self._rows = _Rows()
        self._claimed_until = (
            context.clock() + context.rules.lease if context.leaving.receipts.takes_more else None
        )
        #: Receipts that were claimed as they were written: to be signed after the commit.
        self.owed: list[Owed] = []
        #: How many messages earn their receipt later, with their files.
        self.with_files = 0
        #: The messages as they were read: for what follows, after the commit.
        self.read: list[Read] = []

    def take(self, outcome: Opened | Refused) -> str | None:
        """Note an ordinary message to be written; returns our name for it, else ``None``."""
        self._turn += 1
        message = find_plain(outcome)
        if message is None or isinstance(outcome, Refused):
            return None
        known = self._known = self._known or self._look()
        if not _is_expected(known, message) or _is_erased(known, message):
            return None
        self._note(known, outcome, message)
        return message.message_id

    def write(self) -> None:
        """Write what was noted."""
        rows, self._rows = self._rows, _Rows()
        insert_rows(self._session, CaseRow, rows.cases)
        insert_rows(self._session, MessageRow, rows.messages)
        insert_rows(self._session, EventRow, rows.events)
        if self._claimed_until is None:
            insert_rows(self._session, ReceiptDueRow, rows.receipts)
        else:
            self.owed += owe_claimed(
                self._session, rows.receipts, channels=rows.channels, until=self._claimed_until
            )
        insert_rows(self._session, ReceivedFileRow, rows.files)
        names = [str(row["message_id"]) for row in rows.messages]
        note_to_follow(self._session, names, at=self._context.clock())

    def forget(self) -> None:
        """Look again before the next one."""
        self._known = None

    # -------------------------------------------------------------------------- looking

    def _look(self) -> _Known:
        """Ask the store about everything that is still to come."""
        coming = [
            message
            for outcome in self._outcomes[self._turn - 1 :]
            if (message := find_plain(outcome)) is not None
        ]
        session = self._session
        session.flush()  # what follows is below the objects
        note_verified(self._context, session)
        names = sorted({message.message_id for message in coming})
        peers = sorted({message.sender for message in coming})
        cases = _find_cases(session, {str(message.case) for message in coming})
        return _Known(
            taken=_find_taken(session, names, peers),
            cases=cases,
            joined=find_joined(session, [case_id for case_id, _ in cases.values()], peers),
            ends={peer: _find_end(session, peer) for peer in peers},
            verified=_find_verified(session, {message.registry.version for message in coming}),
        )

    # -------------------------------------------------------------------------- noting

    def _note(self, known: _Known, opened: Opened, message: CaseMessage) -> None:
        now, rows, peer = self._context.clock(), self._rows, message.sender
        reference = str(message.case)
        if reference not in known.cases:
            case_id = make_local_name(self._context)
            known.cases[reference] = (case_id, self._context.keys.make_case_key())
            rows.cases.append(
                {
                    "case_id": case_id,
                    "reference": reference,
                    "created_at": now,
                    "wrapped_key": known.cases[reference][1],
                }
            )
            opened_in = _event(EventKind.CASE_OPENED, now, peer, case_id, channel=message.channel)
            rows.events.append(opened_in)
        case_id, wrapped_key = known.cases[reference]
        if (case_id, peer) not in known.joined:
            known.joined.add((case_id, peer))
            joined = _event(
                EventKind.PARTICIPANT_JOINED,
                now,
                peer,
                case_id,
                code=peer,
                channel=message.channel,
            )
            rows.events.append(joined)
        known.taken.add(message.message_id)
        digest, position = opened.signed.digest, message.link.position
        known.ends[peer] = _LinkEnd(position.generation, position.seq, digest)
        sealed = self._context.keys.encrypt(
            opened.signed.encode(), wrapped_key=wrapped_key, context=f"message:{message.message_id}"
        )
        self.read.append(
            Read(message.message_id, message, digest=digest, size=len(opened.signed.payload))
        )
        rows.messages.append(
            _message_row(opened, message, digest=digest, at=now)
            | {"case_id": case_id, "signed_payload_sealed": sealed}
        )
        rows.events.append(
            _event(EventKind.MESSAGE_RECEIVED, now, peer, case_id, message_id=message.message_id)
        )
        if message.attachments:
            self.with_files += 1
            rows.files += describe_files(
                self._context, message, message_id=message.message_id, peer=peer
            )
            return
        rows.channels.append(message.channel)
        rows.receipts.append(
            {
                "peer": peer,
                "wire_id": message.message_id,
                "payload_sha256": digest,
                "status": ReceiptStatus.DELIVERED,
                "readable": True,
                "at": now.replace(microsecond=0),
                "next_attempt_at": now,
            }
        )


def find_plain(outcome: Opened | Refused) -> CaseMessage | None:
    """Return the message of an outcome that may be ordinary, as far as the message itself says."""
    if isinstance(outcome, Refused) or outcome.late:
        return None
    message = outcome.message
    if (
        not isinstance(message, CaseMessage)
        or message.in_reply_to is not None  # it may act on a conversation
        or isinstance(message, CaseClosed)
    ):
        return None
    return message


def _is_erased(known: _Known, message: CaseMessage) -> bool:
    """Whether its case was erased here: then it has to be begun anew."""
    return known.cases.get(str(message.case), ("", b"\x00"))[1] == b""


def _is_expected(known: _Known, message: CaseMessage) -> bool:
    """Whether it is new, the next one on its link, and names the registry that we verified."""
    if message.message_id in known.taken:
        return False
    if known.verified.get(message.registry.version) != message.registry.sha256:
        return False
    end, position = known.ends.get(message.sender), message.link.position
    if end is None:
        return False
    return (position.generation, position.seq, position.prev) == (
        end.generation or position.generation,
        end.seq + 1,
        end.digest,
    )


def _find_taken(session: Session, names: list[str], peers: list[str]) -> set[str]:
    """Return those names that stand in the store already, wherever: then somebody has to look."""
    taken: set[str] = set()
    for part in in_parts(names):
        asked = {"names": part, "peers": peers}
        taken.update(name for (name,) in _TAKEN.ask(session, asked))
    return taken


def _find_cases(session: Session, references: set[str]) -> dict[str, tuple[str, bytes]]:
    found: dict[str, tuple[str, bytes]] = {}
    for part in in_parts(sorted(references)):
        for reference, case_id, key in _CASES.ask(session, {"references": part}):
            found[reference] = (case_id, key)
    return found


def _find_verified(session: Session, versions: set[int]) -> dict[int, str]:
    return dict(_VERIFIED.ask(session, {"versions": sorted(versions)}))


def _find_end(session: Session, peer: str) -> _LinkEnd | None:
    """Return the last message held of the newest generation; None if anything is odd behind it."""
    last = _LAST.ask(session, {"peer": peer})
    end = _LinkEnd(*last[0]) if last else _LinkEnd(0, 0, FIRST_PREVIOUS)
    behind = {"peer": peer, "generation": end.generation, "seq": end.seq}
    return None if _BEHIND.ask(session, behind) else end


def _event(  # noqa: PLR0913 - the columns of one entry
    kind: EventKind,
    at: datetime,
    actor: str,
    case_id: str,
    *,
    message_id: str | None = None,
    code: str | None = None,
    channel: str | None = None,
) -> dict[str, Any]:
    return {
        "channel": channel,
        "kind": kind,
        "at": at,
        "actor": actor,
        "case_id": case_id,
        "message_id": message_id,
        "code": code,
    }


def _message_row(
    opened: Opened, message: CaseMessage, *, digest: str, at: datetime
) -> dict[str, Any]:
    """Return what of a message is metadata (as ``receiving`` writes it)."""
    expects = get_entry(message.type).expectation_of(message.kind)
    return {
        "message_id": message.message_id,
        "wire_id": message.message_id,
        "direction": IN,
        "peer": message.sender,
        "type": message.type,
        "version": message.version,
        "readable": True,
        "stored_at": at,
        "expires_at": opened.consignment.expires_at,
        "payload_sha256": digest,
        "signer_key_id": opened.signed.signer,
        "link_generation": message.link.generation,
        "link_seq": message.link.seq,
        "link_prev": message.link.prev,
        "link_verdict": LinkVerdict.IN_ORDER,
        "phase": message.phase,
        "urgency": message.urgency,
        "channel": message.channel,
        "from_authority": message.from_authority,
        "to_authority": message.to_authority,
        "in_reply_to": message.in_reply_to,
        "composed_at": message.composed_at,
        "answer_by": message.answer_by,
        "registry_version": message.registry.version,
        "registry_sha256": message.registry.sha256,
        "handling": Handling.NOTHING_EXPECTED if expects is Expectation.NOTHING else Handling.NEW,
    }
