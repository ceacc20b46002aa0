"""What the interface says of itself: OpenAPI 3.1, with examples of every message that is sent.

The framework describes routes and bodies; here is added what holds for all of them: problem
details, the key that makes a repetition safe, and one draft of each type of the catalogue.
"""

import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from node.api.problems import MEDIA_TYPE
from node.service.composing import RECORDED_ELSEWHERE

TITLE: Final = "TRM node"
_SUMMARY: Final = "Send, receive, and decide from a national case system. See docs/api.md."
_SCHEMA: Final = {"$ref": "#/components/schemas/Problem"}
_PROBLEM: Final[dict[str, Any]] = {
    "type": "object",
    "title": "Problem",
    "description": "Problem details (RFC 9457). What each type means is in docs/api.md.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri", "examples": ["urn:trm:problem:not-found"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong and what to do, for people."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["at", "problem"],
                "properties": {"at": {"type": "string"}, "problem": {"type": "string"}},
            },
        },
    },
    "additionalProperties": True,
}
_KEY: Final[dict[str, Any]] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Repeat a request with the same key and it is done once.",
    "schema": {"type": "string", "minLength": 8, "maxLength": 128, "pattern": "^[!-~]+$"},
}
_REFUSED: Final = {
    "description": "It was not done; the problem says why and what to do.",
    "content": {MEDIA_TYPE: {"schema": _SCHEMA}},
}
_METHODS: Final = frozenset({"get", "put", "post", "delete", "patch", "head"})


def load_draft_examples() -> dict[str, Any]:
    """Return one draft of each type, by the type's tag."""
    text = (files("node.api") / "data" / "draft_examples.json").read_text(encoding="utf-8")
    examples: dict[str, Any] = json.loads(text)
    return examples


def install_description(api: FastAPI) -> None:
    """Let the interface be described so; made once, when it is first asked for."""

    def describe() -> dict[str, Any]:
        if api.openapi_schema is None:
            api.openapi_schema = _describe(api)
        return api.openapi_schema

    api.openapi = describe  # type: ignore[method-assign]  # FastAPI's documented way to extend it


def _describe(api: FastAPI) -> dict[str, Any]:
    described = get_openapi(
        title=TITLE, version=api.version, description=_SUMMARY, routes=api.routes
    )
    described["servers"] = [{"url": "/api/v1"}]
    schemas = described.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = _PROBLEM
    for method, operation in _list_operations(described):
        responses = operation["responses"]
        for status in [each for each in responses if not each.startswith("2")]:
            if _is_problem(responses[status]):
                del responses[status]
        responses["default"] = _REFUSED
        if method == "post" and not any(_is_key(each) for each in operation.get("parameters", ())):
            operation.setdefault("parameters", []).append(_KEY)
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    _add_examples(described)
    return described


def _list_operations(described: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for methods in described["paths"].values():
        for method, operation in methods.items():
            if method in _METHODS:
                yield method, operation


def _is_problem(response: dict[str, Any]) -> bool:
    content = response.get("content", {})
    return all("HTTPValidationError" in json.dumps(each) for each in content.values())


def _is_key(parameter: dict[str, Any]) -> bool:
    return bool(parameter.get("name") == _KEY["name"])


def _add_examples(described: dict[str, Any]) -> None:
    """Show each type of the catalogue where it is sent."""
    drafts = {
        tag: draft for tag, draft in load_draft_examples().items() if tag not in RECORDED_ELSEWHERE
    }
    answers = {
        tag: {
            name: draft[name] for name in draft if name not in {"recipient", "case", "in_reply_to"}
        }
        for tag, draft in drafts.items()
        if "in_reply_to" in draft and tag != "general.decision"
    }
    shown = {
        "/messages": drafts,
        "/messages/{message_id}/answer": answers,
        "/messages/{message_id}/decision": {"general.decision": drafts["general.decision"]["body"]},
        "/drafts": {tag: {"content": draft} for tag, draft in drafts.items()},
    }
    for path, examples in shown.items():
        body = described["paths"][path]["post"].get("requestBody")
        if body is not None:
            body["content"]["application/json"]["examples"] = {
                tag: {"summary": tag, "value": value} for tag, value in examples.items()
            }
