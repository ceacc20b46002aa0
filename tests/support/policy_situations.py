"""Policy cases as lawyers write them: a base situation, and what is different, in plain words.

``tests/unit/protocol/policy_situations.csv`` holds the base situations, ``policy_cases.csv`` the
cases. A difference is ``word = value``; differences are separated by semicolons, the items of a
value by "and". This file knows what each word changes.
"""

import csv
import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cache
from typing import Any, Final

from protocol.identifiers import AuthorityId, Channel, ParticipantCode, Phase
from protocol.messages.codes import Formality, GuardianSituation, Kind, PersonGroup, Urgency
from protocol.messages.fields import Sensitivity, TriState
from protocol.messages.head import ConsentGiver, ExceptionGround, OnwardScope
from protocol.messages.return_gates import ReturnGate
from protocol.notice import NoticeRule
from protocol.policy.agreements import Agreement, Notice
from protocol.policy.decision import Outcome
from protocol.policy.facts import (
    Approval,
    AuthorityListing,
    Basis,
    CaseFacts,
    Competence,
    ConsentClaim,
    ConsentRecord,
    ExceptionRecord,
    Facts,
    MessageFacts,
    OnwardFacts,
    Person,
    RegistryFacts,
    Role,
    Staleness,
)
from tests.support.checkout import ROOT

FOLDER: Final = ROOT / "tests" / "unit" / "protocol"
ALL_PHASES: Final = frozenset(Phase)
NOON: Final = time(12, tzinfo=UTC)

Parse = Callable[[str], Any]


def _code(text: str) -> str:
    return text.strip().replace(" ", "_")


def _list(parse: Parse) -> Parse:
    def parse_items(text: str) -> frozenset[Any]:
        if text == "none":
            return frozenset()
        return frozenset(parse(item) for item in text.split(" and "))

    return parse_items


def _is_yes(text: str) -> bool:
    return {"yes": True, "no": False}[text]


def _noon_of(text: str) -> datetime | None:
    return None if text == "never" else datetime.combine(date.fromisoformat(text), NOON)


def _text(text: str) -> str:
    return "" if text == "none" else text


def _optional(text: str) -> str | None:
    return None if text == "none" else text


def _day(text: str) -> date | None:
    return None if text == "none" else date.fromisoformat(text)


def _notice(text: str) -> tuple[Notice, ...]:
    giver, day = text.split(" on ")
    return (Notice(given_by=ParticipantCode(giver), received_on=date.fromisoformat(day)),)


def _competences(text: str) -> frozenset[Competence]:
    """``return of adults by assistance and identification of children by police``."""
    found = []
    for item in text.split(" and "):
        phase, rest = item.split(" of ")
        groups, channel = rest.split(" by ")
        found.append(
            Competence(
                phase=Phase(_code(phase)),
                channel=Channel(_code(channel)),
                groups={
                    "adults": frozenset({PersonGroup.ADULT}),
                    "children": frozenset({PersonGroup.CHILD}),
                }[groups],
            )
        )
    return frozenset(found)


_CLASSES: Final = _list(lambda text: Sensitivity(_code(text)))
_PHASES: Final = _list(lambda text: Phase(_code(text)))
_PARTICIPANTS: Final = _list(ParticipantCode)
_AUTHORITIES: Final = _list(AuthorityId)
_CHANNELS: Final = _list(lambda text: Channel(_code(text)))
_ROLES: Final = _list(lambda text: Role(_code(text)))


def _of(kind: type) -> Parse:
    return lambda text: kind(_code(text))


_CONSENT_WORDS: Final[Mapping[str, tuple[str, Parse]]] = {
    "given by": ("given_by", _of(ConsentGiver)),
    "given on": ("given_at", _noon_of),
    "data": ("classes", _CLASSES),
    "phases": ("phases", _PHASES),
    "for": ("recipients", _PARTICIPANTS),
    "language": ("explained_in", _optional),
    "free": ("is_free", _is_yes),
    "informed": ("is_informed", _is_yes),
    "written": ("is_written", _is_yes),
    "on file": ("is_on_file", _is_yes),
    "giver is a suspect": ("giver_is_suspect", _of(TriState)),
    "child informed": ("child_informed", _is_yes),
    "withdrawn on": ("withdrawn_at", _noon_of),
}

