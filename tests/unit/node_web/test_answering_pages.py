"""Journey 3: a request is answered with its typed answer, in four screens."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from node.domain.states import Handling
from node.service.building import Draft
from node.service.composing import Sent, handle_send, queue_message
from node.service.drafts import list_drafts
from node.service.followers import follow_all
from node.service.people import list_accounts
from node.service.reading import get_message, list_items
from protocol.messages.head import CaseMessage
from protocol.messages.response import ResponseBody
from tests.support import shared_pair
from tests.support.examples import list_good
from tests.support.node import make_draft
from tests.support.node_console import PageReader, Pair
from tests.support.people import STAFF, acting

QUESTION = "social_inclusion.service_contacts"
PROVIDER = {
    "completeness": "partial",
    "rest_expected_on_day": "30", "rest_expected_on_month": "3", "rest_expected_on_year": "2026",
    "answer-providers": "1",
    "answer-providers-0-name": "An invented association",
    "answer-providers-0-kind": "ngo",
    "answer-providers-0-services": ["legal_advice"],
    "answer-providers-0-telephone": "+383 38 000 002",
    "answer-providers-0-cost": "free",
    "answer-providers-0-capacity": "available",
    "basis": "no_personal_data",
}  # fmt: skip


pair = shared_pair.pair


@pytest.fixture
async def xk(pair: Pair) -> AsyncIterator[PageReader]:
    """Open a browser in which XK's focal point is signed in."""
    pair.network.clock.advance(minutes=1)  # a code of an app opens once
    async with PageReader(pair.xk) as reader:
        await reader.sign_in()
        yield reader


def find_answers(pair: Pair, question: Sent) -> list[str]:
    """List what XK sent in answer to a question."""
    return [
        item.message_id
        for item in list_items(pair.xk.context, direction="out", who=STAFF)
        if item.case_reference == question.case_reference
    ]


def ask(pair: Pair) -> Sent:
    """AL asks XK which providers there are."""
    fields: dict[str, Any] = list_good(QUESTION)[0][1]
    kept = {name: fields[name] for name in ("type", "phase", "kind", "legal_basis", "body")}
    sent = handle_send(pair.al.context, make_draft(**kept), who=acting("u1"))
    pair.network.settle()
    return sent


async def test_a_request_is_answered_in_four_screens(pair: Pair, xk: PageReader) -> None:
    """Message, Answer, Check, Sent: the question stays visible, and the answer arrives typed."""
    question = ask(pair)
    await xk.open(f"/message/{question.message_id}")
    assert f'href="/answer/{question.message_id}"' in xk.page.text
    await xk.open(f"/answer/{question.message_id}")
    assert "What is asked" in xk.page.text
    assert "Partly" in xk.page.text
    assert "Not available" in xk.page.text
    await xk.send("/answer/", **PROVIDER)
    assert xk.path == f"/answer/{question.message_id}/check"
    assert "An invented association" in xk.page.text
    assert "May be sent" in xk.page.text
    await xk.send("/answer/")
    assert xk.path.startswith("/sent/")
    drafts = list_drafts(pair.xk.context, account_id=xk_account(pair))
    assert question.message_id not in {draft.get("in_reply_to") for draft in drafts}
    pair.network.settle()
    asked = get_message(pair.al.context, question.message_id, who=STAFF)
    assert asked.item.handling == Handling.ANSWERED_IN_PART
    (answer,) = find_answers(pair, question)
    message = get_message(pair.al.context, answer, who=STAFF).message
    assert isinstance(message, CaseMessage)
    assert isinstance(message.body, ResponseBody)


def xk_account(pair: Pair) -> str:
    """Name the account that answers."""
    return next(str(a.id) for a in list_accounts(pair.xk.context) if a.sign_in_name == "officer")


