"""Corrections: asked at the hub, read at the node, answered by what is published."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware

from console.storage.database import Database
from contact_registry.changes.correction_wire import parse_corrections, write_corrections
from contact_registry.changes.corrections import (
    CorrectionAnswer,
    CorrectionDesk,
    CorrectionState,
)
from contact_registry.changes.errors import StaleChangeError
from contact_registry.errors import DocumentError, RegistryUnavailableError
from hub.audit.log import AuditLog
from hub.changes.corrections import SqlCorrectionStore, open_correction_desk
from hub.registry_host.corrections import create_correction_router
from hub.store.migrating import migrate
from node.adapters.correction_host import CorrectionHost
from node.web.face import build_console
from node.web.router import create_web_router
from tests.support.change_reader import read_text
from tests.support.change_site import AL, MK, OFFICE, ChangeSite
from tests.support.console_face import CHEAP
from tests.support.hub_console import Hub, HubReader, build_hub
from tests.support.page_reader import ORIGIN, PageReader
from tests.support.registry import serve

TEXT = "It rings and nobody answers."


@pytest.fixture
def hub(tmp_path: Path, site: ChangeSite) -> Iterator[Hub]:
    """Build a hub over the registry of the node."""
    folder = tmp_path / "hub"
    folder.mkdir()
    built = build_hub(folder, world=site.world)
    yield built
    built.close()


@pytest.fixture
def asked(hub: Hub) -> CorrectionDesk:
    """Open the hub's desk of corrections, at which one is asked about an office of AL."""
    desk = open_correction_desk(hub.context)
    desk.ask(AL, text=TEXT, actor="operator", authority_id=OFFICE, field="telephones")
    return desk


@pytest.fixture
def address(asked: CorrectionDesk) -> Iterator[str]:
    """Serve the hub's route for nodes over HTTP."""
    app = FastAPI()
    app.add_middleware(GZipMiddleware, minimum_size=1)  # as a proxy in front of the hub may
    app.include_router(create_correction_router(asked))
    with serve(app) as served:
        yield served


async def test_operators_ask_settle_and_ask_again(hub: Hub) -> None:
    """A correction is asked about a field, stands in the list and the log, and is settled."""
    async with HubReader(hub) as reader:
        await reader.sign_in("operator")
        await reader.open(f"/corrections/ask/{OFFICE}")
        assert (await reader.send("/corrections/ask", text="")).status_code == 422
        form = reader.find_form("/corrections/ask")
        for _ in range(2):  # the button was pressed twice
            await reader.post(form.action, {**form.fields, "field": "telephones", "text": TEXT})
        assert len(open_correction_desk(hub.context).list_corrections()) == 1
        text = read_text(reader.page.text)
        assert "Albania Coordination Office Telephones It rings and nobody answers." in text
        assert "Not answered yet" in text
        await reader.send("/corrections/", state="settled")
        assert "Nothing is asked for" in reader.page.text
        await reader.open("/corrections/all")
        await reader.send("/corrections/", state="asked")
        assert "Not answered yet" in reader.page.text
        stale = reader.find_form("/corrections/")
        await reader.send("/corrections/", state="withdrawn")
        refused = await reader.post(stale.action, {**stale.fields, "state": "settled"})
        assert refused.status_code == 409
        assert (await reader.open("/corrections/ask/AL-nobody")).status_code == 404
    told = [entry.action for entry in hub.context.audit.list_entries()]
    assert [action for action in reversed(told) if action.startswith("correction")] == [
        "correction_asked", "correction_settled", "correction_asked", "correction_withdrawn",
    ]  # fmt: skip


async def test_the_node_shows_what_is_asked_and_leads_to_the_desk(
    site: ChangeSite, address: str
) -> None:
    """The node fetches what is asked of it over HTTP; from there a change of that desk begins."""
    with httpx.Client() as http:
        console = build_console(site.context, public_url=ORIGIN, version="0.1.0", hasher=CHEAP)
        source = CorrectionHost(address, http, participant=AL)
        router = create_web_router(site.context, console, changes=site.desk, corrections=source)
        async with PageReader(console.build_app([router]), clock=site.clock) as reader:
            await reader.sign_in("editor")
            await reader.open("/corrections")
            assert TEXT in read_text(reader.page.text)
            await reader.send("/changes/for-desk")
            assert "Coordination Office" in reader.page.text
            assert "/desk/" in reader.path


async def test_a_hub_that_cannot_be_asked_hinders_nothing(site: ChangeSite) -> None:
    """The page says that the hub cannot be asked, and everything else goes on."""
    with httpx.Client() as http:
        console = build_console(site.context, public_url=ORIGIN, version="0.1.0", hasher=CHEAP)
        source = CorrectionHost("http://127.0.0.1:9", http, participant=AL)
        router = create_web_router(site.context, console, changes=site.desk, corrections=source)
        async with PageReader(console.build_app([router]), clock=site.clock) as reader:
            await reader.sign_in("editor")
            answer = await reader.open("/corrections")
            assert answer.status_code == 200
            assert "The hub cannot be asked now" in answer.text


