"""What ordinary messages that are queued together ask the store, each question for all of them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from sqlalchemy import bindparam
from sqlalchemy import select as sql_select
from sqlmodel import Session, col, select

from node.domain.access import Principal
from node.service.context import NodeContext
from node.service.permitting import is_case_seen
from node.service.records import IN
from node.service.storing import begin_links
from node.store.bulk import in_parts, table_of
from node.store.prepared import Prepared
from node.store.tables import CaseRow, LinkHeadRow, MessageRow
from protocol.conversation.history import Place
from protocol.identifiers import ParticipantCode
from protocol.links import LinkHead

_CASE, _MESSAGE, _HEAD = (table_of(each) for each in (CaseRow, MessageRow, LinkHeadRow))
# Made once: putting a question together costs more than asking it.
_SUBMITTED: Final = Prepared(
    sql_select(_MESSAGE.c.submission_key).where(
        _MESSAGE.c.submission_key.in_(bindparam("keys", expanding=True))
    )
)
_CASES: Final = Prepared(
    sql_select(_CASE).where(_CASE.c.reference.in_(bindparam("references", expanding=True)))
)
_HEADS: Final = Prepared(
    sql_select(_HEAD.c.peer, _HEAD.c.generation, _HEAD.c.seq, _HEAD.c.digest)
    .where(_HEAD.c.peer.in_(bindparam("peers", expanding=True)))
    .order_by(_HEAD.c.peer)
    .with_for_update()
)
_NEWEST: Final = (
    sql_select(_MESSAGE.c.message_id)
    .where(
        _MESSAGE.c.case_id == _CASE.c.case_id,
        _MESSAGE.c.peer == bindparam("peer"),
        _MESSAGE.c.direction == IN,
        _MESSAGE.c.link_seq.is_not(None),
    )
    .order_by(_MESSAGE.c.link_generation.desc(), _MESSAGE.c.link_seq.desc())
    .limit(1)
    .correlate(_CASE)
    .scalar_subquery()
)
_PLACES: Final = Prepared(
    sql_select(_CASE.c.case_id, _MESSAGE.c.link_generation, _MESSAGE.c.link_seq)
    .join(_MESSAGE, _MESSAGE.c.message_id == _NEWEST)
    .where(_CASE.c.case_id.in_(bindparam("case_ids", expanding=True)))
)


def find_submitted(session: Session, keys: Iterable[str]) -> set[str]:
    """Return which of these submissions were queued before."""
    found: set[str] = set()
    for part in in_parts(sorted(set(keys))):
        found.update(key for (key,) in _SUBMITTED.ask(session, {"keys": part}))
    return found


def lock_heads(
    context: NodeContext, session: Session, peers: Sequence[str]
) -> dict[ParticipantCode, LinkHead]:
    """Take the links to these peers, sorted, for this transaction; begin those that are new."""
    heads = _lock_known(session, peers)
    new = [peer for peer in peers if peer not in heads]
    if new:
        begin_links(context, session, new)
        heads |= _lock_known(session, new)
    return heads


def _lock_known(session: Session, peers: Sequence[str]) -> dict[ParticipantCode, LinkHead]:
    rows = _HEADS.ask(session, {"peers": [*peers]}) if peers else ()
    return {
        ParticipantCode(peer): LinkHead(generation=generation, seq=seq, digest=digest)
        for peer, generation, seq, digest in rows
    }


def find_cases(session: Session, references: Iterable[str]) -> dict[str, CaseRow]:
    """Return the cases of these references that this node knows: copies, not to be changed."""
    found: dict[str, CaseRow] = {}
    for part in in_parts(sorted(set(references))):
        for row in _CASES.ask(session, {"references": part}):
            case = CaseRow(**dict(zip(_CASE.c.keys(), row, strict=True)))
            found[case.reference] = case
    return found


def find_unseen(
    session: Session, asked: Iterable[tuple[Principal, str]]
) -> set[tuple[str, Principal]]:
    """Return which cases, by reference, are not there for who names them: nothing of theirs.

    Whoever is cleared for every channel sees every case; nothing is asked for them.
    """
    named: dict[Principal, set[str]] = {}
    for who, reference in asked:
        if not who.sees(None):
            named.setdefault(who, set()).add(reference)
    unseen: set[tuple[str, Principal]] = set()
    for who, references in named.items():
        for part in in_parts(sorted(references)):
            question = select(CaseRow.reference).where(
                col(CaseRow.reference).in_(part), is_case_seen(who)
            )
            unseen |= {(reference, who) for reference in {*part} - {*session.exec(question)}}
    return unseen


def find_newest_places(
    session: Session, case_ids: Sequence[str], peers: Iterable[str]
) -> Mapping[tuple[str, str], Place]:
    """Return the place of the newest message of each case that came from each Participant."""
    found: dict[tuple[str, str], Place] = {}
    for peer in peers:
        for part in in_parts(case_ids):
            asked = {"case_ids": part, "peer": peer}
            for case_id, generation, seq in _PLACES.ask(session, asked):
                if generation is not None and seq is not None:
                    found[(case_id, peer)] = Place(generation, seq)
    return found
