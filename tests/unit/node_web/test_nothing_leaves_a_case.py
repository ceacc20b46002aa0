"""What leaves a node by other ways than its pages: mails, webhooks, exports, evidence, errors."""

import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import trustme
from fastapi import FastAPI

from console.audit.chain import AuditFilter
from console.i18n import Catalogues
from contact_registry.evidence.container import unpack_members
from deploy.examples.csv_register.syncing import sync
from node.adapters.smtp import SmtpPostman, SmtpRules
from node.api.app import create_api
from node.client.client import NodeClient
from node.domain.access import Principal
from node.service import reading
from node.service.audit_export import export_audit
from node.service.evidence import export_case, export_message
from node.service.followers import follow_all
from node.service.registry_archive import RegistryArchive
from node.service.webhooks.keeping import WebhookWish, handle_make
from node.service.webhooks.telling import Failure
from node.service.work.addresses import handle_set_address
from node.service.work.escalation import look_at_due
from node.web.router import create_web_router
from node.workers.notices import send_notices
from node.workers.webhook_sender import tell_all
from protocol.identifiers import parse_case_reference
from protocol.policy.facts import Role
from tests.support.access import Faces, Route, list_api, list_pages, no_refresh, probe
from tests.support.duty import KeptPost
from tests.support.evidence import EvidenceWorld
from tests.support.http_server import serve
from tests.support.mail_server import serve_mail
from tests.support.marked_case import (
    EVERY_WORD,
    OF,
    SEALED,
    MarkedCase,
    hidden_words,
    mark,
    plant_case,
)
from tests.support.node_console import Pair, add_person, build_pair
from tests.support.people import STAFF, acting, token_of

ADMIN: Final = acting("admin", Role.NODE_ADMIN)
AUDITOR: Final = acting("auditor", Role.AUDITOR)
READERS: Final[Mapping[str, tuple[str, ...]]] = {
    **{name: (name,) for name in OF},
    "whole": tuple(OF),
}
CODES: Final = ("AL", "XK")


@dataclass
class Receiver:
    """A receiver of webhooks who keeps what each address was told."""

    heard: dict[str, list[bytes]] = field(default_factory=dict)

    async def post(self, url: str, body: bytes, _headers: Mapping[str, str]) -> Failure | None:
        """Take it."""
        self.heard.setdefault(url, []).append(body)
        return None


@dataclass
class Scene(Faces):
    """AL and XK with that case: sent, received, opened, and whoever is told has been."""

    case: MarkedCase
    mails: list[EmailMessage]
    trusted_root: bytes


def principal_of(name: str) -> Principal:
    """Return a reader: a focal point of their channels."""
    return acting(name, channels=[OF[each] for each in READERS[name]])


def _prepare(pair: Pair, code: str) -> None:
    """Add the readers, their addresses for mail, and a webhook for each of them."""
    context = pair.network.node(code)
    for name, seen in READERS.items():
        channels = frozenset(OF[each] for each in seen)
        account = add_person(context, name, Role.FOCAL_POINT, channels=channels).id
        address = f"{name}@{code.lower()}.example.org"
        handle_set_address(context, account, address, language="en", who=acting(account))
        url = f"https://{name}.example.org/{code}"
        handle_make(context, WebhookWish(label=name, url=url, channels=channels), who=ADMIN)


@pytest.fixture(scope="module")
def scene(
    tmp_path_factory: pytest.TempPathFactory, shared_node_url_of: Callable[[str], str]
) -> Iterator[Scene]:
    """Build it once; looking changes no more than the audit log."""
    folder = tmp_path_factory.mktemp("leaving")
    pair = build_pair(folder, url_of=shared_node_url_of)
    nodes = pair.network.nodes
    for code in CODES:
        nodes[code] = replace(nodes[code], postman=KeptPost())
        _prepare(pair, code)
    case = plant_case(pair)
    for code in CODES:
        follow_all(nodes[code])
        look_at_due(nodes[code])
    mails = _send_mails(pair)
    for values in case.known.values():
        reading.handle_open(nodes["XK"], values["message_id"], who=STAFF)
    pair.network.settle()
    context = nodes["AL"]
    yield Scene(
        pair=pair,
        pages=pair.al.console.build_app([create_web_router(context, pair.al.console)]),
        api=create_api(context, refresh_registry=no_refresh),
        case=case,
        mails=mails,
        trusted_root=EvidenceWorld(folder / "registry").trusted_root,
    )
    pair.network.close()


