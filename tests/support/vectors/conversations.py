"""Conversations: which act a message is, the table, and one state out of any set of acts."""

from collections.abc import Iterator, Mapping
from random import Random
from typing import Any, Final

from protocol.conversation.acts import is_opener, name_act
from protocol.conversation.history import NOTHING_SEEN, HeldAct, Opener, Place, read_conversation
from protocol.conversation.table import (
    AWAITED,
    STATES,
    TRANSITIONS,
    Act,
    Side,
    State,
    list_possible,
)
from protocol.messages.catalogue import CATALOGUE
from protocol.messages.codes import Kind
from tests.support.vectors.family import Family, Json, Operation, VectorError

_Given = Mapping[str, Any]


def _name(data: _Given, _: _Given) -> str:
    return name_act(
        data["type"],
        code=data.get("code"),
        forwarded_to=data.get("forwarded_to"),
        author=data.get("author"),
    )


def _opens(data: _Given, _: _Given) -> bool:
    return is_opener(data["type"])


def _list_steps(data: _Given, _: _Given) -> Json:
    kind, state = Kind(data["kind"]), State(data["state"])
    return {
        side.value: {
            act.value: TRANSITIONS[kind, state, act, side].value
            for act in list_possible(kind, state, side)
        }
        for side in Side
    }


def _whose_turn(data: _Given, _: _Given) -> str | None:
    side = AWAITED.get((Kind(data["kind"]), State(data["state"])))
    return side and side.value


def _place(data: Mapping[str, int] | None) -> Place:
    return Place(data["generation"], data["seq"]) if data else NOTHING_SEEN


def _read(data: _Given, _: _Given) -> Json:
    opener = Opener(
        kind=Kind(data["opener"]["kind"]),
        expects_decision=data["opener"]["expects"],
        place=_place(data["opener"]["place"]),
    )
    acts = [
        HeldAct(
            message_id=each["message_id"],
            side=Side(each["side"]),
            act=Act(each["act"]),
            place=_place(each["place"]),
            seen=_place(each.get("seen")),
            whole_case=each["act"] == "close",
        )
        for each in data["acts"]
    ]
    found = read_conversation(opener, acts, complete=data["complete"])
    return {
        "state": found.state.value,
        "provisional": found.provisional,
        "whose_turn": found.awaited and found.awaited.value,
        "history": [
            {
                "message_id": step.act.message_id,
                "in_order": step.in_order,
                "crossed": step.crossed,
                "state": step.after.value,
            }
            for step in found.steps
        ],
    }


def make_families() -> list[Family]:
    """Return the files of this module."""
    return [_make_table(), _make_histories()]


# ------------------------------------------------------------------ the table

_ACTS: Final[tuple[tuple[str, Json, str], ...]] = (
    ("accepted", {"type": "general.decision", "code": "accepted"}, "accept"),
    ("declined", {"type": "general.decision", "code": "declined"}, "decline"),
    (
        "a question",
        {"type": "general.decision", "code": "more_information_needed"},
        "ask_for_more",
    ),
    (
        "forwarded within",
        {
            "type": "general.decision",
            "code": "forwarded",
            "forwarded_to": "XK-police",
            "author": "XK",
        },
        "forward",
    ),
    (
        "forwarded to another Participant",
        {
            "type": "general.decision",
            "code": "forwarded",
            "forwarded_to": "MK-police",
            "author": "XK",
        },
        "forward_elsewhere",
    ),
    ("a full answer", {"type": "general.response", "code": "full"}, "answer"),
    ("part of an answer", {"type": "general.response", "code": "partial"}, "answer_in_part"),
    (
        "no answer",
        {"type": "general.response", "code": "none_available"},
        "answer_none_available",
    ),
    ("a correction", {"type": "general.correction", "code": "corrects"}, "inform"),
    ("a retraction", {"type": "general.correction", "code": "retracts"}, "withdraw"),
    ("a closing", {"type": "general.case_closed"}, "close"),
    ("a text", {"type": "general.message"}, "inform"),
    ("a type that opens one of its own", {"type": "identification.identity_check"}, "inform"),
    ("an unknown type", {"type": "general.of_tomorrow"}, "inform"),
)


