"""How the node itself does: keys, directory, tasks, room, backups; and the audit log."""

import ast
import inspect
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from console.audit.entries import FIRST_HASH, AuditEntry, compute_hash
from console.i18n import Catalogues, Language
from console.process.tasks import TaskState
from contact_registry.errors import RegistryUnavailableError
from node import background
from node.domain.audit import Act
from node.domain.backups import BackupGrade, grade_backup
from node.service.audit import CHAIN
from node.service.composing import handle_send
from node.service.people import list_accounts
from node.web.admin.audit_words import ACT_WORDS
from node.web.admin.running import HeldKey, KeysHeld, Running
from node.web.admin.sizes import say_size
from node.web.admin.task_words import TASK_WORDS
from node.web.router import create_web_router
from node.workers import received_files
from tests.support.node import NOON, FakeClock, Network, make_draft
from tests.support.node_console import NodeSite, PageReader, build_pair, build_site
from tests.support.people import acting
from tests.support.pseudo_locale import Bracketed, find_plain_words

HIDDEN = ("TRM-", "otification", "identification", "23 to 25", "Anti-Trafficking")
PAGES = (
    "/delivery",
    "/delivery/links",
    "/delivery/links/XK",
    "/delivery/messages",
    "/delivery/letters",
    "/delivery/files",
    "/system",
    "/system/keys",
    "/system/directory",
    "/system/tasks",
    "/system/storage",
    "/system/backups",
    "/programs",
    "/programs/webhooks/new",
    "/people/new",
)


#: Data, which no translator touches: names, codes, commands, types of failure.
DATA = re.compile(
    r"TRM|Duty officer|Second officer|Administrator|Auditor|English|shqip|Tirana|UTC|SQLite|"
    r"trm-node[a-zA-Z -]*|KEY-FILE|AL|X at y\.py:1|case-system|"
    r"officer|admin|auditor|second|kind|noted|passed|[0-9a-f:]{32,}|"
    r"(?:[a-z]+_)+[a-z]+|relay|follower|PostgreSQL|"
    r"(?:janar|shkurt|mars|prill|maj|qershor|korrik|gusht|shtator|tetor|nëntor|dhjetor)\w*"
)


@dataclass
class Engine:
    """A running process that is not there: what it was asked, and whether the hub answers."""

    asked: list[str]
    hub_is_away: bool = False

    async def refresh(self) -> None:
        """Look for a newer registry."""
        if self.hub_is_away:
            raise RegistryUnavailableError("the hub is away: try again")
        self.asked.append("registry")

    def describe(self) -> Running:
        """Give the pages what they show."""
        return Running(
            list_tasks=lambda: (
                TaskState("relay", last_success=NOON, every=timedelta(0)),
                TaskState("follower", last_failure=NOON, last_error="X at y.py:1", failures=3,
                          every=timedelta(0)),
                TaskState("broker_link"),
            ),
            ask_task=self.asked.append,
            refresh_registry=self.refresh,
            describe_keys=lambda: KeysHeld(
                signing_key_id="5" * 32,
                signing_since=NOON,
                registry_key_id="6" * 32,
                epochs=(
                    HeldKey(key_id="7" * 32, valid_from=NOON - timedelta(days=9),
                            valid_to=NOON - timedelta(days=2), is_listed=False),
                    HeldKey(key_id="8" * 32, valid_from=NOON - timedelta(days=2),
                            valid_to=NOON + timedelta(days=5), is_listed=True),
                ),
            ),
        )  # fmt: skip


@dataclass
class Room:
    """AL's console over a node with one message and a process that does not all do."""

    site: NodeSite
    engine: Engine
    network: Network
    clock: FakeClock


@pytest.fixture(scope="module")
def room(
    tmp_path_factory: pytest.TempPathFactory, shared_node_url_of: Callable[[str], str]
) -> Iterator[Room]:
    """Build it once."""
    pair = build_pair(tmp_path_factory.mktemp("system"), url_of=shared_node_url_of)
    context = pair.network.node("AL")
    handle_send(context, make_draft(), who=acting("api:case-system"))
    engine = Engine([])
    site = build_site(context)
    site.app = site.console.build_app(
        [create_web_router(context, site.console, running=engine.describe())]
    )
    yield Room(site, engine, pair.network, pair.network.clock)
    pair.network.close()


