"""What a Participant's credentials must not be good for at the broker, as a table.

``python -m tests.support.permission_attempts`` writes ``docs/permissions.md`` from it. Every row is
tried twice (``tests/integration/broker/test_permission_matrix.py``): with the token that a node
issues itself, and with the most that the holder of an account's signing key can issue: a token for
everything (``>``).

Names in braces: ``me`` is the intruder's account, ``victim`` the account of the Participant that is
attacked (its mailbox of messages and each of its consumers are called so; the mailboxes of the
other classes have ``_r``, ``_l``, ``_b`` behind it), ``other`` a third one's; the victim's mailbox
of messages holds one message, at sequence 1.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "permissions.md"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One thing to publish: where, what, with which headers, and where the answer shall go."""

    group: str
    aim: str
    subject: str
    payload: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    #: Where the broker's answer is aimed at; empty: at the intruder's own inbox.
    reply: str = ""
    #: Whether the publication itself is allowed, so that only its effect is what must not be.
    may_publish: bool = False
    #: Whether a broker without these rights leaves even the boldest token without any answer.
    goes_unanswered: bool = False
    #: Whether the boldest token is told about its own account, which harms nobody.
    tells_of_oneself: bool = False


@dataclass(frozen=True, slots=True)
class Listening:
    """One place to listen at; ``queue`` joins a group, so that its members share what comes."""

    aim: str
    subject: str
    queue: str = ""


_PULL: Final = json.dumps({"batch": 10, "no_wait": True})
_BY_SEQUENCE: Final = json.dumps({"seq": 1})
_UNANSWERED: Final = frozenset(
    {
        "use a template",
        "move an account's streams",
        "delete an account's streams",
        "let the whole cluster's leader step down",
        "remove a server",
        "reset the victim's",
    }
)
_EVERYTHING_OF_MINE: Final = "trm.mbx.{me}.{me}.m"


def _put() -> Iterator[Attempt]:
    group = "Putting a message into a mailbox under a false name"
    rows = {
        "as the victim, into the victim's mailbox": "trm.mbx.{victim}.{victim}.m",
        "as a third Participant, into the victim's mailbox": "trm.mbx.{victim}.{other}.m",
        "as the victim, into a third one's mailbox": "trm.mbx.{other}.{victim}.m",
        "as the victim, into one's own mailbox": "trm.mbx.{me}.{victim}.m",
        "a receipt as the victim": "trm.mbx.{other}.{victim}.r",
        "a large message as the victim": "trm.mbx.{other}.{victim}.l",
        "an attachment as the victim": "trm.mbx.{other}.{victim}.b",
        "a class that does not exist": "trm.mbx.{victim}.{me}.x",
        "no class": "trm.mbx.{victim}.{me}",
        "one token more": "trm.mbx.{victim}.{me}.m.m",
        "as the hub": "trm.mbx.{victim}.HUB.m",
        "as nobody": "trm.mbx.{victim}.0.m",
        "to an account that does not exist": "trm.mbx.NOBODY.{victim}.m",
        "another root": "trm.box.{victim}.{me}.m",
        "the root in capitals": "TRM.MBX.{victim}.{me}.m",
    }
    for aim, subject in rows.items():
        yield Attempt(group, aim, subject, "false")