def _make_table() -> Family:
    family = Family(
        name="conversation_table",
        description="Which act a message is, which types open a conversation, and the whole table "
        "of what each act of each side makes of each state, for each kind of opener.",
        spec=("14.1", "14.2"),
        operations={
            "act": Operation(
                "The act that a message is. `code` is its outcome, completeness or effect.", _name
            ),
            "opens": Operation("Whether a message of this type opens a conversation.", _opens),
            "steps": Operation(
                "Everything that is in order in a state: for each side each act that it may do, "
                "with the state after it. Any other act is not in order and changes nothing.",
                _list_steps,
            ),
            "whose_turn": Operation("Whose turn it is; null: nobody's.", _whose_turn),
        },
    )
    for name, message, act in _ACTS:
        family.good(f"act: {name}", "act", message, expected=act)
    never = {"decision", "response", "message", "correction", "case_closed"}
    for tag in sorted(CATALOGUE):
        group, _, last = tag.partition(".")
        if group == "system":
            continue
        opens = not (group == "general" and last in never)
        family.good(f"opens: {tag}", "opens", {"type": tag}, expected=opens)
    for kind, states in STATES.items():
        for state in states:
            turn = {"kind": kind.value, "state": state.value}
            family.good(f"whose_turn: {kind}, {state}", "whose_turn", turn)
            family.good(f"steps: {kind}, {state}", "steps", turn)
    return family


# ------------------------------------------------------------------ histories


def _act(
    name: str, side: str, act: str, seq: int, *, seen: int | None = None, generation: int = 1
) -> Json:
    found: Json = {
        "message_id": name * 32,
        "side": side,
        "act": act,
        "place": {"generation": generation, "seq": seq},
    }
    return found | ({"seen": {"generation": 1, "seq": seen}} if seen else {})


_S: Final = "sender"
_R: Final = "recipient"

#: Name, kind, acts (the opener has number 5), state in the end, how many are not in order.
_HISTORIES: Final[tuple[tuple[str, str, list[Json], str, int], ...]] = (
    ("nothing yet", "referral", [], "proposed", 0),
    ("accepted", "referral", [_act("a", _R, "accept", 1)], "accepted", 0),
    (
        "a question, and its answer",
        "referral",
        [_act("a", _R, "ask_for_more", 1), _act("b", _S, "inform", 6, seen=1)],
        "proposed",
        0,
    ),
    (
        "a question that crossed information does not count as answered",
        "referral",
        [_act("a", _R, "ask_for_more", 1), _act("b", _S, "inform", 6)],
        "more_information_needed",
        0,
    ),
    (
        "a withdrawal that crossed an acceptance",
        "referral",
        [_act("a", _R, "accept", 1), _act("b", _S, "withdraw", 6)],
        "withdrawn",
        0,
    ),
    (
        "an acceptance that knew of the withdrawal",
        "referral",
        [_act("a", _R, "accept", 1, seen=6), _act("b", _S, "withdraw", 6)],
        "withdrawn",
        1,
    ),
    (
        "a withdrawal that crossed a closing",
        "referral",
        [_act("a", _R, "close", 1, seen=5), _act("b", _S, "withdraw", 6)],
        "withdrawn",
        0,
    ),
    (
        "information after a closing",
        "referral",
        [_act("a", _R, "close", 1, seen=5), _act("b", _S, "inform", 6, seen=1)],
        "closed",
        0,
    ),
    (
        "a decision after a closing",
        "referral",
        [_act("a", _S, "close", 6), _act("b", _R, "accept", 1, seen=6)],
        "closed",
        1,
    ),
    (
        "a closing that did not know of the opener",
        "referral",
        [_act("a", _R, "close", 1)],
        "proposed",
        0,
    ),
    (
        "a closing by the sender before the opener",
        "referral",
        [_act("a", _S, "close", 4)],
        "proposed",
        0,
    ),
    (
        "a decision that was changed",
        "referral",
        [_act("a", _R, "accept", 1), _act("b", _R, "decline", 2)],
        "declined",
        0,
    ),
    (
        "accepted twice",
        "referral",
        [_act("a", _R, "accept", 1), _act("b", _R, "accept", 2)],
        "accepted",
        1,
    ),
    (
        "the sender accepts for the recipient",
        "referral",
        [_act("a", _S, "accept", 6)],
        "proposed",
        1,
    ),
    (
        "the recipient withdraws",
        "referral",
        [_act("a", _R, "withdraw", 1)],
        "proposed",
        1,
    ),
    ("a referral is answered", "referral", [_act("a", _R, "answer", 1)], "proposed", 1),
    (
        "in part, then the rest",
        "request",
        [_act("a", _R, "answer_in_part", 1), _act("b", _R, "answer", 2)],
        "answered",
        0,
    ),
    (
        "something was found after the answer",
        "request",
        [_act("a", _R, "answer", 1), _act("b", _R, "answer_in_part", 2)],
        "answered_in_part",
        0,
    ),
    (
        "nothing available, after an answer",
        "request",
        [_act("a", _R, "answer", 1), _act("b", _R, "answer_none_available", 2)],
        "answered",
        1,
    ),
    (
        "forwarded within, then answered",
        "request",
        [_act("a", _R, "forward", 1), _act("b", _R, "answer", 2)],
        "answered",
        0,
    ),
    (
        "forwarded elsewhere, then answered",
        "request",
        [_act("a", _R, "forward_elsewhere", 1), _act("b", _R, "answer", 2)],
        "forwarded_elsewhere",
        1,
    ),
    (
        "an update is not decided on",
        "update",
        [_act("a", _R, "accept", 1), _act("b", _R, "inform", 2)],
        "told",
        1,
    ),
    (
        "both sides close",
        "request",
        [_act("a", _R, "close", 1, seen=5), _act("b", _S, "close", 6)],
        "closed",
        0,
    ),
    (
        "both claim to have seen the other",
        "referral",
        [_act("a", _R, "accept", 1, seen=6), _act("b", _S, "withdraw", 6, seen=1)],
        "withdrawn",
        1,
    ),
    (
        "a new generation comes after the old one",
        "referral",
        [_act("a", _R, "decline", 1, generation=2), _act("b", _R, "accept", 9)],
        "declined",
        0,
    ),
    (
        "two messages at one place of a forked link: in the order of their identifiers",
        "referral",
        [_act("b", _R, "decline", 1), _act("a", _R, "accept", 1)],
        "declined",
        0,
    ),
)


