"""The form in which the terms of a new agreement are written."""

import re
from typing import Final

from console.i18n import Message, msg, pmsg
from contact_registry.agreements import AgreementTerms, SensitivityClass
from contact_registry.editing.forms import read_form
from contact_registry.importing.folding import transliterate
from directory_pages.codes import offer
from directory_pages.entry_fields import Choices, Control, FormField, RowGroup, Section
from directory_pages.entry_form import Answers, list_form_fields, read_values
from directory_pages.field_labels import FIELD_LABELS
from directory_pages.problem_words import explain
from protocol.identifiers import Phase
from protocol.notice import NoticeRule

#: An identifier has at most 80 characters, eleven of which are the day.
_LONGEST_SLUG: Final = 69
_PAIR: Final = 2


_MINUTES: Final = msg("In minutes; empty leaves the usual time.")

_COVERED: Final = Section(
    title=msg("What it covers"),
    items=(
        FormField(
            name="phases", label=FIELD_LABELS["phases"], control=Control.TICKS,
            choices=offer(Phase),
        ),
        FormField(
            name="sensitivity_classes", label=FIELD_LABELS["sensitivity_classes"],
            control=Control.TICKS, choices=offer(SensitivityClass),
            hint=msg("A name leaves only under an agreement and written consent."),
        ),
    ),
)  # fmt: skip

_TERM: Final = Section(
    title=msg("How long it holds"),
    items=(
        FormField(name="valid_from", label=FIELD_LABELS["valid_from"], control=Control.DAY),
        FormField(name="valid_to", label=FIELD_LABELS["valid_to"], control=Control.DAY,
                  hint=msg("Empty: without a term.")),
        FormField(name="notice_rule", label=FIELD_LABELS["notice_rule"],
                  control=Control.SELECT, choices=offer(NoticeRule)),
    ),
)  # fmt: skip


def list_agreement_sections(participants: Choices) -> tuple[Section, ...]:
    """Return the form of new terms; ``participants`` may be parties."""
    return (
        Section(
            title=msg("Between whom, and on what ground"),
            items=(
                FormField(
                    name="instrument", label=FIELD_LABELS["instrument"],
                    hint=msg("As messages name it: the memorandum or treaty, with its date."),
                ),
                FormField(
                    name="parties", label=FIELD_LABELS["parties"], control=Control.TICKS,
                    choices=participants,
                ),
            ),
        ),
        _COVERED,
        _ask_deadlines(participants),
        _TERM,
    )  # fmt: skip


def _ask_deadlines(participants: Choices) -> Section:
    return Section(
        title=FIELD_LABELS["deadlines"],
        hint=msg("Only where they differ from the usual ones."),
        is_folded=True,
        items=(
            RowGroup(
                name="deadlines",
                label=FIELD_LABELS["deadlines"],
                row=msg("Times %(number)s"),
                keys=("between", "working_days", "immediate_minutes", "urgent_minutes"),
                most=40,
                fields=(
                    FormField(
                        name="between", label=msg("Between these two only"),
                        control=Control.TICKS, choices=participants,
                        hint=msg("None ticked: between all parties."),
                    ),
                    FormField(name="working_days", label=msg("Working days"), width="short",
                              most=3),
                    FormField(name="immediate_minutes", label=msg("Immediate danger"),
                              hint=_MINUTES, width="short", most=5),
                    FormField(name="urgent_minutes", label=pmsg("deadline", "Urgent"),
                              hint=_MINUTES, width="short", most=5),
                ),
            ),
        ),
    )  # fmt: skip


def read_terms(
    answers: Answers, participants: Choices
) -> tuple[AgreementTerms | None, dict[str, Message]]:
    """Return the terms that were typed, or what is wrong with them.

    Lists are put into the one order that terms have; the identifier is made of the instrument and
    the first day, so that two who type the same get the same.
    """
    sections = list_agreement_sections(participants)
    values, errors = read_values(answers, sections)
    for name, order in _ORDERS:
        values[name] = [each for each in order if each in values.get(name, ())]
    values["parties"] = sorted(set(values.get("parties", ())))
    for number in range(answers.count_rows(_find_deadlines(sections))):
        pair = values.get(f"deadlines.{number}.between", [])
        if pair and len(pair) != _PAIR:
            errors[f"deadlines.{number}.between"] = msg("Tick two of the parties, or none.")
        values[f"deadlines.{number}.between"] = sorted(pair)
    for name, least, wrong in (
        ("parties", _PAIR, msg("Tick at least two parties.")),
        ("phases", 1, msg("Tick at least one phase.")),
    ):
        if len(values[name]) < least:
            errors[name] = wrong
    values["id"] = [make_agreement_id(answers.get("instrument"), values.get("valid_from", [""])[0])]
    reading = read_form(AgreementTerms, values)
    fields = {each.name: each for each in list_form_fields(sections, answers)}
    for problem in reading.problems:
        place = problem.field if problem.field in fields else "instrument"
        if not (errors and problem.field in {"", "id", *errors}):
            errors.setdefault(place, explain(problem, fields))
    return (None if errors else reading.value), errors


_ORDERS: Final = (
    ("phases", [str(phase) for phase in Phase]),
    ("sensitivity_classes", [str(each) for each in SensitivityClass]),
)


def _find_deadlines(sections: tuple[Section, ...]) -> RowGroup:
    return next(i for s in sections for i in s.items if isinstance(i, RowGroup))


def make_agreement_id(instrument: str, first_day: str) -> str:
    """Return the identifier of new terms: small letters, digits, single hyphens."""
    plain = transliterate(instrument).encode("ascii", "ignore").decode().lower()
    slug = "-".join(re.findall(r"[a-z0-9]+", plain))[:_LONGEST_SLUG].strip("-")
    return "-".join(part for part in (slug or "agreement", first_day) if part)