def _take() -> Iterator[Attempt]:
    group = "Taking, reading or confirming what is another's"
    rows = {
        "pull from the victim's mailbox": ("$JS.API.CONSUMER.MSG.NEXT.{victim}.{victim}", _PULL),
        "pull with another consumer's name": ("$JS.API.CONSUMER.MSG.NEXT.{victim}.spy", _PULL),
        "pull with one's own consumer's name": ("$JS.API.CONSUMER.MSG.NEXT.{victim}.{me}", _PULL),
        "pull with the victim's, from one's own mailbox": (
            "$JS.API.CONSUMER.MSG.NEXT.{me}.{victim}",
            _PULL,
        ),
        "pull as earlier versions did": ("$JS.API.CONSUMER.MSG.NEXT.{victim}.node", _PULL),
        "pull the victim's receipts": ("$JS.API.CONSUMER.MSG.NEXT.{victim}_r.{victim}", _PULL),
        "pull the victim's receipts in one's own name": (
            "$JS.API.CONSUMER.MSG.NEXT.{victim}_r.{me}",
            _PULL,
        ),
        "pull the victim's large envelopes": (
            "$JS.API.CONSUMER.MSG.NEXT.{victim}_l.{victim}",
            _PULL,
        ),
        "pull the victim's chunks": ("$JS.API.CONSUMER.MSG.NEXT.{victim}_b.{victim}", _PULL),
        "pull the victim's chunks in one's own name": (
            "$JS.API.CONSUMER.MSG.NEXT.{victim}_b.{me}",
            _PULL,
        ),
        "read the victim's receipts by sequence": (
            "$JS.API.STREAM.MSG.GET.{victim}_r",
            _BY_SEQUENCE,
        ),
        "read the victim's chunks directly": ("$JS.API.DIRECT.GET.{victim}_b", _BY_SEQUENCE),
        "acknowledge a receipt for the victim": (
            "$JS.ACK.{victim}_r.{victim}.1.1.1.1.0",
            "+ACK",
        ),
        "acknowledge a receipt of the victim in one's own name": (
            "$JS.ACK.{victim}_r.{me}.1.1.1.1.0",
            "+ACK",
        ),
        "acknowledge a chunk for the victim": ("$JS.ACK.{victim}_b.{victim}.1.1.1.1.0", "+ACK"),
        "read by sequence": ("$JS.API.STREAM.MSG.GET.{victim}", _BY_SEQUENCE),
        "read the last of a subject": (
            "$JS.API.STREAM.MSG.GET.{victim}",
            '{"last_by_subj":"trm.mbx.{victim}.{other}.m"}',
        ),
        "read directly by sequence": ("$JS.API.DIRECT.GET.{victim}", _BY_SEQUENCE),
        "read directly by subject": (
            "$JS.API.DIRECT.GET.{victim}.trm.mbx.{victim}.{other}.m",
            "",
        ),
        "acknowledge for the victim": ("$JS.ACK.{victim}.{victim}.1.1.1.1.0", "+ACK"),
        "acknowledge in the newer form": (
            "$JS.ACK._.{victim}.{victim}.{victim}.1.1.1.1.0.x",
            "+ACK",
        ),
        "end a delivery for the victim": ("$JS.ACK.{victim}.{victim}.1.1.1.1.0", "+TERM"),
        "give a delivery back for the victim": ("$JS.ACK.{victim}.{victim}.1.1.1.1.0", "-NAK"),
        "acknowledge and pull the next": ("$JS.ACK.{victim}.{victim}.1.1.1.1.0", "+NXT"),
        "flow control of another's consumer": ("$JS.FC.{victim}.{victim}.1", ""),
        "take a snapshot": ("$JS.API.STREAM.SNAPSHOT.{victim}", '{"deliver_subject":"grab"}'),
        "take a snapshot of one's own": (
            "$JS.API.STREAM.SNAPSHOT.{me}",
            '{"deliver_subject":"grab"}',
        ),
        "read one's own by sequence": ("$JS.API.STREAM.MSG.GET.{me}", _BY_SEQUENCE),
    }
    for aim, (subject, payload) in rows.items():
        yield Attempt(group, aim, subject, payload)


