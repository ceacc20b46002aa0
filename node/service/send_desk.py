"""Where programs' messages come in: what comes while one transaction runs goes into the next.

So the cost of a transaction, and of waiting for the disk, is shared by all who wait for it, and a
message that comes alone waits for nobody. The answer comes after the commit, as always. Messages
with files come in one by one beside the others, who do not wait until a file is sealed.
"""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog
from sqlmodel import Session

from node.domain.access import Permission
from node.service.building import Draft
from node.service.composing import Sent, Submission, handle_send
from node.service.context import NodeContext, NodeError
from node.service.dispatching import ClaimAtOnce, claim_at_once
from node.service.gathering import Gathering
from node.service.handoff import Read
from node.service.plain_sending import Order, Outcome, queue_plain
from node.service.tokens import ApiCaller, find_callers

log = structlog.get_logger(__name__)

#: Messages of one transaction: some tenths of a second of work.
_MOST: Final = 128
#: Tokens that are remembered: a node has a few programs.
_TOKENS_KNOWN: Final = 64


class CallerRefusedError(NodeError):
    """The token opens nothing here; ``caller`` is its holder, if it is good for something else."""

    def __init__(self, caller: ApiCaller | None) -> None:
        super().__init__("This token does not let its holder send messages.")
        self.caller = caller


@dataclass(frozen=True, slots=True)
class _Request:
    draft: Draft
    token: str
    key: str | None
    answer: asyncio.Future[Sent]


@dataclass(slots=True)
class _Lane:
    """Requests that wait for each other."""

    #: Does what was asked, in a thread; the outcomes are in the same order.
    serve: Callable[[Sequence[_Request]], Sequence[Sent | Exception]]
    #: Of so many at a time.
    most: int
    waiting: list[_Request] = field(default_factory=list)
    working: asyncio.Task[None] | None = None
    gathering: Gathering = field(default_factory=Gathering)


class SendDesk:
    """Takes requests of programs. Use within one event loop."""

    def __init__(self, context: NodeContext) -> None:
        self._context = context
        self._ordinary = _Lane(self._serve, most=_MOST)
        self._with_files = _Lane(self._serve_alone, most=1)
        self._known: set[bytes] = set()

    def is_known(self, token: str) -> bool:
        """Say whether this token worked before: whether it does now is asked for each message."""
        return _fingerprint(token) in self._known

    def get_to_know(self, token: str) -> None:
        """Remember a token that works; raises :class:`CallerRefusedError`. Blocking."""
        with self._context.database.reading() as session:
            self._find_caller(session, token)
        if len(self._known) >= _TOKENS_KNOWN:
            self._known.clear()
        self._known.add(_fingerprint(token))

    def _find_caller(self, session: Session, token: str) -> ApiCaller:
        caller = find_callers(self._context, session, {token}).get(token)
        if caller is None or not caller.who.may(Permission.WORK_CASES):
            self._known.discard(_fingerprint(token))
            raise CallerRefusedError(caller)
        return caller

    async def send(self, draft: Draft, *, token: str, submission_key: str | None) -> Sent:
        """Queue a message for the holder of ``token``; returns when it is on our disk.

        Raises :class:`CallerRefusedError`, and what :func:`~node.service.composing.handle_send`
        raises. Who gives up waiting may find it sent: the same key tells.
        """
        request = _Request(draft, token, submission_key, asyncio.get_running_loop().create_future())
        lane = self._with_files if draft.files else self._ordinary
        lane.waiting.append(request)
        if lane.working is None:
            lane.working = asyncio.create_task(self._work(lane))
        return await request.answer

    async def _work(self, lane: _Lane) -> None:
        """Serve until nobody waits."""
        batch: list[_Request] = []
        try:
            while lane.waiting:
                batch, lane.waiting = lane.waiting[: lane.most], lane.waiting[lane.most :]
                outcomes = await asyncio.to_thread(lane.serve, batch)
                for request, outcome in zip(batch, outcomes, strict=True):
                    _answer(request, outcome)
                batch = []
                lane.gathering.note(len(outcomes))
                await lane.gathering.wait()
        finally:
            lane.working = None
            left, lane.waiting = [*batch, *lane.waiting], []
            for request in left:  # only where this task was cancelled
                request.answer.cancel()

    def _serve(self, batch: Sequence[_Request]) -> list[Sent | Exception]:
        """Queue what came together; returns what became of each."""
        outcomes: list[Outcome | None]
        claim: ClaimAtOnce | None
        read: list[Read]
        try:
            outcomes, claim, read = self._context.transact(
                lambda session: self._queue(session, batch, claim_at_once(self._context))
            )
        except Exception as error:  # noqa: BLE001 - each is tried alone below, and says what is wrong with it
            log.warning("sent_one_by_one", count=len(batch), problem=type(error).__name__)
            outcomes, claim, read = [None] * len(batch), None, []
        self._context.leaving.read.put(read, at=self._context.clock())
        if claim is None:
            self._context.signals.messages.notify()
        else:
            self._context.leaving.messages.put(claim.messages)
        self._context.signals.to_follow.notify()
        self._context.signals.inbox.notify()
        return [
            outcome or self._send_alone(request)
            for request, outcome in zip(batch, outcomes, strict=True)
        ]

    def _queue(
        self, session: Session, batch: Sequence[_Request], claim: ClaimAtOnce | None
    ) -> tuple[list[Outcome | None], ClaimAtOnce | None, list[Read]]:
        read: list[Read] = []
        callers = find_callers(self._context, session, {request.token for request in batch})
        outcomes: list[Outcome | None] = [None] * len(batch)
        plain: dict[int, Order] = {}
        for number, request in enumerate(batch):
            caller = callers.get(request.token)
            if caller is None or not caller.who.may(Permission.WORK_CASES):
                self._known.discard(_fingerprint(request.token))
                outcomes[number] = CallerRefusedError(caller)
                continue
            order = Order(
                request.draft,
                caller.who,
                Submission.of("send", request.draft, actor=caller.actor, key=request.key),
            )
            if order.is_plain:
                plain[number] = order
        queued = queue_plain(self._context, session, list(plain.values()), claim=claim, read=read)
        for number, outcome in zip(plain, queued, strict=True):
            outcomes[number] = outcome
        return outcomes, claim, read

    def _serve_alone(self, batch: Sequence[_Request]) -> list[Sent | Exception]:
        return [self._send_alone(request) for request in batch]

    def _send_alone(self, request: _Request) -> Sent | Exception:
        try:
            with self._context.database.reading() as session:
                caller = self._find_caller(session, request.token)
            return handle_send(
                self._context, request.draft, who=caller.who, submission_key=request.key
            )
        except Exception as error:  # noqa: BLE001 - handed to whoever waits for it
            return error


def _fingerprint(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _answer(request: _Request, outcome: Sent | Exception) -> None:
    if request.answer.done():
        return  # who asked has gone
    if isinstance(outcome, Exception):
        request.answer.set_exception(outcome)
    else:
        request.answer.set_result(outcome)
