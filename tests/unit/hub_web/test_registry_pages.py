"""The pages of the registry at the hub, over the list of 2022: what they say and refuse."""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from hub.audit.log import AuditFilter
from tests.support.console_face import NOON, PASSWORD
from tests.support.hub_console import Hub, HubReader, build_hub
from tests.support.hub_registry import make_hub_registry
from tests.support.registry import RegistryWorld, Timepiece


@pytest.fixture(scope="module")
def registry_world(tmp_path_factory: pytest.TempPathFactory) -> RegistryWorld:
    """Publish the six Participants once: nothing here publishes more."""
    return make_hub_registry(tmp_path_factory.mktemp("hub-registry"))


@pytest.fixture
def hub(tmp_path: Path, registry_world: RegistryWorld) -> Iterator[Hub]:
    """Build a hub's console over that registry."""
    built = build_hub(tmp_path, world=registry_world)
    yield built
    built.close()


@pytest.fixture
async def operator(hub: Hub) -> AsyncIterator[HubReader]:
    """Sign a directory operator in."""
    async with HubReader(hub) as reader:
        await reader.sign_in("operator")
        yield reader


async def test_before_the_founding_every_page_says_what_to_do(tmp_path: Path) -> None:
    """A hub whose operators have not founded a registry yet leads to the steps, not to an error."""
    built = build_hub(tmp_path, world=RegistryWorld(tmp_path / "registry", clock=Timepiece(NOON)))
    async with HubReader(built) as reader:
        await reader.sign_in("operator")
        assert "Nothing is published" in reader.page.text
        for path in (
            "/participants", "/participants/AL", "/coverage", "/findings", "/versions",
            "/versions/1", "/listed", "/signing", "/export", "/import", "/drills",
        ):  # fmt: skip
            await reader.open(path)
            assert (reader.path, reader.page.status_code) == ("/founding", 200), path
        assert "trm-registry ceremony prepare found" in reader.page.text
    built.close()


async def test_the_list_says_what_each_participant_lacks(operator: HubReader) -> None:
    """Who lists, desks, gaps, reviews, signatures and node stand in one table."""
    page = (await operator.open("/participants")).text
    for words in (
        "Kosovo*", "Listed by the Participant", "Nothing published", "7 gaps, out of hours",
        "20 gaps", "6 desks to review", "4 reach nobody", "Holds 11 days", "Keys published",
    ):  # fmt: skip
        assert words in page, words
    assert "without prejudice to positions on status" in page


async def test_a_participant_and_its_desk(operator: HubReader) -> None:
    """The Participant's page says whom to ring now; the desk's page says everything listed."""
    page = (await operator.open("/participants/AL")).text
    assert page.count("Child Protection Unit") >= 3
    assert "Not confirmed for 318 days" in page
    assert "1 of 1 must sign" in page
    page = (await operator.open("/desks/AL-child-protection-unit")).text
    for words in (
        "Open now", "Turn to the desk", "Monday", "08:00 to 16:00", "Ask for the duty officer.",
        "Albanian", "Identification, Children", "1 May 2027", "tel:+35544541900",
    ):  # fmt: skip
        assert words in page, words
    assert (await operator.open("/participants/RS")).text.count("No desk") >= 20
    assert (await operator.open("/participants/FR")).status_code == 404
    assert (await operator.open("/desks/AL-nobody")).status_code == 404


async def test_a_desk_is_found_by_what_one_knows_of_it(operator: HubReader) -> None:
    """A part of its name, its town in another script, its number, its mailbox; or it is not."""
    await operator.open("/desks")
    unit, nothing = "Child Protection Unit", "No such desk"
    for words, expected in {
        "child prot": unit,
        "Тирана protection": unit,
        "044 541900": unit,
        "00355 44 541": unit,
        "children@coordination": unit,
        "Тирана nowhere": nothing,
        "+389 999": nothing,
        "*": "Type a part of its name",
    }.items():
        assert expected in (await operator.send("/desks", words=words)).text, words
        assert operator.path == "/desks"
    await operator.send("/desks", words="child prot")
    assert unit in (await operator.open("/desks")).text  # as Back asks for it
    operator.hub.clock.advance(minutes=16)
    await operator.open("/")
    await operator.send("/unlock", password=PASSWORD)
    assert unit not in (await operator.open("/desks")).text