def _streams() -> Iterator[Attempt]:
    group = "Managing streams"
    mirror = '{"name":"COPY","mirror":{"name":"{victim}"},"storage":"memory"}'
    source = '{"name":"COPY","sources":[{"name":"{victim}"}],"storage":"memory"}'
    grab = '{"name":"GRAB","subjects":["trm.mbx.>"],"storage":"memory"}'
    loosen = '{"name":"{victim}","subjects":["trm.mbx.{victim}.*.*"],"max_msgs":1}'
    rows = {
        "list the streams": ("$JS.API.STREAM.LIST", ""),
        "list the names of the streams": ("$JS.API.STREAM.NAMES", ""),
        "ask about the account": ("$JS.API.INFO", ""),
        "ask about the victim's mailbox": ("$JS.API.STREAM.INFO.{victim}", ""),
        "ask about one's own": ("$JS.API.STREAM.INFO.{me}", ""),
        "empty the victim's mailbox": ("$JS.API.STREAM.PURGE.{victim}", ""),
        "empty one's own": ("$JS.API.STREAM.PURGE.{me}", ""),
        "empty the victim's mailbox of chunks": ("$JS.API.STREAM.PURGE.{victim}_b", ""),
        "delete the victim's mailbox of receipts": ("$JS.API.STREAM.DELETE.{victim}_r", ""),
        "delete the victim's mailbox": ("$JS.API.STREAM.DELETE.{victim}", ""),
        "delete one's own": ("$JS.API.STREAM.DELETE.{me}", ""),
        "delete one message": ("$JS.API.STREAM.MSG.DELETE.{victim}", _BY_SEQUENCE),
        "delete one message of one's own": ("$JS.API.STREAM.MSG.DELETE.{me}", _BY_SEQUENCE),
        "change the victim's mailbox": ("$JS.API.STREAM.UPDATE.{victim}", loosen),
        "make a stream over all mailboxes": ("$JS.API.STREAM.CREATE.GRAB", grab),
        "make a mirror": ("$JS.API.STREAM.CREATE.COPY", mirror),
        "make a copy by sourcing": ("$JS.API.STREAM.CREATE.COPY", source),
        "restore over the victim's mailbox": ("$JS.API.STREAM.RESTORE.{victim}", "{}"),
        "let its leader step down": ("$JS.API.STREAM.LEADER.STEPDOWN.{victim}", ""),
        "remove a server from its group": (
            "$JS.API.STREAM.PEER.REMOVE.{victim}",
            '{"peer":"x"}',
        ),
        "use a template": ("$JS.API.STREAM.TEMPLATE.CREATE.T", "{}"),
        "move an account's streams": ("$JS.API.ACCOUNT.STREAM.MOVE.{victim}.{victim}", "{}"),
        "delete an account's streams": ("$JS.API.ACCOUNT.PURGE.{victim}", ""),
        "let the whole cluster's leader step down": ("$JS.API.META.LEADER.STEPDOWN", ""),
        "remove a server": ("$JS.API.SERVER.REMOVE", '{"peer":"x"}'),
    }
    for aim, (subject, payload) in rows.items():
        yield Attempt(group, aim, subject, payload, goes_unanswered=aim in _UNANSWERED)


def _consumers() -> Iterator[Attempt]:
    group = "Managing consumers"
    spy = '{"stream_name":"{victim}","config":{"durable_name":"spy","ack_policy":"none"}}'
    push = (
        '{"stream_name":"{victim}","config":'
        '{"deliver_subject":"_INBOX.{me}.x","ack_policy":"none","deliver_policy":"all"}}'
    )
    rows = {
        "make one on the victim's mailbox": ("$JS.API.CONSUMER.CREATE.{victim}", push),
        "make a named one": ("$JS.API.CONSUMER.CREATE.{victim}.spy", spy),
        "make a filtered one": ("$JS.API.CONSUMER.CREATE.{victim}.spy.trm.>", spy),
        "make a durable one": ("$JS.API.CONSUMER.DURABLE.CREATE.{victim}.spy", spy),
        "make the victim's anew": ("$JS.API.CONSUMER.DURABLE.CREATE.{victim}.{victim}", spy),
        "make a second one of one's own": (
            "$JS.API.CONSUMER.DURABLE.CREATE.{me}.spy",
            '{"stream_name":"{me}","config":{"durable_name":"spy","ack_policy":"none"}}',
        ),
        "delete the victim's": ("$JS.API.CONSUMER.DELETE.{victim}.{victim}", ""),
        "delete one's own": ("$JS.API.CONSUMER.DELETE.{me}.{me}", ""),
        "ask about the victim's": ("$JS.API.CONSUMER.INFO.{victim}.{victim}", ""),
        "list them": ("$JS.API.CONSUMER.LIST.{victim}", ""),
        "list their names": ("$JS.API.CONSUMER.NAMES.{victim}", ""),
        "pause the victim's": (
            "$JS.API.CONSUMER.PAUSE.{victim}.{victim}",
            '{"pause_until":"2099-01-01T00:00:00Z"}',
        ),
        "reset the victim's": ("$JS.API.CONSUMER.RESET.{victim}.{victim}", '{"seq":9}'),
        "unpin a client of the victim's": (
            "$JS.API.CONSUMER.UNPIN.{victim}.{victim}",
            '{"group":"g"}',
        ),
        "let its leader step down": ("$JS.API.CONSUMER.LEADER.STEPDOWN.{victim}.{victim}", ""),
    }
    for aim, (subject, payload) in rows.items():
        yield Attempt(group, aim, subject, payload, goes_unanswered=aim in _UNANSWERED)


