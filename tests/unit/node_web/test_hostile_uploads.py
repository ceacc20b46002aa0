"""Forms with a file as nobody's browser sends them: each is refused, and nothing of it stays."""

from collections.abc import AsyncIterator

import pytest

from node.service.attachments.staging import list_staged
from tests.support import shared_pair
from tests.support.files_sent import make_picture
from tests.support.node_console import PageReader, Pair, write_notification
from tests.support.page_reader import OWN

pair = shared_pair.pair
PICTURE = make_picture(20_000)
EDGE = "invented-edge"


@pytest.fixture
async def al(pair: Pair) -> AsyncIterator[PageReader]:
    """Open a browser in which AL's focal point is signed in."""
    pair.network.clock.advance(minutes=1)  # a code of an app opens once
    async with PageReader(pair.al) as reader:
        await reader.sign_in()
        yield reader


def part(disposition: str, content: bytes, *, more: bytes = b"") -> bytes:
    """Write one part of a form."""
    head = f"--{EDGE}\r\nContent-Disposition: form-data{disposition}\r\n".encode()
    return head + more + b"\r\n" + content + b"\r\n"


END = f"--{EDGE}--\r\n".encode()
SOME = part('; name="sensitivity"', b"none")
FILE = part('; name="file"; filename="map.png"', PICTURE)

#: What stands after the token, and as which kind the body is announced.
HOSTILE: list[tuple[str, bytes, str]] = [
    ("a header of a megabyte", part('; name="x"', b"", more=b"X: " + b"a" * 1_000_000 + b"\r\n"),
     f"multipart/form-data; boundary={EDGE}"),
    ("ten thousand headers", part('; name="x"', b"", more=b"X: a\r\n" * 10_000),
     f"multipart/form-data; boundary={EDGE}"),
    ("a name of a megabyte", part(f'; name="{"n" * 1_000_000}"', b""),
     f"multipart/form-data; boundary={EDGE}"),
    ("a thousand parts", part('; name="x"', b"y") * 1_000 + END,
     f"multipart/form-data; boundary={EDGE}"),
    ("a thousand files after one", SOME + part('; name="f"; filename=""', b"") * 1_000 + END,
     f"multipart/form-data; boundary={EDGE}"),
    ("a field of a megabyte", part('; name="sensitivity"', b"n" * 1_000_000) + END,
     f"multipart/form-data; boundary={EDGE}"),
    ("no boundary", FILE + END, "multipart/form-data"),
    ("an empty boundary", FILE + END, "multipart/form-data; boundary="),
    ("another boundary", FILE + END, "multipart/form-data; boundary=another"),
    ("a boundary of ten kilobytes", FILE + END, f"multipart/form-data; boundary={'b' * 10_000}"),
    ("another kind of form", b"file=x", "application/x-www-form-urlencoded"),
    ("no kind", FILE, ""),
    ("broken off within the file", SOME + FILE[:9_000], f"multipart/form-data; boundary={EDGE}"),
    ("broken off within a header", SOME + FILE[:40], f"multipart/form-data; boundary={EDGE}"),
    ("nothing after the token", b"", f"multipart/form-data; boundary={EDGE}"),
    ("line ends of nobody", FILE.replace(b"\r\n", b"\n") + END,
     f"multipart/form-data; boundary={EDGE}"),
]  # fmt: skip


async def send(
    reader: PageReader, rest: bytes, kind: str = f"multipart/form-data; boundary={EDGE}"
) -> int:
    """Send the form of the page that is open: its token, and then what is given."""
    form = reader.find_form("/attach-file/")
    token = part('; name="form_token"', "".join(form.fields["form_token"]).encode())
    answer = await reader.http.post(
        form.action, content=token + rest, headers={**OWN, "Content-Type": kind}
    )
    reader._arrive(answer)
    return answer.status_code


async def test_no_form_of_an_attacker_leaves_anything(pair: Pair, al: PageReader) -> None:
    """Each is answered with a plain refusal, none fails the page, and no byte of one is kept."""
    await write_notification(al)
    draft = al.path.split("/")[2]
    for what, rest, kind in HOSTILE:
        await al.open(f"/attach/{draft}")
        assert await send(al, rest, kind) in {400, 403, 422}, what
        assert list_staged(pair.al.context, draft_id=draft) == [], what
    assert list(pair.al.context.blobs.list_names()) == []


#: A name as it stands in the form, and whether a file of this name is taken.
NAMES: list[tuple[str, bool]] = [
    ("../../etc/passwd.png", False),
    ("..\\\\..\\\\map.png", False),
    ("/srv/map.png", False),
    ("map\x00.png", False),
    ("map\x1b[2J.png", False),
    ("gnp\u202emap.png", False),
    ("map\u2066.png", False),
    ("m" * 300 + ".png", False),
    (".png", False),
    ("CON.png.", False),
    ("мапа пута.png", True),
]


async def test_no_name_of_a_file_leads_elsewhere_or_reads_otherwise(
    pair: Pair, al: PageReader
) -> None:
    """Paths, control characters, marks that turn the order of letters, and endless names."""
    await write_notification(al)
    draft = al.path.split("/")[2]
    for name, is_taken in NAMES:
        await al.open(f"/attach/{draft}")
        status = await send(al, SOME + part(f'; name="file"; filename="{name}"', PICTURE) + END)
        staged = list_staged(pair.al.context, draft_id=draft)
        assert status == (303 if is_taken else 422), name
        assert [file.description.name for file in staged] == ([name] if is_taken else []), name


async def test_a_form_longer_than_any_file_is_refused_before_it_is_read(
    pair: Pair, al: PageReader
) -> None:
    """Announced or not: two hundred megabytes are not taken, and not waited for."""
    await write_notification(al)
    draft = al.path.split("/")[2]
    await al.open(f"/attach/{draft}")
    form = al.find_form("/attach-file/")
    token = part('; name="form_token"', "".join(form.fields["form_token"]).encode())
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        head, _, body = FILE.partition(b"\r\n\r\n")
        yield token + SOME + head + b"\r\n\r\n" + body[:8_000]
        while sent < 200_000_000:
            sent += 1_000_000
            yield b"\x00" * 1_000_000

    answer = await al.http.post(
        form.action,
        content=endless(),
        headers={
            **OWN,
            "Content-Type": f"multipart/form-data; boundary={EDGE}",
            "Content-Length": "200000000",
        },
    )
    assert answer.status_code == 413
    assert sent == 0
    assert list_staged(pair.al.context, draft_id=draft) == []
