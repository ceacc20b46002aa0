"""Drills at the node: taking the hub's news in, answering, and losing no answer."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from contact_registry.drills.answering import check_answer
from contact_registry.drills.models import Drill, DrillResult
from contact_registry.drills.news import DrillNews, DrillNotice
from contact_registry.drills.states import DrillState
from node.adapters.drill_host import DrillHost
from node.service import drills
from node.service.context import NodeContext, NotFoundError, RefusedDraftError, StaleError
from node.service.drills import AnswerStanding, DrillHostError
from node.workers.drills import DrillRounds, exchange
from protocol.drill_answer import AnsweredBy, DrillAnswer, DrillOutcome, DrillQuestion
from protocol.hub_request import HubRequest, Purpose
from protocol.identifiers import AuthorityId, ParticipantCode, Phase
from tests.support.node import NOON, Network, make_network

DESK = "anti-trafficking-desk"
AL = ParticipantCode("AL")


@pytest.fixture
def network(node_url_of: Callable[[str], str]) -> Iterator[Network]:
    """Two nodes without anything between them."""
    built = make_network(("AL", "XK"), url_of=node_url_of)
    yield built
    built.close()


@pytest.fixture
def al(network: Network) -> NodeContext:
    """Return the node of AL."""
    return network.node("AL")


def make_drill(number: int = 1, code: str = "AL", *, asked_at: datetime = NOON) -> Drill:
    """Return a question to a desk of a Participant."""
    return Drill(
        DrillQuestion(
            drill_id=f"{number:032x}",
            participant=ParticipantCode(code),
            authority=AuthorityId(f"{code}-{DESK}"),
            phase=Phase.RETURN,
            asked_at=asked_at,
            answer_by=asked_at + timedelta(days=2),
        )
    )


@dataclass
class Hub:
    """A hub in memory: it tells what it has, and takes answers as the real one would."""

    context: NodeContext
    drills: dict[str, tuple[int, Drill]] = field(default_factory=dict)
    revision: int = 0
    is_away: bool = False
    refuses: str = ""
    chokes_on: str = ""
    asked_since: list[int] = field(default_factory=list)

    def put(self, drill: Drill) -> None:
        """Have a drill, or another state of it."""
        self.revision += 1
        self.drills[drill.drill_id] = (self.revision, drill)

    def fetch_news(self, request: bytes, *, since: int, mark: str) -> DrillNews:
        """Tell one drill at a time, so that there are pages."""
        if self.is_away:
            raise DrillHostError("away")
        asked = HubRequest.parse(request)
        key = self.context.keys.signing_key.verify_key
        asked.verify(key, purpose=Purpose.DRILLS, now=self.context.clock())
        self.asked_since.append(since)
        assert mark == (f"{since:032x}" if since else "")
        later = sorted(pair for pair in self.drills.values() if pair[0] > since)
        told = later[:1]
        revision = told[0][0] if len(later) > 1 else self.revision
        notices = tuple(DrillNotice.of(drill) for _, drill in told)
        return DrillNews(
            revision=revision, head=self.revision, mark=f"{revision:032x}", drills=notices
        )

    def send_answer(self, answer: bytes) -> str | None:
        """Verify and take an answer."""
        if self.is_away:
            raise DrillHostError("away")
        if self.refuses:
            return self.refuses
        _, drill = self.drills[DrillAnswer.parse(answer).question.drill_id]
        if drill.drill_id == self.chokes_on:
            raise DrillHostError("500")
        now = self.context.clock()
        result = check_answer(
            drill, answer, directory=self.context.directory.current(), received_at=now
        )
        self.put(drill.answer(result))
        return None


def answer(context: NodeContext, number: int = 1, **changes: Any) -> drills.GivenAnswer:
    """Answer that the desk was reached."""
    fields: dict[str, Any] = {
        "outcome": DrillOutcome.REACHED,
        "answered_by": AnsweredBy.DESK,
        "actor": "person",
    }
    return drills.handle_answer(context, f"{number:032x}", **(fields | changes))


def test_a_question_is_answered_once_and_the_answer_waits_for_the_hub(
    network: Network, al: NodeContext
) -> None:
    """What was answered while the hub was away goes out as soon as it is back, and only once."""
    hub = Hub(al)
    hub.put(make_drill())
    hub.put(make_drill(2, "XK"))
    exchange(al, hub)
    assert [own.drill for own in drills.list_own(al)] == [make_drill()]
    assert drills.count_unanswered(al) == 1
    hub.is_away = True
    given = answer(al)
    assert given.standing is AnswerStanding.WAITING
    network.clock.advance(minutes=3)
    assert answer(al) == given  # the same answer again
    with pytest.raises(StaleError):
        answer(al, outcome=DrillOutcome.ENTRY_WRONG)
    with pytest.raises(DrillHostError):
        exchange(al, hub)
    assert drills.count_unanswered(al) == 0
    hub.is_away = False
    exchange(al, hub)
    (own,) = drills.list_own(al)
    assert own.answer is not None
    assert (own.drill.state, own.answer.standing) == (DrillState.ANSWERED, AnswerStanding.TAKEN)
    assert drills.list_owed(al) == []


def test_an_answer_that_the_hub_refuses_can_be_given_anew(al: NodeContext) -> None:
    """The reason is kept, the question counts as unanswered, and another answer goes out."""
    hub = Hub(al)
    hub.put(make_drill())
    exchange(al, hub)
    answer(al)
    hub.refuses = "wrong_moment"
    exchange(al, hub)
    (own,) = drills.list_own(al)
    assert own.answer is not None
    assert (own.answer.standing, own.answer.refusal) == (AnswerStanding.REFUSED, "wrong_moment")
    assert drills.count_unanswered(al) == 1
    hub.refuses = ""
    answer(al, outcome=DrillOutcome.NOT_REACHED, answered_by=AnsweredBy.NOBODY)
    exchange(al, hub)
    (own,) = drills.list_own(al)
    assert own.drill.state is DrillState.UNREACHED


def test_an_answer_that_the_hub_chokes_on_holds_nothing_up(
    network: Network, al: NodeContext
) -> None:
    """The next answer goes out and news come in; the first stays owed."""
    hub = Hub(al, chokes_on=f"{1:032x}")
    other = make_drill(2)
    hub.put(make_drill())
    hub.put(replace(other, question=replace(other.question, phase=Phase.PROCEEDINGS)))
    exchange(al, hub)
    answer(al)
    network.clock.advance(minutes=1)
    answer(al, 2)
    with pytest.raises(DrillHostError, match="500"):
        exchange(al, hub)
    states = {own.drill.drill_id: own.drill.state for own in drills.list_own(al)}
    assert states == {f"{1:032x}": DrillState.ASKED, f"{2:032x}": DrillState.ANSWERED}
    assert [drill_id for drill_id, _ in drills.list_owed(al)] == [f"{1:032x}"]


def test_only_open_questions_to_our_own_desks_are_answered(al: NodeContext) -> None:
    """Another Participant's drill, a closed one, an unknown one and nonsense are refused."""
    hub = Hub(al)
    hub.put(make_drill(1, "XK"))
    hub.put(make_drill(2).close(because=""))
    hub.put(
        replace(make_drill(3), question=replace(make_drill(3).question, phase=Phase.PROCEEDINGS))
    )
    exchange(al, hub)
    for number in (1, 4):
        with pytest.raises(NotFoundError):
            answer(al, number)
    with pytest.raises(StaleError):
        answer(al, 2)
    with pytest.raises(RefusedDraftError):
        answer(al, 3, answered_by=AnsweredBy.NOBODY)
    assert drills.list_owed(al) == []


