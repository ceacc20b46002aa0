"""A form of a node that meets a locked screen is kept sealed, and sent after all."""

import pytest
from sqlmodel import select

from node.service.people import (
    Standing,
    handle_change_standing,
    handle_shut_out,
    list_accounts,
)
from node.store.kept_form_tables import KeptFormRow
from node.workers.clearing import Clearing
from protocol.identifiers import Channel
from protocol.policy.facts import Role
from tests.support.console_face import PASSWORD
from tests.support.node_console import PageReader, Pair
from tests.support.people import LOCAL


async def send_too_late(pair: Pair, reader: PageReader) -> None:
    """Type into a form, go away for longer than a screen stays open, come back and send it."""
    await reader.open("/sessions")
    token = reader.find_form("/sessions/shared").fields["form_token"]
    pair.network.clock.advance(minutes=16)
    answer = await reader.post("/search", {"form_token": token, "note": "Typed «slowly»"})
    assert answer.url.path == "/unlock"


async def test_a_kept_form_waits_behind_the_lock(pair: Pair, al: PageReader) -> None:
    """Unlocking leads to it, nobody else sees it, and it is gone once it was discarded."""
    await send_too_late(pair, al)
    with pair.al.context.database.reading() as session:
        row = session.exec(select(KeptFormRow)).one()
        assert (row.path, b"slowly" in row.fields_sealed) == ("/search", False)
    async with PageReader(pair.al) as other:
        await other.sign_in("second")
        assert "slowly" not in (await other.open("/kept")).text
    await al.open("/unlock")
    await al.send("/unlock", password=PASSWORD)
    assert al.path == "/kept"
    assert "Typed «slowly»" in al.page.text
    await al.send("/kept/discard")
    assert "No form is kept" in (await al.open("/kept")).text


async def test_a_kept_form_survives_a_new_sign_in_for_a_day(pair: Pair, al: PageReader) -> None:
    """Signed out and in again, it is still offered; a day later it is gone from the store too."""
    await send_too_late(pair, al)
    async with PageReader(pair.al) as later:
        await later.sign_in()
        assert later.path == "/kept"
        assert "Typed «slowly»" in later.page.text
    pair.network.clock.advance(hours=24)
    async with PageReader(pair.al) as too_late:
        await too_late.sign_in()
        assert too_late.path == "/"
    with pair.al.context.database.reading() as session:
        assert session.exec(select(KeptFormRow)).all() == []


def count_kept(pair: Pair) -> int:
    """Count the forms that are kept."""
    with pair.al.context.database.reading() as session:
        return len(session.exec(select(KeptFormRow)).all())


async def test_a_form_of_somebody_who_never_came_back_is_cleared_away(
    pair: Pair, al: PageReader
) -> None:
    """Nobody has to look for it: a day later it is gone, and not a minute earlier."""
    await send_too_late(pair, al)
    clearing = Clearing(pair.al.context)
    pair.network.clock.advance(hours=23)
    await clearing.run_round()
    assert count_kept(pair) == 1
    pair.network.clock.advance(hours=1)
    await clearing.run_round()
    assert count_kept(pair) == 0


@pytest.mark.parametrize("is_shut_out", [False, True], ids=["other channels", "shut out"])
async def test_whoever_loses_a_channel_loses_what_they_typed_in_it(
    pair: Pair, al: PageReader, *, is_shut_out: bool
) -> None:
    """A form can hold what a message says: it goes with the right to see it."""
    await send_too_late(pair, al)
    context = pair.al.context
    officer = next(each.id for each in list_accounts(context) if each.sign_in_name == "officer")
    if is_shut_out:
        handle_shut_out(context, officer, who=LOCAL)
    else:
        standing = Standing(
            roles=frozenset({Role.FOCAL_POINT}), channels=frozenset({Channel.TREND})
        )
        handle_change_standing(context, officer, standing, who=LOCAL)
    assert count_kept(pair) == 0


@pytest.mark.parametrize("button", ["send", "discard"])
async def test_a_stale_page_touches_no_form_that_was_kept_since(
    pair: Pair, al: PageReader, button: str
) -> None:
    """What it shows is never sent where another form was meant for, nor discards that one."""
    await send_too_late(pair, al)
    await al.open("/unlock")
    await al.send("/unlock", password=PASSWORD)
    stale = al.find_form(f"/kept/{button}")
    await send_too_late(pair, al)
    await al.open("/unlock")
    await al.send("/unlock", password=PASSWORD)
    token = al.find_form(f"/kept/{button}").fields["form_token"]
    await al.post(stale.action, {**stale.fields, "form_token": token})
    assert count_kept(pair) == 1
    await al.open("/kept")
    await al.send(f"/kept/{button}")
    assert count_kept(pair) == 0
