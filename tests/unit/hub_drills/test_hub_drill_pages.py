"""The pages of drills at the hub, opened and sent as a browser without scripts does."""

from collections.abc import AsyncIterator
from datetime import timedelta
from http import HTTPStatus

import pytest

from contact_registry.drills.states import DrillState
from hub.drills.desk import DrillDesk
from protocol.identifiers import AuthorityId, Phase
from tests.support.drills import sign_answer
from tests.support.hub_console import Hub, HubReader
from tests.support.page_reader import PageForm, read_forms
from tests.support.registry import AL, RegistryWorld


@pytest.fixture
async def reader(hub: Hub) -> AsyncIterator[HubReader]:
    """Open a browser in which the directory operator is signed in."""
    async with HubReader(hub) as opened:
        await opened.sign_in("operator")
        yield opened


async def test_an_operator_asks_rings_and_writes_down_who_answered(
    reader: HubReader, hub: Hub, desk: DrillDesk
) -> None:
    """MK has no node: the operator asks, rings, records the post, and sees what is to be done."""
    await reader.open("/drills")
    assert "no node: ask by telephone" in reader.page.text
    await reader.open("/drills/of/MK")
    assert "never asked" in reader.page.text
    await reader.send("/drills/ask")
    assert reader.path.startswith("/drills/")
    first = reader.path
    hub.clock.now += timedelta(days=3)
    await reader.sign_in("operator")
    await reader.open("/drills/of/MK")
    assert "Overdue, still open" in reader.page.text
    await reader.send("/drills/ask")  # an overdue question is asked anew
    assert reader.path != first
    assert "tel:+35544541821" in reader.page.text
    await reader.send(f"{reader.path}/telephone")
    assert "There is a problem" in reader.page.text
    await reader.send(f"{reader.path}", outcome="reached", answered_by="nobody")
    assert "if nobody was reached" in reader.page.text
    drill_path = reader.path.removesuffix("/telephone")
    await reader.send(f"{drill_path}/telephone", outcome="entry_wrong", answered_by="reserve")
    for words in ("Reached in time", "Its reserve", "told on the telephone", "Written down by"):
        assert words in reader.page.text
    assert "/corrections/ask/MK-desk" in reader.page.text
    drill = desk.load(drill_path.removeprefix("/drills/"))
    assert drill.state is DrillState.ANSWERED
    for path, words in (
        ("/drills/of/MK", "50 of 100"),
        ("/drills", "Entries that a drill found wrong"),
        ("/", "1 desk said that its entry has to be corrected"),
        ("/desks/MK-desk", "Entry has to be corrected"),
    ):
        await reader.open(path)
        assert words in reader.page.text


async def test_a_stale_page_and_a_question_asked_twice_are_refused_with_words(
    reader: HubReader, desk: DrillDesk
) -> None:
    """What somebody did meanwhile stands on the page, and nothing typed is lost."""
    drill = desk.ask(AuthorityId("MK-desk"), Phase.IDENTIFICATION, actor="op")
    await reader.open(f"/drills/{drill.drill_id}")
    await reader.send(f"/drills/{drill.drill_id}/withdraw", because="x" * 501)
    assert "Say in one line" in reader.page.text
    assert "x" * 501 in reader.page.text
    stale = reader.find_form(f"/drills/{drill.drill_id}/withdraw")
    desk.withdraw(drill.drill_id, because="Rang the wrong desk", seen=1, actor="op")
    page = await reader.post(stale.action, {**stale.fields, "because": "My reason"})
    assert page.status_code == HTTPStatus.CONFLICT
    assert "Somebody changed this drill" in page.text
    assert "Rang the wrong desk" in page.text
    again = desk.ask(AuthorityId("MK-desk"), Phase.IDENTIFICATION, actor="op")
    await reader.open("/drills/of/MK")
    assert "/drills/ask" not in [form.action for form in _forms(reader)]
    await reader.open("/drills/of/AL")
    form = reader.find_form("/drills/ask")
    page = await reader.post(form.action, {**form.fields, "authority": again.question.authority})
    assert page.status_code == HTTPStatus.CONFLICT
    assert "being asked about this phase already" in page.text
    page = await reader.post(form.action, {**form.fields, "phase": "x"})
    assert page.status_code == HTTPStatus.NOT_FOUND


async def test_what_a_node_signed_is_shown_as_checked_and_an_overdue_one_comes_first(
    reader: HubReader, hub: Hub, desk: DrillDesk, drill_world: RegistryWorld
) -> None:
    """AL's own answer is shown with its signature; what is overdue is counted and named."""
    drill = desk.ask(AuthorityId("AL-desk"), Phase.IDENTIFICATION, actor="op")
    desk.ask(AuthorityId("MK-desk"), Phase.IDENTIFICATION, actor="op")
    await reader.open(f"/drills/{drill.drill_id}")
    assert "Its node was asked" in reader.page.text
    assert "/telephone" not in reader.page.text
    desk.take_answer(sign_answer(drill.question, at=hub.clock(), key=drill_world.message_keys[AL]))
    await reader.open(f"/drills/{drill.drill_id}")
    assert "Signed by its node, checked here" in reader.page.text
    await reader.open("/desks/AL-desk")
    assert "Drill, Identification: Reached in time" in reader.page.text
    await reader.open("/desks/MK-desk")
    assert "No reachability drill yet" in reader.page.text
    hub.clock.now += timedelta(days=3)
    await reader.sign_in("operator")
    await reader.open("/drills")
    assert "Overdue" in reader.page.text
    await reader.open("/")
    assert "1 drill has no answer in time" in reader.page.text
    assert "2 Participants have a mark below 50 of 100 (Freshness)" in reader.page.text
    await reader.open(f"/drills/{'0' * 32}")
    assert reader.page.status_code == HTTPStatus.NOT_FOUND
    await reader.open("/drills/of/ZZ")
    assert reader.page.status_code == HTTPStatus.NOT_FOUND


async def test_an_observer_reads_and_asks_nobody(hub: Hub, desk: DrillDesk) -> None:
    """Who may only read sees the same pages without their forms, and a forged form is refused."""
    desk.ask(AuthorityId("MK-desk"), Phase.IDENTIFICATION, actor="op")
    async with HubReader(hub) as reader:
        await reader.sign_in("observer")
        for path in ("/drills", "/drills/of/AL", "/drills/of/MK"):
            await reader.open(path)
            assert reader.page.status_code == HTTPStatus.OK
            assert not [form for form in _forms(reader) if form.action.startswith("/drills")]


def _forms(reader: HubReader) -> list[PageForm]:
    return read_forms(reader.page.text)
