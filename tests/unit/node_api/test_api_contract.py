"""Whatever is sent to the interface, it answers as it says it does: every route, by Schemathesis.

Requests are made from the description, fitting and not; identifiers are half of the time those of
things that exist. Seeded: a run finds what every run finds.
"""

import json
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
import structlog
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.internal.conjecture.providers import HypothesisProvider
from pydantic import TypeAdapter
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from sqlmodel import select
from starlette.types import ASGIApp, Receive, Scope, Send

from console.i18n import Message
from contact_registry.changes.sql_store import SqlChangeStore
from node.api.app import create_api
from node.api.description import load_draft_examples
from node.service.api_drafts import handle_save
from node.service.attachments.staging import FileDraft, handle_begin_file
from node.service.backups import NewBackup, handle_note_backup
from node.service.building import Draft
from node.service.cases.notes import handle_add_note
from node.service.cases.opening import handle_open_case
from node.service.composing import Sent, handle_send
from node.service.context import NodeContext
from node.service.followers import follow_all
from node.service.inviting import Entrance
from node.service.principals import write_channels
from node.service.tokens import TokenScope
from node.service.webhooks.keeping import WebhookWish, handle_make
from node.store.account_tables import AccountRow, ClearanceRow
from node.store.change_tables import CHANGES
from node.store.work_tables import WorkItemRow
from node.workers.deadlines import keep_deadlines
from protocol.identifiers import Channel
from protocol.messages.catalogue import CATALOGUE
from protocol.messages.fields import Sensitivity
from protocol.messages.head import CaseMessage
from protocol.policy.facts import Role
from tests.support.api import no_refresh
from tests.support.changes import open_desk_world
from tests.support.node import make_draft, make_network
from tests.support.people import STAFF, acting, token_of
from tests.support.registry import AL

#: Requests for each route.
EXAMPLES = 6
#: Routes that must have said yes at least once, or the requests show little; what people do by the
#: others is in ``test_every_act.py`` and the stories of cases.
LEAST_SUCCEEDED = 65
SCOPES = (
    TokenScope.MESSAGES,
    TokenScope.ADMINISTRATION,
    TokenScope.DIRECTORY,
    TokenScope.DELIVERY,
    TokenScope.AUDIT,
)
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]


@dataclass(frozen=True, slots=True)
class Ground:
    """What the requests are made against."""

    app: ASGIApp
    tokens: tuple[str, ...]
    #: By the name of a path's parameter: things that exist.
    known: Mapping[str, str]


ADMIN = acting("admin", Role.NODE_ADMIN)
FILE = FileDraft(name="map.png", size=5, sensitivity=Sensitivity.NONE)
WEBHOOK = WebhookWish(label="register", url="https://register.example/in")


