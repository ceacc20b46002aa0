"""Signing in at the sample console, step by step."""

from console.accounts.models import AccountId
from console.accounts.sessions import Granted, Visitor
from tests.support.console_face import PASSWORD, Sample, totp_code

HERE = Visitor("192.0.2.1", "test")
OFFICER = AccountId("a-1")


def enter_password(sample: Sample, password: str = PASSWORD, visitor: Visitor = HERE) -> Granted:
    """Take the first step, which must succeed."""
    outcome = sample.console.sign_in.give_password(
        name="officer", password=password, visitor=visitor
    )
    assert isinstance(outcome, Granted), outcome
    return outcome


def enter(sample: Sample) -> Granted:
    """Sign in completely."""
    code = totp_code(sample.clock())
    outcome = sample.console.sign_in.give_code(
        enter_password(sample).signed_in, code=code, visitor=HERE
    )
    assert isinstance(outcome, Granted), outcome
    return outcome
