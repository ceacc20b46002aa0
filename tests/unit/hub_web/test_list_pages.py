"""Bringing a contact list in: its words explained, tried out, and made into drafts on the page."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from hub.audit.log import AuditFilter
from hub.changes.opening import open_change_desk
from hub.lists.answers import ListAnswers
from hub.lists.desk import ListDesk
from hub.lists.errors import ListNotFoundError
from hub.store.list_tables import ListRow
from tests.support.hub_console import Hub, HubReader, build_hub
from tests.support.hub_registry import make_hub_registry
from tests.support.page_reader import OWN
from tests.support.registry import RegistryWorld

FOREIGN = (
    "Shteti;Masa;Instituti;Telefoni;Posta elektronike;Secret\n"
    "AL;Identifikimi;Zyra e re;+355 44541777;zyra@e.example;x\n"
    "Atlantis;Return;Nobody;;;\n"
    "RS;Povratak kući svojoj;Centar;+381 11 3008000;;\n"
).encode()


@pytest.fixture(scope="module")
def list_world(tmp_path_factory: pytest.TempPathFactory) -> RegistryWorld:
    """Publish the six Participants once: drafts publish nothing."""
    return make_hub_registry(tmp_path_factory.mktemp("list-registry"))


@pytest.fixture
def hub(tmp_path: Path, list_world: RegistryWorld) -> Iterator[Hub]:
    """Build a hub's console over that registry."""
    built = build_hub(tmp_path, world=list_world)
    yield built
    built.close()


@pytest.fixture
async def operator(hub: Hub) -> AsyncIterator[HubReader]:
    """Sign a directory operator in."""
    async with HubReader(hub) as reader:
        await reader.sign_in("operator")
        yield reader


async def bring_in(reader: HubReader, data: bytes, **fields: str) -> None:
    """Choose a file on the page, and send it."""
    await reader.open("/import")
    form = reader.find_form("/import")
    sent = {name: values[0] for name, values in form.fields.items() if name != "file"}
    files = {"file": ("list.csv", data, "text/csv")}
    answer = await reader.http.post(
        "/import", data=sent | fields, files=files, headers=OWN, follow_redirects=True
    )
    reader._arrive(answer)


async def test_from_a_foreign_list_to_drafts(operator: HubReader, hub: Hub) -> None:
    """Unknown columns, measures and Participants are asked; then one draft for each Participant."""
    await bring_in(operator, FOREIGN)
    page = operator.page.text
    assert "Say below which of its columns hold this:" in page
    form = operator.find_form(f"{operator.path}/answers")
    assert form.fields["heading-2"] == [""]
    here = operator.path
    await operator.send(f"{here}/answers", **{"heading-2": "authority", "heading-5": "-"})
    page = operator.page.text
    assert "2 of 3 taken over" in page
    assert "1 row held back" in page
    assert "Participant not known" in page
    await operator.send(f"{here}/drafts")
    assert "Some rows are held back" in operator.page.text
    await operator.send(f"{here}/answers", **{"measure-0": "return", "participant-0": "RS"})
    assert "3 of 3 taken over" in operator.page.text
    assert "2 Participants are changed, one draft for each:" in operator.page.text
    await operator.send(f"{here}/drafts")
    assert operator.path == "/changes"
    drafted = open_change_desk(hub.context).list_changes().changes
    assert sorted(change.participant for change in drafted) == ["AL", "RS"]
    assert (await operator.open(here)).status_code == 404
    entry = hub.context.audit.list_entries(AuditFilter(action="list_drafted"))[0]
    assert entry.facts == {"drafts": 2}


@pytest.mark.parametrize("form", ["csv", "xlsx"])
async def test_the_same_list_again_changes_nothing(
    operator: HubReader, hub: Hub, form: str
) -> None:
    """The registry's own export brings no draft; the list can be thrown away."""
    await operator.open("/export")
    await operator.send("/export", format=form, language_of_list="en")
    await bring_in(operator, operator.page.content)
    assert "The list changes nothing in the registry." in operator.page.text
    await operator.send(f"{operator.path}/discard")
    assert operator.path == "/import"
    assert ListDesk(hub.context).list_open() == []


