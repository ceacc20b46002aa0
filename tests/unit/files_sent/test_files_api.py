"""Bringing files in from a program: announced, sent in pieces, resumed, refused with a problem."""

from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.requests import ClientDisconnect

from node.api.app import create_api
from node.service.context import NodeContext
from tests.support.consent import ON_FILE
from tests.support.files_sent import make_picture
from tests.support.node import make_draft
from tests.support.people import token_of

PICTURE = make_picture(1_000_000)
CONSENT = {
    "kind": "consent",
    "given_by": "person",
    "given_at": "2026-03-03T09:00:00Z",
    "explained_in": "sq",
    "classes": ["protection"],
    "phases": ["identification"],
    "recipients": ["XK"],
}
ANNOUNCED = {
    "name": "map.png",
    "sensitivity": "protection",
    "size": len(PICTURE),
    "recipient": "XK",
}


async def no_refresh() -> None:
    """Do nothing."""


@pytest.fixture
async def api(node: NodeContext) -> AsyncIterator[httpx.AsyncClient]:
    """AL's interface, with a valid token."""
    token = token_of(node, "test")
    app = create_api(node, refresh_registry=no_refresh)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app, raise_app_exceptions=False),
        base_url="http://node",
        headers={"Authorization": f"Bearer {token}"},
    ) as client:
        yield client


async def broken(data: bytes) -> AsyncIterator[bytes]:
    """Yield some bytes, then break off as a line does."""
    yield data
    raise ClientDisconnect


async def test_a_program_brings_a_file_in_and_sends_it(api: httpx.AsyncClient) -> None:
    """Announce, send, lose the line, ask how far it got, go on, and name it in a message."""
    begun = await api.post("/files", json=ANNOUNCED)
    assert begun.status_code == 201
    address = begun.headers["Location"].removeprefix("/api/v1")
    lost = broken(PICTURE[:600_000])
    assert (await api.patch(address, content=lost, headers={"Upload-Offset": "0"})).is_error
    state = await api.head(address)
    assert (state.headers["Upload-Offset"], state.headers["Upload-Complete"]) == ("524288", "?0")
    wrong = await api.patch(address, content=b"x", headers={"Upload-Offset": "7"})
    assert (wrong.status_code, wrong.json()["offset"]) == (409, 524_288)
    early = await api.post("/messages", json=draft(begun.json()["file_id"]))
    assert early.status_code == 422
    assert "not here as a whole" in early.json()["detail"]
    rest = await api.patch(address, content=PICTURE[524_288:], headers={"Upload-Offset": "524288"})
    assert (rest.headers["Upload-Offset"], rest.headers["Upload-Complete"]) == ("1000000", "?1")
    sent = await api.post("/messages", json=draft(begun.json()["file_id"]))
    assert sent.status_code == 201
    said = (await api.get(f"/messages/{sent.json()['message_id']}")).json()["message"]
    assert [each["name"] for each in said["attachments"]] == ["map.png"]
    assert (await api.get("/files")).json() == []
    assert (await api.get(address)).status_code == 404


def draft(*files: str) -> dict[str, object]:
    """Return a draft as a program sends it."""
    said = make_draft(files=files, legal_basis=CONSENT, consent=ON_FILE)
    return said.model_dump(mode="json", exclude_none=True)


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"size": 104_857_601}, 422, "at most 104.9 MB"),
        ({"size": 0}, 422, "does not fit"),
        ({"name": "../a.png"}, 422, "does not fit"),
        ({"name": "a.exe"}, 422, "This kind of file is not taken"),
        ({"recipient": "MK"}, 422, "MK"),
        ({"sensitivity": "secret"}, 422, "does not fit"),
        ({"media_type": "image/png"}, 422, "does not fit"),
    ],
)
async def test_what_cannot_be_sent_is_refused_at_once(
    api: httpx.AsyncClient, changes: dict[str, object], status: int, words: str
) -> None:
    """A problem says what to do, and nothing is kept."""
    answer = await api.post("/files", json=ANNOUNCED | changes)
    assert (answer.status_code, answer.headers["content-type"]) == (
        status,
        "application/problem+json",
    )
    assert words in answer.json()["detail"]
    assert (await api.get("/files")).json() == []


async def test_a_file_is_deleted_before_it_is_sent(api: httpx.AsyncClient) -> None:
    """Deleting twice is no error."""
    address = (await api.post("/files", json=ANNOUNCED)).headers["Location"].removeprefix("/api/v1")
    for _ in range(2):
        assert (await api.delete(address)).status_code == 204
    assert (await api.get(address)).status_code == 404
