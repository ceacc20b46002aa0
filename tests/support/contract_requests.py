"""For each route a request that has to succeed: what it names is made for it, and only for it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from node.domain.scanning import ScanOutcome, ScanVerdict
from node.domain.work import ItemKind
from node.service.attachments.opening import list_complete, open_file
from node.service.attachments.scanning import scan_file
from node.service.attachments.showing import list_troubled_files
from node.service.withdrawals import WithdrawalDraft, handle_withdraw
from protocol.messages.head import ConsentGiver
from tests.support.case_world import PREPARED as READY_TO_RETURN
from tests.support.case_world import consent_for, draft_of, record_of
from tests.support.contract_ground import DESK, Ground
from tests.support.examples import list_good
from tests.support.node import make_draft
from tests.support.people import STAFF
from tests.support.received_files import ScriptedScanner, carry_chunks, send_files


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A request that fits."""

    path: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    #: Bytes, for the few routes that take no JSON.
    content: bytes | None = None
    query: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    #: What was seen; ``None``: as the ``ETag`` says, if there is one to be had.
    version: int | None = None
    #: Whose token; empty: the first that opens the route.
    who: str = ""


Maker = Callable[[Ground], Wish]


class Wishes(dict[str, Maker]):
    """What makes the request for a route, by method and path."""

    def at(self, *labels: str) -> Callable[[Maker], Maker]:
        """Enter what makes the request for these routes."""

        def enter(make: Maker) -> Maker:
            self.update(dict.fromkeys(labels, make))
            return make

        return enter


WORK: Final = Wishes()
"""What those who work on cases ask for."""

EXCEPTION: Final = {
    "ground": "vital_interest",
    "justification": "He is on his way.",
    "person_told": "yes",
}
DEMAND: Final = {"ground": "demand_of_the_person"}


def _dump(**changes: Any) -> dict[str, Any]:
    return make_draft(**changes).model_dump(mode="json", exclude_none=True)


# ------------------------------------------------------------------ messages


@WORK.at("POST /messages", "POST /drafts/check")
def _send(_: Ground) -> Wish:
    return Wish(body=_dump())


@WORK.at("POST /messages/{message_id}/cancel")
def _cancel(ground: Ground) -> Wish:
    sent = ground.ask("messages", "POST", "/messages", _dump())
    return Wish(path={"message_id": sent["message_id"]})


@WORK.at("POST /messages/{message_id}/decision")
def _decide(ground: Ground) -> Wish:
    body = {"outcome": "accepted", "case_manager": {"post": "Case manager"}}
    return Wish(path={"message_id": ground.receive()}, body=body)


@WORK.at("POST /messages/{message_id}/answer")
def _answer(ground: Ground) -> Wish:
    fields = list_good("social_inclusion.service_contacts")[0][1]
    kept = {name: fields[name] for name in ("type", "phase", "kind", "legal_basis", "body")}
    asked = ground.receive(**kept)
    body = {"completeness": "none_available", "none_reason": "not_known_here"}
    basis = {"kind": "no_personal_data"}
    answer = {"type": "general.response", "legal_basis": basis, "body": body}
    return Wish(path={"message_id": asked}, body=answer)


@WORK.at("POST /messages/{message_id}/open", "GET /messages/{message_id}/bundle")
def _received(ground: Ground) -> Wish:
    return Wish(path={"message_id": ground.receive()})


@WORK.at("POST /messages/{message_id}/erase")
def _erase_message(ground: Ground) -> Wish:
    return Wish(path={"message_id": ground.receive()}, body=DEMAND)


@WORK.at("POST /messages/{message_id}/onward-answers")
def _answer_onward(ground: Ground) -> Wish:
    body = {"target": "MK-anti-trafficking-desk", "allowed": True}
    return Wish(path={"message_id": ground.receive()}, body=body)


# ------------------------------------------------------------------ cases


def _on_case(label: str, body: Any, *, query: Mapping[str, Any] | None = None) -> None:
    WORK[label] = lambda ground: Wish(
        path={"case_id": ground.case()}, body=body, query=query or {}, who="worker"
    )