def _system() -> Iterator[Attempt]:
    group = "System subjects"
    rows = {
        "the server's statistics": ("$SYS.REQ.SERVER.PING", ""),
        "all connections": ("$SYS.REQ.SERVER.PING.CONNZ", ""),
        "all accounts": ("$SYS.REQ.SERVER.PING.ACCOUNTZ", ""),
        "all streams": ("$SYS.REQ.SERVER.PING.JSZ", '{"streams":true}'),
        "all subscriptions": ("$SYS.REQ.SERVER.PING.SUBSZ", '{"subscriptions":true}'),
        "the server's profile": ("$SYS.REQ.SERVER.PING.PROFILEZ", '{"name":"heap"}'),
        "the server's settings": ("$SYS.REQ.SERVER.PING.VARZ", ""),
        "reload the settings": ("$SYS.REQ.SERVER.{victim}.RELOAD", ""),
        "throw somebody out": ("$SYS.REQ.SERVER.{victim}.KICK", '{"cid":1}'),
        "let clients move on": ("$SYS.REQ.SERVER.{victim}.LDM", '{"cid":1}'),
        "the victim's connections": ("$SYS.REQ.ACCOUNT.{victim}.CONNZ", ""),
        "the victim's subscriptions": ("$SYS.REQ.ACCOUNT.{victim}.SUBSZ", ""),
        "the victim's streams": ("$SYS.REQ.ACCOUNT.{victim}.JSZ", ""),
        "the victim's token": ("$SYS.REQ.ACCOUNT.{victim}.CLAIMS.LOOKUP", ""),
        "replace the victim's token": ("$SYS.REQ.ACCOUNT.{victim}.CLAIMS.UPDATE", "x"),
        "replace any token": ("$SYS.REQ.CLAIMS.UPDATE", "x"),
        "delete any token": ("$SYS.REQ.CLAIMS.DELETE", "x"),
        "list the accounts": ("$SYS.REQ.CLAIMS.LIST", ""),
        "fetch all tokens": ("$SYS.REQ.CLAIMS.PACK", ""),
        "feign an event": ("$SYS.ACCOUNT.{victim}.DISCONNECT", "{}"),
        "feign a loss": ("$JS.EVENT.ADVISORY.STREAM.DELETED.{victim}", "{}"),
        "feign an acknowledgement": ("$JS.EVENT.METRIC.CONSUMER.ACK.{victim}.{victim}", "{}"),
    }
    for aim, (subject, payload) in rows.items():
        yield Attempt(group, aim, subject, payload, tells_of_oneself=aim == "all connections")


def _stores() -> Iterator[Attempt]:
    group = "Key-value and object stores"
    bucket = '{"name":"KV_spy","subjects":["$KV.spy.>"]}'
    rows = {
        "make a key-value bucket": ("$JS.API.STREAM.CREATE.KV_spy", bucket),
        "write a key": ("$KV.spy.key", "x"),
        "read a key": ("$JS.API.DIRECT.GET.KV_spy.$KV.spy.key", ""),
        "make an object bucket": ("$JS.API.STREAM.CREATE.OBJ_spy", '{"name":"OBJ_spy"}'),
        "write an object's chunk": ("$O.spy.C.1", "x"),
        "write an object's description": ("$O.spy.M.1", "{}"),
        "publish over MQTT's subjects": ("$MQTT.msgs.x", "x"),
    }
    for aim, (subject, payload) in rows.items():
        yield Attempt(group, aim, subject, payload)


def _replies() -> Iterator[Attempt]:
    group = "Answers of the broker aimed at somebody else"
    targets = {
        "into the victim's mailbox as the victim": "trm.mbx.{victim}.{victim}.m",
        "into the victim's mailbox as a third": "trm.mbx.{victim}.{other}.m",
        "at the victim's pull": "$JS.API.CONSUMER.MSG.NEXT.{victim}.{victim}",
        "at the victim's acknowledgement": "$JS.ACK.{victim}.{victim}.1.1.1.1.0",
        "into the victim's inbox": "_INBOX.{victim}.private",
        "into the hub's inbox": "_INBOX.hub.answer",
        "at emptying the victim's mailbox": "$JS.API.STREAM.PURGE.{victim}",
        "at the registrar": "$SYS.REQ.CLAIMS.DELETE",
    }
    for aim, target in targets.items():
        yield Attempt(
            group,
            f"the answer to a publication, {aim}",
            _EVERYTHING_OF_MINE,
            "bait",
            reply=target,
            may_publish=True,
        )
        yield Attempt(
            group,
            f"a message of one's own mailbox, {aim}",
            "$JS.API.CONSUMER.MSG.NEXT.{me}.{me}",
            '{"batch":1,"no_wait":true}',
            reply=target,
            may_publish=True,
        )


