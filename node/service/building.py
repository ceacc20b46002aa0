"""From what a person or a program says to a typed message: the node fills in the rest."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from console.i18n import msg
from console.refusals import as_it_is
from contact_registry.directory import Directory
from contact_registry.errors import RegistryError
from contact_registry.routing import Desk, Gap, resolve
from contact_registry.terms import find_agreed_deadline, load_calendar
from node.service.attachments.sealing import SealedFiles
from node.service.borrowed_words import borrow_words
from node.service.consent.circumstances import Circumstances
from node.service.consent.exceptions import ExceptionDraft
from node.service.consent.records import ConsentStatement
from node.service.context import NodeContext, RefusedDraftError
from node.service.no_desk import NoDeskError
from node.store.tables import CaseRow
from protocol.conversation.history import Place
from protocol.deadlines import AnswerTerms, compute_answer_by
from protocol.errors import MalformedError
from protocol.identifiers import (
    AuthorityId,
    Channel,
    ParticipantCode,
    Phase,
    make_message_id,
    parse_authority_id,
)
from protocol.limits import LIMITS
from protocol.links import LinkPosition
from protocol.messages.catalogue import describe_errors
from protocol.messages.codes import AgeGroup, Formality, Kind, PersonGroup, Urgency
from protocol.messages.entries import CatalogueEntry, Expectation
from protocol.messages.head import CaseMessage, OnwardScope


class OnwardDraft(BaseModel):
    """What the recipient may pass on, as a person or a program says it (see ``OnwardRule``)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scope: OnwardScope = OnwardScope.ASK_FIRST
    authorities: tuple[str, ...] = Field(default=(), max_length=20)


class Draft(BaseModel):
    """What a person or a program says; the rest of the message is the node's to fill in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str = Field(max_length=120)
    #: Needed where a type can ask or tell; otherwise it has one kind.
    kind: Kind | None = None
    #: The need-to-know channel; nothing: that of the message replied to, else the one the type
    #: names, or assistance.
    channel: Channel | None = None
    recipient: str = Field(max_length=8)
    #: An existing case, or nothing to open a new one.
    case: str | None = Field(default=None, max_length=40)
    in_reply_to: str | None = Field(default=None, max_length=32)
    phase: Phase = Phase.IDENTIFICATION
    urgency: Urgency = Urgency.STANDARD
    #: May shorten the deadline that the catalogue gives, never lengthen it.
    answer_by: datetime | None = None
    formality: Formality = Formality.INFORMAL
    instrument: str | None = None
    language: str = "en"
    #: Our desk; nothing: the one the registry names for the phase.
    from_authority: str | None = Field(default=None, max_length=120)
    #: Their desk; nothing: the one the registry names for the phase.
    to_authority: str | None = Field(default=None, max_length=120)
    legal_basis: dict[str, Any]
    body: dict[str, Any]
    #: Files that were brought in for it, in the order in which they are shown.
    files: tuple[str, ...] = Field(default=(), max_length=LIMITS.attachments)
    #: What the recipient may pass on; nothing: it asks first.
    onward: OnwardDraft = OnwardDraft()
    #: The received message of this case whose data it passes on.
    passes_on: str | None = Field(default=None, max_length=32)
    #: The consent that the legal basis describes goes on file with the message.
    consent: ConsentStatement | None = None
    #: So does the exception that it claims: then the legal basis may name the ground alone.
    exception: ExceptionDraft | None = None
    #: And what else is known of the case from now on, added to what was known.
    circumstances: Circumstances | None = None


@dataclass(frozen=True, slots=True)
class Setting:
    """Where and when a message is made."""

    directory: Directory
    now: datetime
    case: CaseRow
    #: The number that it takes on the link to its recipient.
    position: LinkPosition
    #: The newest message of its recipient that is in the case, if there is any.
    seen: Place | None = None
    #: Its files, if it has any; they were sealed under the name that it bears.
    sealed: SealedFiles | None = None


def build_message(
    context: NodeContext, draft: Draft, entry: CatalogueEntry, setting: Setting
) -> CaseMessage:
    """Fill in what the node knows; raises ``RefusedDraftError`` for what does not fit the type."""
    fields = {
        "version": entry.version,
        **_describe_draft(draft),
        **_choose_desks(context, draft, entry, setting),
        **_describe_setting(context, setting),
    }
    try:
        message = entry.model.model_validate_json(json.dumps(fields))
    except ValidationError as error:
        raise RefusedDraftError(as_it_is(describe_errors(error))) from error
    if not isinstance(message, CaseMessage):
        raise RefusedDraftError(
            msg("%(type)s is sent by machines, not by people.", type=draft.type)
        )
    return message


def _describe_draft(draft: Draft) -> dict[str, Any]:
    """Return the fields that stand in a message as its author said them."""
    return {
        "type": draft.type,
        "recipient": draft.recipient,
        "in_reply_to": draft.in_reply_to,
        "phase": draft.phase,
        "formality": draft.formality,
        "instrument": draft.instrument,
        "urgency": draft.urgency,
        "language": draft.language,
        "legal_basis": draft.legal_basis,
        "onward": draft.onward.model_dump(mode="json"),
        "body": draft.body,
    }


def _choose_desks(
    context: NodeContext, draft: Draft, entry: CatalogueEntry, setting: Setting
) -> dict[str, Any]:
    """Return the kind, the channel, the desks of both sides, and when the answer is due."""
    directory, now, recipient = setting.directory, setting.now, ParticipantCode(draft.recipient)
    kind, channel = _choose_kind(draft, entry), choose_channel(draft, entry)
    wanted = Wanted(draft.phase, channel=channel, child=_concerns_child(draft.body))
    from_authority = draft.from_authority or find_own_desk(
        directory, participant=context.participant, wanted=wanted, at=now
    )
    to_authority = draft.to_authority or find_desk(
        directory, participant=recipient, wanted=wanted, at=now
    )
    longest = find_longest(
        directory,
        Asking(entry, kind, phase=draft.phase, urgency=draft.urgency, child=wanted.child),
        pair=(context.participant, recipient),
        to_authority=to_authority,
        at=now,
    )
    return {
        "kind": kind,
        "channel": channel,
        "from_authority": from_authority,
        "to_authority": to_authority,
        "answer_by": _shortest(draft, longest, now=now),
    }


def _describe_setting(context: NodeContext, setting: Setting) -> dict[str, Any]:
    """Return the fields that follow from where and when a message is made, and its name."""
    position, seen, sealed = setting.position, setting.seen, setting.sealed
    files = sealed.manifests if sealed else ()
    return {
        "message_id": sealed.message_id if sealed else make_message_id(context.random),
        "sender": context.participant,
        "composed_at": setting.now.isoformat(),
        "registry": {"version": setting.directory.version, "sha256": setting.directory.sha256},
        "case": setting.case.reference,
        "link": {"generation": position.generation, "seq": position.seq, "prev": position.prev},
        "seen": {"generation": seen.generation, "seq": seen.seq} if seen else None,
        "attachments": [each.model_dump(mode="json") for each in files],
    }


def _concerns_child(body: Mapping[str, Any]) -> bool:
    return (
        body.get("age_group") == AgeGroup.UNDER_18
        or body.get("person_group") == PersonGroup.CHILD
        or body.get("child") is not None
    )


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a desk has to be competent for."""

    phase: Phase
    channel: Channel = Channel.ASSISTANCE
    child: bool = False