_on_case("POST /cases/{case_id}/notes", {"text": "Ring on Monday."})
_on_case("PUT /cases/{case_id}/manager", {"post": "Case manager, care", "authority": DESK})
_on_case("PUT /cases/{case_id}/person", {"person_group": "adult"})
_on_case("PUT /cases/{case_id}/guardian", {"situation": "appointed", "is_case_manager": True})
_on_case(
    "POST /cases/{case_id}/close",
    {"outcome": "objectives_reached", "closed_on": "2026-03-04", "tell": False},
)
_on_case(
    "PUT /cases/{case_id}/confidential",
    {"identity": {"family_name": "Invented", "given_names": "Name"}},
)
_on_case("POST /cases/{case_id}/consents", record_of(consent_for("XK")))
_on_case("POST /cases/{case_id}/exceptions", EXCEPTION)
_on_case("PUT /cases/{case_id}/circumstances", {"treated_as_child": True})
_on_case("PUT /cases/{case_id}/return", dict(READY_TO_RETURN))
_on_case("POST /cases/{case_id}/erase", DEMAND)


@WORK.at("PUT /cases/{case_id}/notes/{note_id}", "DELETE /cases/{case_id}/notes/{note_id}")
def _note(ground: Ground) -> Wish:
    case_id = ground.case()
    note = ground.ask("worker", "POST", f"/cases/{case_id}/notes", {"text": "Ring on Monday."})
    path = {"case_id": case_id, "note_id": note["note_id"]}
    return Wish(path=path, body={"text": "Ring on Tuesday."}, version=1, who="worker")


@WORK.at("POST /cases/{case_id}/links")
def _link(ground: Ground) -> Wish:
    return Wish(path={"case_id": ground.case()}, body={"case_id": ground.case()}, who="worker")


@WORK.at("DELETE /cases/{case_id}/links/{other_case_id}")
def _unlink(ground: Ground) -> Wish:
    one, other = ground.case(), ground.case()
    ground.ask("worker", "POST", f"/cases/{one}/links", {"case_id": other})
    return Wish(path={"case_id": one, "other_case_id": other}, who="worker")


@WORK.at("POST /cases/{case_id}/reopen")
def _reopen(ground: Ground) -> Wish:
    case_id = ground.case()
    ending = {"outcome": "objectives_reached", "closed_on": "2026-03-04", "tell": False}
    ground.ask("worker", "POST", f"/cases/{case_id}/close", ending)
    return Wish(path={"case_id": case_id}, body={"reason": "new_facts"}, who="worker")


@WORK.at("GET /cases/{case_id}/confidential")
def _read_confidential(ground: Ground) -> Wish:
    case_id = ground.case()
    said = {"identity": {"family_name": "Invented", "given_names": "Name"}}
    ground.ask("worker", "PUT", f"/cases/{case_id}/confidential", said)
    return Wish(path={"case_id": case_id}, who="worker")


@WORK.at("POST /cases/{case_id}/consents/{consent_id}/document")
def _file_document(ground: Ground) -> Wish:
    case_id = ground.case()
    consent = record_of(consent_for("XK"))
    kept = ground.ask("worker", "POST", f"/cases/{case_id}/consents", consent)
    path = {"case_id": case_id, "consent_id": kept["consent_id"]}
    return Wish(path=path, body={"file_id": ground.file("worker")}, who="worker")


@WORK.at("GET /cases/{case_id}/consents/{consent_id}/document")
def _take_document(ground: Ground) -> Wish:
    wish = _file_document(ground)
    path = "/cases/{case_id}/consents/{consent_id}/document".format(**wish.path)
    ground.ask("worker", "POST", path, wish.body)
    return Wish(path=wish.path, who="worker")


# ------------------------------------------------------------------ withdrawing and deleting


@WORK.at("POST /cases/{case_id}/withdrawals")
def _withdraw(ground: Ground) -> Wish:
    return Wish(path={"case_id": ground.send_text().case_id}, body={"withdrawn_by": "person"})


@WORK.at("POST /cases/{case_id}/erasure-requests")
def _ask_erasure(ground: Ground) -> Wish:
    return Wish(path={"case_id": ground.send().case_id}, body=DEMAND)


