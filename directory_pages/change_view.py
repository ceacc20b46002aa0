"""One change, ready to be shown: what is done, what comes next, and what there is to know."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from console.i18n import Message, msg, pmsg
from contact_registry.changes.change import ChangeEvent
from contact_registry.changes.desk import signing_file_name
from contact_registry.changes.effects import RoutingEffect
from contact_registry.changes.findings import Finding, FindingCode, Severity
from contact_registry.changes.merging import Conflict
from contact_registry.changes.reading import ChangeView
from contact_registry.changes.states import ChangeState, Step
from contact_registry.coverage import Hours
from contact_registry.models import ContactsDocument, PersonGroup
from directory_pages.change_words import (
    HOURS,
    NEXT_STEPS,
    SEVERITY_LOOKS,
    STATE_LOOKS,
    look_of_event,
    say_entry,
    say_finding,
)
from directory_pages.codes import Words, join_words, say
from directory_pages.differences import describe_changes
from directory_pages.field_labels import say_field
from directory_pages.looks import Look
from directory_pages.refusals import HOST_WORDS
from directory_pages.site import DirectoryPages
from directory_pages.wording import Lines, Names, word_value
from protocol.identifiers import Phase

_ENTRY_STEPS: Final = 2  # of the path of a conflict about a whole desk or agreement


@dataclass(frozen=True)
class ShownFinding:
    """What was found, in words, and about which phases and people, if it is about any."""

    look: Look
    words: Words
    questions: tuple[Words, ...]


@dataclass(frozen=True)
class ShownEffect:
    """Questions that another desk answers; ``before`` and ``after`` are empty for nobody."""

    questions: tuple[Words, ...]
    hours: Message
    before: str
    after: str


@dataclass(frozen=True)
class ShownConflict:
    """One part on which two changes differ: both sides, and what stood there before."""

    title: Words
    field: Words
    base: Lines
    ours: Lines
    theirs: Lines


@dataclass(frozen=True)
class ShownEvent:
    """One entry of a change's story."""

    event: ChangeEvent
    look: Look
    about: Words
    author: Words


def describe_view(view: ChangeView, pages: DirectoryPages) -> dict[str, Any]:
    """Return what the page of a change shows."""
    change = view.change
    names = pages.names(change.base, view.published.document, change.draft)
    return {
        "view": view,
        "change": change,
        "look": STATE_LOOKS[change.state],
        "next_step": NEXT_STEPS.get(change.state, ""),
        "participant_name": names.participant(change.participant),
        "parts": describe_changes(view.differences, old=view.old, new=view.new),
        "findings": _show_findings([f for f in view.findings if not _is_known(f)], names),
        "known_gaps": _show_findings([f for f in view.findings if _is_known(f)], names),
        "count_blocking": sum(f.severity is Severity.BLOCKING for f in view.findings),
        "effects": _show_effects(view.effects),
        "conflicts": [_show_conflict(conflict, names) for conflict in view.conflicts],
        "signers": [(key, key in view.signed_by) for key in view.could_sign],
        "missing": max(view.threshold - len(view.signed_by), 0),
        "story": list(_tell(view.events, names, pages)),
        "can": {step.value: view.can(step) for step in Step},
        "tasks": _list_tasks(view),
        "file_name": signing_file_name(change),
        "refused_because": HOST_WORDS[change.refusal] if change.refusal else "",
    }


def _is_known(finding: Finding) -> bool:
    """Tell whether a finding is no news: a gap that was there before this change."""
    return finding.code is FindingCode.GAP_STAYS


def _show_findings(findings: Sequence[Finding], names: Names) -> list[ShownFinding]:
    """Put findings in words; what is said of several phases is said once."""
    groups: dict[tuple[object, ...], list[Finding]] = {}
    for finding in findings:
        phase = finding.phase is not None
        key = (finding.severity, finding.code, finding.coverage, phase or finding.message)
        groups.setdefault(key, []).append(finding)
    return [
        ShownFinding(
            look=SEVERITY_LOOKS[found[0].severity],
            words=say_finding(found[0], names),
            questions=tuple(_say_questions((f.phase, f.person_group) for f in found)),
        )
        for found in groups.values()
    ]


def _say_questions(
    asked: Iterable[tuple[Phase | None, PersonGroup | None]],
) -> Iterator[Words]:
    """Say about which phases, and for whom where that is not everybody."""
    phases: dict[Phase, list[PersonGroup | None]] = {}
    for phase, group in asked:
        if phase is not None:
            phases.setdefault(phase, []).append(group)
    for phase, groups in phases.items():
        if {PersonGroup.ADULT, PersonGroup.CHILD} <= set(groups) or groups == [None]:
            yield say(phase)
        else:
            people = join_words(say(group) for group in groups if group is not None)
            yield pmsg("question", "%(phase)s (%(people)s)", phase=say(phase), people=people)