def test_of_each_desk_the_open_question_and_the_last_result_are_kept(al: NodeContext) -> None:
    """Older results go; what is shown of a desk is the latest that says something."""
    hub = Hub(al)

    def reached(number: int, days: int) -> Drill:
        asked_at = NOON - timedelta(days=days)
        told = DrillResult(
            DrillOutcome.REACHED, AnsweredBy.DESK, asked_at, asked_at, recorded_by="operator"
        )
        return make_drill(number, "XK", asked_at=asked_at).answer(told)

    for drill in (reached(1, 200), make_drill(3, "XK"), reached(2, 100)):
        hub.put(drill)
    exchange(al, hub)
    (last,) = drills.list_last_drills(al, AuthorityId(f"XK-{DESK}"))
    assert (last.question, last.result) == (reached(2, 100).question, reached(2, 100).result)
    hub.put(reached(4, 50))
    exchange(al, hub)
    (last,) = drills.list_last_drills(al, AuthorityId(f"XK-{DESK}"))
    assert last.drill_id == reached(4, 50).drill_id


def test_a_hub_cannot_fill_the_disk(al: NodeContext, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a desk one open question is kept; beyond the bounds only desks that are known already."""
    hub = Hub(al)
    for number in range(1, 5):
        hub.put(make_drill(number, asked_at=NOON + timedelta(hours=number)))
    exchange(al, hub)
    assert [own.drill.drill_id for own in drills.list_own(al)] == [f"{4:032x}"]
    monkeypatch.setattr(drills, "MOST_DRILLS", 1)
    hub.put(
        make_drill(7, "XK").answer(
            DrillResult(DrillOutcome.REACHED, AnsweredBy.DESK, NOON, NOON, recorded_by="operator")
        )
    )
    hub.put(make_drill(8, asked_at=NOON + timedelta(hours=8)))
    exchange(al, hub)
    assert drills.list_last_drills(al, AuthorityId(f"XK-{DESK}")) == []
    assert [own.drill.drill_id for own in drills.list_own(al)] == [f"{8:032x}"]
    monkeypatch.setattr(drills, "MOST_OWN", 1)
    hub.put(make_drill(9, asked_at=NOON + timedelta(hours=9)))
    invented = replace(make_drill(10).question, authority=AuthorityId("AL-invented"))
    hub.put(Drill(invented))
    exchange(al, hub)
    assert [own.drill.drill_id for own in drills.list_own(al)] == [f"{9:032x}"]


def test_a_hub_that_was_restored_is_asked_for_everything_anew(al: NodeContext) -> None:
    """A hub that knows less than before is told again what was answered; the rest is forgotten."""
    hub = Hub(al)
    for number in (1, 2, 3):
        hub.put(make_drill(number, asked_at=NOON - timedelta(hours=number)))
    exchange(al, hub)
    answer(al)
    exchange(al, hub)
    restored = Hub(al)
    restored.put(make_drill(1, asked_at=NOON - timedelta(hours=1)))
    exchange(al, restored)
    assert restored.asked_since == [4, 0]
    (own,) = drills.list_own(al)
    assert own.drill.drill_id == f"{1:032x}"
    assert own.answer is not None
    assert own.answer.standing is AnswerStanding.WAITING
    exchange(al, restored)
    (own,) = drills.list_own(al)
    assert own.drill.state is DrillState.ANSWERED


def serve_always(status: int, content: bytes) -> httpx.MockTransport:
    """Give every request the same answer."""
    return httpx.MockTransport(lambda _request: httpx.Response(status, content=content))


async def test_a_hub_that_is_away_or_talks_nonsense_is_no_trouble_of_the_node(
    al: NodeContext,
) -> None:
    """A round ends well whatever the hub does, and waits for the next answer or the interval."""
    with httpx.Client(transport=serve_always(200, b"[]")) as http:
        host = DrillHost("http://hub.example", http)
        await DrillRounds(al, host, interval=0.0).run_round()
        with pytest.raises(DrillHostError, match="update"):
            host.fetch_news(b"", since=0, mark="")
    assert drills.find_news_age(al) is None


@pytest.mark.parametrize(
    ("status", "content"),
    [
        (403, b'{"code": "unknown_signer"}'),
        (409, b'{"code": "made up"}'),
        (404, b"no such page"),
        (503, b""),
        (200, bytes(30_000)),
    ],
)
def test_only_the_hubs_own_words_settle_an_answer(status: int, content: bytes) -> None:
    """Whatever else comes back, such as a proxy's page, the answer stays owed."""
    with (
        httpx.Client(transport=serve_always(status, content)) as http,
        pytest.raises(DrillHostError),
    ):
        DrillHost("http://hub.example", http).send_answer(b"x")


def test_a_refusal_for_good_is_told_from_a_success() -> None:
    """The hub's code comes back for what trying again cannot change, and nothing for success."""
    for status, content, expected in (
        (200, b"{}", None),
        (409, b'{"code": "closed"}', "closed"),
    ):
        with httpx.Client(transport=serve_always(status, content)) as http:
            assert DrillHost("http://hub.example", http).send_answer(b"x") == expected
