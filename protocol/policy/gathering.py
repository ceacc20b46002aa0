"""Read out of a message what policy has to know of it.

Classes come from the annotations of the fields, and from nothing else; what a return still lacks
comes from the gates that its body states.
"""

from collections.abc import Iterable, Iterator

from pydantic import BaseModel

from protocol.identifiers import AuthorityId, ParticipantCode
from protocol.messages.fields import Sensitivity
from protocol.messages.head import (
    Answer,
    Body,
    CaseMessage,
    ChildSituation,
    ConsentBasis,
    ExceptionBasis,
)
from protocol.messages.intelligence import Suspect
from protocol.messages.return_gates import ReturnGate, find_unmet_gates
from protocol.messages.return_readiness import ReturnBody
from protocol.messages.returning import NoticeStage
from protocol.policy.facts import Basis, ConsentClaim, MessageFacts

_SHELTER_CODE = "shelter_code"
_FORWARDED_TO = "forwarded_to"


def gather_message_facts(message: CaseMessage) -> MessageFacts:
    """Return the facts of any case message.

    Of an attachment the class counts that its sender gave it; nothing looks into a file. A field
    called ``shelter_code`` or ``forwarded_to`` has that meaning in every type, at whatever depth of
    the body.
    """
    basis, body = message.legal_basis, message.body
    answer, child = getattr(body, "answer", None), getattr(body, "child", None)
    classes = {mark for _, mark in message.list_classified()}
    parts = tuple(_find_parts(body))
    forwarded = sorted(_find_texts(parts, _FORWARDED_TO))
    return MessageFacts(
        type=message.type,
        kind=message.kind,
        phase=message.phase,
        channel=message.channel,
        sender=ParticipantCode(message.sender),
        recipient=ParticipantCode(message.recipient),
        from_authority=AuthorityId(message.from_authority),
        to_authority=AuthorityId(message.to_authority),
        formality=message.formality,
        instrument=message.instrument,
        urgency=message.urgency,
        classes=frozenset(classes) - {Sensitivity.NONE},
        treated_as_child=body.treated_as_child,
        basis=Basis(basis.kind),
        ground=basis.ground if isinstance(basis, ExceptionBasis) else None,
        claim=_read_claim(basis) if isinstance(basis, ConsentBasis) else None,
        claims_person_told=basis.person_informed if isinstance(basis, ExceptionBasis) else None,
        answers=answer.answers if isinstance(answer, Answer) else None,
        guardian=child.guardian if isinstance(child, ChildSituation) else None,
        has_unclassed_file=any(f.sensitivity is Sensitivity.NONE for f in message.attachments),
        names_suspected_relative=any(
            part.points_at_relative for part in parts if isinstance(part, Suspect)
        ),
        shelter_codes=frozenset(_find_texts(parts, _SHELTER_CODE)),
        forwarded_to=AuthorityId(forwarded[0]) if forwarded else None,
        unmet_gates=_list_unmet_gates(body),
        is_under_way=getattr(body, "stage", None) is NoticeStage.UNDER_WAY,
    )


def find_shelter_codes(message: CaseMessage) -> frozenset[str]:
    """Return the codes of shelters that a message names."""
    return frozenset(_find_texts(_find_parts(message.body), _SHELTER_CODE))


def _list_unmet_gates(body: Body) -> frozenset[ReturnGate]:
    return frozenset(find_unmet_gates(body)) if isinstance(body, ReturnBody) else frozenset()


def _read_claim(basis: ConsentBasis) -> ConsentClaim:
    return ConsentClaim(
        given_by=basis.given_by,
        given_at=basis.given_at,
        explained_in=basis.explained_in,
        classes=frozenset(basis.classes) - {Sensitivity.NONE},
        phases=frozenset(basis.phases),
        recipients=frozenset(ParticipantCode(code) for code in basis.recipients),
    )


def _find_parts(model: BaseModel) -> Iterator[BaseModel]:
    """Yield the model and every model inside it."""
    yield model
    for _, value in model:
        for item in value if isinstance(value, tuple) else (value,):
            if isinstance(item, BaseModel):
                yield from _find_parts(item)


def _find_texts(parts: Iterable[BaseModel], wanted: str) -> Iterator[str]:
    """Yield the texts of all fields of this name."""
    for part in parts:
        value = getattr(part, wanted, None)
        if isinstance(value, str):
            yield value
