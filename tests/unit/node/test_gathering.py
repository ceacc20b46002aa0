"""What is kept in memory between two workers, and when one waits for company."""

from collections.abc import Callable, Coroutine
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import select

from node.service import composing, plain_sending
from node.service.erasing import handle_erase_case
from node.service.gathering import Gathering
from node.service.handoff import JustRead, Read
from node.service.receiving import handle_arrivals
from node.service.send_desk import SendDesk
from node.store.tables import MessageRow
from protocol.messages.catalogue import UnreadableMessage
from protocol.messages.general import ErasureGround
from tests.support.node import make_draft, make_network
from tests.support.people import acting, token_of
from tests.unit.node.test_plain_paths import hand_over

NOW = datetime(2026, 3, 4, 11, 0, tzinfo=UTC)

#: Any message will do.
MESSAGE = UnreadableMessage(
    type="general.later",
    version=9,
    message_id="0" * 32,
    sender="AL",
    recipient="XK",
    case=None,
    link=None,
    raw=b"{}",
)


def ends_at_once(work: Coroutine[Any, Any, None]) -> bool:
    """Whether something is done without waiting for anything."""
    try:
        work.send(None)
    except StopIteration:
        return True
    except RuntimeError:  # it asked for a loop to sleep in
        return False
    work.close()
    return False


@pytest.mark.parametrize(("came", "at_once"), [(0, True), (1, True), (2, False), (64, True)])
def test_only_what_came_in_company_waits_for_more(came: int, *, at_once: bool) -> None:
    """One that comes alone, and a flood, go on at once; a few let a moment pass."""
    gathering = Gathering()
    gathering.note(came)
    assert ends_at_once(gathering.wait()) is at_once


def read(name: str, *, digest: str = "a", size: int = 2_000) -> Read:
    """Describe a message that was read."""
    return Read(name, MESSAGE, digest=digest, size=size)


def test_what_was_read_is_handed_on_once_and_only_as_the_same() -> None:
    """Another digest, a second time, or nothing left to follow: it is not there."""
    kept = JustRead()
    kept.put([read("one")], at=NOW)
    assert kept.take({"one": "another"}, at=NOW) == {}
    kept.put([read("one")], at=NOW)
    assert kept.take({"one": "a", "two": "b"}, at=NOW) == {"one": MESSAGE}
    assert kept.take({"one": "a"}, at=NOW) == {}
    kept.put([read("one")], at=NOW)
    kept.clear()
    assert kept.take({"one": "a"}, at=NOW) == {}


def test_what_was_read_is_little_and_soon_gone() -> None:
    """Neither large ones nor a flood fill the memory; what nobody takes is forgotten."""
    kept = JustRead()
    kept.put([read("large", size=800_000), read("small")], at=NOW)
    assert kept.take({"large": "a", "small": "a"}, at=NOW) == {"small": MESSAGE}
    kept.put([read(str(number)) for number in range(2_000)], at=NOW)
    assert len(kept.take({str(number): "a" for number in range(2_000)}, at=NOW)) == 1_048
    kept.put([read("again")], at=NOW)  # what was taken makes room
    assert kept.take({"again": "a"}, at=NOW + timedelta(seconds=10)) == {}
    kept.put([read("again")], at=NOW)
    assert kept.take({"again": "a"}, at=NOW - timedelta(seconds=1)) == {}


async def test_what_was_erased_is_not_kept(node_url_of: Callable[[str], str]) -> None:
    """What came and is erased before anything followed from it is gone from memory, too."""
    with closing(make_network(("AL", "XK"), url_of=node_url_of)) as network:
        al, xk = network.node("AL"), network.node("XK")
        desk, token = SendDesk(al), token_of(al)
        for _ in range(2):
            await desk.send(make_draft(), token=token, submission_key=None)
        handle_arrivals(xk, hand_over(network))
        with xk.database.reading() as session:
            rows = session.exec(select(MessageRow)).all()
        digests = {row.message_id: row.payload_sha256 for row in rows}
        case_id = rows[0].case_id
        assert case_id is not None
        assert len(digests) == 2
        handle_erase_case(xk, case_id, who=acting("anna"), ground=next(iter(ErasureGround)))
        assert xk.leaving.read.take(digests, at=xk.clock()) == {}


async def test_what_could_not_be_stored_is_not_kept(
    node_url_of: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that takes no writes does not fill the memory with what was never accepted."""

    def fail(*_args: object, **_settings: object) -> None:
        raise RuntimeError

    kept = list[Read]()
    with closing(make_network(("AL", "XK"), url_of=node_url_of)) as network:
        al = network.node("AL")
        monkeypatch.setattr(plain_sending, "note_to_follow", fail)
        monkeypatch.setattr(composing, "note_to_follow", fail)
        monkeypatch.setattr(al.leaving.read, "put", lambda read, **_: kept.extend(read))
        with pytest.raises(RuntimeError):
            await SendDesk(al).send(make_draft(), token=token_of(al), submission_key=None)
        assert kept == []
