"""The directory's pages: whom to ring now and why, and the directory of a past day."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from contact_registry.directory import Directory
from contact_registry.models import (
    Authority,
    Competence,
    ContactsDocument,
    ListedBy,
    Route,
    Telephone,
)
from contact_registry.schedules import Holiday, Schedule, Weekday, WorkCalendar
from node.service.registry_as_of import NotKeptError
from node.web.duty import describe_duty
from protocol.identifiers import AuthorityId, Channel, Phase
from tests.support.node_console import PageReader, Pair
from tests.support.registry import AL, make_authority

NIGHT_NUMBER = Telephone(as_listed="+355 44541822", e164="+35544541822")
WEEK = (Weekday.MONDAY, Weekday.TUESDAY, Weekday.WEDNESDAY, Weekday.THURSDAY, Weekday.FRIDAY)
OFFICE = (Schedule(byday=WEEK, opens_at="08:00", closes_at="16:00"),)
TIRANE = ZoneInfo("Europe/Tirane")
MONDAY_NOON = datetime(2026, 3, 2, 12, tzinfo=TIRANE)
MONDAY_NIGHT = datetime(2026, 3, 2, 22, 30, tzinfo=TIRANE)
HOLIDAY = datetime(2026, 3, 14, 12, tzinfo=TIRANE)
BY_NIGHT = Route(telephones=(NIGHT_NUMBER,), note="Ask for the officer on duty.")
BY_RESERVE = Route(authority=AuthorityId("AL-duty"))
NO_NUMBER = (Telephone(as_listed="116 006", national_only=True),)


def list_desk(desk: Authority, **reserve: object) -> ContactsDocument:
    """List a desk beside one that can be its reserve."""
    fields: dict[str, object] = {"available_24_7": True} | reserve
    return ContactsDocument(
        participant=AL,
        listed_by=ListedBy.PARTICIPANT,
        calendar=WorkCalendar(holidays=(Holiday(day=date(2026, 3, 14)),)),
        authorities=(desk, make_authority(AL, "duty", **fields)),
    )


@pytest.mark.parametrize(
    ("changes", "reserve", "at", "words"),
    [
        ({"available_24_7": True}, {}, MONDAY_NIGHT,
         ("Answers around the clock", "Ring the desk", "answers around the clock")),
        ({"schedules": OFFICE}, {}, MONDAY_NOON,
         ("Open now", "Ring the desk", "within its hours")),
        ({}, {}, MONDAY_NIGHT,
         ("Hours are not listed", "Ring the desk", "try it first")),
        ({"schedules": OFFICE, "out_of_hours": BY_NIGHT}, {}, MONDAY_NIGHT,
         ("Closed now", "Ring the out-of-hours route", "closed now")),
        ({"schedules": OFFICE, "out_of_hours": BY_NIGHT, "reserve": BY_RESERVE}, {}, HOLIDAY,
         ("Closed now", "Ring the out-of-hours route", "closed now")),
        ({"schedules": OFFICE, "reserve": BY_RESERVE}, {}, MONDAY_NIGHT,
         ("Closed now", "Ring the reserve", "no out-of-hours route is listed")),
        ({"schedules": OFFICE, "reserve": BY_RESERVE}, {"available_24_7": False,
          "schedules": OFFICE}, MONDAY_NIGHT,
         ("Closed now", "Nobody is listed who answers now", "nobody who stands in")),
        ({"telephones": NO_NUMBER, "reserve": BY_RESERVE}, {}, MONDAY_NOON,
         ("Hours are not listed", "Ring the reserve", "no telephone and no mailbox")),
        ({"telephones": NO_NUMBER}, {}, MONDAY_NOON,
         ("Hours are not listed", "Nobody is listed who answers now", "works from abroad")),
    ],
)  # fmt: skip
def test_whom_to_ring(
    changes: dict[str, object], reserve: dict[str, object], at: datetime, words: tuple[str, ...]
) -> None:
    """For each situation of hours and routes the card names one to ring, and the reason."""
    desk = make_authority(AL, "desk", **changes)
    card = describe_duty(desk, list_desk(desk, **reserve), now=at)
    looks = (card.look.word, card.ring.word, card.why)
    for said, word in zip(looks, words, strict=True):
        assert word in str(getattr(said, "msgid", said))
    expected = at is not MONDAY_NOON and bool(changes.get("schedules"))
    assert (card.opens_at is not None) is expected
    if card.opens_at is not None:
        assert f"{card.opens_at:%H:%M}" == "08:00"
        assert card.opens_at.date() == date(2026, 3, 3 if at is MONDAY_NIGHT else 16)


def test_the_route_to_use_comes_first() -> None:
    """Out-of-hours route and reserve are both shown, the one that answers now before the other."""
    desk = make_authority(AL, schedules=OFFICE, out_of_hours=BY_NIGHT, reserve=BY_RESERVE)
    document = list_desk(desk, valid_to=date(2026, 3, 1))
    routes = describe_duty(desk, document, now=MONDAY_NIGHT).routes
    assert [route.name for route in routes] == [None, "Desk duty"]
    assert routes[0].telephones == (NIGHT_NUMBER,)
    assert routes[0].look is None
    assert routes[1].telephones == ()
    assert str(getattr(routes[1].look.word, "msgid", "")) == "No longer in use"  # type: ignore[union-attr]  # it ended


@dataclass
class Kept:
    """Past directories that a test puts there."""

    directory: Directory
    since: datetime

    def load_as_of(self, moment: datetime) -> Directory:
        """Return the one, or say that nothing was kept before it."""
        if moment < self.since:
            raise NotKeptError(self.since)
        return self.directory


@pytest.fixture
def past(pair: Pair) -> Pair:
    """Let XK keep a directory in which AL's desks had another name."""
    context = pair.network.node("XK")
    directory = context.directory.current()
    named = tuple(
        desk.model_copy(update={"name": f"Former {desk.name}"})
        for desk in directory.contacts[AL].authorities
    )
    contacts = {**directory.contacts, AL: directory.contacts[AL].model_copy(
        update={"authorities": named})}  # fmt: skip
    kept = Kept(replace(directory, contacts=contacts), context.clock() - timedelta(days=30))
    pair.network.nodes["XK"] = replace(context, past=kept)
    return pair