def _send_mails(pair: Pair) -> list[EmailMessage]:
    """Send what waits at both nodes through a mail server, encrypted; returns what it got."""
    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost", key_type=trustme.KeyType.ECDSA).configure_cert(server)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with serve_mail(tls=server) as room:
        rules = SmtpRules(
            host="localhost",
            port=room.port,
            implicit_tls=True,
            sender="node@example.org",
            tls=trusting,
        )
        for code in CODES:
            context = pair.network.node(code)
            send_notices(context, SmtpPostman(rules, clock=context.clock), Catalogues({}))
    return [message_from_bytes(mail.as_bytes(), policy=policy.default) for mail in room.mails]


def find_told(text: str, hidden: Mapping[str, str]) -> list[str]:
    """Return what of it stands in a text, in whatever case it was written."""
    folded = text.casefold()
    return [f"{word} of {whose}" for word, whose in hidden.items() if word.casefold() in folded]


def hide_from(scene: Scene, reader: str) -> dict[str, str]:
    """Return every word and identifier that is not for a reader, and Part I of any channel."""
    theirs = READERS[reader]
    sealed = {mark(name, SEALED): name for name in OF}
    return hidden_words(theirs) | scene.case.of_others(theirs) | sealed


# ------------------------------------------------------------------ mails


def test_a_mail_says_nothing_and_counts_what_its_reader_sees(scene: Scene) -> None:
    """No word, no identifier, no reference, no channel; several items only to who sees several."""
    names = {value: name for name, values in scene.case.known.items() for value in values.values()}
    hidden = names | EVERY_WORD | {scene.case.reference: "the case"}
    hidden |= {channel.value: name for name, channel in OF.items()}
    subjects = {}
    for mail in scene.mails:
        text = "".join(str(part.get_content()) for part in mail.walk() if not part.is_multipart())
        text += "".join(str(value) for header, value in mail.items() if header != "To")
        assert find_told(text, hidden) == []
        subjects[str(mail["To"])] = str(mail["Subject"])
    one, several = "You have a new item.", "You have new items."
    assert subjects == {
        f"{name}@xk.example.org": one if len(seen) == 1 else several
        for name, seen in READERS.items()
    }


# ------------------------------------------------------------------ webhooks


async def test_a_webhook_is_told_of_its_channels_alone(scene: Scene) -> None:
    """Each body names what happened by identifiers, none of another channel, and holds no word."""
    receiver = Receiver()
    for code in CODES:
        await tell_all(scene.pair.network.node(code), receiver)
        for name, seen in READERS.items():
            heard = b"\n".join(receiver.heard[f"https://{name}.example.org/{code}"]).decode()
            assert find_told(heard, hide_from(scene, name) | EVERY_WORD) == [], (code, name)
            own = {scene.case.known[each]["message_id"] for each in seen}
            assert {each for each in own if each in heard} == own, (code, name)


# ------------------------------------------------------------------ evidence and exports


@pytest.mark.parametrize("reader", READERS)
def test_evidence_names_nothing_of_another_channel(scene: Scene, reader: str) -> None:
    """Bundles of the case and of each message, on both sides, with every receipt in them."""
    who, hidden = principal_of(reader), hide_from(scene, reader)
    for code in CODES:
        context = scene.pair.network.node(code)
        archive = RegistryArchive(
            context.database, trusted_root=scene.trusted_root, clock=context.clock
        )
        reference = parse_case_reference(scene.case.reference)
        bundles = [export_case(context, archive, reference, who=who)]
        for name in READERS[reader]:
            message_id = scene.case.known[name]["message_id"]
            bundles.append(export_message(context, archive, message_id, who=who))
        texts = [
            data.decode(errors="replace") + path
            for bundle in bundles
            for path, data in unpack_members(bundle.data).items()
        ]
        assert [told for text in texts for told in find_told(text, hidden)] == [], code
        assert bundles[0].messages == len(READERS[reader])
        assert bundles[0].receipts >= 2 * len(READERS[reader])
        for name in READERS[reader]:
            assert any(mark(name, "TEXT") in text for text in texts)