@WORK.at(
    "GET /cases/{case_id}/withdrawals/{withdrawal_id}",
    "POST /cases/{case_id}/withdrawals/{withdrawal_id}/tell-now",
)
def _withdrawn(ground: Ground) -> Wish:
    case_id = ground.send_text().case_id
    path = f"/cases/{case_id}/withdrawals?tell_later=true"
    made = ground.ask("messages", "POST", path, {"withdrawn_by": "person"})
    return Wish(path={"case_id": case_id, "withdrawal_id": made["withdrawal_id"]})


@WORK.at("POST /recipients-to-tell/{untold_id}/settle")
def _settle_untold(ground: Ground) -> Wish:
    wish = _withdrawn(ground)
    path = "/cases/{case_id}/withdrawals/{withdrawal_id}".format(**wish.path)
    [desk] = ground.ask("messages", "GET", path)["waiting"]
    return Wish(path={"untold_id": desk["untold_id"]}, version=desk["row_version"])


@WORK.at("POST /deletions/{message_id}/confirm")
def _confirm_deletion(ground: Ground) -> Wish:
    sent = ground.send_text("XK")
    before = {each["message_id"] for each in ground.ask("messages", "GET", "/deletions")}
    draft = WithdrawalDraft(withdrawn_by=ConsentGiver.PERSON)
    handle_withdraw(ground.network.node("XK"), sent.case_id, draft, who=STAFF)
    ground.settle()
    listed = ground.ask("messages", "GET", "/deletions")
    [asked] = [each for each in listed if each["message_id"] not in before]
    path = {"message_id": asked["message_id"]}
    return Wish(path=path, body={}, version=asked["row_version"])


@WORK.at("POST /returns/unannounced/{message_id}/settle")
def _settle_arrival(ground: Ground) -> Wish:
    fields = draft_of("return.arrival_confirmation", "XK", "AL")
    return Wish(path={"message_id": ground.send("XK", **fields).message_id})


# ------------------------------------------------------------------ a second person


def _ask_approval(ground: Ground, *files: str) -> dict[str, Any]:
    draft = _dump(
        type="general.message",
        urgency="immediate",
        legal_basis={"kind": "exception", "ground": "vital_interest"},
        exception=EXCEPTION,
        body={"text": f"He is on his way, {ground.number()}."},
        files=files,
    )
    return {"draft": draft, "justification": "It cannot wait."}


@WORK.at("POST /approvals")
def _new_approval(ground: Ground) -> Wish:
    return Wish(body=_ask_approval(ground), who="worker")


def _on_approval(label: str, body: Any, who: str) -> None:
    def make(ground: Ground) -> Wish:
        asked = ground.ask("worker", "POST", "/approvals", _ask_approval(ground))
        return Wish(path={"approval_id": asked["approval_id"]}, body=body, who=who)

    WORK[label] = make


_on_approval("GET /approvals/{approval_id}", None, "worker")
_on_approval("POST /approvals/{approval_id}/approve", {"post": "Head of the desk"}, "approver")
_on_approval("POST /approvals/{approval_id}/refuse", {"reason": "Ask her first."}, "approver")
_on_approval("POST /approvals/{approval_id}/take-back", None, "worker")


@WORK.at("GET /approvals/{approval_id}/files/{file_id}")
def _asked_file(ground: Ground) -> Wish:
    asking = _ask_approval(ground, ground.file("worker"))
    asked = ground.ask("worker", "POST", "/approvals", asking)
    path = {"approval_id": asked["approval_id"], "file_id": asked["files"][0]["file_id"]}
    return Wish(path=path, who="worker")


@WORK.at("POST /waiting-access/{account_id}/confirm", "POST /waiting-access/{account_id}/refuse")
def _waiting(ground: Ground) -> Wish:
    account_id = ground.person()
    waiting = ground.ask("worker", "GET", "/waiting-access")
    [one] = [each for each in waiting if each["account_id"] == account_id]
    return Wish(path={"account_id": account_id}, version=one["row_version"], who="worker")


# ------------------------------------------------------------------ files


@WORK.at("POST /files")
def _begin_file(_: Ground) -> Wish:
    return Wish(body={"name": "map.png", "size": 5, "sensitivity": "none"})