async def test_the_directory_of_a_past_day(past: Pair) -> None:
    """A past day is shown with a warning and without numbers to ring now; its links stay there."""
    day = (past.network.clock() - timedelta(days=3)).date()
    async with PageReader(past.xk) as reader:
        await reader.sign_in("auditor")
        await reader.open("/directory/AL")
        assert "Ring the desk" in reader.page.text
        assert "Former" not in reader.page.text
        await reader.open("/directory")
        typed = {"day_day": str(day.day), "day_month": str(day.month), "day_year": str(day.year)}
        await reader.send("/day-of-directory", **typed)
        assert reader.path == "/directory"
        assert "This is not today" in reader.page.text
        assert f'href="/directory/AL?day={day}"' in reader.page.text
        await reader.send(f"/directory?day={day}", participant="AL", phase="identification")
        assert "Former" in reader.page.text
        assert 'id="answer"' in (await reader.open(f"/directory?day={day}")).text
        assert 'id="answer"' not in (await reader.open("/directory")).text
        await reader.open(f"/directory/AL?day={day}")
        assert "Former Child Protection Unit" in reader.page.text
        assert "Ring" not in reader.page.text
        assert "Confirmed on 2026-03-01" in reader.page.text
        assert "tel:" not in reader.page.text
        assert "+35540000001" in reader.page.text


async def test_a_day_that_is_not_kept(past: Pair) -> None:
    """A day before anything was kept, or that does not exist, is said beside the field."""
    async with PageReader(past.xk) as reader:
        await reader.sign_in("auditor")
        for typed, words in (
            (("1", "1", "2020"), "This node keeps directories since"),
            (("31", "2", "2026"), "There is no such day"),
            (("", "", ""), "Give the day"),
            (("1", "1", "2099"), "Choose a day before today"),
        ):
            await reader.open("/directory")
            names = ("day_day", "day_month", "day_year")
            answer = await reader.send("/day-of-directory", **dict(zip(names, typed, strict=True)))
            assert answer.status_code == 422
            assert words in reader.page.text
        assert (await reader.open("/directory?day=2020-01-01")).status_code == 404
        tomorrow = past.network.clock() + timedelta(days=1)
        await reader.open(f"/directory?day={tomorrow:%Y-%m-%d}")
        assert "This is not today" not in reader.page.text


async def test_channel_place_and_who_left(past: Pair) -> None:
    """A desk for one channel and place is found and says so; who is not listed has no page."""
    context = past.network.node("XK")
    directory = context.directory.current()
    police = make_authority(
        AL,
        "vlora",
        competences=(Competence(phase=Phase.RETURN, channel=Channel.POLICE, place="Vlora"),),
    )
    document = directory.contacts[AL]
    document = document.model_copy(update={"authorities": (*document.authorities, police)})
    entries = tuple(entry for entry in directory.participants if entry.code != "MK")
    past.network.directory.directory = replace(
        directory, contacts={**directory.contacts, AL: document}, participants=entries
    )
    async with PageReader(past.xk) as reader:
        await reader.sign_in("auditor")
        await reader.open("/directory")
        asked = {"participant": "AL", "phase": "return", "channel": "police", "place": "VLORA"}
        await reader.send("/directory", **asked)
        for _ in range(2):
            assert "Channel: Police. Only for Vlora." in reader.page.text
            assert str((await reader.open("/directory")).url).endswith("/directory")
        past.network.directory.directory = replace(
            past.network.directory.directory, participants=tuple(
                entry for entry in entries if entry.code != "AL"
            ),
        )  # fmt: skip
        assert 'id="answer"' not in (await reader.open("/directory")).text
        past.network.directory.directory = replace(
            past.network.directory.directory, participants=entries
        )
        await reader.open("/directory/AL")
        assert "Return \N{EN DASH} Police \N{EN DASH} Vlora" in reader.page.text
        assert (await reader.open("/directory/MK")).status_code == 404
        assert "Not in this directory" in reader.page.text
        day = (past.network.clock() - timedelta(days=3)).date()
        assert (await reader.open(f"/directory/MK?day={day}")).status_code == 200
