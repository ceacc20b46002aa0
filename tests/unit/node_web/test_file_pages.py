"""Pages of files: progress, a copy in ranges, what is withheld, and what an administrator sees."""

import re

import httpx
import pytest
from sqlmodel import select

from node.api.app import create_api
from node.domain.events import EventKind
from node.domain.scanning import TOO_LARGE, ScanOutcome, ScanVerdict
from node.service.attachments.chunk_sending import claim_files, record_chunks
from node.service.attachments.opening import list_complete, open_file
from node.service.attachments.scanning import list_unscanned, scan_file
from node.service.reading import get_message
from node.service.tokens import TokenScope
from node.store.tables import EventRow
from tests.support.node_console import PageReader, Pair
from tests.support.people import STAFF, token_of
from tests.support.received_files import (
    SentMessage,
    carry_chunks,
    list_received,
    make_text,
    send_files,
    take_small_objects,
)

CONTENT = make_text(30_000)
NAME = "Пријава 1 (kopje).txt"


@pytest.fixture
def sent(pair: Pair) -> SentMessage:
    """Send a file from AL to XK; its message has arrived."""
    take_small_objects(pair.network, "XK")
    sent = send_files(pair.al.context, {NAME: CONTENT})
    pair.network.settle()
    return sent


def arrive(pair: Pair, sent: SentMessage, *, verdict: ScanVerdict | None = None) -> str:
    """Let all of it arrive, and be scanned if a verdict is given; returns our name of the file."""
    xk = pair.xk.context
    carry_chunks(pair.network, sent.chunks)
    for file_id in list_complete(xk, limit=9):
        open_file(xk, file_id, has_scanner=verdict is not None)
    for file_id in list_unscanned(xk, limit=9):
        if verdict is not None:
            scan_file(xk, _Scanner(verdict), file_id)
    return list_received(xk)[0].file_id


class _Scanner:
    """Says one thing."""

    def __init__(self, verdict: ScanVerdict) -> None:
        self._verdict = verdict

    def scan(self, content: object, *, size: int) -> ScanVerdict:
        """Say it."""
        return self._verdict


async def test_a_page_follows_a_file_and_gives_a_copy(
    pair: Pair, xk: PageReader, sent: SentMessage
) -> None:
    """Shown at once with its progress; complete, it is saved under its name, never shown inline."""
    await xk.open(f"/message/{sent.message_id}")
    assert "Arriving" in xk.page.text
    assert "/file/" not in xk.page.text
    carry_chunks(pair.network, sent.chunks[:1])
    fragment = await xk.http.get(f"/live/files/{sent.message_id}")
    assert 'value="25"' in fragment.text
    row = list_received(pair.xk.context)[0]
    withheld = await xk.http.get(f"/file/{row.file_id}")
    assert withheld.status_code == 409
    assert "not here as a whole" in withheld.text
    await xk.open(f"/case/{row_case(pair, sent)}")
    assert "Not all here" in xk.page.text
    file_id = arrive(pair, sent)
    await xk.open(f"/message/{sent.message_id}")
    assert f'href="/file/{file_id}"' in xk.page.text
    assert "hx-get" not in xk.page.text
    copy = await xk.http.get(f"/file/{file_id}")
    assert (copy.status_code, copy.content) == (200, CONTENT)
    assert copy.headers["content-disposition"].startswith("attachment; ")
    assert "filename*=UTF-8''%D0%9F" in copy.headers["content-disposition"]
    assert copy.headers["x-content-type-options"] == "nosniff"
    assert copy.headers["cache-control"] == "no-store"
    await xk.open(f"/case/{row_case(pair, sent)}")
    assert "a copy of a file was saved" in xk.page.text


async def test_the_sender_sees_how_much_of_a_file_has_left(
    pair: Pair, al: PageReader, sent: SentMessage
) -> None:
    """By chunks that the broker confirmed: none, one of four, all, on the page and as it moves."""
    context = pair.al.context
    for confirmed, expected in (([], 0), ([0], 25), ([1, 3], 75), ([2], None)):
        if confirmed:
            (file,) = claim_files(context, limit=1)
            record_chunks(context, file, confirmed, release=True)
        page = await al.open(f"/sent/{sent.message_id}")
        moving = await al.http.get(f"/live/files/{sent.message_id}")
        case = await al.open(f"/case/{sent.case_id}")
        for shown in (page, moving):
            bars = re.findall(r'<progress max="100" value="(\d+)"', shown.text)
            assert bars == ([] if expected is None else [str(expected)])
        found = re.findall(r"1 file, (\d+) %", case.text)
        assert found == ([] if expected is None else [str(expected)])


