"""Targets: payloads, by bytes and by structure."""

import inspect
import json
import re
from collections.abc import Iterable
from functools import cache
from typing import Any, Final

from pydantic import BaseModel

from protocol.errors import RemoteProtocolError
from protocol.messages.catalogue import (
    CATALOGUE,
    UnreadableMessage,
    encode_payload,
    parse_payload,
)
from protocol.messages.fields import Sensitivity, find_classified
from protocol.messages.head import Head
from protocol.messages.htcds import MATCHES, parse_htcds
from protocol.messages.redaction import redact
from tests.fuzz.target import Target, read_text, require
from tests.fuzz.trees import TreeMutator, list_words
from tests.support.examples import EXAMPLES, list_good
from tests.support.messages import BODIES, make_fields


def check_payload(data: bytes) -> None:
    """Read a payload: it is a message that reads back, is kept as it came, or is refused."""
    message = parse_payload(data)
    if isinstance(message, UnreadableMessage):
        require(held=message.raw == data, what="it is not kept as it came")
        shown = json.dumps(json.loads(message.raw), ensure_ascii=False)
        shown.encode()  # what a page shows of it must be text that can be sent
        return
    again = encode_payload(message)
    require(held=parse_payload(again) == message, what="what is written is read as another")
    _check_redaction(message)
    _read_properties(message)


def _check_redaction(message: Head) -> None:
    """Require that nothing sensitive is left where every class but ``none`` is withheld."""
    whole = redact(message, keep=frozenset(Sensitivity))
    require(held=not whole.withheld, what="something is withheld though every class is kept")
    require(
        held=whole.tree == message.model_dump(mode="json", exclude_none=True),
        what="something is missing though every class is kept",
    )
    body = getattr(message, "body", None)
    if not isinstance(body, BaseModel):
        return
    withheld = {field.path for field in redact(message, keep=_PLAIN).withheld}
    for path, mark in find_classified(body):
        steps = ["body", *_INDEX.sub(r".\1", path).split(".")]
        above = {".".join(steps[:length]) for length in range(1, len(steps) + 1)}
        require(held=mark in _PLAIN or bool(above & withheld), what="a sensitive field is shown")


def _read_properties(model: BaseModel) -> None:
    """Read what the models of a message compute from their fields, as those who use it do."""
    for name, member in inspect.getmembers(type(model)):
        if isinstance(member, property) and not hasattr(BaseModel, name):
            getattr(model, name)
    for field in type(model).model_fields:
        value = getattr(model, field)
        for inner in value if isinstance(value, tuple) else (value,):
            if isinstance(inner, BaseModel):
                _read_properties(inner)


def check_htcds(data: bytes) -> None:
    """Read a value of the case data standard: it is a code of ours or refused."""
    listed, _, text = read_text(data).partition("=")
    code = parse_htcds(listed, text)
    require(held=any(match.value == text for match in MATCHES), what=f"{code} was guessed")


@cache
def list_known() -> tuple[dict[str, Any], ...]:
    """List valid messages, of every type that has one among the builders and examples."""
    built = [make_fields(tag) for tag in BODIES]
    examples = [
        fields
        for path in sorted(EXAMPLES.glob("*.json"))
        if path.stem in CATALOGUE
        for _, fields in list_good(path.stem)
    ]
    return (*built, *examples)


def _payload_seeds() -> Iterable[bytes]:
    newer = {**list_known()[0], "version": 9, "body": {"later": True}}
    return [json.dumps(fields).encode() for fields in (*list_known(), newer)]


_PLAIN: Final = frozenset({Sensitivity.NONE})
_INDEX: Final = re.compile(r"\[(\d+)\]")

MESSAGE_TARGETS: Final = (
    Target(
        "htcds",
        check_htcds,
        lambda: [f"{match.list}={match.value}".encode() for match in MATCHES],
        (RemoteProtocolError,),
        longest=200,
    ),
    Target(
        "payload_bytes",
        check_payload,
        _payload_seeds,
        (RemoteProtocolError,),
        longest=8_192,
    ),
    Target(
        "payload",
        check_payload,
        _payload_seeds,
        (RemoteProtocolError,),
        mutate=TreeMutator(
            words=list_words(*(entry.model for entry in CATALOGUE.values())),
            donors=list_known(),
        ),
        longest=20_000,
    ),
)