async def sign_in(room: Room, name: str) -> PageReader:
    """Open a browser in which somebody is signed in."""
    room.clock.advance(minutes=2)  # a code of the app counts once
    reader = PageReader(room.site)
    await reader.__aenter__()
    await reader.sign_in(name)
    return reader


@pytest.fixture
async def admin(room: Room) -> AsyncIterator[PageReader]:
    """Open a browser in which AL's administrator is signed in."""
    reader = await sign_in(room, "admin")
    yield reader
    await reader.__aexit__(None, None, None)


@pytest.fixture
async def auditor(room: Room) -> AsyncIterator[PageReader]:
    """Open a browser in which AL's auditor is signed in."""
    reader = await sign_in(room, "auditor")
    yield reader
    await reader.__aexit__(None, None, None)


async def test_no_page_of_an_administrator_shows_what_a_message_says(admin: PageReader) -> None:
    """Every page opens, with a title that names nothing, and without a word of a message."""
    for address in PAGES:
        page = await admin.open(address)
        assert page.status_code == 200, address
        main = page.text[page.text.index("<main") : page.text.index("</main>")]
        assert [word for word in HIDDEN if word in main] == [], address
        assert re.search("Albania|Kosovo|TRM-", admin.title) is None, address


async def test_no_word_of_these_pages_cannot_be_translated(room: Room) -> None:
    """In a language that brackets each sentence, no page has a word outside."""
    context = room.site.context
    site = build_site(context, catalogues=Catalogues({Language.ALBANIAN: Bracketed()}))
    running = room.engine.describe()
    site.app = site.console.build_app(
        [create_web_router(context, site.console, running=running, describe_link=lambda: "up")]
    )
    texts: dict[str, str] = {}
    person = next(each.id for each in list_accounts(context) if each.sign_in_name == "officer")
    for name, addresses in (
        ("admin", (*PAGES, "/delivery/links/XK?done=tested", "/people", f"/people/{person}")),
        ("auditor", ("/audit", "/audit/check")),
    ):
        room.clock.advance(minutes=2)  # a code of the app counts once
        async with PageReader(site) as reader:
            reader.http.headers["Accept-Language"] = "sq"
            await reader.sign_in(name)
            for address in addresses:
                texts[address] = (await reader.open(address)).text
    assert not [address for address, html in texts.items() if "Message(" in html]
    found = {address: find_plain_words(html, data=DATA) for address, html in texts.items()}
    assert {address: words for address, words in found.items() if words} == {}


async def test_a_failing_task_comes_first_with_its_failure(admin: PageReader) -> None:
    """What fails is said with its place and never its text; the overview counts it."""
    page = await admin.open("/system/tasks")
    assert page.text.index("Makes items and search words") < page.text.index("Hands messages")
    assert "X at y.py:1" in page.text
    assert "Fails, is tried again" in (await admin.open("/system")).text


async def test_directory_and_keys_are_asked_for_and_a_hub_that_is_away_is_said(
    room: Room, admin: PageReader
) -> None:
    """Refreshing says what came of it; keys are looked at by the task that owns them."""
    await admin.open("/system/directory")
    assert "The directory was refreshed" in (await admin.send("/system/directory")).text
    room.engine.hub_is_away = True
    away = await admin.send("/system/directory")
    assert away.status_code == 503
    assert "The directory of before stays in use." in away.text
    keys = await admin.open("/system/keys")
    assert "Used now" in keys.text
    assert "Only opens what is still under way" in keys.text
    await admin.send("/system/keys")
    assert room.engine.asked == ["registry", "keys_renewal"]


