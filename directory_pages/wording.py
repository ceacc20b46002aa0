"""Values of the directory's documents in words, for people to compare.

Values come as the documents have them in JSON: texts, numbers, lists and objects. A value gives
lines: one for a text, one for each entry of a list.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, Final

from console.formats import name_place
from console.i18n import Message, msg, nmsg, pmsg
from contact_registry.agreements import SensitivityClass
from contact_registry.models import ContactsDocument, ListedBy, PersonGroup, TelephoneKind
from contact_registry.particulars import AuthorityType
from contact_registry.schedules import Weekday
from directory_pages.codes import Words, join_words, say_language, say_stored
from protocol.identifiers import Channel, Phase
from protocol.notice import NoticeRule

Lines = tuple[Words, ...]

#: Translators: the month as it stands in a date, after the number of the day.
MONTHS: Final[Sequence[Message]] = (
    pmsg("month in a date", "January"),
    pmsg("month in a date", "February"),
    pmsg("month in a date", "March"),
    pmsg("month in a date", "April"),
    pmsg("month in a date", "May"),
    pmsg("month in a date", "June"),
    pmsg("month in a date", "July"),
    pmsg("month in a date", "August"),
    pmsg("month in a date", "September"),
    pmsg("month in a date", "October"),
    pmsg("month in a date", "November"),
    pmsg("month in a date", "December"),
)
_HOUR_MINUTES: Final = 60


def say_day(day: date) -> Message:
    """Say a day with its month's name, as a part of a sentence."""
    return pmsg(
        "date", "%(day)s %(month)s %(year)s",
        day=day.day, month=MONTHS[day.month - 1], year=day.year,
    )  # fmt: skip


@dataclass(frozen=True)
class Names:
    """How desks and Participants are called where only their identifiers stand."""

    desks: Mapping[str, str]
    participants: Mapping[str, str]
    instruments: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        documents: Sequence[ContactsDocument],
        participants: Mapping[str, str] = MappingProxyType({}),
    ) -> "Names":
        """Take the names of desks from these documents; the last one that lists a desk names it."""
        desks = {str(a.id): a.name for document in documents for a in document.authorities}
        stated = (s.terms for document in documents for s in document.agreements)
        return cls(desks, participants, {terms.id: terms.instrument for terms in stated})

    def desk(self, identifier: str) -> str:
        """Name a desk; one that no document lists by its identifier."""
        return self.desks.get(identifier, identifier)

    def agreement(self, identifier: str) -> str:
        """Name an agreement by its instrument; one that is not stated anywhere by its name."""
        return self.instruments.get(identifier, identifier)

    def participant(self, code: str) -> Words:
        """Name a Participant; one that is not known by its code."""
        return name_place(code, self.participants.get(code, code))


_BLOCK: Final = 8


def group_hash(sha256: str) -> str:
    """Write a hash in groups that can be read out by telephone."""
    return " ".join(sha256[at : at + _BLOCK] for at in range(0, len(sha256), _BLOCK))


def word_value(field: str, value: Any, names: Names) -> Lines:
    """Say the value of a field in lines; nothing gives no line."""
    if value is None or value in ("", [], {}):
        return ()
    if isinstance(value, list):
        return tuple(_word_item(field, item, names) for item in value)
    return (_word_item(field, value, names),)


def _word_item(field: str, value: Any, names: Names) -> Words:
    if isinstance(value, bool):
        return pmsg("answer", "Yes") if value else pmsg("answer", "No")
    if isinstance(value, Mapping):
        return _OBJECTS[field](value, names) if field in _OBJECTS else _word_any(value)
    if field in _CODES:
        return say_stored(_CODES[field], str(value))
    if field == "languages":
        return say_language(str(value))
    if field in {"parties", "given_by"}:
        return names.participant(str(value))
    return _word_plain(value)


def _word_plain(value: Any) -> Words:
    """Say a text or number; a day or a moment is written out."""
    text = str(value)
    if not isinstance(value, str) or not text[:4].isdecimal():
        return text
    try:
        if len(text) == len("2026-01-01"):
            return say_day(date.fromisoformat(text))
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    if "T" not in text or moment.tzinfo is None:
        return text
    day = say_day(moment.date())
    return pmsg("moment", "%(day)s, %(time)s UTC", day=day, time=f"{moment:%H:%M}")


def _word_any(value: Mapping[str, Any]) -> Words:
    """Say an object that has no words of its own: what it holds, in its order."""
    return join_words(_word_plain(item) for item in value.values() if item not in (None, "", []))


def word_telephone(item: Mapping[str, Any], _names: Names) -> Words:
    """Say a telephone number, what answers there, and from where it works."""
    number = item["e164"] or item["as_listed"]
    words: list[Words] = [
        pmsg("telephone", "%(kind)s %(number)s",
             kind=say_stored(TelephoneKind, item["kind"]), number=number)
    ]  # fmt: skip
    if item["extension"]:
        words.append(msg("extension %(number)s", number=item["extension"]))
    if item["national_only"]:
        words.append(msg("works inside this Participant only"))
    elif item["e164"] is None:
        words.append(msg("not a number that can be dialled from abroad"))
    return join_words(words)


