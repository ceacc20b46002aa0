"""Tokens for programs: made once, shown once, stored as a hash.

A token has a scope (what kind of thing its holder may do), channels (of which messages), and may be
bound to an account: then it never opens more than that person may, and ends when the account does.
"""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from sqlalchemy import bindparam
from sqlalchemy import select as sql_select
from sqlmodel import Session, col, select

from node.domain.access import ABOUT_CONTENT, Permission, Principal
from node.domain.audit import Act
from node.service.audit import lock_chain, record
from node.service.context import NodeContext, NodeError, NotFoundError
from node.service.permitting import require
from node.service.principals import is_local, load_people, split_channels, write_channels
from node.store.account_tables import AccountRow, ApiTokenRow
from node.store.bulk import in_parts, table_of
from node.store.prepared import Prepared
from protocol.identifiers import Channel

_TOKEN_BYTES = 32
_LONGEST_LIFE = timedelta(days=366)
_LONGEST_LABEL: Final = 50


class TokenError(NodeError):
    """A token cannot be made as asked."""


class TokenScope(StrEnum):
    """What a program may do: one that keeps the directory never sees a case, and the reverse."""

    MESSAGES = "messages"
    #: Reads what ``messages`` reads, and changes nothing.
    READING = "reading"
    DIRECTORY = "directory"
    #: Sees delivery, never content; tries again or gives up what did not arrive.
    DELIVERY = "delivery"
    #: Whatever the account that it is bound to may do. Only for tokens that are bound to one.
    PERSON = "person"
    #: Administers people, the node, and the roster; never content.
    ADMINISTRATION = "administration"
    #: Reads the audit log and statistics.
    AUDIT = "audit"


SCOPES: Final[Mapping[TokenScope, frozenset[Permission]]] = MappingProxyType(
    {
        TokenScope.MESSAGES: frozenset({Permission.READ_CASES, Permission.WORK_CASES}),
        TokenScope.READING: frozenset({Permission.READ_CASES}),
        TokenScope.DIRECTORY: frozenset({Permission.KEEP_DIRECTORY}),
        TokenScope.DELIVERY: frozenset({Permission.WATCH_DELIVERY}),
        TokenScope.PERSON: frozenset(Permission),
        TokenScope.ADMINISTRATION: frozenset(
            {
                Permission.ADMINISTER_PEOPLE,
                Permission.ADMINISTER_NODE,
                Permission.KEEP_ROSTER,
                Permission.WATCH_DELIVERY,
            }
        ),
        TokenScope.AUDIT: frozenset({Permission.READ_AUDIT, Permission.READ_STATISTICS}),
    }
)
"""What each scope opens at most."""

_NEEDS: Final[Mapping[TokenScope, Permission]] = MappingProxyType(
    {
        **{
            scope: Permission.WORK_CASES
            for scope, opened in SCOPES.items()
            if opened & ABOUT_CONTENT
        },
        TokenScope.ADMINISTRATION: Permission.ADMINISTER_PEOPLE,
        TokenScope.AUDIT: Permission.READ_AUDIT,
    }
)
"""Scopes whose tokens a person makes for themselves alone, and what that person may do."""

ONLY_OF_PEOPLE: Final = frozenset({Permission.READ_CONFIDENTIAL, Permission.APPROVE})
"""What no program has by itself: only where it is bound to a person who may."""

#: Asked for each message of a program. Made once: that costs more than asking it.
_TOKEN: Final = table_of(ApiTokenRow)
_BY_HASH: Final = Prepared(
    sql_select(_TOKEN).where(_TOKEN.c.token_hash.in_(bindparam("hashes", expanding=True)))
)
PROGRAM: Final = "api:"
"""How a program stands in timelines and in the audit log, before its label."""


@dataclass(frozen=True, slots=True)
class ApiCaller:
    """A program that came in with a valid token."""

    label: str
    scope: TokenScope
    who: Principal

    @property
    def actor(self) -> str:
        """How it stands in the timeline."""
        return self.who.actor


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenWish:
    """What a token shall be good for."""

    label: str
    lifetime: timedelta
    scope: TokenScope = TokenScope.MESSAGES
    channels: frozenset[Channel] = field(default_factory=lambda: frozenset({Channel.ASSISTANCE}))
    #: Sign-in name of the account that it is bound to, if any.
    person: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenView:
    """A token in a list: everything but itself."""

    label: str
    scope: TokenScope
    channels: tuple[Channel, ...]
    account_id: str | None
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