_WORDS: Final[Mapping[str, tuple[str, Parse]]] = {
    "type": ("message.type", str),
    "kind": ("message.kind", _of(Kind)),
    "phase": ("message.phase", _of(Phase)),
    "channel": ("message.channel", _of(Channel)),
    "data": ("message.classes", _CLASSES),
    "urgency": ("message.urgency", _of(Urgency)),
    "formality": ("message.formality", _of(Formality)),
    "instrument": ("message.instrument", _optional),
    "claimed giver": ("message.claim.given_by", _of(ConsentGiver)),
    "claimed day": ("message.claim.given_at", _noon_of),
    "claimed language": ("message.claim.explained_in", str),
    "claimed data": ("message.claim.classes", _CLASSES),
    "claimed phases": ("message.claim.phases", _PHASES),
    "claimed recipients": ("message.claim.recipients", _PARTICIPANTS),
    "shelter code": ("message.shelter_codes", _list(str)),
    "typed answer to": ("message.answers", str),
    "message says guardian": ("message.guardian", _of(GuardianSituation)),
    "message says person told": ("message.claims_person_told", _of(TriState)),
    "file said to hold nothing": ("message.has_unclassed_file", _is_yes),
    "names suspected relative": ("message.names_suspected_relative", _is_yes),
    "forwards to": ("message.forwarded_to", _optional),
    "message says child": ("message.treated_as_child", _is_yes),
    "sent on": ("at", _noon_of),
    "author": ("author.roles", _ROLES),
    "author cleared for": ("author.channels", _CHANNELS),
    "registry": ("registry.staleness", _of(Staleness)),
    "sender in registry as": ("registry.sender.authority", AuthorityId),
    "sender listed": ("registry.sender.is_valid", _is_yes),
    "sender listed for": ("registry.sender.competences", _competences),
    "recipient entry holds": ("registry.recipient.is_valid", _is_yes),
    "recipient confirmed": ("registry.recipient.is_confirmed", _is_yes),
    "recipient is last resort": ("registry.recipient.is_last_resort", _is_yes),
    "recipient listed for": ("registry.recipient.competences", _competences),
    "recipient in registry": ("registry.recipient.authority", AuthorityId),
    "agreement between": ("registry.agreements.0.participants", _PARTICIPANTS),
    "agreement phases": ("registry.agreements.0.phases", _PHASES),
    "agreement data": ("registry.agreements.0.classes", _CLASSES),
    "agreement from": ("registry.agreements.0.valid_from", _day),
    "agreement until": ("registry.agreements.0.valid_to", _day),
    "agreement terminated on": ("registry.agreements.0.terminated_on", _day),
    "agreement notice": ("registry.agreements.0.notices", _notice),
    "notice rule": ("registry.agreements.0.notice_rule", _of(NoticeRule)),
    "exception ground": ("exception.ground", _of(ExceptionGround)),
    "justification": ("exception.justification", _text),
    "person told": ("exception.person_told", _of(TriState)),
    "reason not told": ("exception.reason_not_told", _text),
    "approved by": ("approval.by.name", str),
    "approver": ("approval.by.roles", _ROLES),
    "approver cleared for": ("approval.by.channels", _CHANNELS),
    "approved this content": ("approval.is_of_this_content", _is_yes),
    "case of a child": ("case.treated_as_child", _is_yes),
    "guardian appointed": ("case.guardian_appointed", _is_yes),
    "guardian is case manager": ("case.guardian_is_case_manager", _is_yes),
    "lives in a shelter": ("case.in_shelter", _is_yes),
    "witness protection": ("case.in_witness_protection", _is_yes),
    "issued shelter codes": ("case.shelter_codes", _list(str)),
    "answers": ("case.asked_by", _optional),
    "replies in channel": ("case.replies_in", _of(Channel)),
    "message says unmet": ("message.unmet_gates", _list(lambda text: ReturnGate(_code(text)))),
    "message says under way": ("message.is_under_way", _is_yes),
    "under way": ("returning.is_under_way", _is_yes),
    "decision recorded": ("returning.decision_recorded", _is_yes),
    "voluntary": ("returning.is_voluntary", _is_yes),
    "risk assessed": ("returning.risk_assessed", _is_yes),
    "foreign checks done": ("returning.foreign_checks_done", _is_yes),
    "reception confirmed": ("returning.reception_confirmed", _is_yes),
    "notice acknowledged": ("returning.notice_acknowledged", _is_yes),
    "best interest assessed": ("returning.best_interest_assessed", _is_yes),
    "to the family": ("returning.is_to_family", _is_yes),
    "family assessed": ("returning.family_assessed", _is_yes),
    "person agrees": ("returning.person_agrees_to_family", _is_yes),
    "family agrees": ("returning.family_agrees", _is_yes),
    "passes on": ("onward.classes", _CLASSES),
    "came in channel": ("onward.source_channel", _of(Channel)),
    "allowed data": ("onward.allowed_classes", _CLASSES),
    "allowed phases": ("onward.allowed_phases", _PHASES),
    "allowed to": ("onward.scope", _of(OnwardScope)),
    "allowed authorities": ("onward.allowed_authorities", _AUTHORITIES),
    "asked and allowed": ("onward.was_asked_and_allowed", _is_yes),
    "target listed": ("onward.is_target_listed", _is_yes),
    "target competent": ("onward.is_target_competent", _is_yes),
    "source withdrew": ("onward.consent_withdrawn", _is_yes),
    "recorded": ("onward.is_recorded", _is_yes),
    "report back": ("onward.report_back_arranged", _is_yes),
    "case manager approves": ("onward.case_manager_approved", _is_yes),
    **{f"consent {word}": (f"consents.0.{path}", p) for word, (path, p) in _CONSENT_WORDS.items()},
    **{
        f"second consent {word}": (f"consents.1.{path}", p)
        for word, (path, p) in _CONSENT_WORDS.items()
    },
}


