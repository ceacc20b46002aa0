"""The catalogue: which types there are, and reading a payload into the right one.

A tag is registered once. An unknown type, or a newer version of a known one, is not an error: it
comes back as :class:`UnreadableMessage`, is kept, shown raw, and receipted as such.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from protocol.errors import LocalProtocolError, MalformedError
from protocol.limits import LIMITS
from protocol.messages.arrival import (
    ArrivalConfirmation,
    ArrivalReceptionAnswer,
    ArrivalReceptionRequest,
)
from protocol.messages.entries import CatalogueEntry, register
from protocol.messages.family_tracing import FamilyTracingAnswer, FamilyTracingRequest
from protocol.messages.fields import CaseField, MessageIdField, Model, ParticipantField
from protocol.messages.first_assistance import (
    NeedsAssessment,
    OptionsAnswer,
    OptionsInformation,
    SecurityAnswer,
    SecurityAssessment,
)
from protocol.messages.first_assistance_records import MedicalRecords, MedicalRecordsAnswer
from protocol.messages.first_assistance_requests import (
    FamilySituation,
    FamilySituationAnswer,
    ProtectionHistoryAnswer,
    SocialProtectionHistory,
)
from protocol.messages.first_assistance_statement import StatementAnswer, StatementRequest
from protocol.messages.general import (
    CaseClosed,
    ConsentWithdrawn,
    ConsentWithdrawnAnswer,
    Correction,
    Decision,
    Erasure,
    ErasureAnswer,
    TextMessage,
)
from protocol.messages.head import Head, LinkField
from protocol.messages.identification import (
    EarlyRiskAnswer,
    EarlyRiskAssessment,
    FormalStatusNotification,
    InitialReferral,
    PresumedVictimNotification,
)
from protocol.messages.identification_checks import (
    IdentityCheck,
    IdentityCheckAnswer,
    InterpretationAnswer,
    InterpretationSupport,
)
from protocol.messages.identification_evidence import EvidenceRequest, EvidenceRequestAnswer
from protocol.messages.identification_requests import (
    JointInvestigation,
    JointInvestigationAnswer,
    TraffickingInformation,
    TraffickingInformationAnswer,
)
from protocol.messages.link_repair import RegistryConflict, ResendAnswer, ResendRequest
from protocol.messages.proceedings import (
    CaseFileCopiesAnswer,
    CaseFileCopiesRequest,
    EvidenceExchangeAnswer,
    EvidenceExchangeRequest,
)
from protocol.messages.redress import (
    AssetTracingAnswer,
    AssetTracingRequest,
    CompensationSupportAnswer,
    CompensationSupportRequest,
)
from protocol.messages.response import Response
from protocol.messages.return_preparation import ReturnRiskAnswer, ReturnRiskAssessment
from protocol.messages.returning import (
    AssistedReturnAnswer,
    AssistedReturnRequest,
    ReturnNotification,
)
from protocol.messages.social_inclusion import AssistancePlan
from protocol.messages.social_inclusion_checks import (
    CivilDocuments,
    CivilDocumentsAnswer,
    SecurityFamilyCheck,
    SecurityFamilyCheckAnswer,
)
from protocol.messages.social_inclusion_follow_up import CaseFollowUp
from protocol.messages.social_inclusion_providers import (
    ProviderCredibility,
    ProviderCredibilityAnswer,
    ServiceContacts,
    ServiceContactsAnswer,
)
from protocol.messages.system import Receipt
from protocol.messages.travel_documents import TravelDocumentsAnswer, TravelDocumentsRequest
from protocol.messages.trend import TrendAlert
from protocol.messages.witnesses import (
    WitnessConditionAnswer,
    WitnessConditionRequest,
    WitnessSupportAnswer,
    WitnessSupportRequest,
)

CATALOGUE: Final = register(
    CatalogueEntry.proposing(PresumedVictimNotification, days=2),
    CatalogueEntry.proposing(InitialReferral, days=1),
    CatalogueEntry.asking(IdentityCheck, IdentityCheckAnswer, days=3),
    CatalogueEntry.asking(TraffickingInformation, TraffickingInformationAnswer, days=5),
    CatalogueEntry.asking(EarlyRiskAssessment, EarlyRiskAnswer, days=1),
    CatalogueEntry.asking(InterpretationSupport, InterpretationAnswer, days=1),
    CatalogueEntry(FormalStatusNotification),
    CatalogueEntry.asking(JointInvestigation, JointInvestigationAnswer, days=10),
    CatalogueEntry.asking(EvidenceRequest, EvidenceRequestAnswer, days=10),
    CatalogueEntry.asking(OptionsInformation, OptionsAnswer, days=2),
    CatalogueEntry(NeedsAssessment),
    CatalogueEntry.asking(SocialProtectionHistory, ProtectionHistoryAnswer, days=5),
    CatalogueEntry.asking(FamilySituation, FamilySituationAnswer, days=5),
    CatalogueEntry.asking(StatementRequest, StatementAnswer, days=10),
    CatalogueEntry.asking(SecurityAssessment, SecurityAnswer, days=3),
    CatalogueEntry.asking(MedicalRecords, MedicalRecordsAnswer, days=5),
    CatalogueEntry.proposing(AssistancePlan, days=5),
    CatalogueEntry.asking(SecurityFamilyCheck, SecurityFamilyCheckAnswer, days=5),
    CatalogueEntry.asking(ServiceContacts, ServiceContactsAnswer, days=3),
    CatalogueEntry.asking(ProviderCredibility, ProviderCredibilityAnswer, days=5),
    CatalogueEntry.asking(CivilDocuments, CivilDocumentsAnswer, days=10),
    CatalogueEntry(CaseFollowUp),
    CatalogueEntry.proposing(ReturnNotification, days=2),
    CatalogueEntry.asking(ReturnRiskAssessment, ReturnRiskAnswer, days=3),
    CatalogueEntry.asking(FamilyTracingRequest, FamilyTracingAnswer, days=10),
    CatalogueEntry.asking(TravelDocumentsRequest, TravelDocumentsAnswer, days=5),
    CatalogueEntry.asking(AssistedReturnRequest, AssistedReturnAnswer, days=5),
    CatalogueEntry.asking(ArrivalReceptionRequest, ArrivalReceptionAnswer, days=2),
    CatalogueEntry(ArrivalConfirmation),
    CatalogueEntry.asking(EvidenceExchangeRequest, EvidenceExchangeAnswer, days=10),
    CatalogueEntry.asking(WitnessSupportRequest, WitnessSupportAnswer, days=5),
    CatalogueEntry.asking(WitnessConditionRequest, WitnessConditionAnswer, days=5),
    CatalogueEntry.asking(CaseFileCopiesRequest, CaseFileCopiesAnswer, days=10),
    CatalogueEntry.asking(AssetTracingRequest, AssetTracingAnswer, days=10),
    CatalogueEntry.asking(CompensationSupportRequest, CompensationSupportAnswer, days=10),
    CatalogueEntry(Decision),
    CatalogueEntry(Response),
    CatalogueEntry(TextMessage),
    CatalogueEntry.asking(ConsentWithdrawn, ConsentWithdrawnAnswer, days=1),
    CatalogueEntry(Correction),
    CatalogueEntry.asking(Erasure, ErasureAnswer, days=5),
    CatalogueEntry(CaseClosed),
    CatalogueEntry(TrendAlert),
    CatalogueEntry(Receipt),
    CatalogueEntry(ResendRequest),
    CatalogueEntry(ResendAnswer),
    CatalogueEntry(RegistryConflict),
)
"""Every type that this version reads and writes, by tag."""


class _Outline(Model):
    """The least that must be readable of any message, of whatever type and version."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    type: str = Field(pattern=r"^[a-z_]{1,40}\.[a-z_]{1,60}$")
    version: int = Field(ge=1, le=10_000)
    message_id: MessageIdField
    sender: ParticipantField
    recipient: ParticipantField
    case: CaseField | None = None
    link: LinkField | None = None