def word_competence(item: Mapping[str, Any], _names: Names) -> Words:
    """Say what a desk is competent for."""
    words = [say_stored(Phase, item["phase"]), say_stored(PersonGroup, item["person_group"])]
    if item["channel"] != Channel.ASSISTANCE:
        words.append(msg("channel: %(channel)s", channel=say_stored(Channel, item["channel"])))
    if item["place"]:
        words.append(msg("only in %(place)s", place=item["place"]))
    if item["measure_as_listed"]:
        words.append(f"“{item['measure_as_listed']}”")
    return join_words(words)


def word_schedule(item: Mapping[str, Any], _names: Names) -> Words:
    """Say hours on days of the week."""
    days = join_words(say_stored(Weekday, day) for day in item["byday"])
    hours = msg("%(days)s: %(opens)s to %(closes)s",
                days=days, opens=item["opens_at"], closes=item["closes_at"])  # fmt: skip
    return join_words((hours, *_word_span(item)))


def _word_span(item: Mapping[str, Any]) -> Lines:
    span: list[Words] = []
    if item["valid_from"]:
        span.append(msg("from %(day)s", day=_word_plain(item["valid_from"])))
    if item["valid_to"]:
        span.append(msg("to %(day)s", day=_word_plain(item["valid_to"])))
    return tuple(span)


def word_address(item: Mapping[str, Any], _names: Names) -> Words:
    """Say a postal address in one line."""
    order = ("attention", "address_1", "address_2", "postal_code", "city", "region")
    return ", ".join(item[name] for name in order if item[name])


def word_route(item: Mapping[str, Any], names: Names) -> Words:
    """Say who stands in for a desk."""
    words: list[Words] = []
    if item["authority"]:
        words.append(names.desk(item["authority"]))
    words += [word_telephone(each, names) for each in item["telephones"]]
    words += [*item["mailboxes"], *([item["note"]] if item["note"] else [])]
    return join_words(words)


def _word_local(item: Mapping[str, Any], _names: Names) -> Words:
    text = item.get("name") or item.get("text", "")
    if not item["language"]:
        return str(text)
    return pmsg(
        "name", "%(name)s (%(language)s)", name=text, language=say_language(item["language"])
    )


def _word_holiday(item: Mapping[str, Any], _names: Names) -> Words:
    day = _word_plain(item["day"])
    return join_words((day, item["name"])) if item["name"] else day


def _word_decision(item: Mapping[str, Any], _names: Names) -> Words:
    return join_words(
        _word_plain(item[name]) for name in ("reference", "issued_by", "issued_on") if item[name]
    )


def _word_license(item: Mapping[str, Any], _names: Names) -> Words:
    told = [item["number"], *([item["issued_by"]] if item["issued_by"] else [])]
    return join_words((*told, *_word_span(item)))


def word_times(item: Mapping[str, Any], names: Names) -> Words:
    """Say the times to answer that a pair agreed on."""
    words: list[Words] = [
        pmsg("agreement", "all parties")
        if item["between"] is None
        else join_words(names.participant(code) for code in item["between"])
    ]
    if item["working_days"]:
        words.append(nmsg("%(count)s working day", "%(count)s working days", item["working_days"]))
    for name, label in (("immediate_minutes", msg("immediate")), ("urgent_minutes", msg("urgent"))):
        if item[name]:
            words.append(msg("%(what)s: %(time)s", what=label, time=say_minutes(item[name])))
    return join_words(words)


def say_minutes(minutes: int) -> Message:
    """Say a number of minutes; whole hours as hours."""
    if minutes % _HOUR_MINUTES == 0:
        return nmsg("%(count)s hour", "%(count)s hours", minutes // _HOUR_MINUTES)
    return nmsg("%(count)s minute", "%(count)s minutes", minutes)


def _word_notice(item: Mapping[str, Any], names: Names) -> Words:
    return msg("%(participant)s, received on %(day)s",
               participant=names.participant(item["given_by"]),
               day=_word_plain(item["received_on"]))  # fmt: skip


_OBJECTS: Final[Mapping[str, Callable[[Mapping[str, Any], Names], Words]]] = {
    "telephones": word_telephone,
    "competences": word_competence,
    "schedules": word_schedule,
    "addresses": word_address,
    "reserve": word_route,
    "out_of_hours": word_route,
    "names": _word_local,
    "footnotes": _word_local,
    "alternate_names": _word_local,
    "holidays": _word_holiday,
    "appointment_decision": _word_decision,
    "licenses": _word_license,
    "deadlines": word_times,
    "notices": _word_notice,
}
_CODES: Final = {
    "type": AuthorityType,
    "weekend": Weekday,
    "listed_by": ListedBy,
    "directory_key_held_by": ListedBy,
    "phases": Phase,
    "sensitivity_classes": SensitivityClass,
    "notice_rule": NoticeRule,
}