async def test_the_matrix_by_channel_and_by_gaps(operator: HubReader) -> None:
    """The table counts gaps, leads to the worst, and is kept to a channel and to gaps."""
    page = (await operator.open("/coverage")).text
    assert 'href="/participants" aria-current="true"' in page
    assert "Nobody in hours in 10 of 60 cells, nobody out of hours in 57." in page
    assert page.count("<tbody>") == 6
    await operator.send("/coverage", channel="witness_protection", kept="gaps")
    assert operator.path == "/coverage/witness_protection/gaps/1"
    assert "No desk" in operator.page.text
    await operator.send("/coverage", channel="nonsense", kept="all")
    assert operator.path == "/coverage/assistance/all/1"
    assert (await operator.open("/coverage/assistance/all/0")).status_code == 404


async def test_versions_are_listed_compared_and_looked_back_at(operator: HubReader) -> None:
    """The past: what each version brought, two compared, and the one in force at a moment."""
    page = (await operator.open("/versions")).text
    assert "Contact list of Kosovo*: published" in page
    await operator.send("/versions/compare", old="6", new="7")
    assert operator.path == "/versions/6/to/7"
    assert "Child Protection Unit" in operator.page.text
    assert "Answers around the clock" in operator.page.text
    await operator.open("/versions")
    await operator.send("/versions/compare", old="6", new="99")
    assert operator.page.status_code == 422
    assert "Choose a version from 1 to 8." in operator.page.text
    moment = {"moment_day": "24", "moment_month": "11", "moment_year": "2026"}
    await operator.send("/versions/as-of", **moment, moment_time="05:30")
    assert operator.path == "/as-of/20261124T0430Z"
    assert "Version 3" in operator.page.text
    for time, words in (("23:00", "still to come"), ("01:00", "There was no registry yet")):
        await operator.open("/versions")
        await operator.send("/versions/as-of", **moment, moment_time=time)
        assert words in operator.page.text
    for path in ("/versions/99", "/versions/1/to/99", "/as-of/20261124T2300Z", "/as-of/now"):
        assert (await operator.open(path)).status_code == 404, path


async def test_a_version_says_who_signed(
    operator: HubReader, registry_world: RegistryWorld
) -> None:
    """Each file of a version with its keys; the founding needed two of three operators."""
    page = (await operator.open("/versions/1")).text
    assert "2 of 3 must sign" in page
    assert sum(signer.public_key.keyid in page for signer in registry_world.operators) == 3
    page = (await operator.open("/signing")).text
    assert "Contact list of Montenegro" in page
    assert page.index("Which version is the newest") < page.index("Contact list of Montenegro")


async def test_who_was_listed_when_a_message_was_sent(operator: HubReader) -> None:
    """By the moment alone, by the version that a message names, and a hash that never was."""
    asked = {
        "participant": "AL", "phase": "identification", "child": "yes", "channel": "assistance",
        "sent_day": "24", "sent_month": "11", "sent_year": "2026", "sent_time": "08:30",
    }  # fmt: skip
    await operator.open("/listed")
    await operator.send("/listed", **asked)
    assert "Child Protection Unit" not in answer_of(operator.page)
    await operator.send("/listed", **{**asked, "sent_time": "09:30"})
    assert "Child Protection Unit" in answer_of(operator.page)
    assert "Child Protection Unit" in answer_of(await operator.open("/listed"))  # as Back does
    context = operator.hub.context
    (version,) = context.reading.tell_versions(context.repository, [7])
    pin = {"version": str(version.version), "sha256": version.sha256}
    await operator.send("/listed", **asked, **pin)
    assert "Child Protection Unit" in answer_of(operator.page)
    await operator.send("/listed", **asked, version="7", sha256="0" * 64)
    assert "never published this version with this hash" in operator.page.text
    await operator.send("/listed", **{**asked, "phase": "", "sent_day": ""}, version="7", sha256="")
    for words in ("Choose a phase.", "Give the day", "as the message has them"):
        assert words in operator.page.text


def answer_of(page: httpx.Response) -> str:
    """Return the part of the page that answers."""
    return page.text.partition('id="answer"')[2].partition("</section>")[0]


