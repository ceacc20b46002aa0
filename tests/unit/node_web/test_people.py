"""People of a node: who may be added, and the link by which they come in first."""

from datetime import timedelta

import pytest

from console.accounts.factors import Passkey
from console.accounts.models import Stage
from node.service.accounts import open_factors, open_sessions
from node.service.audit import list_audit
from node.service.context import NotFoundError
from node.service.people import (
    LINK_PATH,
    AccountError,
    NewPerson,
    Standing,
    handle_add_account,
    handle_make_sign_in_link,
    list_accounts,
)
from protocol.policy.facts import Role
from tests.support.console_face import totp_code
from tests.support.node_console import PageReader, Pair
from tests.support.people import LOCAL, acting
from tests.support.setting_up import open_session


def _new(name: str, shown: str, *roles: str) -> NewPerson:
    standing = Standing(roles=frozenset(roles))
    return NewPerson(sign_in_name=name, display_name=shown, standing=standing)


def test_an_added_person_is_listed(pair: Pair) -> None:
    """A new account stands in the list, without any way in yet."""
    context = pair.al.context
    account_id = handle_add_account(
        context, _new(" New.One ", "New person", Role.FOCAL_POINT), who=LOCAL
    )
    found = {account.id: account for account in list_accounts(context)}[account_id]
    assert found.sign_in_name == "new.one"
    assert found.password_hash is None


@pytest.mark.parametrize(
    ("name", "display_name", "roles"),
    [
        ("officer", "Taken", ["focal_point"]),
        ("OFFICER", "Taken", ["focal_point"]),
        ("x", "Short", ["focal_point"]),
        ("with blank", "Blank", ["focal_point"]),
        ("fine", "", ["focal_point"]),
        ("fine", "Two\nlines", ["focal_point"]),
        ("fine", "No role", []),
        ("fine", "Unknown role", ["king"]),
        ("fine", "Sees too much", ["node_admin", "focal_point"]),
        ("fine", "Sees too much", ["node_admin", "approver"]),
    ],
)
def test_a_person_who_may_not_be_added_is_refused(
    pair: Pair, name: str, display_name: str, roles: list[str]
) -> None:
    """Names that are taken or malformed, and roles that one person never has, are refused."""
    before = len(list_accounts(pair.al.context))
    with pytest.raises(AccountError):
        handle_add_account(pair.al.context, _new(name, display_name, *roles), who=LOCAL)
    assert len(list_accounts(pair.al.context)) == before


def test_a_link_is_for_somebody_and_for_days(pair: Pair) -> None:
    """No link is made for an unknown name, nor for longer than a week."""
    with pytest.raises(NotFoundError):
        handle_make_sign_in_link(pair.al.context, "nobody", timedelta(hours=1), who=LOCAL)
    with pytest.raises(AccountError):
        handle_make_sign_in_link(pair.al.context, "officer", timedelta(days=8), who=LOCAL)


async def test_a_new_person_comes_in_by_the_link(pair: Pair) -> None:
    """From the link to the inbox: password, second factor, signed in; the link then is spent.

    Whatever else let somebody in under this account before does so no more, and the log says it.
    """
    context = pair.al.context
    account = handle_add_account(context, _new("fresh", "New person", Role.FOCAL_POINT), who=LOCAL)
    store, now = open_factors(context), context.clock()
    by = open_session(open_sessions(context), account, at=now, stage=Stage.ACTIVE).token_hash
    store.add_passkey(
        Passkey(
            credential_id=b"lost",
            account_id=account,
            public_key=b"key",
            sign_count=0,
            label="lost phone",
            created_at=now,
        ),
        by=by,
    )
    store.replace_recovery_codes(account, ["0" * 64], at=now, by=by)
    store.link_national(account, "1" * 64, at=now, by=by)
    token = handle_make_sign_in_link(context, "fresh", timedelta(hours=1), who=LOCAL)
    async with PageReader(pair.al) as reader:
        await reader.open(f"{LINK_PATH}{token}")
        await reader.send("/link")
        words = "meadow copper lantern"
        await reader.send("/set-up", password=words, again=words)
        code = totp_code(context.clock(), _find_enrolling_secret(pair))
        await reader.send("/set-up/code", code=code)
        assert reader.path == "/"
        assert reader.title.startswith("Inbox")
    assert store.find_passkey(b"lost") is None
    assert store.count_recovery_codes(account) == 0
    assert store.find_national("1" * 64) is None
    told = {entry.action for entry in list_audit(context, who=acting("auditor", Role.AUDITOR))}
    assert told > {"passkey_removed", "recovery_codes_forgotten", "national_login_unlinked"}
    async with PageReader(pair.al) as reader:
        assert (await reader.open(f"{LINK_PATH}{token}")).status_code == 404


def _find_enrolling_secret(pair: Pair) -> str:
    """Give the secret that an authenticator app is shown just now."""
    store = pair.al.console.sessions.store
    sessions = [s for a in list_accounts(pair.al.context) for s in store.list_sessions(a.id)]
    return next(s.enrolment.totp_secret for s in sessions if s.enrolment)
