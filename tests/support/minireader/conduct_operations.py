"""What is done in the operations of the vectors that are about links, keys, turns and dates."""

import base64
import datetime as dt
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from tests.support.minireader import (
    bundle,
    conversations,
    deadlines,
    evidence,
    key_documents,
    links,
    receipts,
)
from tests.support.minireader.texts import parse_moment, write_moment

Input = dict[str, Any]
Operation = Callable[[Input, Input], Any]


def _tell_key_document(given: Input, _shared: Input) -> Input:
    document = key_documents.read_key_document(given["text"].encode())
    return {
        "participant": document["participant"],
        "account": document["broker"]["account"],
        "signing_keys": [key["key_id"] for key in document["signing_keys"]],
        "encryption_keys": [key["key_id"] for key in document["encryption_keys"]],
    }


def _newest_key(given: Input, shared: Input) -> str | None:
    document = key_documents.read_key_document(shared["document"].encode())
    return key_documents.find_newest_key(document, at=parse_moment(given["at"]), suite=1)


def _accept_suite(given: Input, _shared: Input) -> str:
    key_documents.accept_suite(
        given["strongest_first"],
        floor=given["floor"],
        suite=given["suite"],
        key_suite=given["key_suite"],
    )
    return "accepted"


def _plan_keys(given: Input, _shared: Input) -> Input:
    now, held = parse_moment(given["now"]), given["held"]
    confirmed = given["confirmed"] and parse_moment(given["confirmed"])
    listed, erased = key_documents.judge_keys(held, now=now, confirmed=confirmed)
    return {"list": listed, "erase": erased}


def _place(one: Input | None) -> conversations.Place:
    return (one["generation"], one["seq"]) if one else conversations.NOTHING


def _read_conversation(given: Input, _shared: Input) -> Input:
    acts = {
        conversations.Act(
            message_id=one["message_id"],
            side=one["side"],
            act=one["act"],
            place=_place(one["place"]),
            seen=_place(one.get("seen")),
        )
        for one in given["acts"]
    }
    opener = given["opener"]
    told = conversations.read_conversation(
        opener["kind"], expects=opener["expects"], opener=_place(opener["place"]), acts=acts
    )
    return {**told, "provisional": not given["complete"]}


def _name_act(given: Input, _shared: Input) -> str:
    inside = given.get("forwarded_to", "-").split("-")[0] == given.get("author", "")
    return conversations.name_act(given["type"], given.get("code"), forwarded_inside=inside)


def _compute_due(given: Input) -> dt.datetime | None:
    calendar = deadlines.Calendar(
        zone=ZoneInfo(given["calendar"]["zone"]),
        weekend=frozenset(given["calendar"]["weekend"]),
        holidays=frozenset(map(dt.date.fromisoformat, given["calendar"]["holidays"])),
    )
    return deadlines.compute_due(
        parse_moment(given["composed_at"]),
        urgency=given["urgency"],
        child=given["about_a_child"],
        working_days=given["working_days"],
        calendar=calendar,
        agreed=given.get("agreed"),
    )


def _write(moment: dt.datetime | None) -> str | None:
    return None if moment is None else write_moment(moment)


def _judge_deadline(given: Input, _shared: Input) -> Input:
    named = given["answer_by"] and parse_moment(given["answer_by"])
    verdict, counts = deadlines.judge_named(
        named, due=_compute_due(given), composed_at=parse_moment(given["composed_at"])
    )
    return {"verdict": verdict, "counts": _write(counts)}


def _restart(given: Input, _shared: Input) -> Input:
    generation = links.restart(
        now=parse_moment(given["now"]),
        kept=given["head"]["generation"],
        heard=given["heard"],
    )
    return {"generation": generation, "seq": 0, "digest": links.NONE_BEFORE}


def _is_awaited(given: Input, _shared: Input) -> bool:
    awaited = {
        "generation": given["generation"],
        "seq": given["seq"],
        "payload_sha256": given["digest"],
        "fate": "again",
    }
    return awaited in given["announced"]


def _find_bundle(name: str, shared: Input) -> bytes:
    """Return a whole bundle, or change members of another one and pack them."""
    if name in shared["bundles"]:
        return base64.b64decode(shared["bundles"][name])
    changed = shared["changed"][name]
    members = bundle.unpack(base64.b64decode(shared["bundles"][changed["from"]]))
    for path, put in changed["members"].items():
        if put is None:
            del members[path]
            continue
        data = put["text"].encode() if "text" in put else base64.b64decode(put["base64"])
        members[path] = data + b" " * put.get("blanks", 0)
    return bundle.pack(members)


def _verify_bundle(given: Input, shared: Input) -> Input:
    data = _find_bundle(given["bundle"], shared)
    if change := given.get("change"):
        at = change["at"]
        data = data[:at] + bytes.fromhex(change["put"]) + data[at + change["removed"] :]
    outcome, items = evidence.verify_bundle(data, shared["roots"][given["root"]].encode())
    messages = [{"name": item.name, "sha256": item.digest, "proved": item.proved} for item in items]
    return {"outcome": outcome, "messages": messages}


OPERATIONS: dict[str, dict[str, Operation]] = {
    "conversation_table": {
        "act": _name_act,
        "opens": lambda given, _: conversations.is_opener(given["type"]),
        "steps": lambda given, _: conversations.list_steps(given["kind"], given["state"]),
        "whose_turn": lambda given, _: conversations.find_turn(given["kind"], given["state"]),
    },
    "conversations": {"read": _read_conversation},
    "deadlines": {
        "due": lambda given, _: _write(_compute_due(given)),
        "judge": _judge_deadline,
    },
    "epochs": {"plan": _plan_keys},
    "evidence": {"verify": _verify_bundle},
    "key_documents": {"read": _tell_key_document, "newest_key": _newest_key},
    "link_repair": {
        "plan": lambda given, _: links.plan_questions(given["watches"], parse_moment(given["now"])),
        "follow": lambda given, _: links.follow_gaps(
            given["watches"], gaps=given["gaps"], now=parse_moment(given["now"])
        ),
        "answer": lambda given, _: links.answer_request(given["wanted"], given["kept"]),
        "is_awaited": _is_awaited,
    },
    "links": {
        "next": lambda given, _: links.continue_link(given),
        "judge": lambda given, _: links.judge(
            given["link"], digest=given["digest"], held=given["held"]
        ),
        "find_gaps": lambda given, _: links.find_gaps(
            given["settled"], highest=given["highest"], generation=given["generation"]
        ),
        "judge_head": lambda given, _: links.judge_head(given["named"], given["held"]),
        "restart": _restart,
    },
    "receipts": {
        "apply": lambda given, shared: receipts.apply_item(
            given["item"], receipt_from=given["receipt_from"], sent=shared["sent"]
        )
    },
    "registry_pins": {
        "judge": lambda given, _: key_documents.judge_pin(given["pin"], given["known"]),
        "follow": lambda given, _: key_documents.follow_pins(given["events"]),
    },
    "suites": {
        "choose": lambda given, _: key_documents.choose_suite(
            given["strongest_first"], floor=given["floor"], offered=given["offered"]
        ),
        "accept": _accept_suite,
    },
}
