"""Programs of the Participants: they send, open and decide, and insist until they have an answer.

Each is a thread with random numbers of its own, so what a program wants to do next depends on the
seed and on what it sees, never on how fast the others are. It behaves as a careful program does:
the same idempotency key until the node has answered.
"""

import math
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from random import Random
from typing import Any, Final

import httpx

from protocol.identifiers import Phase
from protocol.messages.catalogue import CATALOGUE
from protocol.messages.fields import Sensitivity
from protocol.messages.head import CaseMessage
from tests.chaos.files import Content, FileRefusedError, bring_in
from tests.chaos.ledger import Ledger
from tests.support.case_world import PREPARED
from tests.support.consent import ON_FILE
from tests.support.examples import list_good
from tests.support.messages import CONSENT

_RETRY_SECONDS: Final = 0.1
_PACE_SECONDS: Final = 0.02
_TIMEOUT: Final = httpx.Timeout(20.0, connect=2.0)
#: A case grows to about so many messages of one side before the next is opened.
_CASE_LENGTH: Final = 12
_OPENING: Final = "identification.presumed_victim_notification"
#: Types whose examples say something about one pair, or answer something, or end a case.
_LEFT_OUT: Final = frozenset(
    {
        "general.response",
        "general.decision",
        "general.correction",
        "general.consent_withdrawn",
        "general.erasure",
        "general.case_closed",
    }
)
#: Of these types the first example describes a return that is not prepared yet.
_EXAMPLES: Final = {
    "return.arrival_reception": 2,
    "return.assisted_voluntary_return": 2,
    "return.return_notification": 2,
}
#: What a type asks for beside the case's own record: others may answer it, or have not yet.
_RETURN: Final = "return."
_URGENCIES: Final = ("standard", "standard", "urgent", "immediate")


class TrafficOverError(Exception):
    """The run is over: what was asked for and not answered is not in the ledger."""


def list_drafts() -> dict[str, dict[str, Any]]:
    """Return a body and a legal basis for each type that people can send, by type."""
    drafts: dict[str, dict[str, Any]] = {}
    for tag, entry in CATALOGUE.items():
        if not issubclass(entry.model, CaseMessage) or tag in _LEFT_OUT:
            continue
        fields = list_good(tag)[_EXAMPLES.get(tag, 0)][1]
        drafts[tag] = {
            name: fields[name]
            for name in ("type", "kind", "channel", "phase", "legal_basis", "body")
            if name in fields
        }
    return drafts


@dataclass(slots=True)
class Quota:
    """How many messages the run still wants, shared by all programs."""

    left: int
    #: Messages accepted at which programs wait: faults that are due shall not be left behind.
    ceiling: float = math.inf
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self) -> bool:
        """Take one; False: there are none left."""
        with self._lock:
            self.left -= 1
            return self.left >= 0


