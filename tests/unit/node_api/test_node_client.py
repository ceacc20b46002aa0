"""The typed client, over HTTP: messages both ways, drafts, files, versions, and webhooks."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from standardwebhooks.webhooks import Webhook

from node.api.app import create_api
from node.client.client import NodeClient
from node.client.problems import NodeProblemError
from node.client.shapes import Answer, Draft, SavedDraft
from node.client.webhooks import NotGenuineError, read_webhook
from node.service.webhooks.signing import sign_headers, write_secret
from protocol.messages.general import Decision
from protocol.messages.identification import PresumedVictimNotification
from tests.support.api import no_refresh
from tests.support.consent import ON_FILE
from tests.support.http_server import serve
from tests.support.node import NOTIFICATION_BODY, Network, make_network
from tests.support.people import token_of

NOTIFICATION = Draft(
    type="identification.presumed_victim_notification",
    recipient="XK",
    body=dict(NOTIFICATION_BODY),
)

QUESTION = Draft(
    type="social_inclusion.service_contacts",
    recipient="XK",
    phase="social_inclusion",
    body={"person_group": "adult", "services": ["legal_advice"]},
)
PROVIDERS = {
    "answers": "social_inclusion.service_contacts",
    "providers": [
        {
            "name": "Invented Advice Centre",
            "kind": "ngo",
            "services": ["legal_advice"],
            "telephone": "+383 00 000 001",
            "cost": "free",
            "capacity": "available",
        }
    ],
}
CONSENT = {
    "kind": "consent",
    "given_by": "person",
    "given_at": "2026-03-03T09:00:00Z",
    "explained_in": "sq",
    "classes": ["protection"],
    "phases": ["identification"],
    "recipients": ["XK"],
}


@pytest.fixture(scope="module")
def network(
    tmp_path_factory: pytest.TempPathFactory, shared_node_url_of: Callable[[str], str]
) -> Iterator[Network]:
    """AL and XK, who take files."""
    folder = tmp_path_factory.mktemp("nodes")
    made = make_network(["AL", "XK"], url_of=shared_node_url_of, files=folder)
    yield made
    made.close()


@pytest.fixture(scope="module")
def origin(network: Network) -> Iterator[str]:
    """Serve both nodes' interfaces."""
    app = FastAPI(openapi_url=None)
    for code, context in network.nodes.items():
        app.mount(f"/{code}/api/v1", create_api(context, refresh_registry=no_refresh))
    with serve(app) as url:
        yield url


@pytest.fixture
def al(network: Network, origin: str) -> Iterator[NodeClient]:
    """Give AL's program its way in."""
    token = token_of(network.node("AL"))
    with NodeClient.connect(f"{origin}/AL", token) as client:
        yield client


@pytest.fixture
def xk(network: Network, origin: str) -> Iterator[NodeClient]:
    """Give XK's program its way in."""
    token = token_of(network.node("XK"))
    with NodeClient.connect(f"{origin}/XK", token) as client:
        yield client


def test_a_message_there_and_its_decision_back(
    network: Network, al: NodeClient, xk: NodeClient
) -> None:
    """Sent once, fetched typed, opened, decided as it stood; the sender has the evidence."""
    sent = al.send(NOTIFICATION, key="register-1")
    assert al.send(NOTIFICATION, key="register-1") == sent
    network.settle()
    (line,) = [each for each in xk.list_messages() if each.message_id == sent.message_id]
    message = xk.fetch(line.message_id)
    typed = message.read()
    assert isinstance(typed, PresumedVictimNotification)
    assert typed.body.sex == "female"
    decision = {"outcome": "declined", "decline_reason": "not_competent"}
    opened = xk.open(line.message_id)
    decided = xk.decide(opened, decision, key="decision-1")
    assert xk.decide(opened, decision, key="decision-1") == decided
    with pytest.raises(NodeProblemError) as stale:
        xk.decide(opened, decision, key="decision-2")
    assert (stale.value.code, stale.value.problem.status) == ("version-differs", 412)
    network.settle()
    assert isinstance(al.fetch(decided.message_id).read(), Decision)
    evidence = al.fetch_evidence(sent.message_id)
    assert evidence.read_payload().digest == al.fetch(sent.message_id).payload_sha256
    assert len(evidence.signed_receipts) == 2


def test_an_answer_goes_to_the_desk_that_asked(
    network: Network, al: NodeClient, xk: NodeClient
) -> None:
    """A typed answer takes case, recipient and desks from the message; nothing else is accepted."""
    asked = al.send(QUESTION, key="question-1")
    network.settle()
    message = xk.open(asked.message_id)
    answer = Answer(type="general.response", body={"completeness": "full", "answer": PROVIDERS})
    sent = xk.answer(message, answer, key="answer-1")
    assert (sent.case, sent.to_authority) == (asked.case, "AL-anti-trafficking-desk")
    network.settle()
    assert al.fetch(sent.message_id).in_reply_to == asked.message_id
    with pytest.raises(NodeProblemError) as refused:
        xk.answer(xk.open(asked.message_id), Answer(type="no.such_type", body={}), key="answer-2")
    assert refused.value.code == "refused"