@dataclass(frozen=True, slots=True)
class UnreadableMessage:
    """A well-formed message that this version cannot read: kept, shown raw, receipted as such."""

    type: str
    version: int
    message_id: str
    sender: str
    recipient: str
    case: str | None
    link: LinkField | None
    #: The payload as it came.
    raw: bytes


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise MalformedError("A name stands twice in one object: readers could disagree on it.")
    return found


def _refuse_constant(name: str) -> Any:
    raise MalformedError(f"{name} is not a number of JSON.")


def _verify_depth(value: Any, depth: int = 0) -> None:
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list) or not value:
        return
    if depth >= LIMITS.json_depth:
        raise MalformedError("The message is nested too deeply.")
    for item in value:
        if isinstance(item, dict | list):
            _verify_depth(item, depth + 1)


_OUTLINE: Final = TypeAdapter(_Outline)


def parse_payload(payload: bytes) -> Head | UnreadableMessage:
    """Read a payload (UTF-8 JSON) into its typed message.

    Raises :class:`~protocol.errors.MalformedError` and nothing else. The error names fields and
    rules, never contents.
    """
    if len(payload) > LIMITS.payload:
        raise MalformedError(
            f"The message has {len(payload)} bytes; the limit is {LIMITS.payload}."
        )
    try:
        tree = json.loads(
            payload.decode("utf-8"),
            object_pairs_hook=_refuse_duplicates,
            parse_constant=_refuse_constant,
        )
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError, ValueError) as error:
        raise MalformedError("The message is not JSON in UTF-8.") from error
    _verify_depth(tree)
    try:
        outline = _OUTLINE.validate_json(payload)
        entry = CATALOGUE.get(outline.type)
        if entry is None or entry.version != outline.version:
            return UnreadableMessage(
                type=outline.type,
                version=outline.version,
                message_id=outline.message_id,
                sender=outline.sender,
                recipient=outline.recipient,
                case=outline.case,
                link=outline.link,
                raw=payload,
            )
        return entry.model.model_validate_json(payload)
    except ValidationError as error:
        raise MalformedError(describe_errors(error)) from error


def describe_errors(error: ValidationError) -> str:
    """Say which fields break which rules, without quoting what they hold."""
    parts = [
        f"{'.'.join(_name_step(step) for step in item['loc']) or 'message'}: "
        f"{_SAID_INSTEAD.get(item['type'], item['msg'])}"
        for item in error.errors(include_url=False, include_context=False, include_input=False)[:10]
    ]
    return "The message does not fit its type: " + "; ".join(parts)


#: The one kind of error whose own words quote what was found.
_SAID_INSTEAD: Final = {
    "union_tag_invalid": "It is of a kind that does not exist here: take one that this type has"
}
_OUR_NAME: Final = re.compile(r"[a-z_0-9]{1,40}")


def _name_step(step: int | str) -> str:
    """Name a place in a message; a name that none of ours can be is itself somebody's words."""
    text = str(step)
    return text if _OUR_NAME.fullmatch(text) else "(unknown name)"


def encode_payload(message: Head) -> bytes:
    """Write a typed message as its payload."""
    return message.model_dump_json(exclude_none=True).encode()


def get_entry(tag: str) -> CatalogueEntry:
    """Return the entry for a type; raises ``LocalProtocolError`` if there is none."""
    try:
        return CATALOGUE[tag]
    except KeyError:
        raise LocalProtocolError(
            f"There is no message type {tag}. Known: {', '.join(sorted(CATALOGUE))}."
        ) from None