@dataclass(slots=True)
class Program:
    """One Participant's program."""

    code: str
    url: str
    token: str
    desks: Mapping[str, str]
    ledger: Ledger
    quota: Quota
    random: Random
    over: threading.Event
    #: Seconds between two requests: nodes shall be busy, not drowned.
    pause: float
    #: Types that some node refused to send as they are here.
    useless: set[str] = field(default_factory=set)
    #: Share of messages that carry a file.
    files: float = 0.05
    #: Share of messages that are taken back as soon as the node has said yes.
    second_thoughts: float = 0.04
    _drafts: Mapping[str, dict[str, Any]] = field(default_factory=list_drafts)
    _cases: dict[str, list[str]] = field(default_factory=dict)
    _length: dict[str, int] = field(default_factory=dict)
    _number: int = 0

    def run(self) -> None:
        """Work until the quota is used up."""
        with httpx.Client(
            base_url=f"{self.url}/api/v1",
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=_TIMEOUT,
        ) as http:
            while not self.over.is_set() and self.quota.take():
                while self.ledger.count >= self.quota.ceiling and not self.over.is_set():
                    self.over.wait(_PACE_SECONDS)
                try:
                    self._act(http)
                except TrafficOverError:
                    return
                self.over.wait(self.random.uniform(0, 2 * self.pause))

    def _act(self, http: httpx.Client) -> None:
        while True:
            if self.random.random() < 0.15 and self._decide(http):
                return
            if self._send(http):
                return

    # ------------------------------------------------------------------ a message of ours

    def _send(self, http: httpx.Client) -> bool:
        """Send one; False if it was refused."""
        recipient = self.random.choice([code for code in self.desks if code != self.code])
        cases = self._cases.setdefault(recipient, [])
        is_new = not cases or self._length[cases[-1]] >= _CASE_LENGTH
        usable = [tag for tag in self._drafts if tag not in self.useless]
        tag = _OPENING if is_new else self.random.choice(usable)
        mark = self._make_mark()
        draft = self.fill(tag, recipient=recipient, mark=mark)
        if not is_new:
            draft["case"] = self.random.choice(cases[-3:])
        content = Content.make(self.random) if self.random.random() < self.files else None
        if content is not None:
            name = self._bring_in(http, content, recipient)
            draft["files"] = [name] if name else []
        answer = self._insist(http, "/messages", draft, mark=mark)
        if answer.status_code == HTTPStatus.CREATED:
            sent = [content.sha256] if content and draft["files"] else []
            self.ledger.note_accepted(
                mark, recipient=recipient, kind=tag, answer=answer.json(), files=sent
            )
            case = answer.json()["case"]
            if self.random.random() < self.second_thoughts:
                self._take_back(http, answer.json()["message_id"])
                is_new = False  # nothing shall be said in a case that may not begin
            if is_new:
                self._prepare_return(http, answer.json()["case_id"])
                cases.append(case)
            self._length[case] = self._length.get(case, 0) + 1
            return True
        self.ledger.note_refused(mark, why=f"{tag} {answer.status_code}")
        if answer.status_code == HTTPStatus.NOT_FOUND:  # a restored node forgot the case
            cases.clear()
        else:
            self.ledger.note("refusal", tag=tag, text=answer.text[:300])
            # A restored node forgot the file, or that a return is prepared; the type is good.
            if not draft.get("files") and not tag.startswith(_RETURN):
                self.useless.add(tag)
        return False

    def _prepare_return(self, http: httpx.Client, case_id: str) -> None:
        """Record that everything was done for a return, as people would have before it."""
        journey = dict(PREPARED) | {"reception_confirmed": True}
        while not self.over.is_set():
            try:
                answer = http.put(f"/cases/{case_id}/return", json=journey)
            except httpx.HTTPError:
                time.sleep(_RETRY_SECONDS)  # a node that is away has no event
                continue
            if not answer.is_server_error:
                return  # a restored node has forgotten the case: then it will say so
            time.sleep(_RETRY_SECONDS)
        raise TrafficOverError

    def _take_back(self, http: httpx.Client, message_id: str) -> None:
        """Ask until there is an answer. What has left stays as it is."""
        while not self.over.is_set():
            try:
                answer = http.post(f"/messages/{message_id}/cancel")
            except httpx.HTTPError:
                time.sleep(_RETRY_SECONDS)  # a node that is away has no event
                continue
            if answer.is_success:
                self.ledger.note_taken_back(message_id, certain=answer.json()["certain"])
                return
            if not answer.is_server_error:
                self.ledger.note("not_taken_back", message_id=message_id, text=answer.text[:200])
                return
            time.sleep(_RETRY_SECONDS)
        raise TrafficOverError

    def _bring_in(self, http: httpx.Client, content: Content, recipient: str) -> str | None:
        try:
            return bring_in(http, content, recipient=recipient, over=self.over)
        except FileRefusedError as error:
            self.ledger.note("refusal", tag="file", text=str(error))
            return None

    def _make_mark(self) -> str:
        self._number += 1
        return f"chaos {self.code} {self._number:06}"

    def fill(self, tag: str, *, recipient: str, mark: str) -> dict[str, Any]:
        """Return what is asked of the node: an example of the type, for this recipient."""
        draft = dict(self._drafts[tag])
        body = dict(draft["body"])
        if "case_manager" in body:
            body["case_manager"] = body["case_manager"] | {"authority": self.desks[self.code]}
        if draft["legal_basis"]["kind"] == "no_personal_data":  # some types cannot have another
            stated = {"legal_basis": draft["legal_basis"]}
        else:
            stated = self._consent_to_everything(recipient)
        return (
            draft
            | stated
            | {
                "recipient": recipient,
                "urgency": self.random.choice(_URGENCIES),
                "formality": "formal",
                "instrument": mark,
                "from_authority": self.desks[self.code],
                "to_authority": self.desks[recipient],
                "body": body,
            }
        )

    @staticmethod
    def _consent_to_everything(recipient: str) -> dict[str, Any]:
        """Return consent that is on file: so that only what is broken on purpose goes wrong."""
        basis = dict(CONSENT) | {
            "classes": [mark for mark in Sensitivity if mark is not Sensitivity.NONE],
            "phases": list(Phase),
            "recipients": [recipient],
        }
        return {"legal_basis": basis, "consent": dict(ON_FILE)}

    # ------------------------------------------------------------------ what others sent

    def _decide(self, http: httpx.Client) -> bool:
        """Open something that waits for a decision and decide it; False: nothing was sent."""
        try:
            answer = http.get("/messages", params={"open_only": True, "limit": 20})
        except httpx.HTTPError:
            return False
        waiting: Sequence[dict[str, Any]] = answer.json()["items"] if answer.is_success else []
        waiting = [item for item in waiting if item["peer"] in self.desks]
        if not waiting:
            return False
        item = self.random.choice(waiting)
        mark = self._make_mark()
        path = f"/messages/{item['message_id']}"
        try:
            http.post(f"{path}/open")
        except httpx.HTTPError:
            return False
        manager = {"post": "Officer on duty"}
        decision = {"outcome": "accepted", "case_manager": manager, "procedure_note": mark}
        decided = self._insist(http, f"{path}/decision", decision, mark=mark)
        if decided.status_code != HTTPStatus.CREATED:
            self.ledger.note_refused(mark, why=f"decision {decided.status_code}")
            self.ledger.note("refusal", tag="decision", text=decided.text[:300])
            return False
        self.ledger.note_accepted(
            mark, recipient=item["peer"], kind="general.decision", answer=decided.json()
        )
        return True

    def _insist(
        self, http: httpx.Client, path: str, body: Mapping[str, Any], *, mark: str
    ) -> httpx.Response:
        """Ask until there is an answer that is neither silence nor trouble of the node."""
        self.ledger.note_asked(self.code, mark)
        while not self.over.is_set():
            try:
                answer = http.post(path, json=body, headers={"Idempotency-Key": mark})
            except httpx.HTTPError:
                time.sleep(_RETRY_SECONDS)  # a node that is away has no event
                continue
            if not answer.is_server_error:
                return answer
            time.sleep(_RETRY_SECONDS)
        raise TrafficOverError
