"""Putting files to a message: with a form alone, in pieces as the script does, and refused."""

import re
import tempfile
from html import unescape
from pathlib import Path

import pytest
from sqlmodel import select

from node.service.attachments.staging import list_staged
from node.service.reading import get_message, list_items
from node.store.attachment_tables import SentFileRow
from protocol.messages.head import CaseMessage
from tests.support.files_sent import make_picture
from tests.support.node_console import PageReader, Pair, write_notification
from tests.support.page_reader import OWN
from tests.support.people import STAFF

PICTURE = make_picture(3_000_000)


def draft_of(reader: PageReader) -> str:
    """Return the draft whose page is open."""
    return reader.path.split("/")[2]


def holds(folder: Path, content: bytes) -> bool:
    """Whether these bytes stand anywhere beneath a folder in clear."""
    return any(content in path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def add(
    reader: PageReader,
    content: bytes,
    *,
    name: str = "map.png",
    token: str | None = None,
    sensitivity: str = "none",
) -> int:
    """Send the form with a file as a browser does; returns the status of the answer."""
    form = reader.find_form("/attach-file/")
    answer = await reader.http.post(
        form.action,
        data={
            "form_token": form.fields["form_token"] if token is None else token,
            "sensitivity": sensitivity,
        },
        files={"file": (name, content, "application/octet-stream")},
        headers=OWN,
        follow_redirects=True,
    )
    reader._arrive(answer)
    return answer.status_code


async def test_a_file_goes_with_a_message_without_any_script(
    pair: Pair, al: PageReader, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A form alone brings a file in, nothing of it touches the disk in clear, and it is sent."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    await write_notification(al)
    draft = draft_of(al)
    await al.open(f"/new/{draft}/basis")
    await al.send(
        "/new/",
        basis="consent",
        given_by="person",
        given_at_day="3",
        given_at_month="3",
        given_at_year="2026",
        given_at_time="09:00",
        explained_in="sq",
        classes=["protection"],
    )
    await al.open(f"/attach/{draft}")
    assert await add(al, PICTURE, sensitivity="protection") == 200
    assert "Ready to leave" in al.page.text
    assert "3.0\N{NO-BREAK SPACE}MB" in al.page.text
    assert list(temporary.iterdir()) == []
    assert not holds(tmp_path, PICTURE[1000:1064])
    await al.open(f"/new/{draft}/check")
    assert "map.png" in al.page.text
    await al.send("/send/")
    assert re.fullmatch(r"/sent/[0-9a-f]{32}", al.path)
    (item,) = list_items(pair.al.context, direction="out", who=STAFF)
    message = get_message(pair.al.context, item.message_id, who=STAFF).message
    assert isinstance(message, CaseMessage)
    assert [(file.name, file.size) for file in message.attachments] == [("map.png", 3_000_000)]
    with pair.al.context.database.reading() as session:
        assert session.exec(select(SentFileRow.message_id)).all() == [item.message_id]


async def test_a_file_goes_up_in_pieces_and_goes_on_where_it_broke(
    pair: Pair, al: PageReader
) -> None:
    """What the script does: announce, send pieces, ask how far it got, and go on."""
    await write_notification(al)
    draft = draft_of(al)
    await al.open(f"/attach/{draft}")
    token = "".join(al.find_form("/attach-file/").fields["form_token"])
    said = {"name": "map.png", "size": "3000000", "sensitivity": "none", "form_token": token}
    begun = (await al.http.post(f"/attach/{draft}/begin", data=said, headers=OWN)).json()
    address = f"/attach/{draft}/{begun['file_id']}"

    async def piece(offset: int, data: bytes, *, proof: str = token) -> tuple[int, dict[str, int]]:
        answer = await al.http.post(
            address,
            content=data,
            headers={
                **OWN,
                "X-Form-Token": proof,
                "Upload-Offset": str(offset),
                "Content-Type": "application/octet-stream",
            },
        )
        is_json = answer.headers["content-type"].startswith("application/json")
        return answer.status_code, answer.json() if is_json else {}

    status, state = await piece(0, PICTURE[:1_000_000])
    assert (status, state["received"]) == (200, 786_432)  # whole segments
    assert (await piece(0, PICTURE[:10]))[0] == 409
    assert (await piece(786_432, b"x", proof="forged"))[0] == 403
    await al.open(f"/attach/{draft}")
    assert "Not here as a whole" in al.page.text
    await al.open(f"/new/{draft}/check")
    assert "A file is not here as a whole" in al.page.text
    again = (await al.http.post(f"/attach/{draft}/begin", data=said, headers=OWN)).json()
    assert again == {"file_id": begun["file_id"], "received": 786_432, "complete": False}
    assert (await al.http.get(address)).json() == again
    edited = {**said, "edition": "1772611200000"}  # changed since: it must not be mixed
    other = (await al.http.post(f"/attach/{draft}/begin", data=edited, headers=OWN)).json()
    assert (other["file_id"] != begun["file_id"], other["received"]) == (True, 0)
    await al.open(f"/attach/{draft}")
    await al.post(f"/attach/{draft}/remove", {"form_token": token, "file_id": other["file_id"]})
    status, state = await piece(786_432, PICTURE[786_432:])
    assert (status, state["complete"]) == (200, True)
    (file,) = list_staged(pair.al.context, draft_id=draft)
    assert (file.size, file.complete) == (3_000_000, True)


async def test_a_form_that_breaks_off_leaves_nothing(pair: Pair, al: PageReader) -> None:
    """It cannot go on, so the next one begins anew; a second form does not disturb the first."""
    await write_notification(al)
    draft = draft_of(al)
    await al.open(f"/attach/{draft}")
    token = "".join(al.find_form("/attach-file/").fields["form_token"])
    request = al.http.build_request(
        "POST",
        f"/attach-file/{draft}",
        data={"form_token": token, "sensitivity": "none"},
        files={"file": ("map.png", PICTURE, "image/png")},
    )
    broken = await al.http.post(
        f"/attach-file/{draft}",
        content=request.read()[:2_000_000],
        headers={**OWN, "Content-Type": request.headers["content-type"]},
    )
    assert broken.status_code == 400
    assert list_staged(pair.al.context, draft_id=draft) == []
    for name in ("map.png", "map.png"):
        assert await add(al, PICTURE, name=name) == 200
    assert [file.complete for file in list_staged(pair.al.context, draft_id=draft)] == [True, True]


REFUSED = [
    ("tool.exe", b"MZ", "This kind of file is not taken"),
    ("scan.pdf", PICTURE[:100], "let its name end with .png"),
    ("empty.png", b"", "The file is empty"),
    ("a:b.png", PICTURE[:100], "Rename the file"),
    ("", b"", "Choose a file first"),
]


async def test_what_is_refused_says_why_and_leaves_nothing(pair: Pair, al: PageReader) -> None:
    """The page comes back with what to do, and a forged form brings nothing in either."""
    await write_notification(al)
    draft = draft_of(al)
    await al.open(f"/attach/{draft}")
    for name, content, words in REFUSED:
        assert await add(al, content, name=name) == 422
        assert words in unescape(al.page.text)
    form = al.find_form("/attach-file/")
    assert await add(al, PICTURE, token="0" * 64) == 403
    late = await al.http.post(
        form.action,
        files={
            "file": ("map.png", PICTURE[:100]),
            "form_token": (None, "".join(form.fields["form_token"])),
        },
        headers=OWN,
    )
    assert late.status_code == 403
    token = {"form_token": form.fields["form_token"]}
    assert (await al.http.post(form.action, data=token, headers=OWN)).status_code == 400
    assert list_staged(pair.al.context, draft_id=draft) == []
    assert list(pair.al.context.blobs.list_names()) == []


async def test_files_are_their_author_s_and_go_with_the_draft(pair: Pair, al: PageReader) -> None:
    """Removed alone or with the draft neither row nor content stays; others find no such page."""
    await write_notification(al)
    draft = draft_of(al)
    for _ in range(2):
        await al.open(f"/attach/{draft}")
        await add(al, PICTURE[:1000])
    await al.send(f"/attach/{draft}/remove")
    assert len(list_staged(pair.al.context, draft_id=draft)) == 1
    async with PageReader(pair.al) as second:
        await second.sign_in("second")
        assert (await second.open(f"/attach/{draft}")).status_code == 404
        await second.open("/new/begin")
        token = second.find_form("/new/").fields["form_token"]
        said = {"name": "a.png", "size": "1", "sensitivity": "none", "form_token": token}
        answer = await second.http.post(f"/attach/{draft}/begin", data=said, headers=OWN)
        assert answer.status_code == 404
    token = al.find_form("/attach-file/").fields["form_token"]
    await al.post(f"/discard/{draft}", {"form_token": token})
    assert list(pair.al.context.blobs.list_names()) == []