def find_desk(
    directory: Directory, *, participant: ParticipantCode, wanted: Wanted, at: datetime
) -> AuthorityId:
    """Return the competent desk; raises ``RefusedDraftError`` with the reason if there is none."""
    answer = _resolve(directory, participant, wanted, at)
    if isinstance(answer, Desk):
        return answer.authority.id
    raise _refuse_gap(directory, participant, answer)


def find_own_desk(
    directory: Directory, *, participant: ParticipantCode, wanted: Wanted, at: datetime
) -> AuthorityId:
    """Return our own competent desk: it need not be reachable by telephone, it has this node."""
    answer = _resolve(directory, participant, wanted, at)
    if isinstance(answer, Desk):
        return answer.authority.id
    if answer.candidates:
        return answer.candidates[0].id
    raise _refuse_gap(directory, participant, answer)


def _refuse_gap(directory: Directory, participant: ParticipantCode, gap: Gap) -> NoDeskError:
    entry = directory.participant(participant)
    return NoDeskError(gap, name=entry.display_name if entry else participant)


def _resolve(
    directory: Directory, participant: ParticipantCode, wanted: Wanted, at: datetime
) -> Desk | Gap:
    return resolve(
        directory,
        participant=participant,
        phase=wanted.phase,
        at=at,
        child=wanted.child,
        channel=wanted.channel,
    )


@dataclass(frozen=True, slots=True)
class Asking:
    """What of a message decides when its answer is due."""

    entry: CatalogueEntry
    kind: Kind
    phase: Phase
    urgency: Urgency
    child: bool


def find_longest(
    directory: Directory,
    asking: Asking,
    *,
    pair: tuple[ParticipantCode, ParticipantCode],
    to_authority: str,
    at: datetime,
) -> datetime | None:
    """Return when the answer is due at the latest; None if the type expects none.

    ``pair`` is sender and recipient: what they agreed on goes before the catalogue's times (SPEC,
    section on deadlines). Days are those that the desk works. Raises ``RefusedDraftError`` for a
    desk that is not listed.
    """
    expects = asking.entry.expectation_of(asking.kind) is not Expectation.NOTHING
    terms = AnswerTerms(
        asking.entry.answer_working_days if expects else None,
        urgency=asking.urgency,
        treated_as_child=asking.child,
        agreed=find_agreed_deadline(directory, pair=pair, phase=asking.phase, at=at),
    )
    try:
        calendar = load_calendar(directory, parse_authority_id(to_authority))
    except (MalformedError, RegistryError) as error:
        raise RefusedDraftError(borrow_words(error)) from error
    return compute_answer_by(terms, at=at, calendar=calendar)


def _shortest(draft: Draft, longest: datetime | None, *, now: datetime) -> str | None:
    if draft.answer_by is None:
        return None if longest is None else longest.isoformat()
    if draft.answer_by.tzinfo is None or draft.answer_by <= now:
        raise RefusedDraftError(msg("An answer is due in the future: choose a later moment."))
    wanted = draft.answer_by.replace(microsecond=0)
    return min(wanted, longest).isoformat() if longest else wanted.isoformat()


def _choose_kind(draft: Draft, entry: CatalogueEntry) -> Kind:
    if draft.kind is not None:
        return draft.kind
    if len(entry.kinds) > 1:
        raise RefusedDraftError(
            msg(
                "Say which kind it is: %(kinds)s. %(type)s can be either.",
                kinds=", ".join(entry.kinds),
                type=draft.type,
            )
        )
    return entry.kinds[0]


def choose_channel(draft: Draft, entry: CatalogueEntry) -> Channel:
    """Return the channel that a draft names, else the one of its type, else assistance."""
    if draft.channel is not None:
        return draft.channel
    return _find_usual_channel(entry.model)


@cache
def _find_usual_channel(model: type[BaseModel]) -> Channel:
    """Return the channel of a type; worked out once, it is asked for twice with each message."""
    fixed = get_args(model.model_fields["channel"].annotation)
    return fixed[0] if fixed else Channel.ASSISTANCE
