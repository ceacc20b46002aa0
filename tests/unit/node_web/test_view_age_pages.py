"""What people see of a registry that grows old: on every page, and beside a held message."""

import re

from node.service.composing import Sent, handle_send
from tests.support.consent import ON_FILE
from tests.support.messages import CONSENT
from tests.support.node import make_draft
from tests.support.node_console import PageReader, Pair
from tests.support.people import acting

OLD = "The directory was checked last"


def send_about_person(pair: Pair) -> Sent:
    """Queue a message with data about a person."""
    body = {**make_draft().body, "note": "She asks for her sister."}
    draft = make_draft(
        legal_basis={**CONSENT, "classes": ["protection"]}, body=body, consent=ON_FILE
    )
    return handle_send(pair.al.context, draft, who=acting("api:test"))


def read_banner(reader: PageReader) -> str:
    """Return the banner about the age of the directory, in one line of text."""
    found = re.search(r'<section class="banner.*?</section>', reader.page.text, re.DOTALL)
    text = re.sub(r"<[^>]*>", " ", found[0]) if found else ""
    return " ".join(text.split()) if OLD in text else ""


async def test_every_page_says_that_the_directory_is_old(pair: Pair) -> None:
    """Nothing within a day; then on every page until when data leaves; then that it waits."""
    async with PageReader(pair.al) as reader:
        await reader.sign_in()
        for path in ("/", "/cases", "/directory"):
            await reader.open(path)
            assert read_banner(reader) == ""
    pair.network.clock.advance(days=2)
    async with PageReader(pair.al) as reader:
        await reader.open("/sign-in")
        assert OLD not in reader.page.text
        await reader.sign_in()
        for path in ("/", "/new", "/cases", "/directory", "/sent"):
            await reader.open(path)
            banner = read_banner(reader)
            assert "checked last 2 days ago" in banner
            assert "Sending goes on. From" in banner
            assert "18 Mar 2026" in banner
            assert "Tell your administrator" in banner
    pair.network.clock.advance(days=12)
    async with PageReader(pair.al) as reader:
        await reader.sign_in()
        for path in ("/", "/cases"):
            await reader.open(path)
            assert "that is too long" in read_banner(reader)
            assert 'role="alert"' in reader.page.text


async def test_a_held_message_says_why_it_waits(pair: Pair) -> None:
    """The message and the page after sending give the reason; Delivery counts what is held."""
    pair.network.clock.advance(days=14)
    sent = send_about_person(pair)
    pair.network.settle()
    async with PageReader(pair.al) as reader:
        await reader.sign_in()
        for path in (f"/message/{sent.message_id}", f"/live/sent/{sent.message_id}"):
            await reader.open(path)
            assert "It waits here because the directory is too old" in reader.page.text
            assert "No receipt yet" not in reader.page.text
    async with PageReader(pair.al) as reader:
        await reader.sign_in("admin")
        await reader.open("/delivery")
        text = " ".join(reader.page.text.split())
        assert "Too old" in text
        assert "1 message with data about a person" in text
        assert "Held back: the directory is too old" in text
        assert "See that this system reaches the hub" in text
        assert "Tell your administrator" not in text
        assert "sister" not in text


async def test_a_wrong_clock_is_told_instead_of_an_age(pair: Pair) -> None:
    """A clock that stands before the last check makes no age: the pages say that it is wrong."""
    pair.network.clock.advance(hours=-1)
    async with PageReader(pair.al) as reader:
        await reader.sign_in()
        assert "The clock of this system is wrong" in reader.page.text
        assert OLD not in reader.page.text
