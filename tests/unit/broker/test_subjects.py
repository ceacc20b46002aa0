"""The grammar of mailbox subjects."""

import pytest

from protocol.errors import MalformedError
from protocol.nkeys import Nkey, NkeyKind
from protocol.subjects import (
    SENDER_TOKEN,
    AccountId,
    MailboxSubject,
    TrafficClass,
    inbox_prefix,
    mailbox_ack_pattern,
    mailbox_pattern,
    mailbox_pull_subject,
    mailbox_stream,
    mailbox_subject,
    parse_account_id,
    parse_mailbox_subject,
)

A = AccountId(Nkey.generate(NkeyKind.ACCOUNT).public)
B = AccountId(Nkey.generate(NkeyKind.ACCOUNT).public)


@pytest.mark.parametrize("traffic", list(TrafficClass))
def test_a_subject_reads_back_as_it_was_written(traffic: TrafficClass) -> None:
    """Writing and parsing are inverse for every class."""
    text = mailbox_subject(recipient=A, sender=B, traffic=traffic)

    assert text == f"trm.mbx.{A}.{B}.{traffic.value}"
    assert parse_mailbox_subject(text) == MailboxSubject(A, B, traffic)


def test_the_sender_stands_where_the_broker_looks_for_it() -> None:
    """The position that the export names is that of the sender, counted from 1."""
    tokens = mailbox_subject(recipient=A, sender=B, traffic=TrafficClass.MESSAGE).split(".")

    assert tokens[SENDER_TOKEN - 1] == B


@pytest.mark.parametrize(
    "text",
    [
        "",
        "trm.mbx",
        f"trm.mbx.{A}.{B}",
        f"trm.mbx.{A}.{B}.m.m",
        f"trm.mbx.{A}.{B}.x",
        f"trm.mbx.{A}.{B}.M",
        f"trm.mbx.{A}.*.m",
        f"trm.box.{A}.{B}.m",
        f"trm.mbx.{A}.{B[:-1]}A.m",
        f"trm.mbx.{A.lower()}.{B}.m",
        f"trm.mbx.{Nkey.generate(NkeyKind.USER).public}.{B}.m",
    ],
    ids=range(11),  # the keys in them are new each time
)
def test_anything_else_is_refused(text: str) -> None:
    """Missing, surplus, unknown, wild or mistyped tokens are malformed."""
    with pytest.raises(MalformedError):
        parse_mailbox_subject(text)


def test_an_account_is_named_by_an_account_key_only() -> None:
    """A user's key is no account, however well formed."""
    assert parse_account_id(A) == A
    with pytest.raises(MalformedError, match="begins with A"):
        parse_account_id(Nkey.generate(NkeyKind.USER).public)


def test_patterns_put_wildcards_where_nothing_is_given() -> None:
    """A pattern covers exactly what was left open."""
    assert mailbox_pattern(recipient=A) == f"trm.mbx.{A}.*.*"
    assert mailbox_pattern(sender=B, traffic=TrafficClass.RECEIPT) == f"trm.mbx.*.{B}.r"
    assert mailbox_pull_subject() == "$JS.API.CONSUMER.MSG.NEXT.*.node"
    assert mailbox_ack_pattern(A) == f"$JS.ACK.{A}.node.>"
    assert mailbox_stream(A) == A
    assert inbox_prefix(A) == f"_INBOX.{A}"