@pytest.mark.parametrize(
    ("form", "language", "begins"),
    [
        ("pdf", "sr-Cyrl", b"%PDF"),
        ("html", "sq", b"<!doctype html>"),
        ("xlsx", "en", b"PK"),
        ("csv", "en", b"\xef\xbb\xbf"),
        ("vcf", "en", b"BEGIN:VCARD"),
        ("json", "en", b"{"),
    ],
)
async def test_the_list_as_a_file(
    operator: HubReader, form: str, language: str, begins: bytes
) -> None:
    """Each format comes as a download whose name tells the version only, and the log says who."""
    await operator.open("/export")
    answer = await operator.send("/export", format=form, language_of_list=language)
    assert answer.content.lower().startswith(begins.lower())
    name = answer.headers["content-disposition"]
    assert name.startswith('attachment; filename="trm-contact-list-v8')
    entry = operator.hub.context.audit.list_entries(AuditFilter(action="registry_exported"))[0]
    assert (entry.subject, entry.facts) == ("8", {"format": form, "language": language})


async def test_a_past_version_as_a_file(operator: HubReader) -> None:
    """An old version is exported with the desks of its own day; nonsense is refused in words."""
    await operator.open("/export/6")
    answer = await operator.send("/export", format="csv", language_of_list="en")
    assert b"child-protection-unit" not in answer.content
    assert b"AL-" in answer.content
    await operator.open("/founding")
    assert operator.path == "/participants"
    await operator.open("/export")
    await operator.send("/export", format="exe", language_of_list="xx")
    assert "Choose a format." in operator.page.text
    assert (await operator.open("/export/99")).status_code == 404


async def test_a_finding_is_taken_left_and_opened_again(operator: HubReader, hub: Hub) -> None:
    """Take, leave for a reason until a day, and open again; a stale page changes nothing."""
    page = (await operator.open("/findings")).text
    assert page.index("Lists no desk at all") < page.index("A signature runs out soon")
    found = re.search(r'href="(/findings/([0-9a-f]{32}))"', page)
    assert found is not None
    path, key = found.groups()
    await operator.open(path)
    await operator.send(f"{path}/take")
    assert "In hand" in operator.page.text
    await operator.send(f"{path}/resolve", seen="0", reason="They promised a list.",
                        until_day="1", until_month="2", until_year="2027")  # fmt: skip
    assert "Somebody else did something" in operator.page.text
    await operator.send(f"{path}/resolve", reason="short")
    assert "Say why, in 10 to 500 characters." in operator.page.text
    await operator.send(f"{path}/resolve", reason="They promised a list.",
                        until_day="1", until_month="2", until_year="2027")  # fmt: skip
    assert "Somebody looks again on 1 February 2027." in operator.page.text
    await operator.open("/findings/list/resting/1")
    assert key in operator.page.text
    hub.clock.advance(days=1)
    await operator.sign_in("operator")
    await operator.open(path)
    await operator.send(f"{path}/reopen")
    assert "Not taken yet" in operator.page.text
    actions = [e.action for e in hub.context.audit.list_entries(AuditFilter(subject=key))]
    assert actions == ["finding_reopened", "finding_resolved", "finding_taken"]
    assert (await operator.open("/findings/" + "0" * 32)).status_code == 404


async def test_the_overview_says_what_the_registry_needs(operator: HubReader) -> None:
    """A signature that runs out and a Participant without desks stand on the first page."""
    page = (await operator.open("/")).text
    assert "Signatures run out soon" in page
    assert "1 file must be signed" in page
    assert "1 finding says that nobody can be reached" in page


async def test_an_observer_reads_and_is_offered_nothing_else(hub: Hub) -> None:
    """Without the operator's role no page of the registry has a form that changes something."""
    async with HubReader(hub) as reader:
        await reader.sign_in("observer")
        page = ""
        for path in ("/participants/AL", "/desks/AL-child-protection-unit", "/findings"):
            page = (await reader.open(path)).text
            assert "Propose a change" not in page, path
            assert 'href="/import"' not in page, path
        found = re.search(r'href="(/findings/[0-9a-f]{32})"', page)
        assert found is not None
        assert "I look after it" not in (await reader.open(found[1])).text


async def test_a_damaged_past_is_said_and_hides_nothing_else(tmp_path: Path) -> None:
    """With a file of an old version gone its pages say that they cannot, and today's pages work."""
    world = make_hub_registry(tmp_path)
    hub = build_hub(tmp_path, world=world)
    (world.folder / "metadata" / "3.snapshot.json").unlink()
    async with HubReader(hub) as reader:
        await reader.sign_in("operator")
        assert (await reader.open("/versions")).status_code == 503
        assert "Participants" in (await reader.open("/coverage")).text
    hub.close()