def _show_effects(effects: Sequence[RoutingEffect]) -> list[ShownEffect]:
    """Say whom messages will go to, the questions with the same answers together."""
    groups: dict[tuple[str, str, Hours], list[RoutingEffect]] = {}
    for effect in effects:
        before, after = (desk.name if desk else "" for desk in (effect.before, effect.after))
        groups.setdefault((before, after, effect.hours), []).append(effect)
    return [
        ShownEffect(
            questions=tuple(_say_questions((e.phase, e.person_group) for e in found)),
            hours=HOURS[hours],
            before=before,
            after=after,
        )
        for (before, after, hours), found in groups.items()
    ]


def _show_conflict(conflict: Conflict, names: Names) -> ShownConflict:
    path = conflict.path
    if path and path[0] in {"authorities", "agreements"} and len(path) >= _ENTRY_STEPS:
        is_desk = path[0] == "authorities"
        title: Words = names.desk(path[1])
        if not is_desk:
            title = msg("Agreement: %(name)s", name=names.agreement(path[1]))
        steps = path[_ENTRY_STEPS:]
    else:
        title, steps = msg("The whole list"), path
    whole = msg("The entry as a whole") if path else msg("The whole list")
    field = say_field(_name_field(steps)) if steps else whole
    values = (conflict.base, conflict.ours, conflict.theirs)
    base, ours, theirs = (_word_side(steps, value, names) for value in values)
    return ShownConflict(title=title, field=field, base=base, ours=ours, theirs=theirs)


def _name_field(steps: tuple[str, ...]) -> str:
    """Return the field that a part of an entry belongs to: of a calendar weekend or holidays."""
    return steps[1] if len(steps) > 1 and steps[0] == "calendar" else steps[0]


def _word_side(steps: tuple[str, ...], value: Any, names: Names) -> Lines:
    """Say one side: a field's value, or a whole entry, or a whole list, by its fields."""
    if not steps and isinstance(value, dict):
        return tuple(_word_entry(value, names))
    name = _name_field(steps) if steps else ""
    if isinstance(value, dict) and name == "calendar":
        return tuple(_word_entry(_list_holidays(value), names))
    return word_value(name, value, names)


def _list_holidays(calendar: dict[str, Any]) -> dict[str, Any]:
    return calendar | {"holidays": list(calendar["holidays"].values())}


_NAMED: Final[Mapping[str, Callable[[Names], Callable[[str], Words]]]] = {
    "authorities": lambda names: names.desk,
    "agreements": lambda names: names.agreement,
}
"""What stands in a list under a name: said by that, where the list as a whole is shown."""


def _word_entry(content: dict[str, Any], names: Names) -> Iterator[Words]:
    for field, value in content.items():
        if field in _NAMED:
            for line in map(_NAMED[field](names), value or ()):
                yield msg("%(what)s: %(time)s", what=say_field(field), time=line)
            continue
        if isinstance(value, dict) and field in {"terms", "calendar"}:
            entry = _list_holidays(value) if field == "calendar" else value
            yield from _word_entry(entry, names)
            continue
        is_said = value is not False and field not in {"format", "participant"}
        for line in word_value(field, value, names) if is_said else ():
            yield msg("%(what)s: %(time)s", what=say_field(field), time=line)


def _tell(
    events: Sequence[ChangeEvent], names: Names, pages: DirectoryPages
) -> Iterator[ShownEvent]:
    for event in reversed(events):
        yield ShownEvent(
            event=event,
            look=look_of_event(event),
            about=say_entry(event.entry_kind, event.entry, names),
            author=pages.name_person(event.actor),
        )


_WAITING: Final = (ChangeState.WAITING,)
_DONE: Final[tuple[tuple[Message, frozenset[ChangeState]], ...]] = (
    (
        msg("Draft"),
        frozenset({ChangeState.DRAFTED, ChangeState.CONFLICTING, ChangeState.REFUSED}),
    ),
    (msg("Signatures"), frozenset(_WAITING)),
    (msg("Publication"), frozenset({ChangeState.SIGNED, ChangeState.PUBLISHING})),
)


def _list_tasks(view: ChangeView) -> list[tuple[Message, str]]:
    """Return the three tasks of a change: done, now, or later."""
    state = view.change.state
    if state not in {s for _, states in _DONE for s in states}:
        return []
    now = next(number for number, (_, states) in enumerate(_DONE) if state in states)
    words = ("done", "now", "later")
    return [
        (label, words[0] if number < now else words[1] if number == now else words[2])
        for number, (label, _) in enumerate(_DONE)
    ]


def find_authority_ids(document: ContactsDocument) -> dict[str, str]:
    """Return the desks of a draft by name, in the order of the list."""
    return {str(authority.id): authority.name for authority in document.authorities}
