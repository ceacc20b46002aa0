"""A form that meets a locked screen is not lost: it is kept, shown, and sent after all."""

import pytest
from sqlmodel import select

from hub.store.kept_form_tables import KeptFormRow
from tests.support.console_face import PASSWORD
from tests.support.hub_console import Hub, HubReader


async def send_too_late(hub: Hub, reader: HubReader) -> None:
    """Fill in a form, go away for longer than a screen stays open, come back and send it."""
    await reader.sign_in("admin")
    await reader.open("/operators/new")
    hub.clock.advance(minutes=16)
    await reader.send("/operators/new", name="desk.two", display_name="Typed «slowly»",
                      roles=["observer", "hub_admin"])  # fmt: skip
    assert reader.path == "/unlock"


async def test_a_form_that_met_a_locked_screen_is_sent_after_all(
    hub: Hub, reader: HubReader
) -> None:
    """After unlocking, the overview leads to what was typed, and one button does it."""
    await send_too_late(hub, reader)
    with hub.context.database.reading() as session:
        assert b"slowly" not in session.exec(select(KeptFormRow)).one().fields_sealed
    await reader.send("/unlock", password=PASSWORD)
    assert "What you had typed was kept" in reader.page.text
    await reader.open("/kept")
    assert "Typed «slowly»" in reader.page.text
    await reader.send("/kept/send")
    account = hub.account("desk.two")
    assert reader.path == f"/operators/{account.id}"
    assert account.roles == {"observer", "hub_admin"}
    assert "No form is kept" in (await reader.open("/kept")).text
    assert "What you had typed" not in (await reader.open("/")).text
    actions = [entry.action for entry in hub.context.audit.list_entries(limit=3)]
    assert actions == ["account_added", "form_sent_after_all", "form_kept"]


async def test_a_kept_form_can_be_discarded_and_is_nobody_elses(
    hub: Hub, reader: HubReader
) -> None:
    """Only who typed it sees it; discarded, or a day later, it is gone."""
    await send_too_late(hub, reader)
    async with HubReader(hub) as other:
        await other.sign_in("everything")
        assert "What you had typed" not in other.page.text
        token = other.find_form("/hide").fields
        assert (await other.post("/kept/send", token)).status_code == 404
    await reader.send("/unlock", password=PASSWORD)
    await reader.open("/kept")
    hub.clock.advance(minutes=16)
    await reader.send("/kept/send")  # to a screen that had locked again: it stays what it was
    await reader.send("/unlock", password=PASSWORD)
    await reader.open("/kept")
    assert "Typed «slowly»" in reader.page.text
    await reader.send("/kept/discard")
    assert (reader.path, "What you had typed" in reader.page.text) == ("/", False)
    hub.clock.advance(minutes=20)
    await reader.open("/operators/new")
    await reader.send("/unlock", password=PASSWORD)
    await send_too_late_again(hub, reader)
    assert "What you had typed was kept" in reader.page.text
    hub.clock.advance(hours=24)
    async with HubReader(hub) as later:
        await later.sign_in("admin")
        assert "What you had typed" not in later.page.text


async def send_too_late_again(hub: Hub, reader: HubReader) -> None:
    """Do it once more in the session that is open, and unlock."""
    await reader.open("/operators/new")
    hub.clock.advance(minutes=16)
    await reader.send("/operators/new", name="desk.three", display_name="D", roles=["observer"])
    await reader.send("/unlock", password=PASSWORD)


@pytest.mark.parametrize("button", ["send", "discard"])
async def test_a_stale_page_of_the_hub_touches_no_form_that_was_kept_since(
    hub: Hub, reader: HubReader, button: str
) -> None:
    """What it shows is never sent where another form was meant for, nor discards that one."""
    await send_too_late(hub, reader)
    await reader.send("/unlock", password=PASSWORD)
    await reader.open("/kept")
    stale = reader.find_form(f"/kept/{button}")
    await send_too_late_again(hub, reader)
    await reader.open("/kept")
    token = reader.find_form(f"/kept/{button}").fields["form_token"]
    await reader.post(stale.action, {**stale.fields, "form_token": token})
    assert "desk.three" in (await reader.open("/kept")).text
    with hub.context.database.reading() as session:
        assert len(session.exec(select(KeptFormRow)).all()) == 1
    hub.clock.advance(hours=24)
    async with HubReader(hub) as later:
        await later.sign_in("admin")
        await later.open("/kept")
    with hub.context.database.reading() as session:
        assert session.exec(select(KeptFormRow)).all() == []


async def test_a_password_that_confirmed_is_not_kept_with_its_form(
    hub: Hub, reader: HubReader
) -> None:
    """Sent from the page that asks who is there, the form is kept, and the answer is not."""
    await reader.sign_in("admin")
    await reader.open("/operators/new")
    hub.clock.advance(minutes=6)
    asked = {"name": "desk.four", "display_name": "Four", "roles": ["observer"]}
    await reader.send("/operators/new", **asked)
    assert "Confirm that it is you" in reader.page.text
    hub.clock.advance(minutes=16)
    await reader.send("/operators/new", confirm_password=PASSWORD)
    await reader.send("/unlock", password=PASSWORD)
    shown = (await reader.open("/kept")).text
    assert ("desk.four" in shown, PASSWORD in shown) == (True, False)
