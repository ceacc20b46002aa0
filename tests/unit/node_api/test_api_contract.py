"""Whatever is sent to the interface, it answers as it says it does: every route, by Schemathesis.

For each route one request is prepared that has to succeed; then others are made from the
description, fitting and not, half of them about things that exist, with the version that these are
at. Seeded: a run finds what every run finds.
"""

import json
import re
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
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
from schemathesis.core.parameters import ParameterLocation
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from node.api.description import load_draft_examples
from node.service.building import Draft
from protocol.messages.catalogue import CATALOGUE
from protocol.messages.head import CaseMessage
from tests.support.contract_ground import DESK, Ground, open_ground
from tests.support.contract_keeping import KEEPING
from tests.support.contract_requests import WORK, Wish

#: Requests for each route.
EXAMPLES = 9
_PARAMETER = re.compile(r"{(\w+)}")
WISHES = WORK | KEEPING
#: Routes that no request here gets to succeed, by method and path, and why. Whichever does succeed
#: has to leave this table.
EXCEPTED: dict[str, str] = {}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]


@pytest.fixture
def ground(tmp_path: Path, node_url_of: Callable[[str], str]) -> Iterator[Ground]:
    """Give AL with everything that its interface names, and a token of every kind."""
    with open_ground(tmp_path, node_url_of) as opened:
        yield opened


