"""The grammar of mailbox subjects."""

import pytest

from protocol.errors import MalformedError
from protocol.limits import LIMITS
from protocol.nkeys import Nkey, NkeyKind
from protocol.subjects import (
    ACK_OWNER_TOKEN,
    ANY_ACK,
    ANY_PULL,
    PULL_OWNER_TOKEN,
    SENDER_TOKEN,
    AccountId,
    MailboxSubject,
    TrafficClass,
    choose_class,
    inbox_prefix,
    mailbox_ack_pattern,
    mailbox_pattern,
    mailbox_pull_subject,
    mailbox_stream,
    mailbox_subject,
    parse_account_id,
    parse_mailbox_stream,
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
    assert inbox_prefix(A) == f"_INBOX.{A}"


def test_the_owner_stands_where_the_broker_looks_for_it() -> None:
    """In each class, the token that the exports name is the account of the mailbox's owner."""
    for traffic in TrafficClass:
        pull, ack = mailbox_pull_subject(A, traffic), mailbox_ack_pattern(A, traffic)
        assert pull.split(".")[PULL_OWNER_TOKEN - 1] == A
        assert ack.split(".")[ACK_OWNER_TOKEN - 1] == A
        assert (ANY_PULL.split(".")[PULL_OWNER_TOKEN - 1], len(pull.split("."))) == ("*", 7)
        assert (ANY_ACK.split(".")[ACK_OWNER_TOKEN - 1], len(ack.split("."))) == ("*", 5)


@pytest.mark.parametrize("traffic", list(TrafficClass))
def test_a_mailbox_is_found_by_its_name(traffic: TrafficClass) -> None:
    """Account and class are read back from the name of the stream; that of messages is bare."""
    name = mailbox_stream(A, traffic)

    assert parse_mailbox_stream(name) == (A, traffic)
    assert (name == A) is (traffic is TrafficClass.MESSAGE)


@pytest.mark.parametrize("form", ["", "KV_x", "{}_m", "{}_x", "{}_r_r", "x_{}", "_r"])
def test_another_stream_is_no_mailbox(form: str) -> None:
    """What another program made is told apart."""
    with pytest.raises(MalformedError):
        parse_mailbox_stream(form.format(A))


def test_only_what_is_large_travels_apart() -> None:
    """An envelope larger than the bound changes its class, a chunk never."""
    most = LIMITS.small_envelope
    for traffic in (TrafficClass.MESSAGE, TrafficClass.RECEIPT):
        assert choose_class(traffic, envelope_bytes=most) is traffic
        assert choose_class(traffic, envelope_bytes=most + 1) is TrafficClass.LARGE
    assert choose_class(TrafficClass.CHUNK, envelope_bytes=most + 1) is TrafficClass.CHUNK