async def test_what_is_no_list_is_refused_in_words(operator: HubReader) -> None:
    """No file, an unreadable one, an unknown Participant: the page says what to do."""
    await bring_in(operator, b"")
    assert "Choose the file of the list." in operator.page.text
    await bring_in(operator, b"\xff\xfe\x00bad")
    assert "save it as CSV (UTF-8) or XLSX" in operator.page.text
    await bring_in(operator, FOREIGN, participant="FR")
    assert "Choose a Participant, or none." in operator.page.text


async def test_a_stale_page_answers_nothing(operator: HubReader) -> None:
    """Answers to a list that somebody else has answered meanwhile are not taken."""
    await bring_in(operator, FOREIGN)
    here = operator.path
    await operator.send(f"{here}/answers", **{"heading-2": "authority"})
    await operator.send(f"{here}/answers", seen="1", **{"heading-2": "-"})
    assert operator.page.status_code == 422
    assert operator.find_form(f"{here}/answers").fields["heading-2"] == ["authority"]


@pytest.mark.parametrize(
    ("press", "leads_to", "drafts"), [("drafts", "/changes", 1), ("discard", "/import", 0)]
)
async def test_a_double_click_does_it_once(
    operator: HubReader, hub: Hub, press: str, leads_to: str, drafts: int
) -> None:
    """Pressed three times at once and once more later: one draft, and each press sees it."""
    await bring_in(operator, b"participant,trm_measure,authority\nAL,Return,New\n")
    form = operator.find_form(f"{operator.path}/{press}")
    answers = await asyncio.gather(
        *(operator.http.post(form.action, data=form.fields, headers=OWN) for _ in range(3))
    )
    answers.append(await operator.http.post(form.action, data=form.fields, headers=OWN))
    assert [answer.headers.get("location") for answer in answers] == [leads_to] * 4
    assert len(open_change_desk(hub.context).list_changes().changes) == drafts
    assert len(hub.context.audit.list_entries(AuditFilter(subject=form.action.split("/")[2]))) == 2


async def test_every_finding_of_a_long_list_can_be_seen(operator: HubReader) -> None:
    """What does not fit on one page is on the next ones, and all of it is in one file."""
    rows = "".join(f"AL,Return,Desk {n},+355 4454{n:04},desk{n}@gmail.com\n" for n in range(210))
    await bring_in(operator, f"participant,trm_measure,authority,phone,email\n{rows}".encode())
    here, page = operator.path, operator.page.text
    report = json.loads((await operator.open(f"{here}/report")).content)
    assert (report["rows"], report["accepted"]) == (210, 210)
    seen, number = page.count('data-label="Weight"'), 1
    while f"{here}/findings/{number + 1}" in page:
        number += 1
        page = (await operator.open(f"{here}/findings/{number}")).text
        seen += page.count('data-label="Weight"')
    assert number > 1
    assert seen == len(report["findings"]) >= 210


async def test_two_columns_that_mean_the_same(operator: HubReader) -> None:
    """The page says which they are and what to do, in words of its own."""
    await bring_in(operator, b"participant,trm_measure,authority,measure,phase\nAL,Return,New,,\n")
    assert "Several of its columns mean the same." in operator.page.text
    assert "--map" not in operator.page.text


def test_a_list_is_sealed_and_kept_for_two_weeks(hub: Hub) -> None:
    """What stands in the database does not show the list; after two weeks it is gone."""
    lists = ListDesk(hub.context)
    kept = lists.bring_in(FOREIGN, ListAnswers(file_name="secret.csv"), actor="somebody")
    with hub.context.database.reading() as session:
        row = session.get_one(ListRow, kept.list_id)
    assert b"Zyra" not in row.content_sealed
    assert b"secret" not in row.answers_sealed
    hub.clock.advance(days=14)
    with pytest.raises(ListNotFoundError):
        lists.load(kept.list_id)
    lists.bring_in(FOREIGN, ListAnswers(), actor="somebody")
    with hub.context.database.reading() as session:
        assert session.get(ListRow, kept.list_id) is None
