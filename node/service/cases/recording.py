"""What people here say of a case: who coordinates it, who acts for a child, the person's status."""

from sqlmodel import Session

from console.i18n import msg
from node.domain.access import Permission, Principal
from node.domain.cases import StatementKind
from node.domain.events import EventKind
from node.service.borrowed_words import borrow_words
from node.service.case_work import CaseWork
from node.service.cases.child import is_child_in_any
from node.service.cases.handing_over import give_to, settle_take_over
from node.service.cases.statements import Post, Said, keep_statement, sum_up
from node.service.cases.strands import get_strand
from node.service.consent.circumstances import load_circumstances, set_circumstances
from node.service.context import NodeContext, RefusedDraftError
from node.service.principals import load_people
from node.store.case_tables import CaseStrandRow
from protocol.errors import MalformedError
from protocol.identifiers import AuthorityId, Channel, get_participant_of, parse_authority_id
from protocol.messages.codes import GuardianSituation, PersonGroup, TraffickingStatus


def handle_record_person(  # noqa: PLR0913 - what is said of which case, by whom, on which view
    context: NodeContext,
    case_id: str,
    *,
    who: Principal,
    status: TraffickingStatus | None = None,
    group: PersonGroup | None = None,
    channel: Channel | None = None,
    row_version: int | None = None,
) -> int:
    """Say what the status of the person is, and whether the rules for children apply.

    The policy goes by all strands: it treats the person as a child while one of them says so.
    Returns the strand's new version. Raises as :func:`~node.service.cases.strands.get_strand`.
    """
    if status is None and group is None:
        raise RefusedDraftError(
            msg("Say what is known of the person: 'status', 'person_group', both.")
        )

    def record(session: Session) -> int:
        case, strand = get_strand(
            context, session, case_id, who=who, channel=channel, row_version=row_version
        )
        work = CaseWork(context, session, case, who)
        if status is not None:
            said = Said(StatementKind.PERSON_STATUS, status)
            keep_statement(work, strand, said)
            work.tell(EventKind.PERSON_STATUS_RECORDED, code=status, channel=strand.channel)
        if group is not None:
            said = Said(StatementKind.PERSON_GROUP, group)
            keep_statement(work, strand, said)
            work.tell(EventKind.PERSON_GROUP_RECORDED, code=group, channel=strand.channel)
            known = load_circumstances(context, session, case)
            is_child = is_child_in_any(session, case_id)
            known = known.model_copy(update={"treated_as_child": is_child})
            set_circumstances(work, known)
        return _finish(session, strand)

    return context.transact(record)


def handle_record_guardian(  # noqa: PLR0913 - who acts for the child of which case, says whom
    context: NodeContext,
    case_id: str,
    situation: GuardianSituation,
    *,
    who: Principal,
    post: Post | None = None,
    is_case_manager: bool = False,
    channel: Channel | None = None,
    row_version: int | None = None,
) -> int:
    """Say who acts for the child. The policy goes by it; returns the strand's new version.

    Raises ``RefusedDraftError`` if nobody is appointed and yet somebody is named.
    """
    is_appointed = situation is GuardianSituation.APPOINTED
    if (post is not None or is_case_manager) and not is_appointed:
        raise RefusedDraftError(
            msg(
                "Only an appointed guardian has a post or is the case manager: say 'appointed', or "
                "leave both out."
            )
        )

    def record(session: Session) -> int:
        case, strand = get_strand(
            context, session, case_id, who=who, channel=channel, row_version=row_version
        )
        work = CaseWork(context, session, case, who)
        said = Said(StatementKind.GUARDIAN, situation, post)
        keep_statement(work, strand, said)
        work.tell(EventKind.GUARDIAN_RECORDED, code=situation, channel=strand.channel)
        known = load_circumstances(context, session, case).model_copy(
            update={
                "guardian_appointed": is_appointed,
                "guardian_is_case_manager": is_case_manager,
            }
        )
        set_circumstances(work, known)
        return _finish(session, strand)

    return context.transact(record)


def handle_name_manager(  # noqa: PLR0913 - who coordinates which case, says whom, on which view
    context: NodeContext,
    case_id: str,
    post: Post,
    *,
    who: Principal,
    account_id: str | None = None,
    channel: Channel | None = None,
    row_version: int | None = None,
) -> int:
    """Say who coordinates the case on our side, or hand it over to somebody else.

    ``post`` is what others may know; ``account_id`` is the person here, who has to work on cases of
    this channel. Returns the strand's new version. Raises ``RefusedDraftError``.
    """
    desk = _verify_own(context, post)

    def record(session: Session) -> int:
        case, strand = get_strand(
            context, session, case_id, who=who, channel=channel, row_version=row_version
        )
        work = CaseWork(context, session, case, who)
        said = Said(StatementKind.MANAGER, details=post)
        keep_statement(work, strand, said)
        before, strand.manager_account = strand.manager_account, account_id
        if account_id is None:
            settle_take_over(context, session, strand, who=who)
        else:
            person = _get_person(session, account_id, Channel(strand.channel))
            give_to(work, strand, before=before, manager=person, desk=desk)
        is_handed = before is not None and before != account_id
        kind = EventKind.CASE_HANDED_OVER if is_handed else EventKind.MANAGER_NAMED
        work.tell(kind, code=account_id, channel=strand.channel)
        return _finish(session, strand)

    version = context.transact(record)
    context.signals.inbox.notify()
    context.signals.followed.notify()
    return version


def _verify_own(context: NodeContext, post: Post) -> AuthorityId:
    if post.authority is None:
        raise RefusedDraftError(msg("A case manager belongs to an authority of yours: name it."))
    try:
        authority = parse_authority_id(post.authority)
    except MalformedError as error:
        raise RefusedDraftError(borrow_words(error)) from error
    if get_participant_of(authority) != context.participant:
        raise RefusedDraftError(
            msg(
                "%(authority)s is not an authority of %(participant)s: the other side "
                "names its own case manager, in its messages.",
                authority=authority,
                participant=context.participant,
            )
        )
    return authority


def _get_person(session: Session, account_id: str, channel: Channel) -> Principal:
    person = load_people(session, [account_id]).get(account_id)
    if person is None or not person.may(Permission.WORK_CASES) or not person.sees(channel):
        raise RefusedDraftError(
            msg(
                "This person does not work on cases of this channel (any more): choose "
                "somebody who "
                "does, or have a node administrator clear them for it."
            )
        )
    return person


def _finish(session: Session, strand: CaseStrandRow) -> int:
    sum_up(session, [strand])
    strand.row_version += 1
    session.add(strand)
    session.flush()
    return strand.row_version
