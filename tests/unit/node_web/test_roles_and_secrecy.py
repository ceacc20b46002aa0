"""Who sees what, and what no title, address, header or stranger ever gets."""

import re

import pytest

from console.extraction import find_template_findings
from console.i18n import msg
from node.service.composing import handle_send
from node.service.reading import list_items
from protocol.policy.facts import Role
from tests.support.node import make_draft
from tests.support.node_console import (
    FACTS,
    LINK_SCREEN,
    PageReader,
    Pair,
    add_person,
)
from tests.support.people import STAFF, acting

WORDS_OF_TYPES = ("notification", "referral", "presumed", "identification", "victim")


def open_addresses(pair: Pair) -> dict[str, str]:
    """Let a message arrive at XK, and list every page about it there."""
    sent = handle_send(pair.al.context, make_draft(), who=acting("api:test"))
    pair.network.settle()
    case = list_items(pair.xk.context, direction="in", who=STAFF)[0].case_id
    return {
        "inbox": "/",
        "received": "/received",
        "sent": "/sent",
        "news": "/live/new/0",
        "message": f"/message/{sent.message_id}",
        "decide": f"/decide/{sent.message_id}",
        "case": f"/case/{case}",
        "cases": "/cases",
        "new": "/new",
        "begin": "/new/begin",
    }


@pytest.mark.parametrize("role", ["admin", "auditor", "approver"])
async def test_content_is_for_focal_points_alone(pair: Pair, role: str) -> None:
    """No other role opens a page with content; each lands where its own work is."""
    add_person(pair.xk.context, "approver", Role.APPROVER)
    addresses = open_addresses(pair)
    async with PageReader(pair.xk) as reader:
        await reader.sign_in(role)
        assert reader.path == {"admin": "/delivery", "auditor": "/audit", "approver": "/"}[role]
        for name, address in addresses.items():
            answer = await reader.open(address)
            allowed = name == "inbox"  # the role's own items, or its own page
            assert (answer.status_code == 200) is allowed, name
            assert "TRM-" not in answer.text


async def test_content_is_not_changed_by_others_either(pair: Pair) -> None:
    """An administrator's forms to decide, save, send or discard are refused."""
    addresses = open_addresses(pair)
    async with PageReader(pair.xk) as reader:
        await reader.sign_in("admin")
        token = reader.find_form("/hide").fields["form_token"]
        for action in (
            addresses["decide"],
            "/cases",
            f"/new/{'a' * 32}/link",
            f"/keep/{'a' * 32}/link",
            f"/send/{'a' * 32}",
            f"/discard/{'a' * 32}",
            addresses["case"] + "/go-on",
        ):
            assert (await reader.post(action, {"form_token": token})).status_code == 403, action


@pytest.mark.parametrize(
    ("name", "allowed"), [("officer", False), ("auditor", False), ("admin", True)]
)
async def test_delivery_is_for_administrators_alone(pair: Pair, name: str, allowed: bool) -> None:
    """Only the node's administrator opens the page on delivery."""
    async with PageReader(pair.xk) as reader:
        await reader.sign_in(name)
        assert ((await reader.open("/delivery")).status_code == 200) is allowed


async def test_delivery_shows_no_content(pair: Pair) -> None:
    """What waits is counted per Participant, without type, case, desk or text."""
    handle_send(pair.al.context, make_draft(), who=acting("api:test"))
    pair.al.troubles.append(msg("broker link: %(state)s", state="down"))
    async with PageReader(pair.al) as reader:
        await reader.sign_in("admin")
        text = reader.page.text
    assert "Kosovo*" in text
    assert "broker link: Down" in text
    assert "without prejudice" in text
    main = text[text.index("<main") : text.index("</main>")]
    for word in (*WORDS_OF_TYPES, "TRM-", "Office"):
        assert word.lower() not in main.lower()


async def test_the_directory_is_for_everybody(pair: Pair) -> None:
    """Every role looks up who is competent; gaps, telephones, and old entries are shown."""
    async with PageReader(pair.xk) as reader:
        await reader.sign_in("auditor")
        await reader.open("/directory")
        assert "No desk" in reader.page.text
        assert "Listed by the operator" in reader.page.text
        await reader.send("/directory", participant="AL", phase="proceedings", child="yes")
        assert "because nobody reachable is listed for this phase" in reader.page.text
        assert 'href="tel:+35540000002"' in reader.page.text
        await reader.open("/directory/AL")
        assert "works inside this Participant only" in reader.page.text
        assert "Not confirmed for" in reader.page.text
        assert (await reader.open("/directory/ZZ9")).status_code in {200, 404}
        assert (await reader.open("/directory/not-a-code")).status_code == 404
        assert (await reader.open("/directory")).status_code == 200
        assert (await reader.send("/directory", participant="", phase="")).status_code == 422


@pytest.mark.parametrize(
    "address", ["/", "/sent", "/cases", "/new/begin", "/delivery", "/live/new/0"]
)
async def test_a_stranger_is_sent_to_sign_in(pair: Pair, address: str) -> None:
    """Without a session every page leads to signing in."""
    async with PageReader(pair.al) as reader:
        assert (await reader.open(address)).url.path == "/sign-in"


async def test_no_page_says_in_title_or_address_what_it_is_about(
    pair: Pair, xk: PageReader
) -> None:
    """Titles are generic, addresses opaque, and nothing may be kept by the browser."""
    for address in open_addresses(pair).values():
        answer = await xk.open(address)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        found = f"{xk.title} {answer.url}".lower()
        assert not any(word in found for word in (*WORDS_OF_TYPES, "trm-", "albania", "al-"))
        links = re.findall(r'(?:href|action|hx-get|hx-post)="([^"]+)"', answer.text)
        assert not any(word in link for word in WORDS_OF_TYPES for link in links)


async def test_composing_keeps_its_answers_out_of_addresses(al: PageReader) -> None:
    """No address on the way through the screens holds what was answered."""
    for screen in (LINK_SCREEN, {}, FACTS, {"basis": "no_personal_data"}):
        if not al.path.startswith("/new"):
            await al.open("/new/begin")
        await al.send("/new/", **screen)
        assert re.fullmatch(r"/new/[0-9a-f]{32}/[a-z]+", al.path)
        assert al.page.url.query == b""


async def test_unknown_things_are_not_found(pair: Pair, xk: PageReader) -> None:
    """Unknown and malformed identifiers get the page "There is no such page"."""
    for address in ("/message/x", f"/message/{'0' * 32}", "/case/x", "/decide/x", "/sent/x",
                    f"/new/{'0' * 32}/facts", "/received?after=x", "/done/x"):  # fmt: skip
        answer = await xk.open(address)
        assert answer.status_code == 404, address
        assert "There is no such page" in answer.text


def test_the_template_of_sentences_is_up_to_date() -> None:
    """Every sentence of the pages stands in the file that translators begin from."""
    assert find_template_findings() == []
