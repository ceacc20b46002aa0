"""The one thing that a case waits for: what it is, until when, and where it is done."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from console.i18n import Message, msg, nmsg
from node.domain.states import DECIDABLE
from node.domain.withdrawals import OPEN_STATES, DeletionState
from node.service.answerable import is_answerable
from node.service.deletions import DeletionView, list_deletions
from node.service.reading import CaseView, Item
from node.service.recalling import list_untold
from node.service.records import IN, OUT
from node.web.cases.acting import OpenCase
from node.web.labels import say_type


@dataclass(frozen=True, slots=True)
class NextStep:
    """What waits for us."""

    sentence: Message
    label: Message
    address: str
    due: datetime | None = None
    #: Since when, for the share of the time that is over.
    given: datetime | None = None
    #: Where it can be read first.
    read_at: str = ""


def find_next(case: OpenCase, view: CaseView) -> NextStep | None:
    """Find what is most urgent: what nobody was told first, then the nearest deadline."""
    context, names = case.site.context, case.names
    waiting = [each for each in list_untold(context, who=case.who) if each.case_id == case.case_id]
    if waiting:
        return NextStep(
            nmsg(
                "%(count)s desk holds data that has to go, and has not been told.",
                "%(count)s desks hold data that has to go, and have not been told.",
                len(waiting),
            ),
            msg("Tell them"),
            f"{case.address}/told",
        )
    deletions = list_deletions(context, who=case.who, case_id=case.case_id)
    steps = [*_list_owed(case, deletions), *_list_messages(case, view.items)]
    if steps:
        return min(steps, key=lambda step: step.due or context.clock())
    late = [
        each
        for each in deletions
        if each.direction == OUT and each.state in OPEN_STATES - {DeletionState.OPEN}
    ]
    if late:
        return NextStep(
            msg(
                "%(participant)s has not confirmed a deletion in time.",
                participant=names.participant(late[0].peer),
            ),
            msg("See who confirmed"),
            f"{case.address}/told",
        )
    return None


def _list_owed(case: OpenCase, deletions: Sequence[DeletionView]) -> Iterator[NextStep]:
    for each in deletions:
        if each.direction == IN and each.state in OPEN_STATES:
            yield NextStep(
                msg(
                    "%(participant)s asks to delete what it sent.",
                    participant=case.names.participant(each.peer),
                ),
                msg("Delete and confirm"),
                f"/owed/{each.message_id}",
                due=each.confirm_by,
                read_at=f"/message/{each.message_id}",
            )


def _list_messages(case: OpenCase, items: Sequence[Item]) -> Iterator[NextStep]:
    for item in items:
        if item.direction != IN:
            continue
        words = {
            "what": say_type(item.type),
            "participant": case.names.participant(item.peer),
        }
        due, read_at = item.answer_by or item.expires_at, f"/message/{item.message_id}"
        if item.handling in DECIDABLE:
            yield NextStep(
                msg("%(what)s, from %(participant)s: waits for your decision.", **words),
                msg("Decide"),
                f"/decide/{item.message_id}",
                due=due,
                given=item.stored_at,
                read_at=read_at,
            )
        elif is_answerable(item):
            yield NextStep(
                msg("%(what)s, from %(participant)s: waits for your answer.", **words),
                msg("Answer"),
                f"/answer/{item.message_id}",
                due=due,
                given=item.stored_at,
                read_at=read_at,
            )
