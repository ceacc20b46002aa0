"""Which letters go to the mail server, and what follows from what it says."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from sqlalchemy import event
from sqlmodel import Session, select

from console.i18n import load_catalogues
from node.domain.notices import (
    KEPT_FOR,
    MOST_NOT_URGENT,
    AddressRefusedError,
    Letter,
    NoticeState,
    PostError,
    ServerAwayError,
)
from node.domain.work import ItemKind
from node.service.context import NodeContext
from node.service.work.addresses import handle_read_address, handle_set_address
from node.service.work.escalation import look_at_due
from node.service.work.items import NewItem, open_item
from node.service.work.mailing import forget_old_notices
from node.store.account_tables import AccountRow
from node.store.work_tables import NoticeRow
from node.workers.notices import send_notices
from protocol.identifiers import Channel
from protocol.messages.codes import Urgency
from tests.support.duty import add_person
from tests.support.node import Network, make_network
from tests.support.people import acting

CATALOGUES = load_catalogues()
PEOPLE = ("ana", "ben", "eve")


@dataclass
class Post:
    """A postman who says what a test wants for an address, and counts what he was asked."""

    says: dict[str, Exception] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def send(self, letter: Letter) -> None:
        """Take a letter, or raise."""
        name = letter.to.partition("@")[0]
        self.asked.append(name)
        if name in self.says:
            raise self.says[name]


@pytest.fixture
def network(node_url_of: Callable[[str], str]) -> Iterator[Network]:
    """One node, where three people have addresses."""
    made = make_network(["XK"], url_of=node_url_of)
    context = made.nodes["XK"] = replace(made.nodes["XK"], postman=Post())
    for name in PEOPLE:
        add_person(context, name)
        handle_set_address(context, name, f"{name}@example.org", language="en", who=acting(name))
    yield made
    made.close()


@pytest.fixture
def xk(network: Network) -> NodeContext:
    """Return the node."""
    return network.node("XK")


@pytest.fixture
def post() -> Post:
    """Return who takes letters."""
    return Post()


@pytest.fixture
def wait(xk: NodeContext) -> Callable[..., None]:
    """Let a notice wait for each of these readers."""

    def add(*readers: str, urgent: bool = True, sent: bool = False) -> None:
        now = xk.clock()
        new = NewItem(
            kind=ItemKind.CHASE, subject="it", urgency=Urgency.URGENT, channel=Channel.ASSISTANCE
        )

        def write(session: Session) -> None:
            item = open_item(xk, session, new)
            session.add_all(
                NoticeRow(
                    item_id=item.item_id,
                    recipient=reader,
                    urgent=urgent,
                    state=NoticeState.SENT if sent else NoticeState.WAITING,
                    created_at=now,
                    next_attempt_at=now,
                    sent_at=now if sent else None,
                )
                for reader in readers
            )

        xk.transact(write)

    return add


def load_states(context: NodeContext) -> dict[str, str]:
    """Return what became of the last notice of each reader."""
    with context.database.reading() as session:
        rows = session.exec(select(NoticeRow).order_by("notice_id"))
        return {row.recipient: row.state for row in rows}


def test_a_server_that_is_away_is_left_alone(
    network: Network, xk: NodeContext, post: Post, wait: Callable[..., None]
) -> None:
    """Others are not tried in vain, one by one, and all have their letters once it is back."""
    wait(*PEOPLE)
    post.says = dict.fromkeys(PEOPLE, ServerAwayError("TimeoutError"))
    assert send_notices(xk, post, CATALOGUES) == 0
    assert post.asked == ["ana"]
    post.says = {"ben": PostError("smtp 451")}
    network.clock.advance(seconds=15)
    assert send_notices(xk, post, CATALOGUES) == 2
    network.clock.advance(minutes=5)
    post.says = {}
    assert send_notices(xk, post, CATALOGUES) == 1
    assert set(load_states(xk).values()) == {NoticeState.SENT}


def test_a_refused_address_is_tried_again_after_a_day(
    network: Network, xk: NodeContext, post: Post, wait: Callable[..., None]
) -> None:
    """Not before; and what the server takes then is not shown as refused any more."""
    post.says = {"ana": AddressRefusedError("smtp 550")}
    wait("ana")
    send_notices(xk, post, CATALOGUES)
    for hours, state in ((1, NoticeState.NOT_NEEDED), (24, NoticeState.SENT)):
        post.says = {}
        network.clock.advance(hours=hours)
        wait("ana")
        send_notices(xk, post, CATALOGUES)
        assert load_states(xk)["ana"] == state
    assert handle_read_address(xk, "ana", who=acting("ana")).refused_at is None


def test_a_storm_of_what_is_not_urgent_leaves_room(
    network: Network, xk: NodeContext, post: Post, wait: Callable[..., None]
) -> None:
    """Half of the letters of an hour are kept for what is urgent."""
    wait(*(f"r{number}" for number in range(MOST_NOT_URGENT)), sent=True)
    network.clock.advance(seconds=1)
    wait("ana", urgent=False)
    wait("ben")
    send_notices(xk, post, CATALOGUES)
    assert post.asked == ["ben"]
    network.clock.advance(hours=1)
    send_notices(xk, post, CATALOGUES)
    assert post.asked == ["ben", "ana"]


def test_whose_account_ended_gets_no_letter(
    xk: NodeContext, post: Post, wait: Callable[..., None]
) -> None:
    """What waited for them is dropped."""
    wait("ana")

    def end(session: Session) -> None:
        session.get_one(AccountRow, "ana").is_active = False

    xk.transact(end)
    assert send_notices(xk, post, CATALOGUES) == 0
    assert load_states(xk) == {"ana": NoticeState.NOT_NEEDED}


def test_a_look_asks_once_which_letters_wait(
    network: Network, xk: NodeContext, wait: Callable[..., None]
) -> None:
    """However many items and people: one question for all, and nobody has two letters of one."""
    wait("ana")

    def open_three(session: Session) -> None:
        for number in range(3):
            new = NewItem(kind=ItemKind.CHASE, subject=f"n{number}", urgency=Urgency.URGENT)
            open_item(xk, session, new)

    xk.transact(open_three)
    network.clock.advance(hours=1)
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        asked.append(statement)

    event.listen(xk.database.engine, "before_cursor_execute", note)
    try:
        assert look_at_due(xk) == 4
    finally:
        event.remove(xk.database.engine, "before_cursor_execute", note)
    assert sum(each.count("FROM notice ") for each in asked) == 1
    with xk.database.reading() as session:
        rows = session.exec(select(NoticeRow.item_id, NoticeRow.recipient)).all()
    assert len(rows) == len(set(rows)) == 4 * len(PEOPLE)


def test_notices_are_forgotten_long_after_they_were_sent(
    network: Network, xk: NodeContext, wait: Callable[..., None]
) -> None:
    """What still waits is not."""
    wait("ana", sent=True)
    wait("ben")
    network.clock.advance(seconds=KEPT_FOR.total_seconds() + 1)
    assert forget_old_notices(xk) == 1
    assert load_states(xk) == {"ben": NoticeState.WAITING}
