"""Drills on the node's pages and in its interface for programs."""

from datetime import timedelta
from http import HTTPStatus

import httpx
import pytest

from contact_registry.drills.models import Drill, DrillResult
from contact_registry.drills.news import DrillNews, DrillNotice
from node.api.app import create_api
from node.service import drills
from node.service.context import NodeContext
from node.service.tokens import TokenScope
from protocol.drill_answer import (
    AnsweredBy,
    DrillAnswer,
    DrillOutcome,
    DrillQuestion,
    DrillStatement,
)
from protocol.identifiers import AuthorityId, ParticipantCode, Phase
from protocol.policy.facts import Role
from tests.support.node import NOON
from tests.support.node_console import PageReader, Pair, add_person
from tests.support.people import token_of

OFFICE = "anti-trafficking-coordination-office"
DRILL = f"/drills/{1:032x}"


def make_drill(number: int, code: str) -> Drill:
    """Return a question to the coordination office of a Participant."""
    question = DrillQuestion(
        drill_id=f"{number:032x}",
        participant=ParticipantCode(code),
        authority=AuthorityId(f"{code}-{OFFICE}"),
        phase=Phase.IDENTIFICATION,
        asked_at=NOON - timedelta(hours=3),
        answer_by=NOON + timedelta(days=2),
    )
    return Drill(question)


def tell(context: NodeContext, *told: Drill) -> None:
    """Let the hub tell a node about drills."""
    notices = tuple(map(DrillNotice.of, told))
    news = DrillNews(revision=len(told), head=len(told), drills=notices)
    drills.take_news(context, news, since=0)


def answer(drill: Drill, context: NodeContext | None) -> Drill:
    """Have a drill answered: signed by a node, or by telephone."""
    at = NOON - timedelta(hours=1)
    signed = None
    if context is not None:
        statement = DrillStatement(DrillOutcome.REACHED, AnsweredBy.DESK, at)
        signed = DrillAnswer.sign(
            drill.question.encode(), statement=statement, key=context.keys.signing_key
        ).encode()
    result = DrillResult(DrillOutcome.REACHED, AnsweredBy.DESK, at, at, signed, "operator")
    return drill.answer(result)


async def no_refresh() -> None:
    """Do not look for a newer registry."""


async def test_a_focal_point_rings_the_desk_and_answers(pair: Pair, al: PageReader) -> None:
    """The question is counted, answered by a post, signed, and cannot be answered twice."""
    tell(pair.al.context, make_drill(1, "AL"))
    await al.open("/drills")
    assert "Asked, no answer yet" in al.page.text
    assert "Never confirmed" in al.page.text
    assert "Review overdue" in al.page.text
    await al.open(DRILL)
    assert 'href="tel:+35540000001"' in al.page.text
    await al.send(DRILL)
    assert "There is a problem" in al.page.text
    await al.send(DRILL, outcome="reached", answered_by="nobody")
    assert "who it was if somebody was" in al.page.text
    stale = al.find_form(DRILL)
    await al.send(DRILL, outcome="reached", answered_by="reserve")
    assert "Signed, waiting to leave" in al.page.text
    assert "Its reserve" in al.page.text
    page = await al.post(
        stale.action, {**stale.fields, "outcome": "reached", "answered_by": "desk"}
    )
    assert page.status_code == HTTPStatus.CONFLICT
    assert "Something changed while your page was open" in page.text
    assert al.title.startswith("Drill ")


async def test_other_roles_read_and_do_not_answer(pair: Pair) -> None:
    """An auditor sees the question and no form; a directory editor may answer."""
    tell(pair.al.context, make_drill(1, "AL"), make_drill(2, "XK"))
    add_person(pair.al.context, "editor", Role.DIRECTORY_EDITOR)
    async with PageReader(pair.al) as reader:
        await reader.sign_in("auditor")
        await reader.open(DRILL)
        assert "A focal point or a directory editor answers this." in reader.page.text
        token = reader.find_form("/hide").fields["form_token"]
        refused = await reader.post(DRILL, {"form_token": token})
        assert refused.status_code == HTTPStatus.FORBIDDEN
        await reader.open(f"/drills/{2:032x}")
        assert reader.page.status_code == HTTPStatus.NOT_FOUND
    async with PageReader(pair.al) as reader:
        await reader.sign_in("editor")
        await reader.open(DRILL)
        await reader.send(DRILL, outcome="not_reached", answered_by="nobody")
        assert "Signed, waiting to leave" in reader.page.text


async def test_a_desks_card_says_how_the_last_drill_went_and_on_whose_word(
    pair: Pair, al: PageReader
) -> None:
    """Only a signature that verifies is called one; everything else is the hub's word."""
    xk = pair.xk.context
    await al.open("/directory/XK")
    assert "No reachability drill yet" in al.page.text
    for drill, words in (
        (answer(make_drill(1, "XK"), xk), "Signed by its node, checked here"),
        (answer(make_drill(1, "XK"), None), "told on the telephone"),
        (answer(make_drill(1, "XK"), pair.al.context), "cannot be checked"),
    ):
        tell(pair.al.context, drill)
        await al.open("/directory/XK")
        assert "Drill, Identification: Reached in time" in al.page.text
        assert words in al.page.text


@pytest.mark.parametrize("scope", [TokenScope.DIRECTORY, TokenScope.MESSAGES])
async def test_a_program_of_the_directory_lists_and_answers(pair: Pair, scope: TokenScope) -> None:
    """The same through the interface, for tokens of the directory only, and once."""
    context = pair.al.context
    tell(context, make_drill(1, "AL"))
    token = token_of(context, "list", scope=scope)
    transport = httpx.ASGITransport(create_api(context, refresh_registry=no_refresh))
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://node", headers=headers
    ) as api:
        listed = await api.get("/drills")
        if scope is not TokenScope.DIRECTORY:
            assert listed.status_code == HTTPStatus.FORBIDDEN
            return
        (drill,) = listed.json()
        assert (drill["state"], drill["answer"]) == ("asked", None)
        body = {"outcome": "reached", "answered_by": "desk"}
        for _ in range(2):
            given = await api.post(f"{DRILL}/answer", json=body)
            assert (given.status_code, given.json()["standing"]) == (HTTPStatus.CREATED, "waiting")
        other = {"outcome": "entry_wrong", "answered_by": "desk"}
        for path, sent, status in (
            (DRILL, other, HTTPStatus.CONFLICT),
            (f"/drills/{9:032x}", body, HTTPStatus.NOT_FOUND),
            (DRILL, {"outcome": "reached", "answered_by": "A. Person"}, 422),
        ):
            refused = await api.post(f"{path}/answer", json=sent)
            assert refused.status_code == status
            assert refused.headers["content-type"] == "application/problem+json"