def row_case(pair: Pair, sent: SentMessage) -> str:
    """Return XK's name of the case."""
    return get_message(pair.xk.context, sent.message_id, who=STAFF).item.case_id or ""


RANGES = [
    ("bytes=0-9", 206, slice(0, 10), "bytes 0-9/30000"),
    ("bytes=8000-8500", 206, slice(8000, 8501), "bytes 8000-8500/30000"),
    ("bytes=29990-", 206, slice(29990, 30000), "bytes 29990-29999/30000"),
    ("bytes=-5", 206, slice(29995, 30000), "bytes 29995-29999/30000"),
    ("bytes=0-99999", 206, slice(0, 30000), "bytes 0-29999/30000"),
    ("bytes=30000-", 416, None, "bytes */30000"),
    ("bytes=-0", 416, None, "bytes */30000"),
    ("bytes=5-2", 200, slice(0, 30000), None),
    ("bytes=0-1,4-5", 200, slice(0, 30000), None),
    ("lines=1-2", 200, slice(0, 30000), None),
]


async def test_any_part_of_a_file_is_fetched(pair: Pair, xk: PageReader, sent: SentMessage) -> None:
    """One range gets its bytes, one that is not there 416, what is none the whole; by API, too."""
    file_id = arrive(pair, sent)
    context = pair.xk.context
    api = open_api(pair)
    for asked, status, part, span in RANGES:
        for answer in (
            await xk.http.get(f"/file/{file_id}", headers={"Range": asked}),
            await api.get(f"/received-files/{file_id}", headers={"Range": asked}),
        ):
            assert (asked, answer.status_code) == (asked, status)
            assert answer.headers.get("content-range") == span
            if part is not None:
                assert answer.content == CONTENT[part]
    stale = await xk.http.get(
        f"/file/{file_id}", headers={"Range": "bytes=0-9", "If-Range": '"other"'}
    )
    assert stale.content == CONTENT
    (listed,) = (await api.get(f"/messages/{sent.message_id}/files")).json()
    assert (listed["name"], listed["available"], listed["arrival"]) == (NAME, True, "opened")
    context.blobs.delete(file_id)
    damaged = await api.get(f"/received-files/{file_id}")
    assert (damaged.status_code, damaged.json()["why"]) == (409, "damaged")
    await api.aclose()


def open_api(pair: Pair) -> httpx.AsyncClient:
    """Return a program of XK."""
    context = pair.xk.context
    token = token_of(context, "case-system")
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(create_api(context, refresh_registry=_no_refresh)),
        base_url="http://node.test",
        headers={"Authorization": f"Bearer {token}"},
    )


async def _no_refresh() -> None:
    """Look for no registry."""


async def test_what_is_found_is_quarantined_and_shown_without_its_name(
    pair: Pair, xk: PageReader, sent: SentMessage
) -> None:
    """Focal points are told, nobody gets it; the administrator sees metadata and scans again."""
    file_id = arrive(pair, sent, verdict=ScanVerdict(ScanOutcome.FOUND, "Test.Marker"))
    await xk.open(f"/message/{sent.message_id}")
    assert "Quarantined: malware found" in xk.page.text
    assert f'href="/file/{file_id}"' not in xk.page.text
    assert (await xk.http.get(f"/file/{file_id}")).status_code == 409
    assert (await xk.http.get("/delivery/files")).status_code == 403
    async with PageReader(pair.xk) as admin:
        await admin.sign_in("admin")
        assert (await admin.http.get(f"/file/{file_id}")).status_code == 403
        await admin.open("/delivery")
        assert "1 quarantined" in admin.page.text
        await admin.open("/delivery/files")
        assert "Test.Marker" in admin.page.text
        assert "kopje" not in admin.page.text
        form = admin.find_form(f"/delivery/files/{file_id}/scan")
        await admin.send(f"/delivery/files/{file_id}/scan")
        assert "It is scanned again now" in admin.page.text
        stale = await admin.post(form.action, form.fields)
        assert stale.status_code == 409
        assert stale.text.count("Something happened to this file meanwhile") == 1
    assert list_unscanned(pair.xk.context, limit=9) == [file_id]