def handle_make_token(context: NodeContext, wish: TokenWish, *, who: Principal) -> str:
    """Make a token for a program; it is returned here and never again.

    Raises :class:`TokenError`, ``ForbiddenError``, ``NotFoundError`` for an unknown person.
    """
    _verify(wish)
    _verify_maker(wish, who)
    is_own = wish.scope in _NEEDS and not is_local(who)
    token = base64.urlsafe_b64encode(context.random(_TOKEN_BYTES)).rstrip(b"=").decode()
    now, channels = context.clock(), write_channels(wish.channels)
    with context.database.transaction() as session:
        lock_chain(context, session)  # two at once do not both begin the same label
        account_id = _find_account(session, wish.person) if wish.person else None
        if is_own:
            # Theirs alone, and over when their account is: nobody lends somebody else's.
            account_id = who.person
        _verify_label(session, wish, account_id)
        session.add(
            ApiTokenRow(
                token_hash=_hash(token),
                label=wish.label,
                scope=wish.scope.value,
                channels=channels,
                account_id=account_id,
                made_by=who.actor,
                created_at=now,
                expires_at=now + wish.lifetime,
            )
        )
        detail = {"scope": wish.scope.value, "channels": channels, "account": account_id}
        record(context, session, who, Act.TOKEN_MADE, subject=wish.label, detail=detail)
    return token


def _verify(wish: TokenWish) -> None:
    label = wish.label
    if not label.isascii() or not label.replace("-", "").isalnum() or len(label) > _LONGEST_LABEL:
        raise TokenError("A label is up to 50 letters, digits and hyphens.")
    if not timedelta(0) < wish.lifetime <= _LONGEST_LIFE:
        raise TokenError("A token lives between a moment and 366 days.")
    if wish.scope is TokenScope.PERSON and wish.person is None:
        raise TokenError("A token that may what a person may is bound to one: name the person.")


def _verify_maker(wish: TokenWish, who: Principal) -> None:
    """Let nobody make a token that opens what they may not open themselves.

    A token that shows content is made by somebody who works on cases, for themselves, or by a
    command on the node's machine, whose operator holds the key store anyway. So are those that
    administer or audit: otherwise an administrator's would outlive their account, and open the
    audit log to those whom it watches. The audit log has it.
    """
    if wish.scope not in _NEEDS or is_local(who):
        require(who, Permission.ADMINISTER_PEOPLE)
        return
    require(who, _NEEDS[wish.scope])
    if who.person is None:
        raise TokenError(
            f"A token that opens {wish.scope} is made by a person, for themselves, or on the "
            "node's machine: use a token that is bound to an account."
        )
    if SCOPES[wish.scope] & ABOUT_CONTENT and not wish.channels <= who.channels:
        raise TokenError("A token shows no more than its maker sees: leave out other channels.")


def _verify_label(session: Session, wish: TokenWish, account_id: str | None) -> None:
    """Keep a label with the one who had it first, for good.

    A program stands under it in timelines and in the audit log, and owns by it what it drafted,
    staged and sent: a second one of this name would find all that, and be taken for the first.
    """
    rows = session.exec(select(ApiTokenRow).where(ApiTokenRow.label == wish.label)).all()
    if any((row.scope, row.account_id) != (wish.scope, account_id) for row in rows):
        raise TokenError(
            f"The label {wish.label} is another program's: choose one that was never used. A new "
            "token of the same program has the same scope and account as its earlier ones."
        )


def _find_account(session: Session, sign_in_name: str) -> str:
    statement = select(AccountRow.account_id).where(
        AccountRow.sign_in_name == sign_in_name.strip().casefold(),
        col(AccountRow.is_active).is_(True),
    )
    account_id = session.exec(statement).one_or_none()
    if account_id is None:
        raise NotFoundError("There is no active account of that sign-in name: list the accounts.")
    return account_id


def handle_revoke_tokens(context: NodeContext, *, label: str, who: Principal) -> int:
    """Take back every token of this label, and what was made with them; returns how many worked.

    Administrators anybody's, everybody else their own. Whoever got hold of a token may have made
    others with it, under other labels. Raises :class:`TokenError` if none worked, or is theirs.
    """
    own = _find_whose(who)
    with context.database.transaction() as session:
        lock_chain(context, session)  # none is made meanwhile with one of these
        theirs = own is None or label in _list_labels_of(session, own)
        count = _take_back(context, session, [label], who=who) if theirs else 0
    if not count:
        raise TokenError("No token of this label works (any more): check the label.")
    return count


def take_back_tokens_of(
    context: NodeContext, session: Session, account_id: str, *, who: Principal
) -> int:
    """Take back the tokens that are bound to an account, and what was made with them.

    For good: they do not come back when the account does. Returns how many worked.
    """
    lock_chain(context, session)
    return _take_back(context, session, _list_labels_of(session, account_id), who=who)


def _find_whose(who: Principal) -> str | None:
    """Return whose tokens they may see and take back; None: everybody's."""
    if who.person is None or who.may(Permission.ADMINISTER_PEOPLE):
        require(who, Permission.ADMINISTER_PEOPLE)
        return None
    return who.person


def _list_labels_of(session: Session, account_id: str) -> list[str]:
    statement = select(ApiTokenRow.label).where(ApiTokenRow.account_id == account_id)
    return sorted(set(session.exec(statement)))