async def test_nothing_available_is_an_answer(pair: Pair, xk: PageReader) -> None:
    """A reason, and nothing else, is asked for; what was typed before does not leave with it."""
    question = ask(pair)
    await xk.open(f"/answer/{question.message_id}")
    nothing = {**PROVIDER, "completeness": "none_available", "none_reason": "not_known_here"}
    await xk.send("/answer/", **nothing)
    assert xk.path.endswith("/check")
    assert "It is not known here" in xk.page.text
    assert "It does not apply to the other answers." in xk.page.text
    await xk.send("/answer/")
    pair.network.settle()
    asked = get_message(pair.al.context, question.message_id, who=STAFF)
    assert asked.item.handling == Handling.ANSWERED


async def test_what_is_missing_is_said_at_its_field(pair: Pair, xk: PageReader) -> None:
    """An answer without its parts comes back with what to add, and everything typed is kept."""
    question = ask(pair)
    await xk.open(f"/answer/{question.message_id}")
    wrong = {
        **PROVIDER,
        "answer-providers-0-cost": "",
        "basis": "",
        "answer-providers-0-place": "Town",
    }
    answer = await xk.send("/answer/", **wrong)
    assert answer.status_code == 422
    assert "Choose an answer: Cost." in xk.page.text
    assert "Choose the legal basis." in xk.page.text
    assert xk.find_form("/answer/").fields["answer-providers-0-place"] == ["Town"]
    assert "What is asked" in xk.page.text


async def test_an_answer_that_was_promised_is_asked_for_field_by_field(
    pair: Pair, xk: PageReader
) -> None:
    """Partly, without anything in it says which fields are missing, not that an answer is."""
    question = ask(pair)
    await xk.open(f"/answer/{question.message_id}")
    answer = await xk.send("/answer/", completeness="partial", basis="no_personal_data")
    assert answer.status_code == 422
    assert "#answer-" in xk.page.text


async def test_a_row_is_added_without_a_script(pair: Pair, xk: PageReader) -> None:
    """The button for one more provider keeps what was typed and shows an empty second one."""
    question = ask(pair)
    await xk.open(f"/answer/{question.message_id}")
    await xk.send("/answer/", **PROVIDER, add_row="answer-providers")
    form = xk.find_form("/answer/")
    assert form.fields["answer-providers"] == ["2"]
    assert form.fields["answer-providers-0-name"] == ["An invented association"]
    assert form.fields["answer-providers-1-name"] == [""]


async def test_personal_data_needs_a_basis_that_covers_it(pair: Pair, xk: PageReader) -> None:
    """A note about the person is refused on "no personal data", at its own field."""
    question = ask(pair)
    await xk.open(f"/answer/{question.message_id}")
    answer = await xk.send("/answer/", **PROVIDER, note="Something about the person.")
    assert answer.status_code == 422
    assert "The legal basis does not cover this: empty Note" in xk.page.text


async def test_an_answer_says_what_may_be_passed_on(pair: Pair, xk: PageReader) -> None:
    """Asking first unless chosen; listed desks are ticked, seen on the check, and leave with it."""
    question = ask(pair)
    await xk.open(f"/answer/{question.message_id}")
    consent = {
        **PROVIDER, "basis": "consent", "given_by": "person", "explained_in": "sq",
        "given_at_day": "2", "given_at_month": "3", "given_at_year": "2026",
        "given_at_time": "9:00",
        "classes": ["family"], "onward": "listed_authorities",
    }  # fmt: skip
    refused = await xk.send("/answer/", **consent)
    assert refused.status_code == 422
    assert "Tick at least one desk, or choose another answer." in refused.text
    desks = xk.find_form("/answer/").choices["onward_authorities"]
    assert all(desk.startswith("AL-") for desk in desks)
    await xk.send("/answer/", **consent, onward_authorities=desks[0])
    assert "Only to these desks" in xk.page.text
    await xk.send("/answer/")
    pair.network.settle()
    (sent,) = find_answers(pair, question)
    message = get_message(pair.al.context, sent, who=STAFF).message
    assert isinstance(message, CaseMessage)
    assert message.onward.authorities == (desks[0],)


