"""What tests do on the pages of changes, whichever face has them: begin, edit, sign, publish."""

import re
from collections.abc import Callable, Sequence
from typing import Final

import httpx

from directory_pages.site import make_entry_key
from tests.support.page_reader import OWN, PageReader

GROUNDS: Final = {"grounds-reason": "A letter of 3 March"}


def read_text(page: str) -> str:
    """Return the words of the main part of a page, on one line."""
    main = page[page.index("<main") : page.index("</main>")]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", main)).strip()


async def begin(reader: PageReader, title: str = "New number", **fields: str) -> str:
    """Begin a change; returns the address of its page."""
    await reader.open("/changes/new")
    await reader.send("/changes/new", title=title, **fields)
    assert reader.path.endswith("/desks"), read_text(reader.page.text)
    return reader.path.removesuffix("/desks")


async def edit(
    reader: PageReader, change: str, desk: str, **fields: str | Sequence[str]
) -> httpx.Response:
    """Change fields of a desk in the draft; without grounds of the test's own, with some."""
    await reader.open(f"{change}/desk/{make_entry_key(desk)}")
    return await reader.send(f"{change}/desk/", **{**GROUNDS, **fields})


async def take_step(reader: PageReader, change: str, step: str) -> httpx.Response:
    """Press the button of a step, on the page of the change."""
    await reader.open(change)
    return await reader.send(f"{change}/step", step=step)


async def bring_file(reader: PageReader, change: str, data: bytes) -> httpx.Response:
    """Send a signed file on the page that is open."""
    form = reader.find_form(f"{change}/signed")
    answer = await reader.http.post(
        form.action,
        data={name: values[0] for name, values in form.fields.items() if name != "file"},
        files={"file": ("signed.trm-change", data)},
        headers=OWN,
        follow_redirects=True,
    )
    reader.page, reader.path = answer, answer.url.path
    return answer


async def sign_and_publish(
    reader: PageReader, change: str, sign: Callable[[bytes], bytes]
) -> httpx.Response:
    """Let a change be signed elsewhere, and publish it."""
    await take_step(reader, change, "prepare")
    file = await reader.http.get(f"{change}/signing-file")
    await reader.open(change)
    await bring_file(reader, change, sign(file.content))
    return await take_step(reader, change, "publish")