def _take_back(
    context: NodeContext, session: Session, labels: Iterable[str], *, who: Principal
) -> int:
    now, total = context.clock(), 0
    for each in _list_made_with(session, labels):
        rows = session.exec(
            select(ApiTokenRow).where(
                ApiTokenRow.label == each,
                col(ApiTokenRow.revoked_at).is_(None),
                col(ApiTokenRow.expires_at) > now,
            )
        ).all()
        for row in rows:
            row.revoked_at = now
            session.add(row)
        if rows:
            detail = {"count": len(rows)}
            record(context, session, who, Act.TOKENS_REVOKED, subject=each, detail=detail)
        total += len(rows)
    return total


def _list_made_with(session: Session, labels: Iterable[str]) -> list[str]:
    """Return labels, and those of programs that were made with their tokens, and with theirs."""
    found = list(labels)
    for each in found:  # grows while it is walked
        statement = select(ApiTokenRow.label).where(ApiTokenRow.made_by == f"{PROGRAM}{each}")
        found += sorted(set(session.exec(statement)) - set(found))
    return found


def list_tokens(context: NodeContext, *, who: Principal) -> list[TokenView]:
    """List the tokens that work, and those that did within a year, the newest first.

    Administrators see everybody's, everybody else their own.
    """
    own = _find_whose(who)
    wanted = [col(ApiTokenRow.expires_at) > context.clock() - _LONGEST_LIFE]
    if own is not None:
        wanted.append(col(ApiTokenRow.account_id) == own)
    with context.database.reading() as session:
        rows = session.exec(
            select(ApiTokenRow)
            .where(*wanted)
            .order_by(col(ApiTokenRow.created_at).desc(), col(ApiTokenRow.token_hash))
        ).all()
    return [
        TokenView(
            label=row.label,
            scope=TokenScope(row.scope),
            channels=tuple(sorted(split_channels(row.channels))),
            account_id=row.account_id,
            created_at=row.created_at,
            expires_at=row.expires_at,
            revoked_at=row.revoked_at,
        )
        for row in rows
    ]


def find_caller(context: NodeContext, token: str) -> ApiCaller | None:
    """Return who holds ``token``, or ``None`` if it is unknown, revoked, or has ended."""
    with context.database.reading() as session:
        return find_callers(context, session, {token}).get(token)


def find_callers(
    context: NodeContext, session: Session, tokens: Iterable[str]
) -> dict[str, ApiCaller]:
    """Return who holds which of these tokens; without those that are unknown, revoked or ended.

    A token ends with the account that it is bound to, and opens no more than that person may.
    """
    by_hash = {_hash(token): token for token in tokens}
    now = context.clock()
    found = (
        ApiTokenRow(**dict(zip(_TOKEN.c.keys(), row, strict=True)))
        for part in in_parts(sorted(by_hash))
        for row in _BY_HASH.ask(session, {"hashes": part})
    )
    rows = [row for row in found if row.revoked_at is None and row.expires_at > now]
    bound = {row.account_id for row in rows if row.account_id is not None}
    people = load_people(session, bound) if bound else {}
    return {
        by_hash[row.token_hash]: _describe(row, people.get(row.account_id or ""))
        for row in rows
        if row.account_id is None or row.account_id in people
    }


def has_working_token(session: Session, label: str, *, now: datetime) -> bool:
    """Whether a program of this label can still come in by itself, bound to nobody."""
    working = select(ApiTokenRow.token_hash).where(
        ApiTokenRow.label == label,
        col(ApiTokenRow.account_id).is_(None),
        col(ApiTokenRow.revoked_at).is_(None),
        ApiTokenRow.expires_at > now,
    )
    return session.exec(working.limit(1)).first() is not None


def find_program(
    session: Session, actor: str, *, person: str | None, now: datetime
) -> Principal | None:
    """Return what a program may do now with those of its tokens that may work on cases.

    ``person``: the account that it is bound to. ``None`` if no such token works any more.
    """
    rows = session.exec(
        select(ApiTokenRow).where(
            ApiTokenRow.label == actor.removeprefix(PROGRAM),
            col(ApiTokenRow.account_id).is_not_distinct_from(person),
            col(ApiTokenRow.revoked_at).is_(None),
            ApiTokenRow.expires_at > now,
        )
    ).all()
    bound = load_people(session, [person]).get(person) if person else None
    if person and bound is None:
        return None
    working = [
        each
        for each in (_describe(row, bound).who for row in rows)
        if each.may(Permission.WORK_CASES)
    ]
    if not working:
        return None
    return replace(
        working[0],
        permissions=frozenset().union(*(each.permissions for each in working)),
        channels=frozenset().union(*(each.channels for each in working)),
    )


def _describe(row: ApiTokenRow, person: Principal | None) -> ApiCaller:
    scope = TokenScope(row.scope)
    permissions, channels = SCOPES[scope], split_channels(row.channels)
    if person is None:
        permissions -= ONLY_OF_PEOPLE
    else:
        permissions, channels = permissions & person.permissions, channels & person.channels
    if not permissions & ABOUT_CONTENT:
        channels = frozenset()
    return ApiCaller(
        label=row.label,
        scope=scope,
        who=Principal(
            actor=f"{PROGRAM}{row.label}",
            permissions=permissions,
            channels=channels,
            roles=person.roles if person else frozenset(),
            person=person.person if person else None,
        ),
    )


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