def make_consent(reference: str, **changes: Any) -> ConsentRecord:
    """Return a consent without a flaw, for nothing yet."""
    fields: dict[str, Any] = {
        "reference": reference,
        "given_by": ConsentGiver.PERSON,
        "given_at": datetime(2026, 3, 2, 12, tzinfo=UTC),
        "classes": frozenset(),
        "phases": frozenset(),
        "recipients": frozenset(),
        "explained_in": "sq",
        "is_free": True,
        "is_informed": True,
        "is_written": True,
        "is_on_file": True,
        "giver_is_suspect": TriState.NO,
    }
    return ConsentRecord(**fields | changes)


def _make_listing(participant: str, channel: Channel) -> AuthorityListing:
    return AuthorityListing(
        authority=AuthorityId(f"{participant}-desk"),
        is_valid=True,
        is_confirmed=True,
        competences=frozenset(Competence(phase=phase, channel=channel) for phase in Phase),
    )


def _set_parties(facts: Facts, value: str) -> Facts:
    """``AL to ME``: two desks that are listed for everything in the message's channel."""
    sender, recipient = value.split(" to ")
    listings = [_make_listing(who, facts.message.channel) for who in (sender, recipient)]
    message = dataclasses.replace(
        facts.message,
        sender=ParticipantCode(sender),
        recipient=ParticipantCode(recipient),
        from_authority=listings[0].authority,
        to_authority=listings[1].authority,
    )
    registry = dataclasses.replace(facts.registry, sender=listings[0], recipient=listings[1])
    return dataclasses.replace(facts, message=message, registry=registry)


def _set_basis(facts: Facts, value: str) -> Facts:
    if value in {"consent", "no personal data"}:
        basis, ground = Basis(_code(value)), None
    else:
        basis, ground = Basis.EXCEPTION, ExceptionGround(_code(value))
    message = dataclasses.replace(facts.message, basis=basis, ground=ground)
    record = None if ground is None else ExceptionRecord(ground=ground)
    return dataclasses.replace(facts, message=message, exception=record)


def _set_consent(facts: Facts, value: str) -> Facts:
    count = {"none": 0, "one": 1, "two": 2}[value]
    kept = facts.consents[:count]
    like = facts.consents[0] if facts.consents else make_consent("")
    added = tuple(
        dataclasses.replace(like, reference=f"consent {number + 1}", withdrawn_at=None)
        for number in range(len(kept), count)
    )
    return dataclasses.replace(facts, consents=kept + added)


def _set_claim(facts: Facts, value: str) -> Facts:
    """``as recorded``: the message describes the first consent as it stands."""
    if value != "as recorded":
        raise ValueError("claims: say as recorded, and then what is claimed otherwise")
    record = facts.consents[0]
    claim = ConsentClaim(
        given_by=record.given_by,
        given_at=record.given_at,
        explained_in=record.explained_in or "",
        classes=record.classes,
        phases=record.phases,
        recipients=record.recipients,
    )
    return dataclasses.replace(facts, message=dataclasses.replace(facts.message, claim=claim))


