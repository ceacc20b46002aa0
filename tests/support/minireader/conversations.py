"""Conversations: acts, states, and one order on both sides (SPEC sections 14.1 to 14.3)."""

from dataclasses import dataclass
from typing import Any

Place = tuple[int, int]
NOTHING: Place = (0, 0)

ACT_BY_CODE = {
    ("general.decision", "accepted"): "accept",
    ("general.decision", "declined"): "decline",
    ("general.decision", "more_information_needed"): "ask_for_more",
    ("general.response", "full"): "answer",
    ("general.response", "partial"): "answer_in_part",
    ("general.response", "none_available"): "answer_none_available",
    ("general.correction", "retracts"): "withdraw",
}
ONLY_ACTS = {
    "general.decision",
    "general.response",
    "general.message",
    "general.correction",
    "general.case_closed",
}
FINAL = {"withdrawn", "closed"}
DECISIONS = {
    "accept": "accepted",
    "decline": "declined",
    "forward": "forwarded",
    "forward_elsewhere": "forwarded_elsewhere",
    "ask_for_more": "more_information_needed",
}
ANSWERS = {
    "answer": "answered",
    "answer_none_available": "answered",
    "answer_in_part": "answered_in_part",
}
OPEN = {"proposed", "more_information_needed", "forwarded", "accepted", "declined"}
ACTS = ("inform", *DECISIONS, *ANSWERS, "withdraw", "close")
RANK = {"inform": 1, "withdraw": 3, "close": 4}


@dataclass(frozen=True, slots=True)
class Act:
    """An act of one side, at its place, with the place that its node held of the other side."""

    message_id: str
    side: str
    act: str
    place: Place
    seen: Place


def name_act(tag: str, code: str | None, *, forwarded_inside: bool = True) -> str:
    """Name the act that a message is; ``code`` is its outcome, completeness or effect."""
    if tag == "general.decision" and code == "forwarded":
        return "forward" if forwarded_inside else "forward_elsewhere"
    if tag == "general.case_closed":
        return "close"
    return ACT_BY_CODE.get((tag, code or ""), "inform")


def is_opener(tag: str) -> bool:
    """Tell whether a message of the type opens a conversation."""
    return tag not in ONLY_ACTS and not tag.startswith("system.")


def _decide(kind: str, state: str, act: str) -> str | None:
    """Apply the recipient's own rows of the table."""
    if state in OPEN:
        if act in DECISIONS and DECISIONS[act] != state:
            return DECISIONS[act]
        if act in {"forward", "ask_for_more"}:
            return DECISIONS[act]
        return ANSWERS.get(act) if kind == "request" else None
    answered = {
        "answered_in_part": {**ANSWERS, **{one: DECISIONS[one] for one in FORWARD_OR_MORE}},
        "answered": {one: ANSWERS[one] for one in ("answer", "answer_in_part")},
    }
    return answered.get(state, {}).get(act) if kind == "request" else None


FORWARD_OR_MORE = {"forward", "forward_elsewhere", "ask_for_more"}


def take_step(kind: str, state: str, *, side: str, act: str) -> str | None:
    """Give the state after an act; None if the act is not in order."""
    if act == "inform":
        asked = state == "more_information_needed" and side == "sender"
        return "proposed" if asked else state
    if act == "close":
        return state if state in FINAL else "closed"
    if act == "withdraw":
        return "withdrawn" if side == "sender" and state not in FINAL else None
    return _decide(kind, state, act) if side == "recipient" else None


def list_steps(kind: str, state: str) -> dict[str, dict[str, str]]:
    """List everything that is in order in a state."""
    return {
        side: {
            act: after
            for act in ACTS
            if (after := take_step(kind, state, side=side, act=act)) is not None
        }
        for side in ("sender", "recipient")
    }


def find_turn(kind: str, state: str) -> str | None:
    """Tell whose turn it is."""
    if state == "more_information_needed":
        return "sender"
    mine = {"proposed", "forwarded"}
    if kind == "request":
        mine |= {"accepted", "answered_in_part"}
    return "recipient" if state in mine else None


def concerns(act: Act, opener: Place) -> bool:
    """Tell whether a closing, which names no opener, was made by somebody who knew of it."""
    if act.act != "close":
        return True
    return (act.place if act.side == "sender" else act.seen) >= opener


def _line_up(acts: set[Act], side: str, *, start: Place) -> list[tuple[Act, Place]]:
    """Sort the acts of one side, each with what it had seen of the other."""
    own = sorted(
        (act for act in acts if act.side == side),
        key=lambda act: (act.place, act.message_id, act.act, act.seen),
    )
    lined, highest = [], start
    for act in own:
        highest = max(highest, act.seen)
        lined.append((act, highest))
    return lined


def _is_sender_next(first: tuple[Act, Place], second: tuple[Act, Place]) -> bool:
    (sender, sender_saw), (recipient, recipient_saw) = first, second
    if recipient_saw >= sender.place:
        return True
    if sender_saw >= recipient.place:
        return False
    return RANK.get(sender.act, 2) <= RANK.get(recipient.act, 2)


def read_conversation(kind: str, *, expects: bool, opener: Place, acts: set[Act]) -> dict[str, Any]:
    """Find the state, and the acts in the order in which they count."""
    relevant = {act for act in acts if concerns(act, opener)}
    senders = _line_up(relevant, "sender", start=NOTHING)
    recipients = _line_up(relevant, "recipient", start=opener)
    state = "proposed" if expects else "told"
    history = []
    left, right = list(senders), list(recipients)
    while left or right:
        take_left = not right or (bool(left) and _is_sender_next(left[0], right[0]))
        act, saw = (left if take_left else right).pop(0)
        after = take_step(kind, state, side=act.side, act=act.act)
        state = state if after is None else after
        others = recipients if take_left else senders
        history.append(
            {
                "message_id": act.message_id,
                "in_order": after is not None,
                "crossed": any(
                    saw < other.place and other_saw < act.place for other, other_saw in others
                ),
                "state": state,
            }
        )
    return {"state": state, "whose_turn": find_turn(kind, state), "history": history}
