"""Channels, clearances, tokens and the audit log, in the services themselves."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from console.accounts.models import AccountId
from console.audit.chain import AuditBrokenError
from console.storage.database import Database
from node.domain.access import Permission, Principal
from node.domain.audit import Act
from node.service.audit import chain_due, list_audit, record, verify_audit
from node.service.cancelling import handle_cancel
from node.service.cases.listing import list_cases
from node.service.channel_filling import fill_channels
from node.service.composing import handle_send
from node.service.context import NodeContext, NotFoundError, StaleError
from node.service.deciding import DecisionDraft, handle_decide
from node.service.devices import handle_end_devices, list_devices
from node.service.followers import follow_all
from node.service.people import (
    AccountError,
    NewPerson,
    Standing,
    handle_add_account,
    handle_change_standing,
    handle_let_in,
    handle_shut_out,
    list_people,
    load_person,
)
from node.service.permitting import ForbiddenError
from node.service.principals import load_people
from node.service.reading import get_case, get_evidence, get_message, list_items
from node.service.tokens import (
    TokenError,
    TokenScope,
    TokenWish,
    find_caller,
    handle_make_token,
    handle_revoke_tokens,
    list_tokens,
)
from node.store.migrating import migrate
from node.store.tables import MessageRow
from protocol.identifiers import Channel
from protocol.messages.general import Outcome
from protocol.policy.facts import Role
from tests.support.node import Network, make_draft, make_network
from tests.support.people import LOCAL, STAFF, acting, token_of

CARE = acting("care", channels=[Channel.ASSISTANCE])
POLICE = acting("police", channels=[Channel.POLICE])
AUDITOR = acting("auditor", Role.AUDITOR)
ADMIN = acting("admin", Role.NODE_ADMIN)


@pytest.fixture
def nodes(node_url_of: Callable[[str], str]) -> Iterator[Network]:
    """Give two nodes."""
    made = make_network(("AL", "XK"), url_of=node_url_of)
    yield made
    made.close()


@pytest.fixture
def al(nodes: Network) -> NodeContext:
    """Give one of them."""
    return nodes.node("AL")


def test_a_message_is_there_for_its_channel_alone(nodes: Network, al: NodeContext) -> None:
    """Lists, case, timeline, evidence, acts: nothing of another channel is there, on both sides."""
    ours = handle_send(al, make_draft(), who=CARE)
    nodes.settle()
    for context, direction in ((al, "out"), (nodes.node("XK"), "in")):
        (item,) = list_items(context, who=CARE, direction=direction)
        assert item.message_id == ours.message_id
        assert list_items(context, who=POLICE, direction=direction) == []
        follow_all(context)
        (line,) = list_cases(context, who=CARE, limit=9)
        assert line.reference == ours.case_reference
        assert list_cases(context, who=POLICE, limit=9) == []
        case_id = item.case_id or ""
        for ask in (get_message, get_evidence):
            ask(context, ours.message_id, who=CARE)
            with pytest.raises(NotFoundError):
                ask(context, ours.message_id, who=POLICE)
        assert get_case(context, case_id, who=CARE).items
        with pytest.raises(NotFoundError):
            get_case(context, case_id, who=POLICE)
    with pytest.raises(NotFoundError):
        handle_cancel(al, ours.message_id, who=POLICE)
    decision = DecisionDraft(outcome=Outcome.MORE_INFORMATION_NEEDED, procedure_note="Which?")
    with pytest.raises(NotFoundError):
        handle_decide(nodes.node("XK"), ours.message_id, decision, who=POLICE)
    with pytest.raises(NotFoundError):
        handle_send(al, make_draft(case=ours.case_reference), who=POLICE)


def test_nobody_sends_in_a_channel_that_is_not_theirs(al: NodeContext) -> None:
    """Refused before anything is stored; who may not send at all is refused, too."""
    for who in (POLICE, ADMIN, AUDITOR, acting("approver", Role.APPROVER)):
        with pytest.raises(ForbiddenError):
            handle_send(al, make_draft(), who=who)
    assert list_items(al, who=STAFF, direction="out") == []
    for who in (ADMIN, AUDITOR):
        with pytest.raises(ForbiddenError):
            list_items(al, who=who, direction="in")


def test_what_is_older_than_channels_is_seen_by_few_until_it_was_looked_through(
    al: NodeContext,
) -> None:
    """A row without a channel is there for somebody cleared for all; then for its own channel."""
    sent = handle_send(al, make_draft(), who=STAFF)
    with al.database.transaction() as session:
        session.get_one(MessageRow, sent.message_id).channel = None
    assert list_items(al, who=CARE, direction="out") == []
    assert len(list_items(al, who=STAFF, direction="out")) == 1
    assert fill_channels(al) is None
    assert len(list_items(al, who=CARE, direction="out")) == 1
    assert list_items(al, who=POLICE, direction="out") == []


# ------------------------------------------------------------------ people


def _add(context: NodeContext, name: str, *roles: Role, confidential: bool = False) -> AccountId:
    standing = Standing(
        roles=frozenset(roles), channels=frozenset({Channel.POLICE}), confidential=confidential
    )
    person = NewPerson(sign_in_name=name, display_name=name, standing=standing)
    return handle_add_account(context, person, who=LOCAL)


def _principal(context: NodeContext, account_id: str) -> Principal | None:
    with context.database.reading() as session:
        return load_people(session, [account_id]).get(account_id)


def test_clearance_is_given_person_by_person(al: NodeContext) -> None:
    """Channels and the confidential part count beside a role that reads cases, and only there."""
    officer = _add(al, "officer", Role.FOCAL_POINT, confidential=True)
    who = _principal(al, officer)
    assert who is not None
    assert who.channels == {Channel.POLICE}
    assert who.person == officer
    assert who.may(Permission.READ_CONFIDENTIAL)
    admin = _principal(al, _add(al, "admin", Role.NODE_ADMIN))
    assert admin is not None
    assert (admin.channels, admin.may(Permission.READ_CASES)) == (frozenset(), False)
    with pytest.raises(AccountError, match="confidential"):
        _add(al, "auditor", Role.AUDITOR, confidential=True)
    for pair in ((Role.NODE_ADMIN, Role.FOCAL_POINT), (Role.AUDITOR, Role.APPROVER)):
        with pytest.raises(AccountError, match="never sees content"):
            _add(al, "both", *pair)


def test_what_somebody_may_changes_at_once_and_never_for_oneself(al: NodeContext) -> None:
    """A stale page changes nothing; nobody lifts themselves up; the last administrator stays."""
    officer, first = _add(al, "officer", Role.FOCAL_POINT), _add(al, "first", Role.NODE_ADMIN)
    admin = acting(first, Role.NODE_ADMIN)
    trend = Standing(roles=frozenset({Role.APPROVER}), channels=frozenset({Channel.TREND}))
    seen = load_person(al, officer, who=admin).row_version
    assert handle_change_standing(al, officer, trend, who=admin, row_version=seen).standing == trend
    with pytest.raises(StaleError):
        handle_change_standing(al, officer, trend, who=admin, row_version=seen)
    with pytest.raises(AccountError, match="themselves"):
        handle_change_standing(al, first, trend, who=admin)
    with pytest.raises(AccountError, match="last node administrator"):
        handle_change_standing(al, first, trend, who=LOCAL)
    with pytest.raises(AccountError, match="last node administrator"):
        handle_shut_out(al, first, who=LOCAL)
    with pytest.raises(AccountError, match="themselves"):
        handle_shut_out(al, first, who=admin)
    _add(al, "second", Role.NODE_ADMIN)
    handle_shut_out(al, first, who=LOCAL)
    assert _principal(al, first) is None
    handle_let_in(al, first, who=LOCAL)
    assert _principal(al, first) is not None
    for who in (STAFF, AUDITOR):
        with pytest.raises(ForbiddenError):
            list_people(al, who=who)


def test_devices_are_ones_own_or_an_administrators(al: NodeContext) -> None:
    """Somebody lists and ends their own; of others only administrators do."""
    officer = _add(al, "officer", Role.FOCAL_POINT)
    assert list_devices(al, officer, who=acting(officer)) == []
    handle_end_devices(al, officer, who=ADMIN)
    with pytest.raises(ForbiddenError):
        list_devices(al, officer, who=STAFF)
    with pytest.raises(NotFoundError):
        list_devices(al, "nobody", who=ADMIN)


# ------------------------------------------------------------------ programs


def test_a_bound_token_opens_no_more_than_its_person_may(al: NodeContext) -> None:
    """It has what scope and person share, and ends with the account."""
    officer = _add(al, "officer", Role.FOCAL_POINT, confidential=True)
    bound = token_of(al, "bound", scope=TokenScope.PERSON, person="officer")
    reading = token_of(al, "reading", scope=TokenScope.READING, person="officer")
    free = token_of(al, "free")
    whole, less, loose = (find_caller(al, token) for token in (bound, reading, free))
    assert whole is not None
    assert whole.who.may(Permission.READ_CONFIDENTIAL)
    assert whole.who.channels == {Channel.POLICE}
    assert whole.who.person == officer
    assert less is not None
    assert less.who.permissions == {Permission.READ_CASES}
    assert loose is not None
    assert loose.who.person is None
    assert not loose.who.may(Permission.APPROVE)
    _add(al, "admin", Role.NODE_ADMIN)
    handle_shut_out(al, officer, who=LOCAL)
    assert find_caller(al, bound) is None
    assert find_caller(al, free) is not None
    handle_let_in(al, officer, who=LOCAL)
    assert [find_caller(al, token) for token in (bound, reading)] == [None, None]  # for good
    assert {each.label for each in list_tokens(al, who=ADMIN) if each.revoked_at} == {
        "bound",
        "reading",
    }


def test_people_see_and_take_back_their_own_tokens_alone(al: NodeContext) -> None:
    """Those of others are not there for them; a program bound to nobody sees none."""
    one, other = (acting(_add(al, name, Role.FOCAL_POINT)) for name in ("one", "other"))
    mine = token_of(al, "mine", scope=TokenScope.READING, person="one")
    theirs = token_of(al, "theirs", scope=TokenScope.READING, person="other")
    assert [each.label for each in list_tokens(al, who=one)] == ["mine"]
    with pytest.raises(TokenError, match="check the label"):
        handle_revoke_tokens(al, label="theirs", who=one)
    assert find_caller(al, theirs) is not None
    assert handle_revoke_tokens(al, label="mine", who=one) == 1
    assert find_caller(al, mine) is None
    free = find_caller(al, token_of(al, "free"))
    assert free is not None
    for act in (
        list_tokens,
        lambda context, who: handle_revoke_tokens(context, label="free", who=who),
    ):
        with pytest.raises(ForbiddenError):
            act(al, who=free.who)
    assert handle_revoke_tokens(al, label="theirs", who=other) == 1


def test_an_administrator_makes_no_token_that_shows_content(al: NodeContext) -> None:
    """Nor for somebody else; who works on cases makes them, for themselves and their channels."""
    officer = _add(al, "officer", Role.FOCAL_POINT)
    _add(al, "other", Role.FOCAL_POINT)
    wish = TokenWish(label="x", lifetime=timedelta(days=1), channels=frozenset({Channel.POLICE}))
    for scope in (TokenScope.MESSAGES, TokenScope.READING, TokenScope.PERSON):
        with pytest.raises(ForbiddenError):
            handle_make_token(al, replace(wish, scope=scope, person="officer"), who=ADMIN)
    own = acting(officer, channels=[Channel.POLICE])
    made = handle_make_token(al, replace(wish, person="other"), who=own)
    caller = find_caller(al, made)
    assert caller is not None
    assert caller.who.person == officer
    with pytest.raises(TokenError, match="no more than its maker"):
        handle_make_token(al, replace(wish, channels=frozenset(Channel)), who=own)
    with pytest.raises(TokenError, match="made by a person"):
        handle_make_token(al, wish, who=replace(own, person=None))
    with pytest.raises(TokenError, match="bound to one"):
        handle_make_token(al, replace(wish, scope=TokenScope.PERSON), who=LOCAL)
    (listed,) = list_tokens(al, who=ADMIN)
    assert (listed.label, listed.account_id, listed.revoked_at) == ("x", officer, None)
    assert handle_revoke_tokens(al, label="x", who=ADMIN) == 1
    assert find_caller(al, made) is None


def test_a_token_that_administers_or_audits_ends_with_its_maker(al: NodeContext) -> None:
    """Else one would outlive the account, or open the audit log to those whom it watches."""
    wish = TokenWish(label="x", lifetime=timedelta(days=1), scope=TokenScope.AUDIT)
    running = replace(wish, label="y", scope=TokenScope.ADMINISTRATION)
    admin, auditor = _add(al, "admin", Role.NODE_ADMIN), _add(al, "auditor", Role.AUDITOR)
    with pytest.raises(ForbiddenError):
        handle_make_token(al, wish, who=ADMIN)
    audits = handle_make_token(al, wish, who=acting(auditor, Role.AUDITOR))
    rules = handle_make_token(al, running, who=acting(admin, Role.NODE_ADMIN))
    caller = find_caller(al, rules)
    assert caller is not None
    with pytest.raises(AccountError, match="themselves"):
        handle_change_standing(
            al, AccountId(admin), Standing(roles=frozenset({Role.AUDITOR})), who=caller.who
        )
    with pytest.raises(TokenError, match="made by a person"):
        handle_make_token(al, replace(running, label="z"), who=replace(ADMIN, person=None))
    _add(al, "second", Role.NODE_ADMIN)
    for account in (admin, auditor):
        handle_shut_out(al, AccountId(account), who=LOCAL)
    assert [find_caller(al, token) for token in (audits, rules)] == [None, None]


def test_a_label_stays_with_the_program_that_had_it_first(al: NodeContext) -> None:
    """By it a program owns drafts, files and answers, and stands in the audit log: also later."""
    officer, other = _add(al, "officer", Role.FOCAL_POINT), _add(al, "other", Role.FOCAL_POINT)
    wish = TokenWish(label="x", lifetime=timedelta(days=1), channels=frozenset({Channel.POLICE}))
    own = acting(officer, channels=[Channel.POLICE])
    handle_make_token(al, wish, who=own)
    handle_revoke_tokens(al, label="x", who=ADMIN)
    taken = [(wish, acting(other)), (wish, LOCAL), (replace(wish, scope=TokenScope.READING), own)]
    for again, who in taken:
        with pytest.raises(TokenError, match="another program's"):
            handle_make_token(al, again, who=who)
    assert find_caller(al, handle_make_token(al, wish, who=own)) is not None


def test_what_was_made_with_a_token_is_taken_back_with_it(al: NodeContext) -> None:
    """Whoever got hold of a token keeps no other one that they made with it, nor with that one."""
    _add(al, "officer", Role.FOCAL_POINT)
    stolen = token_of(al, "stolen", scope=TokenScope.PERSON, person="officer")
    kept = token_of(al, "kept", scope=TokenScope.PERSON, person="officer")
    wish = TokenWish(label="one", lifetime=timedelta(days=1), channels=frozenset({Channel.POLICE}))
    made = [stolen]
    for label in ("one", "two"):
        caller = find_caller(al, made[-1])
        assert caller is not None
        made.append(handle_make_token(al, replace(wish, label=label), who=caller.who))
    assert handle_revoke_tokens(al, label="stolen", who=ADMIN) == 3
    assert [find_caller(al, token) for token in made] == [None, None, None]
    assert find_caller(al, kept) is not None


# ------------------------------------------------------------------ audit


def test_who_saw_and_sent_is_in_the_audit_log(nodes: Network, al: NodeContext) -> None:
    """One entry for each act, by identifier; only auditors read it, and every hash fits."""
    sent = handle_send(al, make_draft(), who=CARE)
    for _ in range(2):
        get_message(al, sent.message_id, who=STAFF)
    get_evidence(al, sent.message_id, who=STAFF)
    handle_cancel(al, sent.message_id, who=CARE)
    entries = [(e.actor, e.action, e.subject) for e in list_audit(al, who=AUDITOR)]
    assert entries == [
        ("care", Act.MESSAGE_CANCELLED, sent.message_id),
        ("officer", Act.EVIDENCE_EXPORTED, sent.message_id),
        ("officer", Act.MESSAGE_SEEN, sent.message_id),
        ("care", Act.MESSAGE_SENT, sent.message_id),
    ]
    assert verify_audit(al, who=AUDITOR).sequence == len(entries)
    for who in (STAFF, ADMIN):
        with pytest.raises(ForbiddenError):
            list_audit(al, who=who)
    assert chain_due(nodes.node("XK")) == 0


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def migrated(
    request: pytest.FixtureRequest, al: NodeContext, tmp_path: Path
) -> Iterator[NodeContext]:
    """Give a node on tables as the migrations make them."""
    url = f"sqlite:///{tmp_path / 'migrated.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    database = Database(url)
    migrate(database)
    yield replace(al, database=database)
    database.close()


def test_the_database_refuses_to_change_the_audit_log(migrated: NodeContext) -> None:
    """Entries are added alone; where the end was changed all the same, verifying tells."""
    for _ in range(3):
        migrated.transact(lambda s: record(migrated, s, "local:x", Act.TOKEN_MADE))
    assert verify_audit(migrated, who=AUDITOR).sequence == 3
    for change in (
        "UPDATE audit_entry SET actor = 'somebody' WHERE sequence = 2",
        "DELETE FROM audit_entry WHERE sequence = 2",
    ):
        with pytest.raises(DBAPIError), migrated.database.transaction() as session:
            session.execute(text(change))
    with migrated.database.transaction() as session:
        session.execute(text("UPDATE audit_head SET sequence = 2"))
    with pytest.raises(AuditBrokenError, match="noted as entry 2"):
        verify_audit(migrated, who=AUDITOR)