def _headers() -> Iterator[Attempt]:
    group = "Headers with a meaning to the broker"
    here = "trm.mbx.{victim}.{me}.m"
    rows = {
        "replace all that is stored": (("Nats-Rollup", "all"),),
        "replace what is stored under the subject": (("Nats-Rollup", "sub"),),
        "let it vanish at once": (("Nats-TTL", "1s"),),
        "store it later, elsewhere": (
            ("Nats-Schedule", "@at 2099-01-01T00:00:00Z"),
            ("Nats-Schedule-Target", "trm.mbx.{victim}.{other}.m"),
        ),
        "count": (("Nats-Incr", "1"),),
        "only as the next after a number": (("Nats-Expected-Last-Sequence", "99"),),
        "only into another stream": (("Nats-Expected-Stream", "{other}"),),
        "as part of a batch": (("Nats-Batch-Id", "b"), ("Nats-Batch-Sequence", "2")),
        "a trace of its way to the victim's inbox": (
            ("Nats-Trace-Dest", "_INBOX.{victim}.private"),
            ("Nats-Trace-Only", "true"),
        ),
        "under the victim's own identifier, guessed": (("Nats-Msg-Id", "known-to-the-victim"),),
    }
    for aim, headers in rows.items():
        yield Attempt(group, aim, here, "header", headers=headers, may_publish=True)


ATTEMPTS: Final[tuple[Attempt, ...]] = (
    *_put(),
    *_take(),
    *_streams(),
    *_consumers(),
    *_system(),
    *_stores(),
    *_replies(),
    *_headers(),
)

LISTENING: Final[tuple[Listening, ...]] = (
    Listening("everything", ">"),
    Listening("everything of one token", "*"),
    Listening("all inboxes", "_INBOX.>"),
    Listening("the victim's inbox", "_INBOX.{victim}.>"),
    Listening("the hub's inbox", "_INBOX.hub.>"),
    Listening("all mailboxes", "trm.mbx.>"),
    Listening("the victim's mailbox", "trm.mbx.{victim}.>"),
    Listening("sharing the victim's mailbox", "trm.mbx.{victim}.>", "node"),
    Listening("JetStream's interface", "$JS.>"),
    Listening("the victim's acknowledgements", "$JS.ACK.{victim}.>"),
    Listening("the victim's acknowledgements of receipts", "$JS.ACK.{victim}_r.>"),
    Listening("advisories", "$JS.EVENT.>"),
    Listening("system events", "$SYS.>"),
    Listening("comings and goings", "$SYS.ACCOUNT.>"),
    Listening("key-value stores", "$KV.>"),
)


HEAD: Final = f"""\
# What a Participant's credentials are not good for at the broker

Written by `python -m tests.support.permission_attempts` from the table that the test tries.

Each of the {len(ATTEMPTS)} publications and {len(LISTENING)} subscriptions is tried twice at a real
nats-server: with the token that a node issues itself (it may put into mailboxes as itself, and
empty its own), and with a token for everything (`>`), which whoever holds the account's signing key
can issue. Each is refused, answered by an error, or reaches nothing; after each group the victim's
mailbox, its consumer, its inbox, the list of mailboxes and that of accounts are what they were.

`me` is the intruder's account, `victim` the attacked one, `other` a third one's. Publications of
the last two groups are allowed as such: what is tried is their effect.

What they may do is use an identifier for deduplication before its owner does: a mailbox takes each
once a day. Those of a node have 128 random bits and leave it with the message only. Whoever learnt
one all the same wins a minute: the broker says that it has the message already, the node knows that
it never gave it, and hands it over again under another one (a test does that with a real broker).
A chunk of a file that got lost so is asked for by its recipient.
"""


def render() -> str:
    """Write the document."""
    lines = [HEAD]
    for group in dict.fromkeys(attempt.group for attempt in ATTEMPTS):
        lines += [f"## {group}", "", "| aim | subject | with |", "| --- | --- | --- |"]
        lines += [_row(attempt) for attempt in ATTEMPTS if attempt.group == group]
        lines.append("")
    lines += ["## Listening", "", "| to | subject | queue |", "| --- | --- | --- |"]
    lines += [f"| {one.aim} | `{one.subject}` | {one.queue} |" for one in LISTENING]
    return "\n".join(lines) + "\n"


def _row(attempt: Attempt) -> str:
    extras = [f"`{name}: {value}`" for name, value in attempt.headers]
    extras += [f"answer to `{attempt.reply}`"] if attempt.reply else []
    return f"| {attempt.aim} | `{attempt.subject}` | {'; '.join(extras)} |"


if __name__ == "__main__":
    DOCUMENT.write_text(render(), encoding="utf-8")
