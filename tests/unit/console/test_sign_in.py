"""Signing in: what lets a person in, what does not, and what an attacker gains (nothing)."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any, Literal

import pytest
from argon2 import PasswordHasher
from typing_extensions import override

from console.accounts.lockout import ACCOUNT_DELAYS, CLIENT_DELAYS, FORGET_AFTER, find_wait
from console.accounts.models import (
    STAGES,
    AccountId,
    Failures,
    Stage,
    hash_token,
    parse_token,
)
from console.accounts.passwords import ARGON2ID, Passwords
from console.accounts.second_factor import (
    build_totp_uri,
    draw_qr,
    find_totp_step,
    make_totp_secret,
)
from console.accounts.sessions import Granted, StageError, Visitor
from console.accounts.sign_in import Refused
from tests.support.console_face import (
    CHEAP,
    NOON,
    PASSWORD,
    SECRET,
    Sample,
    make_account,
    totp_code,
)
from tests.support.console_sign_in import HERE, OFFICER, enter, enter_password

ELSEWHERE = Visitor("192.0.2.2", "test")


@pytest.mark.parametrize(
    ("name", "password"),
    [("officer", "wrong"), ("nobody", PASSWORD), ("", ""), ("officer", ""), ("officer", "x" * 999)],
)
def test_a_wrong_name_and_a_wrong_password_look_the_same(
    sample: Sample, name: str, password: str
) -> None:
    """The refusal does not tell whether the name exists."""
    outcome = sample.console.sign_in.give_password(name=name, password=password, visitor=HERE)
    assert isinstance(outcome, Refused)
    assert outcome.reason.msgid.startswith("The name or the password is not right")
    assert sample.sessions.sessions == {}


def test_an_unknown_name_costs_a_hash_too() -> None:
    """Checking nobody's password runs the hasher once, like anybody's."""

    class Counting(PasswordHasher):
        calls = 0

        @override
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
            self.calls += 1
            return super().verify(hash, password)

    counting = Counting(time_cost=1, memory_cost=8, parallelism=1)
    passwords = Passwords(counting)
    assert not passwords.is_password(PASSWORD, None)
    assert not passwords.is_password("other", passwords.hash_password(PASSWORD))
    assert counting.calls == 2


@pytest.mark.parametrize(
    "change", [{"is_active": False}, {"password_hash": None}, {"totp_secret": None}]
)
def test_an_account_that_is_off_or_not_set_up_cannot_sign_in(
    sample: Sample, change: dict[str, Any]
) -> None:
    """The right password is not enough."""
    account = sample.accounts.accounts[OFFICER]
    sample.accounts.accounts[OFFICER] = replace(account, **change)
    outcome = sample.console.sign_in.give_password(name="officer", password=PASSWORD, visitor=HERE)
    assert isinstance(outcome, Refused)


def test_a_code_is_used_once(sample: Sample) -> None:
    """A code that was seen over a shoulder is refused, also within its thirty seconds."""
    enter(sample)
    again = sample.console.sign_in.give_code(
        enter_password(sample).signed_in, code=totp_code(NOON), visitor=HERE
    )
    assert isinstance(again, Refused)
    sample.clock.advance(seconds=30)
    assert isinstance(enter(sample), Granted)


def test_one_code_opens_one_of_two_concurrent_sessions(sample: Sample) -> None:
    """Two posts of the same code at the same time: one gets in."""
    sessions = [enter_password(sample).signed_in for _ in range(2)]
    code = totp_code(NOON)
    with ThreadPoolExecutor(2) as pool:
        outcomes = list(
            pool.map(
                lambda session: sample.console.sign_in.give_code(session, code=code, visitor=HERE),
                sessions,
            )
        )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Granted", "Refused"]


@pytest.mark.parametrize(
    ("drift", "accepted"), [(-60, False), (-30, True), (30, True), (60, False)]
)
def test_a_phone_may_be_one_step_off(drift: int, *, accepted: bool) -> None:
    """Half a minute of drift is forgiven, a minute is not."""
    code = totp_code(NOON + timedelta(seconds=drift))
    found = find_totp_step(code, secret=SECRET, at=NOON, after=-1)
    assert (found is not None) is accepted


def test_a_code_may_be_typed_in_two_groups() -> None:
    """Apps show 123 456, and people copy that."""
    code = totp_code(NOON)
    typed = f" {code[:3]} {code[3:]} "
    assert find_totp_step(typed, secret=SECRET, at=NOON, after=-1) is not None


def test_failures_make_one_wait_longer_and_longer(sample: Sample) -> None:
    """After four failures even the right password waits; after the wait it is let in."""
    for _ in range(4):
        sample.console.sign_in.give_password(name="officer", password="no", visitor=HERE)
    outcome = sample.console.sign_in.give_password(
        name="OFFICER", password=PASSWORD, visitor=ELSEWHERE
    )
    assert isinstance(outcome, Refused)
    assert outcome.reason.msgid.startswith("There were too many attempts")
    sample.clock.advance(seconds=16)
    enter_password(sample)


def test_wrong_codes_count_although_the_password_was_right(sample: Sample) -> None:
    """Guessing the code with a stolen password is slowed like guessing the password."""
    sample.clock.advance(seconds=1)
    for _ in range(2):
        session = enter_password(sample).signed_in
        sample.console.sign_in.give_code(session, code="000000", visitor=HERE)
    outcome = sample.console.sign_in.give_password(name="officer", password=PASSWORD, visitor=HERE)
    assert isinstance(outcome, Refused)


def test_one_client_that_tries_many_names_waits(sample: Sample) -> None:
    """A list of names tried from one address is slowed, and others are not."""
    for number in range(20):
        sample.console.sign_in.give_password(name=f"n{number}", password="no", visitor=HERE)
    refused = sample.console.sign_in.give_password(name="officer", password=PASSWORD, visitor=HERE)
    assert isinstance(refused, Refused)
    enter_password(sample, visitor=ELSEWHERE)


def test_the_tables_of_delays_rise_and_end() -> None:
    """No wait is longer than fifteen minutes, and none shrinks with more failures."""
    for table in (ACCOUNT_DELAYS, CLIENT_DELAYS):
        assert list(table) == sorted(table)
        waits = [find_wait(Failures(count, NOON), delays=table, now=NOON) for count in range(200)]
        assert waits == sorted(waits)
        assert waits[-1] == timedelta(minutes=15)
        assert not find_wait(Failures(9, NOON), delays=table, now=NOON + FORGET_AFTER * 2)


def test_each_step_up_changes_the_token(sample: Sample) -> None:
    """A token planted in the browser before sign-in is dead after it (session fixation)."""
    first = enter_password(sample)
    second = sample.console.sign_in.give_code(first.signed_in, code=totp_code(NOON), visitor=HERE)
    assert isinstance(second, Granted)
    assert second.token != first.token
    assert sample.console.sessions.find(first.token) is None
    assert sample.console.sessions.find(second.token) is not None


def test_only_hashes_of_tokens_are_stored(sample: Sample) -> None:
    """The store holds nothing that a thief could send."""
    granted = enter(sample)
    raw = parse_token(granted.token)
    assert raw is not None
    assert list(sample.sessions.sessions) == [hash_token(raw)]
    assert granted.token not in repr(sample.sessions.sessions)


def test_a_stage_leads_only_where_the_table_says(sample: Sample) -> None:
    """A session that waits for its code cannot be made anything else than active."""
    waiting = enter_password(sample).signed_in
    with pytest.raises(StageError, match="see STAGES"):
        sample.console.sessions.advance(waiting, Stage.LOCKED, renew=False)
    assert set(STAGES) == set(Stage)


def test_the_second_step_has_five_minutes(sample: Sample) -> None:
    """A browser left between password and code is not a way in for the next person."""
    waiting = enter_password(sample)
    sample.clock.advance(minutes=5)
    assert sample.console.sessions.find(waiting.token) is None
    assert sample.sessions.sessions == {}


def test_a_weaker_hash_is_renewed_at_sign_in(sample: Sample) -> None:
    """Raised parameters reach every account as its person signs in."""
    old = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1).hash(PASSWORD)
    sample.accounts.accounts[OFFICER] = replace(
        sample.accounts.accounts[OFFICER], password_hash=old
    )
    enter_password(sample)
    renewed = sample.accounts.accounts[OFFICER].password_hash
    assert renewed is not None
    assert renewed != old
    assert not CHEAP.check_needs_rehash(renewed)


def test_a_damaged_hash_lets_nobody_in() -> None:
    """Bytes that are no hash refuse, and do not fail."""
    assert not Passwords(CHEAP).is_password(PASSWORD, "$argon2id$broken")


def test_the_parameters_in_use_are_the_recommended_ones() -> None:
    """Argon2id as RFC 9106 section 4 recommends for shared memory."""
    assert (ARGON2ID.time_cost, ARGON2ID.memory_cost, ARGON2ID.parallelism) == (3, 65536, 4)
    assert ARGON2ID.type.name == "ID"


@pytest.mark.parametrize(
    ("password", "beginning"),
    [
        ("short", "Choose a password of at least"),
        ("x" * 129, "Choose a password of at most"),
        ("Correct Horse Battery Staple", "This password is one of the first"),
        ("aaaaaaaaaaaaaaaaaaaa", "This password is one of the first"),
        ("duty.officer.pristina2026", "Choose a password that is not"),
        (PASSWORD, None),
        ("шума река мост виолина", None),
    ],
)
def test_weak_passwords_are_refused_with_advice(password: str, beginning: str | None) -> None:
    """Length, the obvious, and one's own name; any script is welcome."""
    found = Passwords(CHEAP).find_weakness(password, sign_in_name="duty.officer.pristina")
    assert (found is None) if beginning is None else (found and found.msgid.startswith(beginning))


