"""What came for a case is carried out from pages: deletions, desks to tell, arrivals."""

import re

import pytest
from sqlmodel import Session

from node.domain.withdrawals import DeletionState
from node.service.composing import handle_send
from node.service.context import NotFoundError
from node.service.deletions import list_deletions
from node.service.followers import follow_all
from node.service.reading import get_message, list_items
from node.service.recalling import list_untold
from node.service.returns import list_unannounced
from node.service.withdrawals import WithdrawalDraft, handle_withdraw
from node.store.consent_tables import UnannouncedArrivalRow, UntoldRow
from protocol.identifiers import Channel
from protocol.messages.head import ConsentGiver
from tests.support.consent import ON_FILE
from tests.support.messages import CONSENT
from tests.support.node import make_draft
from tests.support.node_console import PageReader, Pair
from tests.support.people import STAFF, acting

BASIS = {**CONSENT, "classes": ["protection"], "recipients": ["XK", "MK"]}


def withdraw(pair: Pair) -> tuple[str, str]:
    """Let XK hold a text that AL withdraws; the message, and what asks for its deletion."""
    al, xk = pair.al.context, pair.xk.context
    draft = make_draft(
        type="general.message", legal_basis=BASIS, consent=ON_FILE,
        body={"text": "She asked to be rung in the morning."},
    )  # fmt: skip
    sent = handle_send(al, draft, who=STAFF)
    carry(pair)
    handle_withdraw(al, sent.case_id, WithdrawalDraft(withdrawn_by=ConsentGiver.PERSON), who=STAFF)
    carry(pair)
    [owed] = list_deletions(xk, who=STAFF)
    (held,) = [
        item.message_id
        for item in list_items(xk, direction="in", who=STAFF)
        if item.type == "general.message"
    ]
    return held, owed.message_id


def carry(pair: Pair) -> None:
    """Carry everything, and let what follows from it happen."""
    pair.network.settle()
    for site in (pair.al, pair.xk):
        follow_all(site.context)
    pair.network.settle()


async def test_a_deletion_is_carried_out_and_confirmed(pair: Pair, xk: PageReader) -> None:
    """What is meant stands there, nothing happens without an answer, then it is gone and told."""
    message, asked = withdraw(pair)
    await xk.open("/owed")
    assert f"/owed/{asked}" in xk.page.text
    await xk.open(f"/owed/{asked}")
    assert f"/message/{message}" in xk.page.text
    answer = await xk.send(f"/owed/{asked}")
    assert answer.status_code == 422
    assert get_message(pair.xk.context, message, who=STAFF).message is not None
    await xk.send(f"/owed/{asked}", others_told="yes")
    assert xk.path.startswith("/sent/")
    with pytest.raises(NotFoundError, match="erased"):
        get_message(pair.xk.context, message, who=STAFF)
    carry(pair)
    [told] = list_deletions(pair.al.context, who=STAFF, open_only=False)
    assert told.state is DeletionState.ERASED
    await xk.open(f"/owed/{asked}")
    assert "done and confirmed before" in xk.page.text


async def test_what_a_law_keeps_needs_its_name(pair: Pair, xk: PageReader) -> None:
    """Kept without the law that says so: refused at its field; with it, it stays and is told."""
    message, asked = withdraw(pair)
    await xk.open(f"/owed/{asked}")
    (name,) = re.findall(r'name="(keep-[0-9a-f]+)"', xk.page.text)[:1]
    duty = name.replace("keep", "duty")
    answer = await xk.send(f"/owed/{asked}", others_told="yes", **{name: "keep"})
    assert answer.status_code == 422
    assert "Say which law or order" in xk.page.text
    law = "Code of criminal procedure, article 20"
    await xk.send(f"/owed/{asked}", **{duty: law})
    assert xk.path.startswith("/sent/")
    assert get_message(pair.xk.context, message, who=STAFF).message is not None
    carry(pair)
    [told] = list_deletions(pair.al.context, who=STAFF, open_only=False)
    assert told.state is DeletionState.NOT_ERASED


async def test_others_are_told_and_arrivals_looked_after(pair: Pair, xk: PageReader) -> None:
    """A desk told by telephone and a person received leave the list; done twice it is done once."""
    sent = handle_send(pair.al.context, make_draft(), who=acting("api:test"))
    carry(pair)
    context = pair.xk.context
    case = list_items(context, direction="in", who=STAFF)[0].case_id or ""

    def store(session: Session) -> None:
        now = context.clock()
        session.add(
            UntoldRow(
                untold_id="b" * 32, withdrawal_id=None, case_id=case, peer="AL",
                authority="AL-anti-trafficking-desk", channel=Channel.ASSISTANCE,
                type="general.erasure", since=now, try_again_at=now, content_sealed=b"",
            )
        )  # fmt: skip
        session.add(
            UnannouncedArrivalRow(
                message_id=sent.message_id, direction="in", case_id=case, peer="AL",
                channel=Channel.ASSISTANCE, at=now,
            )
        )  # fmt: skip

    context.transact(store)
    await xk.open("/owed")
    form = xk.find_form("/untold/")
    await xk.send("/untold/")
    assert not list_untold(context, who=STAFF)
    assert (await xk.post(form.action, form.fields)).status_code == 200
    await xk.open(f"/arrived/{sent.message_id}")
    assert "Nobody may have expected the person" in xk.page.text
    await xk.send("/arrived/")
    assert not list_unannounced(context, who=STAFF)
    await xk.open(f"/arrived/{sent.message_id}")
    assert "Somebody looks after it" in xk.page.text
    assert "Duty officer" in xk.page.text