def test_the_audit_log_taken_out_holds_no_word(scene: Scene) -> None:
    """Whoever audits gets who did what with which identifier; and what was written in no case."""
    for code in CODES:
        context = scene.pair.network.node(code)
        lines = [*export_audit(context, AuditFilter(), who=AUDITOR)]
        assert len(lines) > len(OF)
        assert find_told(b"".join(lines).decode(), EVERY_WORD) == []


@pytest.mark.parametrize("reader", list(OF))
def test_a_register_holds_what_its_token_opens(scene: Scene, reader: str, tmp_path: Path) -> None:
    """The worked example at XK with a token of one channel: its sheets name no other message."""
    context = scene.pair.network.node("XK")
    app = FastAPI(openapi_url=None)
    app.mount("/api/v1", create_api(context, refresh_registry=no_refresh))
    token = token_of(context, f"register-{reader}", channels=frozenset({OF[reader]}))
    with serve(app) as url, NodeClient.connect(url, token) as client:
        assert sync(client, tmp_path).received == 1
    written = "".join(path.read_text("utf-8") for path in tmp_path.iterdir())
    assert find_told(written, hide_from(scene, reader) | EVERY_WORD) == []
    assert scene.case.known[reader]["message_id"] in written


# ------------------------------------------------------------------ errors, and who runs the node


async def _ask_anyway(
    client: httpx.AsyncClient, route: Route, values: Mapping[str, str]
) -> tuple[int, str]:
    """Ask as if it could be done; returns the status, and what was said without what was named."""
    headers = {"If-Match": '"1"'} if route.method != "GET" else {}
    more: dict[str, Any] = {"json": {}} if route.method in {"POST", "PUT", "PATCH"} else {}
    answer = await client.request(route.method, route.fill(values), headers=headers, **more)
    said = answer.text
    for value in values.values():
        said = said.replace(value, "")
    return answer.status_code, said


async def test_an_error_says_of_another_channel_what_it_says_of_nothing(scene: Scene) -> None:
    """Every route that names something: the same answer as for an identifier that nobody has."""
    nobody = dict.fromkeys(("message_id", "note_id", "consent_id", "withdrawal_id"), "0" * 32)
    async with AsyncExitStack() as stack:
        _, program = await scene.open(stack, "care")
        compared, differing = 0, []
        for route in sorted(list_api(scene.api)):
            unit = {
                name: value
                for name, value in scene.case.known["unit"].items()
                if name in route.parameters and name != "case_id"
            }
            if not unit:
                continue
            known = {"case_id": scene.case.case_id}
            told = await _ask_anyway(program, route, known | unit)
            blank = await _ask_anyway(program, route, known | {name: nobody[name] for name in unit})
            compared += told[0] == httpx.codes.NOT_FOUND
            if told != blank or find_told(told[1], EVERY_WORD):
                differing.append((route, told, blank))
    assert differing == []
    assert compared > len(OF)


@pytest.mark.parametrize("name", ["admin", "auditor"])
async def test_who_runs_or_audits_the_node_reads_no_word(scene: Scene, name: str) -> None:
    """Every page and every route of the interface that is let in, whatever it names."""
    async with AsyncExitStack() as stack:
        browser, program = await scene.open(stack, name)
        let_in, told = 0, []
        for route in sorted(list_pages(scene.pages) | list_api(scene.api)):
            if route.method != "GET":
                continue
            client = browser.http if route.face == "page" else program
            answer = await probe(client, route, scene.case.known["unit"])
            let_in += answer.is_let_in
            told += [(route, each) for each in find_told(answer.text, EVERY_WORD)]
    assert told == []
    assert let_in > len(OF)
