"""The second person on the pages: asked, approved, refused, taken back; never by the author."""

from collections.abc import AsyncIterator

import pytest

from node.service.reading import list_items
from protocol.policy.facts import Role
from tests.support.console_face import PASSWORD
from tests.support.node_console import (
    FACTS,
    LINK_SCREEN,
    PageReader,
    Pair,
    add_person,
    write_notification,
)
from tests.support.page_reader import Values
from tests.support.people import STAFF

EXCEPTION: Values = {
    "basis": "exception",
    "ground": "vital_interest",
    "justification": "He knows where she lives, and is on his way.",
    "person_told": "no",
    "reason_not_told": "She does not answer her telephone.",
    "danger_note": "He said on the telephone that he will come tonight.",
}


@pytest.fixture
async def chief(pair: Pair) -> AsyncIterator[PageReader]:
    """Open a browser in which somebody is signed in who approves, and writes nothing."""
    add_person(pair.al.context, "chief", Role.APPROVER, display_name="Head of unit")
    async with PageReader(pair.al) as reader:
        await reader.sign_in("chief")
        yield reader


async def write_exception(reader: PageReader) -> None:
    """Go through the screens of a notification that rests on an exception, up to the check."""
    await reader.open("/new/begin")
    await reader.send("/new/", **LINK_SCREEN)
    await reader.send("/new/")
    await reader.send("/new/", **FACTS)
    await reader.send("/new/", **EXCEPTION)


async def ask(reader: PageReader) -> str:
    """Ask for approval of such a notification; return the address of the request."""
    await write_exception(reader)
    await reader.send("/ask/", why="It cannot wait until the morning.")
    assert reader.path.startswith("/approval/")
    return reader.path


def count_sent(pair: Pair) -> int:
    """Count what AL has sent."""
    return len(list_items(pair.al.context, direction="out", who=STAFF))


async def test_an_exception_leaves_by_the_word_of_another_person(
    pair: Pair, al: PageReader, chief: PageReader
) -> None:
    """Asked by one, read and approved by another; the draft then leads to what was sent."""
    await write_exception(al)
    check = al.path
    assert "Needs a second person" in al.page.text
    assert "Vital interest" in al.page.text
    assert 'action="/send/' not in al.page.text
    answer = await al.send("/ask/", why="")
    assert answer.status_code == 422
    assert "Write down why it has to be sent like this" in al.page.text
    await al.send("/ask/", why="It cannot wait until the morning.")
    request = al.path
    assert "Waits for a second person" in al.page.text
    assert "Head of unit" in al.page.text
    assert count_sent(pair) == 0
    assert (await al.open(check)).url.path == request
    await al.open("/new")
    assert "Waiting for second person" in al.page.text
    token = al.find_form("/hide").fields["form_token"]
    own = await al.post(f"{request}/approve", {"form_token": token, "post": "Officer"})
    assert own.status_code == 403

    await chief.open("/approvals")
    assert "Read and decide" in chief.page.text
    await chief.open(request)
    for words in (
        "He said on the telephone that he will come tonight.",
        "He knows where she lives, and is on his way.",
        "It cannot wait until the morning.",
    ):
        assert words in chief.page.text
    assert (await chief.send(f"{request}/approve", post="")).status_code == 422
    pair.network.clock.advance(minutes=6)  # whoever sits there now says who they are
    await chief.open(request)
    form = chief.find_form(f"{request}/approve")
    asked = await chief.post(form.action, {**form.fields, "post": "Head of unit"})
    assert "Confirm that it is you" in asked.text
    assert count_sent(pair) == 0
    sure = {**form.fields, "post": "Head of unit", "confirm_password": PASSWORD}
    await chief.post(form.action, sure)
    assert "Approved and sent" in chief.page.text
    again = await chief.post(form.action, {**form.fields, "post": "Head of unit"})
    assert again.status_code == 409
    assert count_sent(pair) == 1
    assert (await al.open(check)).url.path.startswith("/sent/")


async def test_a_refusal_gives_the_draft_back(
    pair: Pair, al: PageReader, chief: PageReader
) -> None:
    """Refused with its reason, the draft is there again, and is asked about anew."""
    request = await ask(al)
    await chief.open(request)
    assert (await chief.send(f"{request}/refuse", reason="")).status_code == 422
    await chief.send(f"{request}/refuse", reason="Ask her first: she can be reached.")
    assert "Not approved" in chief.page.text
    await al.open(request)
    assert "Ask her first: she can be reached." in al.page.text
    await al.open("/new")
    draft = al.find_form("/discard/").action.removeprefix("/discard/")
    await al.open(f"/new/{draft}/basis")
    assert al.find_form("/new/").fields["ground"] == ["vital_interest"]
    await al.send("/new/", **{**EXCEPTION, "reason_not_told": "She was asked, and is afraid."})
    await al.send("/ask/", why="She was asked.")
    assert al.path.startswith("/approval/")
    assert al.path != request
    assert count_sent(pair) == 0


async def test_a_request_can_be_taken_back(pair: Pair, al: PageReader) -> None:
    """Whoever asked takes it back; an old page then says that something changed."""
    request = await ask(al)
    form = al.find_form(f"{request}/take-back")
    await al.post(form.action, form.fields)
    assert "Taken back" in al.page.text
    assert (await al.post(form.action, form.fields)).status_code == 409
    assert count_sent(pair) == 0


async def test_an_exception_says_why(al: PageReader) -> None:
    """Without ground, reason, and whether the person was told, the basis comes back."""
    await write_notification(al)
    await al.open(al.path.replace("/check", "/basis"))
    answer = await al.send("/new/", basis="exception", person_told="no")
    assert answer.status_code == 422
    for words in (
        "Say which exception it is.",
        "Write down why it cannot wait for consent.",
        "Write down why the person was not told.",
    ):
        assert words in al.page.text
    form = al.find_form("/new/")
    assert "best_interest_of_the_child" not in form.choices["ground"]