async def test_typing_is_kept_and_another_window_is_not_overwritten(
    pair: Pair, xk: PageReader
) -> None:
    """What a page keeps by itself is there again; a second, older window is told, not obeyed."""
    question = ask(pair)
    await xk.open(f"/answer/{question.message_id}")
    form = xk.find_form("/answer/")
    keep = f"/keep-answer/{question.message_id}"
    assert (
        await xk.post(keep, {**form.fields, "procedure_note": "Half a sent"})
    ).status_code == 204
    await xk.open(f"/answer/{question.message_id}")
    newer = xk.find_form("/answer/")
    assert newer.fields["procedure_note"] == ["Half a sent"]
    assert newer.fields["draft"] == form.fields["draft"]
    assert (
        await xk.post(keep, {**newer.fields, "procedure_note": "A sentence"})
    ).status_code == 204
    old = await xk.post(keep, {**form.fields, "procedure_note": "Overwritten"})
    assert old.status_code == 409
    stale = await xk.post(newer.action, {**form.fields, "procedure_note": "Overwritten"})
    assert stale.status_code == 409
    assert "Nothing was overwritten" in xk.page.text
    assert xk.find_form("/answer/").fields["procedure_note"] == ["Overwritten"]


async def test_a_second_click_and_an_old_check_send_nothing_more(
    pair: Pair, xk: PageReader
) -> None:
    """Two clicks lead to one message; a check that says something else is shown again."""
    question = ask(pair)
    await xk.open(f"/answer/{question.message_id}")
    await xk.send("/answer/", **PROVIDER)
    check = xk.find_form("/answer/")
    wrong = await xk.post(check.action, {**check.fields, "seen": "0" * 64})
    assert wrong.status_code == 409
    assert "Nothing was sent: check it again." in xk.page.text
    first = (await xk.post(check.action, check.fields)).url.path
    second = (await xk.post(check.action, check.fields)).url.path
    assert first == second
    assert len(find_answers(pair, question)) == 1


async def test_an_exception_asks_a_second_person(pair: Pair, xk: PageReader) -> None:
    """Without consent, and what cannot wait: the answer waits for somebody who agrees."""
    question = ask(pair)
    await xk.open(f"/answer/{question.message_id}")
    await xk.send(
        "/answer/",
        **{**PROVIDER, "basis": "exception", "note": "What cannot wait."},
        ground="vital_interest",
        justification="A life is in danger and nobody can be asked.",
        person_told="yes",
    )
    assert xk.path.endswith("/check")
    assert "Needs a second person" in xk.page.text
    await xk.send("/answer/", why="It cannot wait.", until="4")
    assert xk.path.startswith("/approval/")
    await xk.open(f"/answer/{question.message_id}")
    assert xk.path.startswith("/approval/")


@pytest.mark.parametrize("who", ["admin", "auditor"])
async def test_who_sees_no_content_answers_nothing(pair: Pair, who: str) -> None:
    """Administrators and auditors get neither the form nor the question."""
    question = ask(pair)
    async with PageReader(pair.xk) as reader:
        await reader.sign_in(who)
        assert (await reader.open(f"/answer/{question.message_id}")).status_code == 403


async def test_only_a_request_is_answered(pair: Pair, xk: PageReader) -> None:
    """A notification that somebody decides about has no typed answer."""
    sent = handle_send(pair.al.context, make_draft(), who=acting("u1"))
    pair.network.settle()
    assert (await xk.open(f"/answer/{sent.message_id}")).status_code == 404


async def test_a_deletion_is_confirmed_where_it_is_carried_out(pair: Pair, xk: PageReader) -> None:
    """A request to delete has no form to answer: nobody says "deleted" of what is still there."""
    question = ask(pair)
    asked = pair.al.context.transact(
        lambda session: queue_message(
            pair.al.context, session, erase(question.case_reference), who=STAFF
        )
    )
    pair.network.settle()
    await xk.open(f"/answer/{asked.message_id}")
    assert xk.path == f"/message/{asked.message_id}"
    follow_all(pair.xk.context)
    await xk.open(f"/answer/{asked.message_id}")
    assert xk.path == f"/owed/{asked.message_id}"


def erase(case: str) -> Draft:
    """Return a request to delete everything of a case."""
    body = {
        "scope": "whole_case",
        "ground": "retention_over",
        "tell_onward_recipients": False,
    }
    return make_draft(type="general.erasure", case=case, body=body, phase="social_inclusion")