def test_only_what_is_asked_of_a_participant_is_sent_to_it(address: str) -> None:
    """Another Participant gets an empty list, a word that is no code gets 404."""
    with httpx.Client() as http:
        assert CorrectionHost(address, http, participant=MK).list_open() == ()
        (found,) = CorrectionHost(address, http, participant=AL).list_open()
        assert (found.text, found.authority_id, found.asked_by) == (TEXT, OFFICE, "")
        assert http.get(f"{address}/registry/corrections/not-a-code").status_code == 404
        data = http.get(f"{address}/registry/corrections/AL").content
    with pytest.raises(DocumentError, match="another Participant"):
        parse_corrections(data, participant=MK)
    with pytest.raises(DocumentError):
        parse_corrections(b"[]", participant=AL)


def test_what_is_no_list_of_corrections_is_not_shown(address: str) -> None:
    """An answer of another shape, or an error, is as good as none."""
    with httpx.Client() as http, pytest.raises(RegistryUnavailableError):
        CorrectionHost(f"{address}/elsewhere", http, participant=AL).list_open()


def test_what_is_published_answers(site: ChangeSite, hub: Hub, asked: CorrectionDesk) -> None:
    """An entry that is mended, confirmed or ended answers; what else is published does not."""
    (correction,) = asked.list_corrections()
    document = site.world.repository.load_directory().contacts[AL]
    office, other = document.authorities

    def publish(**changes: object) -> CorrectionAnswer:
        entries = (office.model_copy(update=changes), other)
        site.publish(document.model_copy(update={"authorities": entries}))
        return asked.judge(correction)

    asked_on = hub.context.clock().date()
    assert asked.judge(correction) is CorrectionAnswer.NONE
    assert publish(review_due=asked_on) is CorrectionAnswer.NONE
    assert publish(last_confirmed=asked_on) is CorrectionAnswer.CONFIRMED
    assert publish(mailboxes=()) is CorrectionAnswer.MENDED
    site.publish(document.model_copy(update={"authorities": (other,)}))
    assert asked.judge(correction) is CorrectionAnswer.ENDED


async def test_a_missing_desk_is_asked_for_by_the_list(site: ChangeSite, hub: Hub) -> None:
    """Of what is not listed a Participant's list is asked about; a publication answers it."""
    async with HubReader(hub) as reader:
        await reader.sign_in("operator")
        await reader.open("/corrections/ask/AL")
        assert 'name="field"' not in reader.page.text
        await reader.send("/corrections/ask", text="A desk for children is missing.")
        assert "Albania The whole list A desk for children" in read_text(reader.page.text)
        document = site.world.repository.load_directory().contacts[AL]
        site.publish(document.model_copy(update={"authorities": document.authorities[:1]}))
        await reader.open("/corrections")
        assert "The entry was changed since" in read_text(reader.page.text)
        for unknown in ("XK", "x", "%00", "AL-nobody"):
            assert (await reader.open(f"/corrections/ask/{unknown}")).status_code == 404, unknown
        token = reader.find_form("/hide").fields["form_token"]
        answer = await reader.post("/corrections/%00/move", {"form_token": token})
        assert answer.status_code == 404


def test_corrections_in_postgresql(postgres_url: str, hub: Hub) -> None:
    """They are asked, listed and moved there as in SQLite, each time with the row version."""
    with closing(Database(postgres_url)) as database:
        migrate(database)
        context = replace(hub.context, database=database, audit=AuditLog(database, clock=hub.clock))
        desk = open_correction_desk(context)
        asked = desk.ask(AL, text=TEXT, actor="operator", authority_id=OFFICE, field="post")
        assert desk.list_corrections(participant=AL) == [asked]
        settled = desk.move(asked.id, CorrectionState.SETTLED, seen=1, actor="operator")
        with pytest.raises(StaleChangeError):
            SqlCorrectionStore(context).save(replace(settled, row_version=3), seen=1)
        assert desk.list_corrections() == []
        assert desk.list_corrections(open_only=False) == [settled]


def test_two_that_move_one_correction_do_not_both_win(hub: Hub, asked: CorrectionDesk) -> None:
    """The second of two that saw the same state is refused, and the first one's word stands."""
    (correction,) = asked.list_corrections()
    asked.move(correction.id, CorrectionState.SETTLED, seen=1, actor="one")
    with pytest.raises(StaleChangeError):
        asked.move(correction.id, CorrectionState.WITHDRAWN, seen=1, actor="two")
    assert asked.load(correction.id).state is CorrectionState.SETTLED


def test_what_is_written_is_read(asked: CorrectionDesk) -> None:
    """Who asked, and at which row version, stays at the hub; all else arrives as it was."""
    (correction,) = asked.list_corrections()
    (read,) = parse_corrections(write_corrections(AL, [correction]), participant=AL)
    assert (read.id, read.field, read.entry_sha256) == (
        correction.id, correction.field, correction.entry_sha256,
    )  # fmt: skip
