"""What an administrator should know of links and registry, in plain words and without content.

These are no faults of this node, and any peer can cause some of them: so they are shown, and never
make the node count as not ready.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from sqlmodel import Session, col, select

from console.i18n import Message, msg, nmsg
from console.refusals import say_english
from contact_registry.errors import RegistryUnavailableError
from contact_registry.trust.staleness import Grade
from node.domain.alarms import AlarmStanding
from node.service.attachments.noticing import list_file_notices
from node.service.context import NodeContext
from node.service.following import list_following_notices
from node.service.holding import describe_view_age, judge_view
from node.service.resending import ANSWERED_IN_AN_HOUR
from node.service.webhooks.keeping import list_webhook_notices
from node.service.work.calendar import list_calendar_notices
from node.service.work.escalation import list_work_notices
from node.service.work.mailing import list_mail_notices
from node.store.link_tables import LinkGapRow, LinkGoneRow, LinkWatchRow, RestoreQuestionRow
from node.store.pin_tables import RegistryAlarmRow, RegistryNamedRow
from protocol.links import HeadVerdict

#: What happened once is shown so long.
_SHOWN_FOR: Final = timedelta(days=30)
_HASH: Final = 12

_HEAD_TROUBLES: Final = {
    HeadVerdict.BEHIND: msg(
        "link from %(peer)s: does not know of messages that it sent us: it was restored from a "
        "backup and has not begun a new generation. Telephone its administrators"
    ),
    HeadVerdict.CONFLICT: msg(
        "link from %(peer)s: names another last message than the one it sent us: its history was "
        "rewritten. Telephone its administrators"
    ),
}
_STANDINGS: Final = {
    AlarmStanding.CERTAIN: msg(
        "registry: two versions %(version)s, certain: %(held_by)s verified %(held)s, %(named_by)s "
        "names %(named)s. Compare both registries with the operators, by telephone"
    ),
    AlarmStanding.SUSPECTED: msg(
        "registry: two versions %(version)s, not verified here: %(held_by)s names %(held)s, "
        "%(named_by)s names %(named)s"
    ),
    AlarmStanding.CONFIRMED: msg(
        "registry: two versions %(version)s, %(held_by)s says that it holds %(held)s; %(named_by)s "
        "acted on %(named)s. Compare both registries with the operators, by telephone"
    ),
    AlarmStanding.UNFOUNDED: msg(
        "registry: two versions %(version)s, %(held_by)s says that it holds %(held)s and that "
        "%(named_by)s named %(named)s, which nothing here confirms"
    ),
}


def list_notices(context: NodeContext) -> list[str]:
    """Return the English lines of :func:`find_notices`, for programs that watch the node."""
    return [say_english(notice) for notice in find_notices(context)]


def find_notices(context: NodeContext) -> list[Message]:
    """Return one line for each thing that people should look into; empty if there is none."""
    age = judge_view(context)
    ageing = [describe_view_age(age)] if age is not None and age.grade is Grade.WARN else []
    with context.database.reading() as session:
        return [
            *ageing,
            *_list_missing(session),
            *_list_gone(context, session),
            *_list_unanswered(session),
            *_list_troubled_links(context, session),
            *_list_alarms(context, session),
            *_list_unseen_versions(context, session),
            *list_file_notices(context, session),
            *list_webhook_notices(session),
            *list_following_notices(session),
            *list_work_notices(session, now=context.clock()),
            *list_mail_notices(session),
            *list_calendar_notices(context),
        ]


def _list_missing(session: Session) -> list[Message]:
    counts: dict[str, int] = {}
    for row in session.exec(
        select(LinkGapRow).where(col(LinkGapRow.given_up).is_(True)).order_by(LinkGapRow.peer)
    ):
        counts[row.peer] = counts.get(row.peer, 0) + row.last - row.first + 1
    return [
        nmsg(
            "link from %(peer)s: %(count)s message is missing and was asked for in vain. Telephone "
            "it",
            "link from %(peer)s: %(count)s messages are missing and were asked for in vain. "
            "Telephone it",
            count,
            peer=peer,
        )
        for peer, count in counts.items()
    ]


def _list_gone(context: NodeContext, session: Session) -> list[Message]:
    counts: dict[str, int] = {}
    for row in session.exec(
        select(LinkGoneRow)
        .where(col(LinkGoneRow.told_at) > context.clock() - _SHOWN_FOR)
        .order_by(LinkGoneRow.peer)
    ):
        counts[row.peer] = counts.get(row.peer, 0) + row.last - row.first + 1
    return [
        nmsg(
            "link from %(peer)s: %(count)s message never arrived, and %(peer)s reports it gone",
            "link from %(peer)s: %(count)s messages never arrived, and %(peer)s reports them gone",
            count,
            peer=peer,
        )
        for peer, count in counts.items()
    ]


def _list_unanswered(session: Session) -> list[Message]:
    """Name whom this node, restored from a backup, still waits for."""
    rows = session.exec(
        select(RestoreQuestionRow)
        .where(col(RestoreQuestionRow.answered_at).is_(None))
        .order_by(RestoreQuestionRow.peer)
    )
    return [
        msg(
            "link from %(peer)s: it has not said yet what the backup lacks; it was asked in vain. "
            "Telephone it",
            peer=row.peer,
        )
        if row.ask_at is None
        else msg("link from %(peer)s: it has not said yet what the backup lacks", peer=row.peer)
        for row in rows
    ]


def _list_troubled_links(context: NodeContext, session: Session) -> list[Message]:
    lines: list[Message] = []
    now, window = context.clock(), context.rules.repair.window
    for row in session.exec(select(LinkWatchRow).order_by(LinkWatchRow.peer)):
        if row.head_trouble is not None:
            said = _HEAD_TROUBLES[HeadVerdict(row.head_trouble)]
            lines.append(replace(said, params={"peer": row.peer}))
        if row.forgotten:
            lines.append(
                nmsg(
                    "link to %(peer)s: it holds %(count)s message of ours that the backup did not "
                    "have. Ask it for a copy",
                    "link to %(peer)s: it holds %(count)s messages of ours that the backup did not "
                    "have. Ask it for copies",
                    row.forgotten,
                    peer=row.peer,
                )
            )
        is_recent = row.answering_since is not None and now - row.answering_since < window
        if is_recent and row.answered > ANSWERED_IN_AN_HOUR:
            lines.append(
                msg(
                    "link to %(peer)s: it asks for messages again more often than is answered",
                    peer=row.peer,
                )
            )
    return lines


def _list_alarms(context: NodeContext, session: Session) -> list[Message]:
    rows = session.exec(
        select(RegistryAlarmRow)
        .where(col(RegistryAlarmRow.at) > context.clock() - _SHOWN_FOR)
        .order_by(col(RegistryAlarmRow.alarm_id).desc())
        .limit(20)
    )
    return [_describe(row) for row in rows]


def _list_unseen_versions(context: NodeContext, session: Session) -> list[Message]:
    """Name the newest version that peers act on, while the registry host shows this node none.

    The first message of anybody who sees more tells that a host hides what is new.
    """
    try:
        shown = context.directory.current().version
    except RegistryUnavailableError:
        return []
    newest = session.exec(
        select(RegistryNamedRow)
        .where(col(RegistryNamedRow.version) > shown)
        .order_by(col(RegistryNamedRow.version).desc(), RegistryNamedRow.peer)
        .limit(1)
    ).first()
    if newest is None:
        return []
    line = msg(
        "registry: %(peer)s acts on version %(version)s, and the registry host showed this node no "
        "version after %(shown)s. If it stays so, the host holds versions back, or %(peer)s names "
        "one that does not exist: compare with others by telephone",
        peer=newest.peer,
        version=newest.version,
        shown=shown,
    )
    return [line]


def _describe(row: RegistryAlarmRow) -> Message:
    return replace(
        _STANDINGS[AlarmStanding(row.standing)],
        params={
            "version": row.version,
            "held_by": row.held_by,
            "held": row.held_sha256[:_HASH],
            "named_by": row.named_by,
            "named": row.named_sha256[:_HASH],
        },
    )
