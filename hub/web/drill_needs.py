"""What needs an operator about drills and the marks of lists, for the overview."""

from collections.abc import Iterator

from console.i18n import msg, nmsg
from contact_registry.errors import RegistryUnavailableError
from contact_registry.freshness import list_wrong_entries
from directory_pages.codes import Words, join_words
from directory_pages.drill_words import MARK_NAMES, POOR
from hub.context import HubContext
from hub.drills.desk import DrillDesk, count_overdue_drills
from hub.drills.scoring import current_scores
from hub.web.need import Need


def find_overdue_drills(context: HubContext) -> Iterator[Need]:
    """Say how many drills have no answer in time."""
    overdue = count_overdue_drills(context)
    if overdue:
        yield Need(
            title=msg("Drills overdue"),
            reason=nmsg(
                "%(count)s drill has no answer in time: ring the desk, or its Participant's focal "
                "point.",
                "%(count)s drills have no answer in time: ring the desks, or their Participants' "
                "focal points.",
                overdue,
            ),
            path="/drills",
            tone="danger",
            icon="alarm-clock",
            rank=30,
        )


def find_wrong_entries(context: HubContext) -> Iterator[Need]:
    """Say how many entries were found wrong by a drill, and not confirmed since."""
    try:
        directory = context.registry.current()
        found = list_wrong_entries(directory, DrillDesk(context).list_current())
    except RegistryUnavailableError:
        return
    if found:
        yield Need(
            title=msg("Entries that a drill found wrong"),
            reason=nmsg(
                "%(count)s desk said that its entry has to be corrected.",
                "%(count)s desks said that their entries have to be corrected.",
                len({drill.question.authority for drill in found}),
            ),
            path="/drills",
            icon="pencil",
            rank=40,
        )


def find_poor_lists(context: HubContext) -> Iterator[Need]:
    """Say how many Participants' lists are poor, and in what most of them are."""
    try:
        scores = current_scores(context).values()
    except RegistryUnavailableError:
        return
    poor = [score.weakest for score in scores if score.scores[score.weakest].points < POOR]
    if poor:
        marks: Words = join_words(MARK_NAMES[mark] for mark in MARK_NAMES if mark in poor)
        yield Need(
            title=msg("Lists that cannot be relied on"),
            reason=nmsg(
                "%(count)s Participant has a mark below %(least)s of 100 (%(marks)s).",
                "%(count)s Participants have a mark below %(least)s of 100 (%(marks)s).",
                len(poor),
                least=POOR,
                marks=marks,
            ),
            path="/drills",
            rank=70,
        )
