"""What changes and corrections ask of a directory operator, for the overview."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from console.i18n import Message, msg, nmsg
from contact_registry.changes.corrections import CorrectionAnswer
from contact_registry.changes.states import OPEN, ChangeState
from contact_registry.errors import RegistryError
from hub.changes.corrections import open_correction_desk
from hub.changes.opening import open_change_store
from hub.context import HubContext
from hub.web.need import Need

_MOST: Final = 500


def _refused(count: int) -> Message:
    return nmsg(
        "%(count)s change was refused by the registry",
        "%(count)s changes were refused by the registry",
        count,
    )


def _conflicting(count: int) -> Message:
    return nmsg(
        "%(count)s change is in conflict with what was published",
        "%(count)s changes are in conflict with what was published",
        count,
    )


def _signed(count: int) -> Message:
    return nmsg(
        "%(count)s signed change waits to be published",
        "%(count)s signed changes wait to be published",
        count,
    )


_SAID: Final[Mapping[ChangeState, tuple[Callable[[int], Message], Message, int]]] = {
    ChangeState.REFUSED: (_refused, msg("Read the reason, then correct the draft."), 20),
    ChangeState.CONFLICTING: (_conflicting, msg("Choose what is to stand."), 21),
    ChangeState.SIGNED: (_signed, msg("Everybody has signed who must."), 22),
}


def count_open_changes(context: HubContext) -> int:
    """Count the changes that are open, for the navigation."""
    return len(open_change_store(context).list(states=OPEN, limit=_MOST))


def find_change_needs(context: HubContext) -> Iterable[Need]:
    """Find what changes and corrections ask of somebody."""
    found = open_change_store(context).list(states=frozenset(_SAID), limit=_MOST)
    counts = Counter(change.state for change in found)
    for state, (say, reason, rank) in _SAID.items():
        if counts[state]:
            tone = "danger" if state is ChangeState.REFUSED else "warn"
            yield Need(
                title=say(counts[state]), reason=reason, path="/changes", tone=tone, rank=rank
            )
    answered = _count_answered(context)
    if answered:
        title = nmsg(
            "%(count)s correction was answered", "%(count)s corrections were answered", answered
        )
        yield Need(
            title=title,
            reason=msg("Look at what was published, then settle it or ask again."),
            path="/corrections",
            tone="info",
            icon="circle-check",
            rank=60,
        )


def _count_answered(context: HubContext) -> int:
    """Count the open corrections whose entry was published anew; none while nobody can look."""
    desk = open_correction_desk(context)
    try:
        return sum(
            desk.judge(each) is not CorrectionAnswer.NONE for each in desk.list_corrections()
        )
    except RegistryError:
        return 0