async def test_a_backup_is_noted_and_tried(admin: PageReader) -> None:
    """None is said as none; one that a person notes is fresh, and its trial is kept."""
    none = await admin.open("/system/backups")
    assert "None is known" in none.text
    assert "trm-node backup FOLDER" in none.text
    wrong = await admin.send("/system/backups", place="")
    assert wrong.status_code == 422
    noted = await admin.send("/system/backups", place="Safe, disk 4")
    assert "Safe, disk 4" in noted.text
    assert "A trial is due" in noted.text
    tried = await admin.send("/system/backups/", outcome="passed")
    assert "It holds" in tried.text
    assert "A trial is due" not in tried.text
    assert "Fresh" in (await admin.open("/delivery")).text


async def test_the_log_is_narrowed_checked_compared_and_taken_out(
    room: Room, auditor: PageReader
) -> None:
    """Every hash of what was taken out fits; a changed entry is noticed."""
    page = await auditor.open("/audit?action=message_sent")
    assert "Message sent" in page.text
    assert "api:case-system" not in page.text
    checked = await auditor.open("/audit/check")
    assert "Every entry follows from the one before" in checked.text
    head = re.search(r"\d+:[0-9a-f]{64}", checked.text)
    assert head is not None
    same = await auditor.send("/audit/check", known=head[0])
    assert "The entry that you noted is still in it." in same.text
    again = await auditor.open("/audit/check")  # as Back asks for it
    assert "The entry that you noted is still in it." in again.text
    assert (await auditor.send("/audit/check", known="x")).status_code == 422
    await auditor.open("/audit")
    taken = await auditor.send("/audit/export")
    entries = [AuditEntry(**{**json.loads(line), "at": _moment(line)})
               for line in taken.text.splitlines()][::-1]  # fmt: skip
    assert entries[-1].action == Act.AUDIT_EXPORTED
    previous = FIRST_HASH
    for entry in entries:
        assert entry.previous_hash == previous
        assert compute_hash(entry, domain=CHAIN.domain) == entry.entry_hash
        previous = entry.entry_hash
    other = f"{head[0].partition(':')[0]}:{'0' * 64}"
    await auditor.open("/audit/check")
    assert "The log does not hold" in (await auditor.send("/audit/check", known=other)).text


def _moment(line: str) -> datetime:
    return datetime.fromisoformat(json.loads(line)["at"])


def _list_tasks() -> set[str]:
    """Find what the modules that compose the process call its tasks."""
    found = set[str]()
    for module in (background, received_files):
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            named: list[ast.expr] = []
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                named = node.args[:1] if node.func.attr in {"add_round", "add_service"} else []
            elif isinstance(node, ast.Tuple) and any(
                isinstance(each, ast.Attribute) and each.attr == "run_round" for each in node.elts
            ):
                named = node.elts[:1]
            elif isinstance(node, ast.Dict):
                named = [key for key in node.keys if key is not None]
            found |= {str(each.value) for each in named if isinstance(each, ast.Constant)}
    return found


def test_every_task_has_its_words() -> None:
    """No task is shown to people by its name in the code alone."""
    tasks = _list_tasks()
    assert {"relay", "follower", "fresh_receipts", "file_scanning", "keys_renewal"} <= tasks
    assert tasks - set(TASK_WORDS) == set()


def test_every_act_has_its_words() -> None:
    """No code of the audit log is shown to people as it is written."""
    assert set(ACT_WORDS) == set(Act)


@pytest.mark.parametrize(
    ("days", "grade"),
    [(0, BackupGrade.FRESH), (2, BackupGrade.OLD), (21, BackupGrade.TOO_OLD)],
)
def test_a_backup_ages(days: int, grade: BackupGrade) -> None:
    """A day is fresh; after three weeks nobody has any more what a backup lacks."""
    assert grade_backup(NOON - timedelta(days=days), now=NOON) is grade
    assert grade_backup(None, now=NOON) is BackupGrade.NONE


@pytest.mark.parametrize(
    ("size", "words"), [(0, "0 KB"), (1, "1 KB"), (5 * 1024**2, "5 MB"), (1536 * 1024**2, "1.5 GB")]
)
def test_a_size_is_said_in_its_unit(size: int, words: str) -> None:
    """Small sizes are rounded up: nothing that is there is said to be nothing."""
    said = say_size(size)
    assert said.msgid % said.params == words