def _make_histories() -> Family:
    family = Family(
        name="conversations",
        description="One order and one state out of any set of acts. The acts of a case stand in "
        "the order in which they happened to arrive, sometimes twice: that plays no part. "
        "`expects` says whether the opener expects a decision or response. `complete` is false if "
        "the link is known to have gaps or the case holds a message that cannot be read. An act is "
        "on its author's own link at `place`; `seen` is as in its head. A closing names no opener.",
        spec=("14.3",),
        operations={
            "read": Operation(
                "The state, whether it is provisional, whose turn it is, and the acts that concern "
                "this conversation in the order in which they count, each with whether it was in "
                "order, whether it crossed another, and the state after it.",
                _read,
            )
        },
    )
    for name, kind, acts, state, refused in _HISTORIES:
        orders = [acts] if len(acts) < 2 else [acts, [*reversed(acts), acts[0]]]
        for arrival, order in zip(("", ", in another order"), orders, strict=False):
            data = _input(kind, order)
            family.good(f"{name}{arrival}", "read", data)
            found = family.cases[-1]["expected"]
            wrong = sum(not step["in_order"] for step in found["history"])
            if (found["state"], wrong) != (state, refused):
                raise VectorError(f"{name}: {found['state']}, {wrong} not in order.")
    gap = _input("referral", [_act("a", _R, "accept", 2)]) | {"complete": False}
    family.good("provisional, something is missing", "read", gap)
    told = _input("notification", [_act("a", _R, "inform", 1)])
    told["opener"]["expects"] = False
    family.good("a notification that expects nothing", "read", told)
    for name, data in _invent_histories():
        family.good(name, "read", data)
    return family


def _input(kind: str, acts: list[Json]) -> Json:
    opener = {
        "kind": kind,
        "expects": kind != "update",
        "place": {"generation": 1, "seq": 5},
    }
    return {"opener": opener, "complete": True, "acts": acts}


def _invent_histories() -> Iterator[tuple[str, Json]]:
    """Yield long sets of acts, invented by chance, always the same."""
    chance = Random(14)
    for number in range(24):
        kind = ("notification", "referral", "request")[number % 3]
        acts: list[Json] = []
        for side, first in ((_S, 6), (_R, 1)):
            seen = 0
            for seq in range(first, first + chance.randint(1, 5)):
                seen = min(seen + chance.randint(0, 3), 10)
                act = chance.choice([each.value for each in Act])
                name = f"{len(acts) + 1:x}"
                acts.append(_act(name, side, act, seq, seen=seen or None))
        chance.shuffle(acts)
        yield f"invented, number {number + 1}", _input(kind, acts)