def mounted(api: ASGIApp) -> ASGIApp:
    """Return the interface at the address that its description names."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await api({**scope, "root_path": "/api/v1"}, receive, send)

    return app


def add_approver(context: NodeContext) -> str:
    """Add somebody who approves and reads the confidential part; returns the sign-in name."""
    with context.database.transaction() as session:
        session.add(
            AccountRow(
                account_id="a" * 32,
                sign_in_name="approver",
                display_name="A. Approver",
                roles=f"{Role.APPROVER} {Role.FOCAL_POINT}",
                created_at=context.clock(),
                is_active=True,
            )
        )
        session.flush()
        every = write_channels(Channel)
        session.add(ClearanceRow(account_id="a" * 32, channels=every, confidential=True))
    return "approver"


@pytest.fixture
def ground(tmp_path: Path, node_url_of: Callable[[str], str]) -> Iterator[Ground]:
    """AL with a case, messages both ways, and tokens of every kind."""
    network = make_network(["AL", "XK"], url_of=node_url_of, files=tmp_path)
    al = network.node("AL")
    sent = handle_send(al, make_draft(), who=STAFF)
    network.settle()
    received = handle_send(
        network.node("XK"), make_draft(recipient="AL", case=sent.case_reference), who=STAFF
    )
    network.settle()
    person = token_of(al, "t-person", scope=TokenScope.PERSON, person=add_approver(al))
    with open_desk_world(tmp_path / "desk") as desks:
        desks.store = SqlChangeStore(CHANGES, al.database)
        api = create_api(
            al,
            refresh_registry=no_refresh,
            changes=desks.open_desk(participant=AL),
            entrance=Entrance(public_url="https://desk.example", translate=_say),
        )
        yield Ground(
            app=mounted(api),
            tokens=(*(token_of(al, f"t-{scope}", scope=scope) for scope in SCOPES), person),
            known={
                "message_id": received.message_id,
                "case_id": sent.case_id,
                "desk": "AL-anti-trafficking-desk",
                "participant": "XK",
                "draft_id": handle_save(al, {}, who=acting("api:t-messages")).draft_id,
                "file_id": handle_begin_file(al, FILE, owner="api:t-messages").file_id,
                "webhook_id": handle_make(al, WEBHOOK, who=ADMIN)[0],
                **find_more(al, sent),
            },
        )
    network.close()


def find_more(al: NodeContext, sent: Sent) -> Mapping[str, str]:
    """Add what people make beside messages; returns it by the names of parameters."""
    follow_all(al)
    keep_deadlines(al)
    with al.database.reading() as session:
        item = session.exec(select(WorkItemRow.item_id)).first()
    backup = NewBackup(made_at=al.clock(), place="the safe")
    token_of(al, "t-spare")  # to be taken back
    return {
        "item_id": item or "",
        "note_id": handle_add_note(al, sent.case_id, "Ring on Monday.", who=STAFF).note_id,
        "other_case_id": handle_open_case(al, who=STAFF).case_id,
        "account_id": "a" * 32,
        "backup_id": handle_note_backup(al, backup, who=ADMIN),
        "label": "t-spare",
    }


def _say(message: Message, _language: str) -> str:
    return message.msgid


@pytest.fixture
def no_loaded_constants(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw no constants of modules: which are loaded differs with what ran before, seed or not."""
    monkeypatch.setattr(HypothesisProvider, "_maybe_draw_constant", lambda *_, **__: None)


@pytest.mark.usefixtures("no_loaded_constants")
def test_every_route_keeps_its_contract(ground: Ground) -> None:
    """No 5xx, no answer that the description does not have, no malformed request taken."""
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", ground.app)
    found: list[str] = []
    succeeded: set[str] = set()
    for result in schema.get_all_operations():
        assert isinstance(result, Ok), result
        operation = result.ok()
        with structlog.testing.capture_logs() as logs:
            try:
                _try_route(ground, operation, succeeded)
            except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001 - every route is tried, then all is told
                found.append(f"{operation.label}: {error}"[:1500])
                found += [_tell(log["exc_info"]) for log in logs if "exc_info" in log]
    assert found == []
    assert len(succeeded) > LEAST_SUCCEEDED


def _tell(error: BaseException) -> str:
    """Say where it failed inside."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{Path(each.filename).name}:{each.lineno}" for each in frames]
    return f"  {type(error).__name__} at {' < '.join(reversed(places[-6:]))}: {str(error)[:300]}"


def _ask(ground: Ground, case: Any) -> Any:
    """Make the request with the first token that opens its route."""
    answer = None
    for token in ground.tokens:
        case.headers["Authorization"] = f"Bearer {token}"
        answer = case.call()
        if answer.status_code != httpx.codes.FORBIDDEN:
            break
    return answer


def _try_route(ground: Ground, operation: Any, succeeded: set[str]) -> None:
    modes = st.one_of(
        operation.as_strategy(generation_mode=GenerationMode.POSITIVE),
        operation.as_strategy(generation_mode=GenerationMode.NEGATIVE),
    )

    @seed(6)
    @settings(
        max_examples=EXAMPLES,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=modes, known=st.booleans())
    def ask(case: Any, *, known: bool) -> None:
        if known:
            case.path_parameters |= {
                name: value for name, value in ground.known.items() if name in case.path_parameters
            }
        answer = _ask(ground, case)
        if answer.status_code < httpx.codes.MULTIPLE_CHOICES:
            succeeded.add(operation.label)
        case.validate_response(answer, checks=CHECKS)

    ask()


def test_every_type_of_the_catalogue_has_an_example_that_fits() -> None:
    """What the description shows is what the node takes: each draft, and each body by its type."""
    drafts = load_draft_examples()
    sent = {tag for tag, entry in CATALOGUE.items() if issubclass(entry.model, CaseMessage)}
    assert drafts.keys() == sent
    for tag, draft in drafts.items():
        fields = Draft.model_validate_json(json.dumps(draft))
        body = CATALOGUE[tag].body
        TypeAdapter(body).validate_json(json.dumps(fields.body))
