"""Every answer of the interface that any test gets is compared with what the description says.

Schemathesis makes its own requests; what people and programs do one after the other is in the
stories of many tests. Their answers are held against the description, too.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import httpx
import schemathesis
from fastapi import FastAPI
from schemathesis.core.failures import Failure, FailureGroup

from node.api.description import TITLE

_handle: Final = httpx.ASGITransport.handle_async_request
_PARAMETER: Final = re.compile(r"{[^}]+}")


@dataclass(frozen=True, slots=True)
class _Contract:
    """The description of one set of routes."""

    schema: Any
    paths: Mapping[str, re.Pattern[str]]

    def find(self, method: str, path: str) -> Any:
        """Return the operation of an address; None for what is not described."""
        fitting = [each for each, pattern in self.paths.items() if pattern.fullmatch(path)]
        for template in sorted(fitting, key=lambda each: each.count("{")):
            operations = self.schema[template]
            if method in {name.upper() for name in operations}:
                return operations[method]
        return None


_contracts: Final[dict[tuple[str, ...], _Contract]] = {}


class ContractBrokenError(AssertionError):
    """An answer is not what the description says."""


def watch_contracts() -> None:
    """Begin: for every client in this process that asks the interface itself."""
    httpx.ASGITransport.handle_async_request = _handle_and_compare  # type: ignore[method-assign] # httpx's


async def _handle_and_compare(self: httpx.ASGITransport, request: httpx.Request) -> httpx.Response:
    response = await _handle(self, request)
    if isinstance(self.app, FastAPI) and self.app.title == TITLE:
        await response.aread()
        _compare(_read(self.app), request, response)
    return response


def _read(app: FastAPI) -> _Contract:
    """Return the contract of an app; apps with the same routes have the same."""
    routes = tuple(getattr(route, "path", "") for route in app.routes)
    if routes not in _contracts:
        document = app.openapi()
        patterns = {path: re.compile(_PARAMETER.sub("[^/]+", path)) for path in document["paths"]}
        _contracts[routes] = _Contract(schemathesis.openapi.from_dict(document), patterns)
    return _contracts[routes]


def _compare(contract: _Contract, request: httpx.Request, response: httpx.Response) -> None:
    operation = contract.find(request.method, request.url.path.removeprefix("/api/v1"))
    if operation is None:
        return
    status = response.status_code
    said = operation.definition.raw["responses"]
    answer = said.get(str(status), said.get("default"))
    if answer is None:
        raise ContractBrokenError(f"{operation.label} is not said to answer {status}.")
    media = response.headers.get("content-type", "").partition(";")[0]
    types = answer.get("content", {})
    if response.content and not {media, "*/*"} & set(types):
        raise ContractBrokenError(f"{operation.label} answers {status} with {media}, not {types}.")
    asked = httpx.Request(request.method, request.url)  # its body may have been a stream
    kept = httpx.Response(status, headers=response.headers, content=response.content, request=asked)
    kept.elapsed = timedelta(0)
    try:
        operation.validate_response(kept)
    except (Failure, FailureGroup) as failed:
        each = failed.exceptions if isinstance(failed, FailureGroup) else (failed,)
        wrong = "; ".join(map(str, each))
        raise ContractBrokenError(f"{operation.label}: {wrong}") from failed
