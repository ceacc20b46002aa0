"""What can be written: every type that people begin themselves, in words, and what each takes.

A purpose is named in a draft by a short word (``notification``) or by its type, with the kind where
one type can ask or tell (``return.risk_assessment:request``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Final, TypeVar, get_args

from pydantic import BaseModel

from console.i18n import Message, msg, pmsg
from directory_pages.codes import DIRECTORY_LABELS
from node.web.fields import FormField
from node.web.forms.filled import list_left_out
from node.web.forms.tree import FormGroup, FormPart, FormRows, describe_form, list_shapes
from node.web.type_labels import TYPE_LABELS
from protocol.errors import LocalProtocolError
from protocol.identifiers import Channel, Phase
from protocol.messages.catalogue import CATALOGUE, get_entry
from protocol.messages.codes import Formality, Kind
from protocol.messages.entries import CatalogueEntry
from protocol.messages.fields import Sensitivity
from protocol.messages.head import CaseMessage, CasePersonBody, PersonBody
from protocol.messages.person import PersonFacts
from protocol.policy.channels import ABOUT_CARE, ABOUT_SUSPECTS

_Codes = TypeVar("_Codes", bound=StrEnum)


class Purpose(StrEnum):
    """What is written most; these have a word of their own."""

    NOTIFICATION = "notification"
    REFERRAL = "referral"
    MESSAGE = "message"


class Shape(StrEnum):
    """How the screens of a purpose follow each other."""

    #: Safe facts first, then the basis with the fields that it opens.
    FACTS = "facts"
    #: The basis and one text.
    TEXT = "text"
    #: The basis first, then one form with all that it lets out.
    FORM = "form"


@dataclass(frozen=True, slots=True)
class Plan:
    """What one purpose means: the type that is sent, as what kind, in which shape."""

    tag: str
    kind: Kind | None
    shape: Shape

    @property
    def entry(self) -> CatalogueEntry:
        """What the catalogue says of the type."""
        return get_entry(self.tag)

    @property
    def body(self) -> type[BaseModel]:
        """The model of the body."""
        return self.entry.body

    @property
    def value(self) -> str:
        """How a draft and a form name it."""
        return f"{self.tag}:{self.kind}" if self.kind else self.tag

    @property
    def left_out(self) -> frozenset[tuple[str, ...]]:
        """The parts of the body that this kind does not have, or that people never write in it."""
        without = list_left_out(self.entry, self.kind or self.entry.kinds[0])
        return without | _NEVER_WRITTEN.get(self.tag, frozenset())

    @property
    def is_about_person(self) -> bool:
        """Whether its body says how the person is treated: then the age has to be asked."""
        return issubclass(self.body, PersonBody | CasePersonBody)

    @property
    def asks_danger(self) -> bool:
        """Whether its body says that the person is in danger now."""
        return issubclass(self.body, PersonFacts)

    @property
    def fixed_phase(self) -> Phase | None:
        """The phase that the type belongs to; None where whoever writes says it."""
        return _fixed(self.entry, "phase", Phase)

    @property
    def fixed_formality(self) -> Formality | None:
        """Whether the type is always formal; None where whoever writes says it."""
        return _fixed(self.entry, "formality", Formality)

    @property
    def usual_channel(self) -> Channel:
        """The channel in which it travels unless another one is chosen."""
        fixed = _fixed(self.entry, "channel", Channel)
        return fixed or (Channel.POLICE if self.tag in ABOUT_SUSPECTS else Channel.ASSISTANCE)

    @property
    def channels(self) -> tuple[Channel, ...]:
        """The channels in which it may travel."""
        fixed = _fixed(self.entry, "channel", Channel)
        if fixed:
            return (fixed,)
        barred = {Channel.TREND}
        barred |= {Channel.ASSISTANCE} if self.tag in ABOUT_SUSPECTS else set()
        barred |= {Channel.POLICE} if self.tag in ABOUT_CARE else set()
        return tuple(channel for channel in Channel if channel not in barred)


_NEVER_WRITTEN: Final[Mapping[str, frozenset[tuple[str, ...]]]] = {
    # Part I is kept in the case, for people who are named (:mod:`node.web.cases.follow_up`): the
    # case reference stands for the person, and the pages promise that Part I is never sent.
    "social_inclusion.case_follow_up": frozenset({("confidential",)}),
}


def _fixed(entry: CatalogueEntry, name: str, codes: type[_Codes]) -> _Codes | None:
    found = get_args(entry.model.model_fields[name].annotation)
    return found[0] if len(found) == 1 and isinstance(found[0], codes) else None


PLANS: Final[Mapping[Purpose, Plan]] = {
    Purpose.NOTIFICATION: Plan("identification.presumed_victim_notification", None, Shape.FACTS),
    Purpose.REFERRAL: Plan("identification.initial_referral", None, Shape.FACTS),
    Purpose.MESSAGE: Plan("general.message", None, Shape.TEXT),
}

ELSEWHERE: Final[Mapping[str, Message]] = {
    "general.decision": msg("Open the message and decide there."),
    "general.response": msg("Open the request and answer it there."),
    "general.consent_withdrawn": msg("Open the case and withdraw the consent there."),
    "general.erasure": msg("Open the case and ask for the deletion there."),
    "general.correction": msg("Open the message that is wrong and correct it there."),
    "general.case_closed": msg("Open the case and close it there."),
}
"""Types that follow from something else, and where they are begun."""

_IN_GROUPS: Final = tuple(Phase)


@cache
def find_plan(named: str) -> Plan | None:
    """Return the plan that a draft or a form names; None for anything else."""
    if named in set(Purpose):
        return PLANS[Purpose(named)]
    tag, _, kind = named.partition(":")
    usual = next((plan for plan in PLANS.values() if plan.tag == tag and not kind), None)
    return usual or _find_form(tag, kind)


def _find_form(tag: str, kind: str) -> Plan | None:
    entry = CATALOGUE.get(tag)
    if entry is None or not issubclass(entry.model, CaseMessage):
        return None
    is_open = len(entry.kinds) > 1
    if (kind not in entry.kinds) if kind else is_open:
        return None
    return Plan(tag, Kind(kind) if is_open else None, Shape.FORM)


def label_plan(plan: Plan) -> Message | str:
    """Say in words what is written; of a type that can ask or tell, which of the two."""
    label = TYPE_LABELS[plan.tag]
    match plan.kind:
        case Kind.REQUEST:
            return msg("Ask: %(what)s", what=label)
        case Kind.NOTIFICATION if Kind.REQUEST in plan.entry.kinds:
            return msg("Tell: %(what)s", what=label)
        case Kind.UPDATE:
            return msg("Change: %(what)s", what=label)
        case _:
            return label


@cache
def list_purposes() -> Sequence[tuple[Message, Sequence[Plan]]]:
    """List what can be begun from nothing, by phase, in the order of a case; the rest at the end.

    The first three of :class:`Purpose` are not among them: they are offered before.
    """
    groups = [(DIRECTORY_LABELS[Phase][phase], f"{phase}.") for phase in _IN_GROUPS]
    groups.append((pmsg("kind of message", "In every phase"), "general."))
    return [
        (label, plans)
        for label, prefix in groups
        if (plans := [plan for tag in CATALOGUE for plan in _plans_of(tag, prefix)])
    ]


def _plans_of(tag: str, prefix: str) -> list[Plan]:
    usual = {PLANS[Purpose.NOTIFICATION].tag, PLANS[Purpose.REFERRAL].tag}
    if not tag.startswith(prefix) or tag in ELSEWHERE or tag in usual:
        return []
    kinds = get_entry(tag).kinds
    named = [tag] if len(kinds) == 1 else [f"{tag}:{kind}" for kind in kinds]
    return [plan for name in named if (plan := find_plan(name))]


def list_choices_in_case() -> list[tuple[Message, list[tuple[str, Message | str]]]]:
    """List what can be begun in a case: (group, [(value, words)]); see :func:`find_plan`."""
    return [
        (label, [(plan.value, label_plan(plan)) for plan in plans])
        for label, plans in list_purposes()
    ]


def parse_choice(value: str) -> Plan:
    """Return the plan that a form names; raises ``LocalProtocolError`` for what is none."""
    plan = find_plan(value)
    if plan is None or plan.tag in ELSEWHERE:
        raise LocalProtocolError("There is no such kind of message: choose one from the list.")
    return plan


@cache
def list_classes(plan: Plan) -> frozenset[Sensitivity]:
    """Return every class that a field of the body falls into."""
    left_out = plan.left_out
    return frozenset(
        leaf.sensitivity
        for part in describe_form(plan.body)
        if part.path not in left_out
        for leaf in list_shapes((part,))
    )


@cache
def needs_personal_data(plan: Plan) -> bool:
    """Say whether a body cannot be without a field that is personal data."""
    left_out = plan.left_out
    return _needs_personal_data(
        tuple(part for part in describe_form(plan.body) if part.path not in left_out)
    )


def _needs_personal_data(parts: tuple[FormPart, ...]) -> bool:
    for part in parts:
        if part.condition is not None:
            continue
        match part:
            case FormField() if part.is_required and part.sensitivity is not Sensitivity.NONE:
                return True
            case FormGroup() if part.is_required and _needs_personal_data(part.parts):
                return True
            case FormRows() if part.least and _needs_personal_data(part.row.parts):
                return True
    return False
