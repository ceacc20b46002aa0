"""One-time links and the set-up behind them: once, in time, complete, against everything old."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from argon2 import PasswordHasher

from console.accounts.models import AccountId, Session, SignInLink, hash_token, parse_token
from console.accounts.sessions import Granted
from console.accounts.sign_in import Refused
from console.guard import KIT_FORMS
from tests.support.console_face import PASSWORD, Sample, totp_code
from tests.support.console_sign_in import HERE, OFFICER, enter, enter_password


def test_a_one_time_link_opens_one_session_under_concurrent_posts(sample: Sample) -> None:
    """Of many posts of one link at the same time, exactly one gets in."""
    token = sample.console.sign_in.create_link(OFFICER)
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(
            pool.map(lambda _: sample.console.sign_in.follow_link(token, HERE), range(8))
        )
    assert sum(outcome is not None for outcome in outcomes) == 1
    assert not sample.console.sign_in.is_link_open(token)


def test_a_link_ends_by_time_and_by_a_newer_one(sample: Sample) -> None:
    """An old letter, or a replaced one, opens nothing; looking at a link does not use it up."""
    first = sample.console.sign_in.create_link(OFFICER)
    second = sample.console.sign_in.create_link(OFFICER, lifetime=timedelta(hours=1))
    assert not sample.console.sign_in.is_link_open(first)
    assert sample.console.sign_in.is_link_open(second)
    assert sample.console.sign_in.is_link_open(second)
    sample.clock.advance(hours=1)
    assert not sample.console.sign_in.is_link_open(second)
    assert sample.console.sign_in.follow_link(second, HERE) is None


def test_recovery_replaces_everything_only_when_it_is_complete(sample: Sample) -> None:
    """The old password holds until the new code is proven; then all other sessions end."""
    elder = enter(sample)
    sign_in = sample.console.sign_in
    granted = sign_in.follow_link(sign_in.create_link(OFFICER), HERE)
    assert granted is not None
    chosen = sign_in.choose_password(
        granted.signed_in, password="window copper basil train", again="window copper basil train"
    )
    assert isinstance(chosen, Granted)
    sample.clock.advance(seconds=60)
    assert sample.console.sessions.find(elder.token) is not None
    enrolment = chosen.signed_in.session.enrolment
    assert enrolment is not None
    done = sign_in.confirm_enrolment(
        chosen.signed_in, code=totp_code(sample.clock(), enrolment.totp_secret)
    )
    assert isinstance(done, Granted)
    assert done.signed_in.session.enrolment is None
    assert sample.console.sessions.find(elder.token) is None
    assert sample.console.sessions.find(done.token) is not None
    old = sign_in.give_password(name="officer", password=PASSWORD, visitor=HERE)
    assert isinstance(old, Refused)


@pytest.mark.parametrize(
    ("password", "again", "field"),
    [("short", "short", "password"), (PASSWORD, "another one entirely", "again")],
)
def test_setting_up_says_which_field_is_wrong(
    sample: Sample, password: str, again: str, field: str
) -> None:
    """Weak passwords and slips are told at their field."""
    sign_in = sample.console.sign_in
    granted = sign_in.follow_link(sign_in.create_link(OFFICER), HERE)
    assert granted is not None
    outcome = sign_in.choose_password(granted.signed_in, password=password, again=again)
    assert isinstance(outcome, Refused)
    assert outcome.field == field
    early = sign_in.confirm_enrolment(granted.signed_in, code="000000")
    assert isinstance(early, Refused)
    assert early.is_over


def test_what_is_replaced_while_it_is_shown_opens_nothing(
    sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A set-up, or a newer link, that comes between the look and the session: it is ended again."""
    sign_in, keep = sample.console.sign_in, sample.sessions.add_session
    link = sign_in.create_link(OFFICER)

    def keep_late(session: Session) -> None:
        account = sample.accounts.accounts[OFFICER]
        sample.accounts.accounts[OFFICER] = replace(account, password_hash="another")
        sample.accounts.links.clear()
        keep(session)

    monkeypatch.setattr(sample.sessions, "add_session", keep_late)
    outcome = sign_in.give_password(name="officer", password=PASSWORD, visitor=HERE)
    assert isinstance(outcome, Refused)
    sample.accounts.links[hash_token(parse_token(link) or b"")] = SignInLink(
        token_hash=hash_token(parse_token(link) or b""),
        account_id=OFFICER,
        expires_at=sample.clock() + timedelta(hours=1),
    )
    assert sign_in.follow_link(link, HERE) is None
    account = sample.accounts.accounts[OFFICER]
    assert isinstance(sign_in.let_in(account, HERE, holds=lambda: False), Refused)
    assert sample.sessions.sessions == {}
    assert isinstance(sign_in.let_in(account, HERE, holds=lambda: True), Granted)


def test_a_set_up_whose_session_ended_is_over(sample: Sample) -> None:
    """Whoever typed the code when a newer link had ended their session sets nothing up."""
    sign_in = sample.console.sign_in
    granted = sign_in.follow_link(sign_in.create_link(OFFICER), HERE)
    assert granted is not None
    words = "window copper basil train"
    chosen = sign_in.choose_password(granted.signed_in, password=words, again=words)
    assert isinstance(chosen, Granted)
    sample.console.sessions.end_all(OFFICER)
    enrolment = chosen.signed_in.session.enrolment
    assert enrolment is not None
    code = totp_code(sample.clock(), enrolment.totp_secret)
    outcome = sign_in.confirm_enrolment(chosen.signed_in, code=code)
    assert isinstance(outcome, Refused)
    assert outcome.is_over
    assert isinstance(enter(sample), Granted)


def test_two_sign_ins_at_once_strengthen_one_hash(
    sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both typed the right password: whoever is second finds the hash of the first, and goes on."""
    weak = PasswordHasher(time_cost=1, memory_cost=16, parallelism=2).hash(PASSWORD)
    account = sample.accounts.accounts[OFFICER]
    sample.accounts.accounts[OFFICER] = replace(account, password_hash=weak)
    replace_hash = sample.accounts.replace_password_hash
    others: list[Granted] = []

    def replace_late(account_id: AccountId, *, expected: str, replacement: str) -> None:
        monkeypatch.setattr(sample.accounts, "replace_password_hash", replace_hash)
        others.append(enter_password(sample))
        replace_hash(account_id, expected=expected, replacement=replacement)

    monkeypatch.setattr(sample.accounts, "replace_password_hash", replace_late)
    enter_password(sample)
    assert len(others) == 1


def test_what_holds_a_password_is_never_kept_for_later() -> None:
    """Forms of the kit that ask for a password are none that a locked screen keeps."""
    asking = {"/passkeys/begin", "/recovery-codes", "/national/link", "/set-up", "/unlock"}
    assert asking <= KIT_FORMS