def test_a_password_is_the_same_on_every_keyboard() -> None:
    """Composed and decomposed letters are one password."""
    passwords = Passwords(CHEAP)
    assert passwords.is_password(
        "c\u030crni oblak nad gradom", passwords.hash_password("\u010drni oblak nad gradom")
    )


def test_an_idle_session_locks_and_the_password_opens_it(sample: Sample) -> None:
    """Fifteen minutes without an act lock; the password alone opens, under a new token."""
    granted = enter(sample)
    sample.clock.advance(minutes=14)
    found = sample.console.sessions.find(granted.token)
    assert found is not None
    assert found.session.stage is Stage.ACTIVE
    sample.console.sessions.touch(found.session)
    sample.clock.advance(minutes=15)
    locked = sample.console.sessions.find(granted.token)
    assert locked is not None
    assert locked.session.stage is Stage.LOCKED
    wrong = sample.console.sign_in.unlock(locked, password="no", code="", visitor=HERE)
    assert isinstance(wrong, Refused)
    opened = sample.console.sign_in.unlock(locked, password=PASSWORD, code="", visitor=HERE)
    assert isinstance(opened, Granted)
    assert opened.token != granted.token


def test_a_stranger_who_guesses_does_not_keep_an_officer_from_a_hidden_screen(
    sample: Sample,
) -> None:
    """Failures at the account's sign-in, from anywhere, do not count against a session's unlock."""
    granted = enter(sample)
    sample.clock.advance(minutes=20)
    for number in range(10):
        stranger = Visitor(f"198.51.100.{number}", "test")
        refused = sample.console.sign_in.give_password(
            name="officer", password="guess", visitor=stranger
        )
        assert isinstance(refused, Refused)
    locked = sample.console.sessions.find(granted.token)
    assert locked is not None
    assert locked.session.stage is Stage.LOCKED
    outcome = sample.console.sign_in.unlock(locked, password=PASSWORD, code="", visitor=HERE)
    assert isinstance(outcome, Granted)