@WORK.at("GET /files/{file_id}", "DELETE /files/{file_id}")
def _staged(ground: Ground) -> Wish:
    return Wish(path={"file_id": ground.file()})


@WORK.at("PATCH /files/{file_id}")
def _append(ground: Ground) -> Wish:
    begun = ground.ask("messages", "POST", "/files", _begin_file(ground).body)
    return Wish(
        path={"file_id": begun["file_id"]}, content=b"12345", headers={"upload-offset": "0"}
    )


def _receive_file(ground: Ground, *, scanned: bool) -> str:
    sent = send_files(ground.network.node("XK"), {"map.txt": b"an invented map"}, recipient="AL")
    ground.settle()
    carry_chunks(ground.network, sent.chunks, sender="XK", to="AL")
    [file_id] = list_complete(ground.al, limit=9)
    open_file(ground.al, file_id, has_scanner=scanned)
    ground.settle()
    return file_id


@WORK.at("GET /received-files/{file_id}")
def _received_file(ground: Ground) -> Wish:
    return Wish(path={"file_id": _receive_file(ground, scanned=False)})


@WORK.at("POST /delivery/files/{file_id}/scan-again")
def _scan_again(ground: Ground) -> Wish:
    file_id = _receive_file(ground, scanned=True)
    found = ScriptedScanner([ScanVerdict(ScanOutcome.FOUND, "Test.Marker")])
    scan_file(ground.al, found, file_id)
    [trouble] = [each for each in list_troubled_files(ground.al) if each.file_id == file_id]
    return Wish(path={"file_id": file_id}, version=trouble.row_version)


# ------------------------------------------------------------------ items, drafts, duty


def _on_item(label: str, body: Any = None, *, claimed: bool = False) -> None:
    def make(ground: Ground) -> Wish:
        item_id = ground.item()
        if claimed:
            ground.ask("worker", "POST", f"/items/{item_id}/claim")
        return Wish(path={"item_id": item_id}, body=body, who="worker")

    WORK[label] = make


_on_item("POST /items/{item_id}/claim")
_on_item("POST /items/{item_id}/release", claimed=True)
_on_item("POST /items/{item_id}/hand-over", {"account_id": "a" * 32}, claimed=True)
_on_item("POST /items/{item_id}/move", {"desk": DESK})


@WORK.at("POST /items/{item_id}/settle")
def _settle_item(ground: Ground) -> Wish:
    case_id = ground.case()
    manager = {"post": "Case manager", "authority": DESK, "account_id": ground.accounts["approver"]}
    ground.ask("worker", "PUT", f"/cases/{case_id}/manager", manager)
    items = ground.ask("approver", "GET", f"/items?kind={ItemKind.TAKE_OVER}&limit=100")["items"]
    [item] = [each for each in items if each["case_id"] == case_id]
    return Wish(path={"item_id": item["item_id"]}, who="approver")


@WORK.at(
    "GET /drafts/{draft_id}",
    "PUT /drafts/{draft_id}",
    "DELETE /drafts/{draft_id}",
    "POST /drafts/{draft_id}/send",
)
def _draft(ground: Ground) -> Wish:
    kept = ground.ask("messages", "POST", "/drafts", {"content": _dump()})
    return Wish(path={"draft_id": kept["draft_id"]}, body={"content": _dump()})


@WORK.at("PUT /duty/desks/{desk}")
def _keep_roster(ground: Ground) -> Wish:
    members = [{"account_id": account} for account in ground.accounts.values()]
    return Wish(path={"desk": DESK}, body={"members": members})


@WORK.at("POST /search")
def _search(_: Ground) -> Wish:
    return Wish(body={"words": "interpreter"})


@WORK.at("PUT /duty/addresses/{account_id}")
def _keep_address(ground: Ground) -> Wish:
    return Wish(path={"account_id": ground.person()}, body={"address": "someone@desk.example"})


@WORK.at("GET /duty/addresses/{account_id}", "DELETE /duty/addresses/{account_id}")
def _address(ground: Ground) -> Wish:
    wish = _keep_address(ground)
    path = "/duty/addresses/{account_id}".format(**wish.path)
    ground.ask("administration", "PUT", path, wish.body)
    return Wish(path=wish.path, who="administration")
