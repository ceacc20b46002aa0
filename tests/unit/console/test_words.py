"""Languages, times, places, deadlines and dates, as people read and type them."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from babel.messages.catalog import Catalog
from babel.support import NullTranslations
from starlette.datastructures import FormData

from console.dates import DateError, DateParts
from console.deadlines import describe_deadline
from console.extraction import extract_messages, find_template_findings, format_template
from console.formats import (
    describe_duration,
    format_day,
    format_moment,
    name_place,
)
from console.i18n import (
    LANGUAGE_NAMES,
    PLURAL_FORMS,
    TEMPLATE,
    Catalogues,
    Language,
    compile_catalogue,
    is_complete,
    load_catalogue,
    load_catalogues,
    load_data_locale,
    mark_of,
    msg,
    nmsg,
    pmsg,
    translate,
)

PLAIN = NullTranslations()
SKOPJE = ZoneInfo("Europe/Skopje")
MOMENT = datetime(2026, 11, 24, 13, 5, tzinfo=UTC)


def test_the_template_holds_every_sentence_and_no_other() -> None:
    """``trm.pot`` is up to date: otherwise run ``python -m console.extraction``."""
    assert find_template_findings() == []


def test_an_outdated_template_is_found(tmp_path: Path) -> None:
    """A missing sentence, and one that nobody says any more, are both named."""
    catalogue = extract_messages()
    catalogue.delete("Sign in")
    catalogue.add("Nobody says this")
    template = tmp_path / "trm.pot"
    template.write_bytes(format_template(catalogue))
    assert find_template_findings(template=template) == [
        "missing in trm.pot: ('', 'Sign in')",
        "not used any more: ('', 'Nobody says this')",
    ]


def test_messages_of_each_kind_reach_the_template() -> None:
    """Plain, in context, and counted sentences, from Python and from pages."""
    template = load_catalogue(TEMPLATE)
    assert template.get("There is no such page") is not None
    assert template.get("Due soon", "deadline") is not None
    assert template.get("%(count)s minute") is not None
    assert template.get("May be sent", "policy") is not None


def make_translation(language: Language, *, but: str = "") -> Catalog:
    """Translate every message of the template, except one."""
    catalogue = Catalog(locale=load_data_locale(language))
    for message in load_catalogue(TEMPLATE):
        if not message.id:
            continue
        plural = not isinstance(message.id, str)
        done = "" if message.id == but else f"[{message.id}]"
        forms = (done,) * catalogue.num_plurals if plural else done
        catalogue.add(message.id, string=forms, context=message.context)
    return catalogue


def test_only_a_complete_language_is_offered() -> None:
    """One sentence missing or doubtful, and the language is not there."""
    template = load_catalogue(TEMPLATE)
    assert is_complete(make_translation(Language.MACEDONIAN), template)
    assert not is_complete(make_translation(Language.MACEDONIAN, but="Sign in"), template)
    doubtful = make_translation(Language.SERBIAN_LATIN)
    message = doubtful.get("Sign in")
    assert message is not None
    message.flags.add("fuzzy")
    assert not is_complete(doubtful, template)


def test_the_languages_of_the_tree_load() -> None:
    """What lies in the folder is read; English is always offered and comes first."""
    assert load_catalogues().offered[0] is Language.ENGLISH


def test_what_is_marked_as_whole_is_offered_unread_and_anything_else_is_compared(
    tmp_path: Path,
) -> None:
    """A mark counts for the very bytes of both files; without it half a file is none."""
    template, half = tmp_path / "trm.pot", tmp_path / "mk.po"
    template.write_bytes(TEMPLATE.read_bytes())
    half.write_text('msgid "Sign in"\nmsgstr "Najava"\n', encoding="utf-8")
    assert Language.MACEDONIAN not in load_catalogues(tmp_path).offered
    marks = {path.name: mark_of(path.read_bytes()) for path in (template, half)}
    (tmp_path / "whole.json").write_text(json.dumps(marks))
    offered = load_catalogues(tmp_path)
    assert Language.MACEDONIAN in offered.offered
    assert translate(msg("Sign in"), offered.translations(Language.MACEDONIAN)) == "Najava"
    half.write_text('msgid "Sign in"\nmsgstr "Najavi se"\n', encoding="utf-8")
    assert Language.MACEDONIAN not in load_catalogues(tmp_path).offered


def test_a_compiled_translation_speaks() -> None:
    """Plain and counted messages are said in the language, their places filled."""
    spoken = compile_catalogue(make_translation(Language.ALBANIAN))
    assert translate(msg("Sign in"), spoken) == "[Sign in]"
    assert translate(pmsg("deadline", "Due soon"), spoken) == "[Due soon]"
    assert translate("data", spoken) == "data"


def test_a_message_says_itself_with_its_parts() -> None:
    """Numbers choose the form, and a message inside a message is said too."""
    assert translate(nmsg("%(count)s day", "%(count)s days", 1), PLAIN) == "1 day"
    assert translate(msg("in %(time)s", time=describe_duration(timedelta(days=3))), PLAIN) == (
        "in 3 days"
    )


def test_each_language_has_its_own_name_and_rules() -> None:
    """Montenegrin is crnogorski, never Serbian; plural forms are known for each."""
    assert LANGUAGE_NAMES[Language.MONTENEGRIN] == "crnogorski"
    assert set(LANGUAGE_NAMES) == set(PLURAL_FORMS) == set(Language)
    assert len(set(LANGUAGE_NAMES.values())) == len(Language)


@pytest.mark.parametrize(
    ("wish", "header", "chosen"),
    [
        (None, "sr-Latn-RS,en;q=0.5", Language.SERBIAN_LATIN),
        (None, "sr-RS", Language.SERBIAN_CYRILLIC),
        (None, "de-AT, mk;q=0.3, en;q=0.2", Language.MACEDONIAN),
        (None, "en-US,en;q=0.9,sq;q=0.8", Language.ENGLISH),
        ("mk", "sq", Language.MACEDONIAN),
        ("hr", "mk", Language.MACEDONIAN),
        (None, "", Language.ENGLISH),
        (None, "mk;q=0", Language.ENGLISH),
    ],
)
def test_the_language_is_the_readers_choice(
    wish: str | None, header: str, chosen: Language
) -> None:
    """Choice before browser before English; a language that is not offered is passed over."""
    languages = (Language.SERBIAN_LATIN, Language.SERBIAN_CYRILLIC, Language.MACEDONIAN)
    catalogues = Catalogues(dict.fromkeys(languages, PLAIN))
    assert catalogues.choose(wish=wish, accept_language=header) is chosen


@pytest.mark.parametrize("language", list(Language))
def test_times_have_24_hours_a_month_by_name_and_an_owner(language: Language) -> None:
    """14:05 in Skopje and 13:05 UTC, in each language; no month as digits."""
    written = format_moment(
        MOMENT, zone=SKOPJE, whose="Skopje time", locale=load_data_locale(language)
    )
    assert written.local.endswith("14:05 Skopje time")
    assert written.utc.endswith("13:05 UTC")
    assert written.iso == "2026-11-24T13:05:00+00:00"
    assert "11" not in written.local
    assert "2026" in written.local
    assert "2026" not in written.brief


def test_a_day_is_written_out() -> None:
    """The month's full name."""
    english = load_data_locale(Language.ENGLISH)
    assert format_day(MOMENT, zone=SKOPJE, locale=english) == "24 November 2026"
    with pytest.raises(ValueError, match="tzinfo"):
        format_day(datetime(2026, 11, 24), zone=SKOPJE, locale=english)  # noqa: DTZ001  the point


