"""What needs an operator about drills and the marks of lists, for the overview."""

from collections.abc import Iterator
from typing import Final

from console.i18n import msg, nmsg
from contact_registry.errors import RegistryUnavailableError
from directory_pages.codes import Words, join_words
from directory_pages.drill_words import MARK_NAMES
from hub.context import HubContext
from hub.drills.desk import count_overdue_drills
from hub.drills.scoring import current_scores
from hub.web.need import Need

#: Below this the list is named on the overview: more is wrong with it than right.
_POOR: Final = 50


def find_overdue_drills(context: HubContext) -> Iterator[Need]:
    """Say how many desks did not answer in time that they can be reached."""
    overdue = count_overdue_drills(context)
    if overdue:
        yield Need(
            title=msg("Drills overdue"),
            reason=nmsg(
                "%(count)s desk has not confirmed in time that it can be reached: ring its "
                "Participant's focal point.",
                "%(count)s desks have not confirmed in time that they can be reached: ring their "
                "Participants' focal points.",
                overdue,
            ),
            path="/drills",
            tone="danger",
            icon="alarm-clock",
            rank=30,
        )


def find_poor_lists(context: HubContext) -> Iterator[Need]:
    """Say how many Participants' lists are poor, and in what most of them are."""
    try:
        scores = current_scores(context).values()
    except RegistryUnavailableError:
        return
    poor = [score.weakest for score in scores if score.scores[score.weakest].points < _POOR]
    if poor:
        marks: Words = join_words(MARK_NAMES[mark] for mark in MARK_NAMES if mark in poor)
        yield Need(
            title=msg("Lists that cannot be relied on"),
            reason=nmsg(
                "%(count)s Participant has a mark below %(least)s of 100 (%(marks)s).",
                "%(count)s Participants have a mark below %(least)s of 100 (%(marks)s).",
                len(poor),
                least=_POOR,
                marks=marks,
            ),
            path="/drills",
            rank=70,
        )