def test_after_twelve_hours_the_code_is_asked_too(sample: Sample) -> None:
    """Working on does not put off the absolute time; it locks, and loses nothing."""
    granted = enter(sample)
    for _ in range(12 * 6):
        sample.clock.advance(minutes=10)
        found = sample.console.sessions.find(granted.token)
        assert found is not None
        sample.console.sessions.touch(found.session)
    locked = sample.console.sessions.find(granted.token)
    assert locked is not None
    assert locked.session.stage is Stage.LOCKED
    half = sample.console.sign_in.unlock(locked, password=PASSWORD, code="", visitor=HERE)
    assert isinstance(half, Refused)
    assert half.field == "code"
    full = sample.console.sign_in.unlock(
        locked, password=PASSWORD, code=totp_code(sample.clock()), visitor=HERE
    )
    assert isinstance(full, Granted)
    assert not sample.console.sessions.needs_full_sign_in(full.signed_in.session)


def test_a_disabled_account_loses_its_sessions(sample: Sample) -> None:
    """Taking a person's access away works at their next request."""
    granted = enter(sample)
    account = sample.accounts.accounts[OFFICER]
    sample.accounts.accounts[OFFICER] = replace(account, is_active=False)
    assert sample.console.sessions.find(granted.token) is None
    assert sample.sessions.sessions == {}


def test_one_cannot_end_the_session_of_another(sample: Sample) -> None:
    """The list of sessions, and ending one, reach only one's own account."""
    mine = enter(sample)
    other = make_account(Passwords(CHEAP), id=AccountId("a-2"), sign_in_name="other")
    sample.accounts.accounts[other.id] = other
    theirs = sample.console.sessions.open(other, Stage.SECOND_FACTOR, HERE)
    target = theirs.signed_in.session.token_hash
    assert not sample.console.sessions.end_other(mine.signed_in, target)
    assert target in sample.sessions.sessions


def test_the_qr_code_is_an_image_that_an_app_reads() -> None:
    """The SVG holds no script, and the address names issuer and account."""
    secret = make_totp_secret(bytes(20))
    uri = build_totp_uri(secret, account="officer", issuer="TRM XK")
    assert uri.startswith("otpauth://totp/TRM%20XK:officer?secret=" + "A" * 32)
    assert draw_qr(uri).startswith(b'<svg xmlns="http://www.w3.org/2000/svg"')
    with pytest.raises(ValueError, match="20 random bytes"):
        make_totp_secret(b"short")