@pytest.fixture
def no_loaded_constants(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw no constants of modules: which are loaded differs with what ran before, seed or not."""
    monkeypatch.setattr(HypothesisProvider, "_maybe_draw_constant", lambda *_, **__: None)


@pytest.mark.usefixtures("no_loaded_constants")
def test_every_route_keeps_its_contract(ground: Ground) -> None:
    """No 5xx, no answer that the description lacks, nothing malformed taken; each route works."""
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", ground.app)
    operations = {}
    for result in schema.get_all_operations():
        assert isinstance(result, Ok), result
        operations[result.ok().label] = result.ok()
    trial = Trial(ground, known=find_known(ground))
    spares = {}
    for label, operation in operations.items():
        with trial.watching(label):
            trial.try_prepared(operation, make_wish(operation, trial))
            spares[label] = make_wish(operation, trial)
    for label, spare in spares.items():
        with trial.watching(label):
            trial.try_examples(operations[label], spare)
            trial.try_generated(operations[label], spare)
    assert trial.found == []
    assert operations.keys() - trial.succeeded == EXCEPTED.keys()
    assert WISHES.keys() <= operations.keys()


def find_known(ground: Ground) -> Mapping[str, str]:
    """Return things that exist, by the name of a path's parameter: for routes without a wish."""
    case_id = ground.send_text().case_id
    return {
        "case_id": case_id,
        "message_id": ground.receive(),
        "desk": DESK,
        "participant": "XK",
        "item_id": ground.item(),
        "account_id": ground.person(),
    }


def make_wish(operation: Any, trial: "Trial") -> Wish:
    """Return the request that is to succeed: as it was entered, or of what exists."""
    if operation.label in WISHES:
        return WISHES[operation.label](trial.ground)
    names = {each["name"] for each in _parameters(operation) if each["in"] == "path"}
    if names <= trial.known.keys():
        return Wish(path={name: trial.known[name] for name in names})
    alike = [make for label, make in WISHES.items() if set(_PARAMETER.findall(label)) == names]
    assert alike, f"nothing makes {', '.join(sorted(names))}: enter a wish for {operation.label}"
    made = alike[0](trial.ground)
    return Wish(path=made.path, who=made.who)


def _parameters(operation: Any) -> list[dict[str, Any]]:
    return list(operation.definition.raw.get("parameters", []))


@dataclass(slots=True)
class Trial:
    """Requests against the ground, and what came of them."""

    ground: Ground
    known: Mapping[str, str]
    found: list[str] = field(default_factory=list)
    succeeded: set[str] = field(default_factory=set)

    @contextmanager
    def watching(self, label: str) -> Iterator[None]:
        """Note what fails: every route is tried, then all is told."""
        with structlog.testing.capture_logs() as logs:
            try:
                yield
            except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001 - told with the others
                self.found.append(f"{label}: {error}"[:1500])
                self.found += [_tell(log["exc_info"]) for log in logs if "exc_info" in log]

    def try_prepared(self, operation: Any, wish: Wish) -> None:
        """Make the request that is to succeed."""
        body = {} if wish.body is None else {"body": wish.body, "media_type": "application/json"}
        case = operation.Case(
            path_parameters=dict(wish.path),
            query=dict(wish.query),
            headers=self._see(operation, wish),
            **body,
        )
        self._ask(case, wish)

    def try_examples(self, operation: Any, spare: Wish) -> None:
        """Make the requests that the description shows."""
        for body in _list_examples(operation):
            self.try_prepared(operation, replace(spare, body=body))

    def try_generated(self, operation: Any, spare: Wish) -> None:
        """Make requests from the description, fitting and not, of what exists and what does not."""
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
        @given(case=modes, known=st.booleans(), current=st.booleans(), fits=st.booleans())
        def ask(case: Any, *, known: bool, current: bool, fits: bool) -> None:
            wrong = {where for where, part in case.meta.components.items() if part.mode.is_negative}
            checks = CHECKS
            if known and spare.path:
                case.path_parameters |= spare.path
                if not wrong - {ParameterLocation.PATH}:  # the path was all that was wrong
                    checks = [each for each in CHECKS if each is not negative_data_rejection]
            if known and current:
                if ParameterLocation.HEADER not in wrong:
                    case.headers.update(self._see(operation, spare))
                if ParameterLocation.QUERY not in wrong:
                    case.query.update(spare.query)
            if fits and spare.body is not None and ParameterLocation.BODY not in wrong:
                case.body = spare.body
            self._ask(case, Wish(who=spare.who if known else ""), checks)

        ask()

    def _see(self, operation: Any, wish: Wish) -> dict[str, str]:
        """Return the headers of somebody who looked at it first."""
        headers = dict(wish.headers)
        if not any(each["name"].lower() == "if-match" for each in _parameters(operation)):
            return headers
        if wish.version is not None:
            return headers | {"if-match": f'"{wish.version}"'}
        path = operation.path.format(**wish.path)
        if operation.method.upper() == "POST":
            path = path.rpartition("/")[0]  # what the act is done to
        for who in [wish.who] if wish.who else self.ground.tokens:
            seen = self.ground.reach(who, "GET", path)
            if "etag" in seen.headers:
                return headers | {"if-match": seen.headers["etag"]}
        return headers

    def _ask(self, case: Any, wish: Wish, checks: Sequence[Any] = CHECKS) -> None:
        """Make the request with the first token that opens its route, and look at the answer."""
        more = {} if wish.content is None else {"data": wish.content}
        answer: Any = None
        for token in [self.ground.tokens[wish.who]] if wish.who else self.ground.tokens.values():
            case.headers["Authorization"] = f"Bearer {token}"
            answer = case.call(**more)
            if answer.status_code != httpx.codes.FORBIDDEN:
                break
        if answer.status_code < httpx.codes.MULTIPLE_CHOICES:
            self.succeeded.add(case.operation.label)
        case.validate_response(answer, checks=checks)


def _list_examples(operation: Any) -> list[Any]:
    body = operation.definition.raw.get("requestBody", {}).get("content", {})
    shown = body.get("application/json", {}).get("examples", {})
    return [each["value"] for each in shown.values()]


def _tell(error: BaseException) -> str:
    """Say where it failed inside."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{Path(each.filename).name}:{each.lineno}" for each in frames]
    return f"  {type(error).__name__} at {' < '.join(reversed(places[-6:]))}: {str(error)[:300]}"


def test_every_type_of_the_catalogue_has_an_example_that_fits() -> None:
    """What the description shows is what the node takes: each draft, and each body by its type."""
    drafts = load_draft_examples()
    sent = {tag for tag, entry in CATALOGUE.items() if issubclass(entry.model, CaseMessage)}
    assert drafts.keys() == sent
    for tag, draft in drafts.items():
        fields = Draft.model_validate_json(json.dumps(draft))
        body = CATALOGUE[tag].body
        TypeAdapter(body).validate_json(json.dumps(fields.body))
