"""Whether the rules for children apply, and who acts for the child.

It is said in strands (:mod:`node.service.cases.statements`), and the policy goes by what they say
together: one strand in which the person is a child is enough. Whoever says it of the case as a
whole says it in each strand that they see, so that lists and policy never say different things.
"""

from collections import defaultdict

from sqlmodel import Session, select

from node.domain.cases import UNKNOWN_CHANNEL, StatementKind
from node.service.case_work import CaseWork
from node.service.cases.statements import Said, judge_child, keep_statement, sum_up
from node.service.cases.strands import list_strands, touch_strand
from node.store.case_tables import CaseStatementRow
from protocol.messages.codes import GuardianSituation, PersonGroup


def is_child_in_any(session: Session, case_id: str) -> bool:
    """Whether the person of a case is a child by the word of any of its strands."""
    rows = session.exec(
        select(CaseStatementRow).where(
            CaseStatementRow.case_id == case_id,
            CaseStatementRow.kind == StatementKind.PERSON_GROUP,
        )
    ).all()
    by_channel = defaultdict[str, list[CaseStatementRow]](list)
    for row in rows:
        by_channel[row.channel].append(row)
    return any(judge_child(said) for said in by_channel.values())


def say_of_case(work: CaseWork, *, child: bool | None, guardian: bool | None) -> None:
    """Say of a case, in each strand that somebody sees, whether the rules for children apply.

    And whether a guardian is appointed. None: that is not said anew.
    """
    said = []
    if child is not None:
        said.append(
            Said(StatementKind.PERSON_GROUP, PersonGroup.CHILD if child else PersonGroup.ADULT)
        )
    if guardian is not None:
        situation = GuardianSituation.APPOINTED if guardian else GuardianSituation.NOT_YET_APPOINTED
        said.append(Said(StatementKind.GUARDIAN, situation))
    session, case_id = work.session, work.case.case_id
    seen = list_strands(session, case_id, who=work.who) if said else []
    for channel in (row.channel for row in seen if row.channel != UNKNOWN_CHANNEL):
        strand = touch_strand(session, case_id, channel, at=work.context.clock(), lock=True)
        for each in said:
            keep_statement(work, strand, each)
        sum_up(session, [strand])
        strand.row_version += 1
        session.flush()