def _set_agreement(facts: Facts, value: str) -> Facts:
    message = facts.message
    agreement = Agreement(
        instrument=value,
        participants=frozenset({message.sender, message.recipient}),
        phases=ALL_PHASES,
        classes=frozenset({Sensitivity.IDENTITY, Sensitivity.CONTACT}),
        valid_from=date(2024, 1, 1),
    )
    agreements = () if value == "none" else (agreement,)
    registry = dataclasses.replace(facts.registry, agreements=agreements)
    return dataclasses.replace(facts, registry=registry)


def _set_approval(facts: Facts, value: str) -> Facts:
    if value == "none":
        return dataclasses.replace(facts, approval=None)
    approver = Person(
        name="approver",
        roles=frozenset({Role.APPROVER}),
        channels=frozenset({facts.message.channel}),
    )
    return dataclasses.replace(facts, approval=Approval(by=approver, is_of_this_content=True))


def _set_onward(facts: Facts, value: str) -> Facts:
    onward = OnwardFacts(classes=frozenset(), source_channel=facts.message.channel)
    return dataclasses.replace(facts, onward=None if value == "no" else onward)


def _clear(path: str) -> Callable[[Facts, str], Facts]:
    def clear(facts: Facts, value: str) -> Facts:
        if value != "no":
            raise ValueError(f"{path}: say no, or leave it out")
        changed: Facts = set_fact(facts, path, None)
        return changed

    return clear


_STEPS: Final[Mapping[str, Callable[[Facts, str], Facts]]] = {
    "parties": _set_parties,
    "basis": _set_basis,
    "consent": _set_consent,
    "claims": _set_claim,
    "agreement": _set_agreement,
    "approval": _set_approval,
    "onward": _set_onward,
    "exception recorded": _clear("exception"),
    "sender in registry": _clear("registry.sender"),
    "recipient found": _clear("registry.recipient"),
}


def set_fact(target: Any, path: str, value: Any) -> Any:
    """Return ``target`` with the fact at the path (``consents.0.is_free``) changed."""
    step, _, rest = path.partition(".")
    if isinstance(target, tuple):
        index = int(step)
        return (*target[:index], set_fact(target[index], rest, value), *target[index + 1 :])
    inner = set_fact(getattr(target, step), rest, value) if rest else value
    return dataclasses.replace(target, **{step: inner})


def apply_words(facts: Facts, words: str) -> Facts:
    """Return the facts with all differences made, from left to right."""
    for difference in filter(None, (part.strip() for part in words.split(";"))):
        word, _, value = (part.strip() for part in difference.partition("="))
        if word in _STEPS:
            facts = _STEPS[word](facts, value)
        else:
            path, parse = _WORDS[word]
            facts = set_fact(facts, path, parse(value))
    return facts


_START: Final = Facts(
    message=MessageFacts(
        type="general.message",
        kind=Kind.UPDATE,
        phase=Phase.IDENTIFICATION,
        channel=Channel.ASSISTANCE,
        sender=ParticipantCode("AL"),
        recipient=ParticipantCode("ME"),
        from_authority=AuthorityId("AL-desk"),
        to_authority=AuthorityId("ME-desk"),
        formality=Formality.INFORMAL,
        instrument=None,
        urgency=Urgency.STANDARD,
        classes=frozenset(),
        treated_as_child=False,
        basis=Basis.NO_PERSONAL_DATA,
    ),
    author=Person(name="author", roles=frozenset(), channels=frozenset()),
    at=datetime(2026, 3, 4, 12, tzinfo=UTC),
    registry=RegistryFacts(),
    case=CaseFacts(),
)


def _read(name: str) -> list[dict[str, str]]:
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@cache
def load_situations() -> Mapping[str, Facts]:
    """Read the base situations; each starts from one that stands above it, or from nothing."""
    situations: dict[str, Facts] = {}
    for row in _read("policy_situations.csv"):
        start = situations[row["starts from"]] if row["starts from"] else _START
        situations[row["situation"]] = apply_words(start, row["facts"])
    return situations


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyCase:
    """One row of the table."""

    number: str
    rule: str
    title: str
    facts: Facts
    outcome: Outcome
    codes: frozenset[str]


@cache
def load_cases() -> tuple[PolicyCase, ...]:
    """Read the table of cases."""
    situations = load_situations()
    return tuple(
        PolicyCase(
            number=row["number"],
            rule=row["rule"],
            title=row["title"],
            facts=apply_words(situations[row["situation"]], row["differences"]),
            outcome=Outcome(_code(row["decision"])),
            codes=frozenset(row["reasons"].split()),
        )
        for row in _read("policy_cases.csv")
    )