def test_drafts_wait_and_are_sent_once(al: NodeClient) -> None:
    """Kept however incomplete, changed by who saw the newest, sent once, then gone."""
    draft = al.save_draft({"type": NOTIFICATION.type})
    with pytest.raises(NodeProblemError, match="recipient"):
        al.send_draft(draft.draft_id)
    whole = {"content": NOTIFICATION.model_dump(mode="json", exclude_none=True)}
    path = f"/drafts/{draft.draft_id}"
    changed = al.ask("PUT", path, body=whole, seen=draft.row_version)
    with pytest.raises(NodeProblemError) as stale:
        al.ask("PUT", path, body=whole, seen=draft.row_version)
    assert stale.value.code == "version-differs"
    with pytest.raises(NodeProblemError) as missing:
        al.ask("PUT", path, body=whole)
    assert missing.value.code == "version-missing"
    unchanged = al._http.get(path, headers={"If-None-Match": changed.headers["etag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert al.send_draft(draft.draft_id) == al.send_draft(draft.draft_id)
    with pytest.raises(NodeProblemError) as gone:
        al.ask("GET", path)
    assert gone.value.code == "not-found"
    for _ in range(5):
        al.save_draft({})
    listed = list(al.list_all("/drafts", SavedDraft, limit=2))
    assert len({each.draft_id for each in listed}) == 5
    with pytest.raises(NodeProblemError) as wrong:
        al.ask("GET", "/drafts", query={"cursor": "bm9uZQ"})
    assert wrong.value.code == "wrong-cursor"


def test_a_file_goes_with_a_message(network: Network, al: NodeClient) -> None:
    """Brought in in pieces and named by a draft."""
    picture = Path(__file__).read_bytes()
    file_id = al.attach(picture, name="note.txt", size=len(picture), sensitivity="protection")
    said = {**dict(NOTIFICATION), "files": (file_id,), "legal_basis": CONSENT, "consent": ON_FILE}
    sent = al.send(Draft.model_validate(said), key="with-file")
    read = al.fetch(sent.message_id).read()
    assert read is not None
    assert [each.size for each in read.attachments] == [len(picture)]
    assert network.node("AL").participant == "AL"


def test_what_passes_is_tried_again_and_what_does_not_is_told() -> None:
    """A line that breaks, a proxy's 502 and a twin are waited for; a refusal is not."""
    answers: list[Any] = [
        httpx.ConnectError("away"),
        httpx.Response(502, text="bad gateway"),
        httpx.Response(409, json={"type": "urn:trm:problem:still-running", "status": 409}),
        httpx.Response(201, json={}),
        httpx.Response(422, json={"type": "urn:trm:problem:refused", "status": 422}),
    ]

    def answer(_request: httpx.Request) -> httpx.Response:
        next_one = answers.pop(0)
        if isinstance(next_one, Exception):
            raise next_one
        assert isinstance(next_one, httpx.Response)
        return next_one

    slept: list[float] = []
    http = httpx.Client(transport=httpx.MockTransport(answer), base_url="http://node")
    with NodeClient(http, sleep=slept.append) as client:
        assert client.ask("POST", "/x", key="k" * 8).status_code == 201
        assert slept == [0.5, 1.0, 2.0]
        with pytest.raises(NodeProblemError, match="422"):
            client.ask("POST", "/x", key="k" * 8)


def test_webhooks_are_read_only_if_they_are_genuine() -> None:
    """Ours and the library's signatures are taken; changed, old, or of another secret: refused."""
    now = datetime(2026, 3, 4, 11, tzinfo=UTC)
    body = b'{"type":"decided","timestamp":"2026-03-04T11:00:00Z","data":{"participant":"AL"}}'
    secret, other = write_secret(b"k" * 32), write_secret(b"o" * 32)
    headers = dict(sign_headers(body, message_id="event-1", at=now, secrets=[other, secret]))
    name, read = read_webhook(body, headers, secrets=[secret], now=now)
    assert (name, read.type, read.data.participant) == ("event-1", "decided", "AL")
    theirs = Webhook(secret).sign("event-1", now, body.decode())
    read_webhook(body, headers | {"webhook-signature": theirs}, secrets=[secret], now=now)
    wrongs: tuple[dict[str, Any], ...] = (
        {"body": body.replace(b"AL", b"XK")},
        {"secrets": [write_secret(b"n" * 32)]},
        {"now": now + timedelta(minutes=6)},
        {"now": now - timedelta(minutes=6)},
        {"headers": headers | {"webhook-id": "event-2"}},
        {"headers": headers | {"webhook-timestamp": "soon"}},
        {"headers": headers | {"webhook-timestamp": "999999999999"}},
        {"headers": {}},
    )
    for wrong in wrongs:
        asked: dict[str, Any] = {"body": body, "headers": headers, "secrets": [secret], "now": now}
        asked |= wrong
        with pytest.raises(NotGenuineError):
            read_webhook(
                asked["body"], asked["headers"], secrets=asked["secrets"], now=asked["now"]
            )
