"""Pages of dead letters for the administrator, and of taking a message back for a focal point."""

from collections.abc import AsyncIterator

import pytest

from node.domain.states import Dispatch
from node.service import dispatching, reading
from node.service.composing import handle_send
from node.service.dispatching import Attempt
from node.service.letter_acts import SettleReason
from node.store.tables import MessageRow
from protocol.policy.facts import Role
from tests.support.node import Network, make_draft
from tests.support.node_console import PageReader, Pair, add_person
from tests.support.people import STAFF, acting


def write(network: Network) -> str:
    """Queue a message of AL."""
    return handle_send(network.node("AL"), make_draft(), who=acting("api:case-system")).message_id


@pytest.fixture
async def admin(pair: Pair) -> AsyncIterator[PageReader]:
    """Open a browser in which AL's administrator is signed in."""
    async with PageReader(pair.al) as reader:
        await reader.sign_in("admin")
        yield reader


async def test_an_administrator_gives_a_message_up_without_seeing_it(
    pair: Pair, admin: PageReader
) -> None:
    """From the list to the letter, a reason is asked for, and its desk is told that it ended."""
    message_id = write(pair.network)
    pair.network.clock.advance(days=2)
    await admin.sign_in("admin")
    overview = await admin.open("/delivery")
    assert "1 to look after" in overview.text
    listed = await admin.open("/delivery/letters")
    assert "No receipt for long" in listed.text
    page = await admin.open(f"/delivery/letters/{message_id}")
    for hidden in ("Notification", "notification", "identification", "23 to 25"):
        assert hidden not in page.text
    address = f"/delivery/letters/{message_id}"
    without = await admin.send(f"{address}/settle")
    assert "Choose the reason." in without.text
    done = await admin.send(f"{address}/settle", reason=SettleReason.TOLD_BY_TELEPHONE)
    assert "It is settled." in done.text
    assert "Given up: the desks were told by telephone" in done.text
    view = reading.get_message(pair.al.context, message_id, who=STAFF)
    assert view.item.dispatch == Dispatch.GIVEN_UP
    again = await admin.send(f"{address}/retry")
    assert "It is handed over again now." in again.text
    view = reading.get_message(pair.al.context, message_id, who=STAFF)
    assert view.item.dispatch == Dispatch.QUEUED
    async with PageReader(pair.al) as officer:
        await officer.sign_in()
        case = await officer.open(f"/case/{view.item.case_id}")
    assert "given up by the administrator, the desks were told by telephone" in case.text


async def test_what_replaced_keys_signed_cannot_be_tried_again(
    pair: Pair, admin: PageReader
) -> None:
    """The page says what to do instead, also to whoever had opened it before."""
    message_id = write(pair.network)
    pair.network.clock.advance(days=2)
    await admin.sign_in("admin")
    address = f"/delivery/letters/{message_id}"
    assert "Try again now" in (await admin.open(address)).text
    with pair.al.context.database.transaction() as session:
        session.get_one(MessageRow, message_id).signer_key_id = "0" * 32
    refused = await admin.send(f"{address}/retry")
    assert refused.status_code == 409
    assert "It may have arrived before: telephone the other desk" in refused.text
    assert "trying now does no harm" not in refused.text
    assert "Try again now" not in refused.text