def test_a_place_is_called_as_agreed() -> None:
    """XK carries its star; a code that is not in the table keeps the name that was given."""
    assert translate(name_place("XK", "Kosovo"), PLAIN) == "Kosovo*"
    assert name_place("ZZ", "Testland") == "Testland"


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(seconds=59), "less than a minute"),
        (timedelta(minutes=1), "1 minute"),
        (timedelta(minutes=119), "1 hour"),
        (timedelta(hours=47, minutes=59), "47 hours"),
        (timedelta(hours=48), "2 days"),
        (timedelta(hours=-5), "5 hours"),
    ],
)
def test_a_duration_is_said_in_its_largest_useful_unit(length: timedelta, words: str) -> None:
    """Rounded down: nobody is promised time that is not there."""
    assert translate(describe_duration(length), PLAIN) == words


@pytest.mark.parametrize(
    ("passed", "label", "tone"),
    [
        (0, "On time", "neutral"),
        (17, "On time", "neutral"),
        (18, "Due soon", "warn"),
        (24, "Overdue by less than a minute", "danger"),
        (26, "Overdue by 2 hours", "danger"),
    ],
)
def test_a_deadline_warns_in_its_last_quarter(passed: int, label: str, tone: str) -> None:
    """Of 24 hours the last six are soon; from the end on it is overdue, and only that is red."""
    now = MOMENT + timedelta(hours=passed)
    state = describe_deadline(due=MOMENT + timedelta(hours=24), given=MOMENT, now=now)
    assert (translate(state.label, PLAIN), state.tone) == (label, tone)
    assert (state.remaining is None) is (tone == "danger")


def test_a_date_is_read_from_its_parts() -> None:
    """Day, month, year and time, in the Participant's time, and back again."""
    form = FormData([("d_day", " 4 "), ("d_month", "7"), ("d_year", "2026"), ("d_time", "9.30")])
    parts = DateParts.from_form(form, "d")
    moment = parts.parse_moment(SKOPJE)
    assert moment == datetime(2026, 7, 4, 7, 30, tzinfo=UTC)
    assert DateParts.from_moment(moment, SKOPJE) == DateParts("4", "7", "2026", "09:30")
    assert DateParts.from_form(FormData(), "d").is_empty


@pytest.mark.parametrize(
    ("parts", "beginning"),
    [
        (DateParts("", "7", "2026"), "Give the day"),
        (DateParts("31", "2", "2026", "10:00"), "There is no such day"),
        (DateParts("1", "1", "0", "10:00"), "There is no such day"),
        (DateParts("1", "1", "1", "00:00"), "There is no such day"),
        (DateParts("1", "7", "2026", "2 pm"), "Give the time"),
        (DateParts("29", "3", "2026", "02:30"), "The clocks skip"),
        (DateParts("\u0661", "1", "2026", "02:30"), "Give the day"),
    ],
)
def test_a_date_that_is_none_is_refused_with_advice(parts: DateParts, beginning: str) -> None:
    """Missing parts, impossible days, and the hour that spring skips."""
    with pytest.raises(DateError) as caught:
        parts.parse_moment(SKOPJE)
    assert caught.value.message.msgid.startswith(beginning)
