"""A form of a node that meets a locked screen is kept sealed, and sent after all."""

from sqlmodel import select

from node.store.kept_form_tables import KeptFormRow
from tests.support.console_face import PASSWORD
from tests.support.node_console import PageReader, Pair


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