async def test_each_role_reaches_its_own_acts_alone(pair: Pair) -> None:
    """Letters are for administrators, taking back is for focal points, and for nobody else."""
    message_id = write(pair.network)
    pair.network.clock.advance(days=2)
    letter, cancel = f"/delivery/letters/{message_id}", f"/cancel/{message_id}"
    acts = (f"{letter}/retry", f"{letter}/settle", cancel)
    able = {
        Role.NODE_ADMIN: {"/delivery/letters", letter, *acts[:2]},
        Role.FOCAL_POINT: {cancel},
    }
    for role in Role:
        add_person(pair.al.context, f"some-{role}", role)
        async with PageReader(pair.al) as reader:
            await reader.sign_in(f"some-{role}")
            token = reader.find_form("/hide").fields["form_token"]
            for path in ("/delivery/letters", letter, cancel):
                status = 200 if path in able.get(role, ()) else 403
                assert (await reader.open(path)).status_code == status, (role, path)
            # Without a version and a reason: whoever may act is told so, and nothing is done.
            for path in acts:
                answer = await reader.post(path, {"form_token": token})
                refused = {409, 422} if path in able.get(role, ()) else {403}
                assert answer.status_code in refused, (role, path)
    assert (
        reading.get_message(pair.al.context, message_id, who=STAFF).item.dispatch == Dispatch.QUEUED
    )


async def test_a_version_that_nobody_gave_is_stale(pair: Pair, al: PageReader) -> None:
    """A made-up version is answered with the page as it is, and nothing is done."""
    message_id = write(pair.network)
    token = al.find_form("/hide").fields["form_token"]
    for version in ("", "x", "-1", "\u0663", "9" * 5000):
        form = {"form_token": token, "row_version": version}
        assert (await al.post(f"/cancel/{message_id}", form)).status_code == 409, version[:9]
    assert (
        reading.get_message(pair.al.context, message_id, who=STAFF).item.dispatch == Dispatch.QUEUED
    )


async def test_a_stale_page_changes_nothing(pair: Pair, admin: PageReader) -> None:
    """The message went on meanwhile: the page says so and shows how it stands."""
    message_id = write(pair.network)
    pair.network.clock.advance(days=2)
    await admin.sign_in("admin")
    await admin.open(f"/delivery/letters/{message_id}")
    pair.network.collect("AL")
    stale = await admin.send(
        f"/delivery/letters/{message_id}/settle", reason=SettleReason.NOT_NEEDED
    )
    assert stale.status_code == 409
    assert "Nothing was done." in stale.text


async def test_a_focal_point_takes_a_message_back(pair: Pair, al: PageReader) -> None:
    """The message page offers it, the next page says what it means, and then it is cancelled."""
    message_id = write(pair.network)
    assert f'href="/cancel/{message_id}"' in (await al.open(f"/message/{message_id}")).text
    asked = await al.open(f"/cancel/{message_id}")
    assert "It has not left this system." in asked.text
    done = await al.send(f"/cancel/{message_id}")
    assert "Cancelled" in done.text
    assert f'href="/cancel/{message_id}"' not in done.text
    case_id = reading.get_message(pair.al.context, message_id, who=STAFF).item.case_id
    assert "taken back before it left" in (await al.open(f"/case/{case_id}")).text


async def test_what_may_have_left_is_said_before_and_after(pair: Pair, al: PageReader) -> None:
    """A hand-over without an answer: the page warns, and the timeline keeps the doubt."""
    message_id = write(pair.network)
    (message,) = dispatching.claim_messages(pair.al.context, limit=5)
    dispatching.record_attempts(
        pair.al.context, [Attempt(message_id, message.transport_id, "no answer")]
    )
    assert "It may have left already." in (await al.open(f"/cancel/{message_id}")).text
    await al.send(f"/cancel/{message_id}")
    case_id = reading.get_message(pair.al.context, message_id, who=STAFF).item.case_id
    assert "it may have left before" in (await al.open(f"/case/{case_id}")).text


async def test_what_has_left_meanwhile_is_not_taken_back(pair: Pair, al: PageReader) -> None:
    """It left while the page was open: nothing is done, and the page says what to do instead."""
    message_id = write(pair.network)
    await al.open(f"/cancel/{message_id}")
    pair.network.collect("AL")
    late = await al.send(f"/cancel/{message_id}")
    assert late.status_code == 409
    assert "send a correction that takes it back" in late.text
    assert (
        reading.get_message(pair.al.context, message_id, who=STAFF).item.dispatch
        == Dispatch.ON_ITS_WAY
    )
