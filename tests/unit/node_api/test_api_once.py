"""Requests that are done once: keys, twins, crashes, and what is kept."""

import asyncio
from datetime import timedelta

import pytest
from sqlmodel import select

from node.service.once import (
    LEASE,
    Answer,
    AnswerLostError,
    Claim,
    KeyUsedError,
    Marked,
    StillRunningError,
    handle_answered,
    handle_begin,
    prepare_once,
    under,
)
from node.store.hook_tables import ApiDraftRow, ApiRequestRow
from tests.support.api import api_of
from tests.support.node import Network
from tests.support.people import token_of

KEY = {"Idempotency-Key": "request-0001"}
DRAFT = {"content": {"type": "general.message"}}


def count_drafts(network: Network) -> int:
    """Count what the requests of these tests make."""
    with network.node("AL").database.reading() as session:
        return len(session.exec(select(ApiDraftRow)).all())


async def test_a_repetition_is_answered_as_the_first(network_on_both: Network) -> None:
    """The same request with its key is done once; body, status, ETag and Location come again."""
    async with api_of(network_on_both.node("AL")) as api:
        first = await api.post("/drafts", json=DRAFT, headers=KEY)
        again = await api.post("/drafts", json=DRAFT, headers=KEY)
    assert first.status_code == again.status_code == 201
    assert first.content == again.content
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["location"] == first.headers["location"]
    assert count_drafts(network_on_both) == 1


async def test_a_key_stands_for_one_request_of_one_caller(network: Network) -> None:
    """With another body it is refused; of another program it is another key; after a day, free."""
    al = network.node("AL")
    other = token_of(al, "other-program")
    async with api_of(al, days=9) as api, api_of(al, token=other) as stranger:
        await api.post("/drafts", json=DRAFT, headers=KEY)
        changed = await api.post("/drafts", json={"content": {}}, headers=KEY)
        assert changed.status_code == 422
        assert changed.json()["type"] == "urn:trm:problem:key-used-for-something-else"
        assert (await stranger.post("/drafts", json={"content": {}}, headers=KEY)).is_success
        network.clock.advance(hours=24)
        assert (await api.post("/drafts", json={"content": {}}, headers=KEY)).status_code == 201


async def test_a_refusal_is_not_kept(network: Network) -> None:
    """What was refused did nothing: mended, it is done under its key; a key that is none is not."""
    async with api_of(network.node("AL")) as api:
        for key in ("short", "x" * 129, "with blank in it", "\xfcnprintable"):
            headers = [(b"Idempotency-Key", key.encode("latin-1"))]
            assert (await api.post("/drafts", json=DRAFT, headers=headers)).status_code == 422
        refused = await api.post("/drafts", json={"content": 1}, headers=KEY)
        assert refused.status_code == 422
        assert (await api.post("/drafts", json=DRAFT, headers=KEY)).status_code == 201


async def test_of_twins_one_is_done(network_on_both: Network) -> None:
    """Ten at once with one key: one draft; each is answered with it, or told to ask again."""
    async with api_of(network_on_both.node("AL")) as api:
        answers = await asyncio.gather(
            *(api.post("/drafts", json=DRAFT, headers=KEY) for _ in range(10))
        )
    done = {answer.content for answer in answers if answer.status_code == 201}
    others = [answer for answer in answers if answer.status_code != 201]
    assert len(done) == 1
    assert {answer.status_code for answer in others} <= {409}
    assert {answer.headers["retry-after"] for answer in others} <= {"1"}
    assert count_drafts(network_on_both) == 1


MARKED = Marked.of(actor="api:x", key="k" * 8, asked=b"asked")


def begin(network: Network) -> Claim:
    """Get the right to do the marked request."""
    claim = handle_begin(network.node("AL"), MARKED)
    assert isinstance(claim, Claim)
    return claim


def test_after_a_crash_before_it_was_done_it_is_done(network: Network) -> None:
    """Nothing was committed: while the lease lasts it may be running, then it is done anew."""
    begin(network)
    with pytest.raises(StillRunningError):
        handle_begin(network.node("AL"), MARKED)
    network.clock.advance(seconds=LEASE.total_seconds())
    begin(network)


def test_after_a_crash_when_it_was_done_it_is_not_done_again(network_on_both: Network) -> None:
    """The note that it was done is in the transaction that did it: a repetition is told so."""
    al = network_on_both.node("AL")
    prepare_once()
    claim = begin(network_on_both)
    with under(claim), al.database.transaction() as session:
        session.add(a_draft(network_on_both))
    network_on_both.clock.advance(seconds=LEASE.total_seconds())
    with pytest.raises(AnswerLostError):
        handle_begin(al, MARKED)


def a_draft(network: Network) -> ApiDraftRow:
    """Return something to commit."""
    now = network.clock()
    later = now + timedelta(days=1)
    return ApiDraftRow(
        draft_id="d", actor="a", content_sealed=b"", updated_at=now, expires_at=later
    )


def test_whoever_took_too_long_commits_nothing(network_on_both: Network) -> None:
    """If another was let in meanwhile, the slow one's transaction is undone."""
    al = network_on_both.node("AL")
    prepare_once()
    slow = begin(network_on_both)
    network_on_both.clock.advance(seconds=LEASE.total_seconds())
    quick = begin(network_on_both)
    with pytest.raises(StillRunningError), under(slow), al.database.transaction() as session:
        session.add(a_draft(network_on_both))
    assert count_drafts(network_on_both) == 0
    handle_answered(al, slow, Answer(201, (), b"slow"))
    handle_answered(al, quick, Answer(201, (), b"quick"))
    assert handle_begin(al, MARKED) == Answer(201, (), b"quick")
    with pytest.raises(KeyUsedError):
        handle_begin(al, Marked(MARKED.request_id, "0" * 64))


def test_answers_are_kept_sealed(network: Network) -> None:
    """What a program was told lies in no plain column."""
    al = network.node("AL")
    handle_answered(al, begin(network), Answer(201, (), b"SECRET-WORDS"))
    with al.database.reading() as session:
        (row,) = session.exec(select(ApiRequestRow)).all()
    assert b"SECRET-WORDS" not in (row.answer_sealed or b"")