async def test_a_program_has_a_file_scanned_again(pair: Pair, sent: SentMessage) -> None:
    """It sees what is in trouble, without names, and asks with the version that it saw."""
    file_id = arrive(pair, sent, verdict=ScanVerdict(ScanOutcome.FOUND, "Test.Marker"))
    context = pair.xk.context
    token = token_of(context, "watch", scope=TokenScope.DELIVERY)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(create_api(context, refresh_registry=_no_refresh)),
        base_url="http://node.test",
        headers={"Authorization": f"Bearer {token}"},
    ) as program:
        listed = await program.get("/delivery/files")
        assert "kopje" not in listed.text
        (found,) = listed.json()
        assert (found["file_id"], found["scan"]) == (file_id, "found")
        again = f"/delivery/files/{file_id}/scan-again"
        assert (await program.post(again)).status_code == 428
        stale = await program.post(again, headers={"If-Match": '"99"'})
        assert stale.status_code in {409, 412}
        done = await program.post(again, headers={"If-Match": f'"{found["row_version"]}"'})
        assert done.status_code == 204
        (now,) = (await program.get("/delivery/files")).json()
        assert now["scan"] != "found"
        assert now["row_version"] > found["row_version"]


async def test_what_could_not_be_scanned_is_saved_after_a_warning_alone(
    pair: Pair, xk: PageReader, sent: SentMessage
) -> None:
    """Its address leads to the warning; who says that they expected it gets it, programs too."""
    file_id = arrive(pair, sent, verdict=ScanVerdict(ScanOutcome.UNSCANNABLE, TOO_LARGE))
    warning = f"/file/{file_id}/unscanned"
    await xk.open(f"/message/{sent.message_id}")
    assert "could not be scanned" in xk.page.text
    assert f'href="/file/{file_id}"' not in xk.page.text
    assert f'href="{warning}"' in xk.page.text
    refused = await xk.http.get(f"/file/{file_id}")
    assert (refused.status_code, refused.headers["location"]) == (303, warning)
    await xk.open(warning)
    assert "From: Albania. Larger than this node gives its scanner" in xk.page.text
    assert NAME in xk.page.text
    form = xk.find_form(warning)
    unsaid = await xk.post(form.action, form.fields)
    assert (unsaid.status_code, "expected this file" in unsaid.text) == (422, True)
    copy = await xk.post(form.action, {**form.fields, "expected": "yes"})
    assert (copy.status_code, copy.content) == (200, CONTENT)
    assert copy.headers["content-disposition"].startswith("attachment; ")
    assert copy.headers["accept-ranges"] == "none"
    async with open_api(pair) as api:
        answer = await api.get(f"/received-files/{file_id}")
        assert (answer.status_code, answer.json()["why"]) == (409, "unscanned")
        answer = await api.get(f"/received-files/{file_id}", params={"accept_unscanned": True})
        assert answer.content == CONTENT
        assert (await api.head(f"/received-files/{file_id}")).status_code == 405
    with pair.xk.context.database.reading() as session:
        taken = session.exec(select(EventRow).where(EventRow.kind == EventKind.FILE_TAKEN)).all()
    assert {"api"} < {event.actor.partition(":")[0] for event in taken}
    assert [event.code for event in taken] == ["1", "1"]
    gone = await xk.http.get("/file/none/unscanned")
    assert (await xk.http.get(gone.headers["location"])).status_code == 404


async def test_the_sender_sees_how_far_its_file_is(
    pair: Pair, al: PageReader, sent: SentMessage
) -> None:
    """Waiting to leave, then delivered with the message's receipt."""
    await al.open(f"/sent/{sent.message_id}")
    assert "Waits to leave" in al.page.text
    arrive(pair, sent)
    pair.network.settle()
    await al.open(f"/message/{sent.message_id}")
    assert "Delivered" in al.page.text
