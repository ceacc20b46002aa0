"""What stands beside a timeline: numbers of consents, notes, deletions; how far a return is."""

from dataclasses import dataclass

from node.domain.withdrawals import OPEN_STATES
from node.service.cases.notes import Note, list_notes
from node.service.consent.circumstances import get_circumstances
from node.service.consent.records import list_consents
from node.service.deletions import list_deletions
from node.service.reading import CaseView
from node.service.recalling import list_untold
from node.service.returns import get_return
from node.web.cases.acting import OpenCase
from node.web.cases.gates import TaskState, list_tasks
from protocol.identifiers import Phase


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers for the lines that lead to the parts of a case."""

    in_force: int
    withdrawn: int
    deletions_open: int
    deletions: int
    untold: int
    is_child: bool
    in_shelter: bool
    newest_note: Note | None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a return is."""

    done: int
    of: int


def count_records(case: OpenCase) -> Counts:
    """Count what is on file in a case. Not for an erased one."""
    context, who = case.site.context, case.who
    consents = list_consents(context, case.case_id, who=who)
    deletions = list_deletions(context, who=who, case_id=case.case_id, open_only=False)
    known = get_circumstances(context, case.case_id, who=who).circumstances
    notes = list_notes(context, case.case_id, who=who, limit=1)
    return Counts(
        in_force=sum(each.withdrawn_at is None for each in consents),
        withdrawn=sum(each.withdrawn_at is not None for each in consents),
        deletions_open=sum(each.state in OPEN_STATES for each in deletions),
        deletions=len(deletions),
        untold=sum(each.case_id == case.case_id for each in list_untold(context, who=who)),
        is_child=known.treated_as_child,
        in_shelter=known.in_shelter,
        newest_note=notes[0] if notes and notes[0].text else None,
    )


def count_tasks(case: OpenCase, view: CaseView) -> Progress | None:
    """Say how far a return is; None while nobody prepares one."""
    prepared = get_return(case.site.context, case.case_id, who=case.who)
    has_messages = any(item.phase == Phase.RETURN for item in view.items)
    if not prepared.row_version and not has_messages:
        return None
    known = get_circumstances(case.site.context, case.case_id, who=case.who).circumstances
    tasks = list_tasks(prepared, view.items, is_child=known.treated_as_child)
    needed = [task for task in tasks if task.state is not TaskState.NOT_NEEDED]
    return Progress(sum(task.state is TaskState.DONE for task in needed), len(needed))
