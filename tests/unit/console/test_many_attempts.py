"""Many sign-ins at once: hashing is bounded, attempts are counted first, good ones do not count."""

from concurrent.futures import ThreadPoolExecutor, as_completed
from threading import Event, Lock
from typing import Literal

import pytest
from argon2 import PasswordHasher
from typing_extensions import override

from console.accounts.passwords import Passwords, TooManyAttemptsError
from console.accounts.sessions import Visitor
from console.accounts.sign_in import Refused
from tests.support.console_client import FormClient
from tests.support.console_face import PASSWORD, Sample
from tests.support.console_sign_in import HERE, enter, enter_password

ELSEWHERE = Visitor("192.0.2.2", "test")


class HeldHasher(PasswordHasher):
    """A hasher that, once told to, starts and does not end before it is let go."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.holds = False
        self.free = Event()
        self.running = 0
        self.most = 0
        self._lock = Lock()

    @override
    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
        with self._lock:
            self.running += 1
            self.most = max(self.most, self.running)
        if self.holds:
            assert self.free.wait(30)
        try:
            return super().verify(hash, password)
        finally:
            with self._lock:
                self.running -= 1


def test_few_passwords_are_checked_at_once_and_few_more_wait() -> None:
    """Two at a time, two waiting: a fifth is turned away at once, and the others end well."""
    hasher = HeldHasher()
    passwords = Passwords(hasher, at_once=2, may_wait=2)
    stored = passwords.hash_password(PASSWORD)
    hasher.holds = True
    with ThreadPoolExecutor(5) as pool:
        tried = [pool.submit(passwords.is_password, PASSWORD, stored) for _ in range(5)]
        turned_away = next(as_completed(tried, timeout=30))
        assert isinstance(turned_away.exception(), TooManyAttemptsError)
        hasher.free.set()
        others = [attempt for attempt in tried if attempt is not turned_away]
        assert [attempt.result(timeout=30) for attempt in others] == [True] * 4
    assert hasher.most == 2
    assert passwords.is_password(PASSWORD, stored)


def test_an_attempt_is_counted_before_it_is_checked(
    sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the hash is made, account and client already have one more; a success takes it back."""
    seen: list[int] = []
    real = Passwords.is_password

    def look(passwords: Passwords, password: str, stored: str | None) -> bool:
        seen.extend(sorted(known.count for known in sample.failures.failures.values()))
        return real(passwords, password, stored)

    monkeypatch.setattr(Passwords, "is_password", look)
    enter(sample)
    assert seen == [1, 1]
    assert [known.count for known in sample.failures.failures.values()] == [0]


def test_many_good_sign_ins_of_one_office_do_not_slow_it(sample: Sample) -> None:
    """Successes from one address are not held against it."""
    for _ in range(30):
        enter(sample)
        sample.clock.advance(seconds=30)


def test_a_turned_away_attempt_counts_for_the_client_alone(
    sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was guessed at the account, so it does not wait for a flood of somebody else's."""

    def turn_away(*_: object) -> bool:
        raise TooManyAttemptsError

    with monkeypatch.context() as busy:
        busy.setattr(Passwords, "is_password", turn_away)
        for _ in range(20):
            with pytest.raises(TooManyAttemptsError):
                sample.console.sign_in.give_password(name="officer", password="no", visitor=HERE)
    enter_password(sample, visitor=ELSEWHERE)
    refused = sample.console.sign_in.give_password(name="officer", password=PASSWORD, visitor=HERE)
    assert isinstance(refused, Refused)


async def test_too_many_at_once_are_told_to_wait(
    visitor: FormClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page says so with status 429 and when to come back."""

    def turn_away(*_: object) -> bool:
        raise TooManyAttemptsError

    monkeypatch.setattr(Passwords, "is_password", turn_away)
    answer = await visitor.give_password()
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "30"
    assert "Too many attempts" in answer.text
    assert "Wait a few minutes" in answer.text
