"""Targets: the answer to a reachability drill as the hub reads it, and a node's request."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from contact_registry.drills.answering import check_answer
from contact_registry.drills.errors import DrillRefusedError
from contact_registry.drills.models import DrillResult
from contact_registry.drills.news import DrillNews, DrillNotice, parse_news
from contact_registry.errors import DocumentError
from protocol.drill_answer import DrillAnswer, DrillOutcome
from protocol.errors import RemoteProtocolError
from protocol.hub_request import HubRequest, Purpose
from tests.fuzz.target import Target, require
from tests.fuzz.trees import TreeMutator, list_words
from tests.support.drills import (
    ASKED_AT,
    NODE_KEY,
    OTHER_KEY,
    make_asked,
    make_drill_directory,
    make_result,
    sign_answer,
)
from tests.support.registry import AL

_DRILL: Final = make_asked()
_DIRECTORY: Final = make_drill_directory()
_AT: Final = ASKED_AT + timedelta(hours=1)
_GOOD: Final = tuple(sign_answer(_DRILL.question, at=_AT, outcome=each) for each in DrillOutcome)
_OTHERS: Final = (
    sign_answer(make_asked(2).question, at=_AT),
    sign_answer(_DRILL.question, at=_AT, key=OTHER_KEY),
)
_REQUEST: Final = HubRequest.sign(Purpose.DRILLS, participant=AL, at=_AT, key=NODE_KEY).encode()


def check_drill_answer(data: bytes) -> None:
    """Take an answer in: it is one that the node signed for this drill, and has one encoding."""
    check_answer(_DRILL, data, directory=_DIRECTORY, received_at=_AT)
    require(held=data in _GOOD, what="an answer that nobody signed for this drill is taken")
    require(held=DrillAnswer.parse(data).encode() == data, what="it has a second encoding")


def check_hub_request(data: bytes) -> None:
    """Read a request: it is written as the same bytes, and only the node's verifies."""
    request = HubRequest.parse(data)
    require(held=request.encode() == data, what="it has a second encoding")
    request.verify(NODE_KEY.verify_key, purpose=Purpose.DRILLS, now=_AT)
    require(held=data == _REQUEST, what="a request that nobody signed verifies")


def check_drill_news(data: bytes) -> None:
    """Read what the hub says: every drill in it reads back from what is written of it."""
    for notice in parse_news(data).drills:
        drill = notice.to_drill()
        again = DrillNotice.of(drill).to_drill()
        require(held=again.question == drill.question, what="another question")
        require(held=again.state is drill.state, what="another state")
        held = _without_signature(again.result) == _without_signature(drill.result)
        require(held=held, what="another result")


def _without_signature(result: DrillResult | None) -> DrillResult | None:
    """Return a result without its signature, which is whatever the hub says it is."""
    return None if result is None else replace(result, signed=None, recorded_by=None)


def _news_seeds() -> list[bytes]:
    answered = _DRILL.answer(make_result(_AT, signed=_GOOD[0]))
    told = (_DRILL, answered, _DRILL.close(because=""), _DRILL.at(_AT + timedelta(days=9)))
    notices = tuple(map(DrillNotice.of, told))
    return [DrillNews(revision=4, head=9, drills=notices).model_dump_json().encode()]


DRILL_TARGETS: Final = (
    Target(
        "drill_answer", check_drill_answer, lambda: (*_GOOD, *_OTHERS), (DrillRefusedError,),
        longest=600,
    ),
    Target(
        "hub_request", check_hub_request, lambda: [_REQUEST], (RemoteProtocolError,), longest=300
    ),
    Target(
        "drill_news", check_drill_news, _news_seeds, (DocumentError,),
        mutate=TreeMutator(list_words(DrillNews, DrillNotice)),
    ),
)  # fmt: skip
