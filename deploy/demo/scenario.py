"""The scripted case: AL notifies XK of a presumed victim, refers the case, and XK accepts.

The script is a program of the two Participants: it uses their nodes' JSON interface, nothing else.
Each receipt is verified here, with keys out of the signed registry and with the protocol's own
functions, not by asking a node whether it is good. The case is invented.
"""

import base64
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import httpx

from contact_registry.directory import Directory
from protocol.envelope import SignedPayload
from protocol.identifiers import ParticipantCode, Phase
from protocol.messages.catalogue import parse_payload
from protocol.messages.system import Receipt, ReceiptStatus

_POLL_SECONDS: Final = 0.02
_DELIVERY_SECONDS: Final = 60.0

_PERSON: Final[Mapping[str, Any]] = {
    "age_group": "23_25",
    "possibly_under_18": "no",
    "status": "presumed",
    "sex": "female",
    "exploitation_forms": ["forced_labour_or_services"],
    "languages_spoken": ["sq"],
    "interpreter_needed": "no",
    "danger_now": "no",
}
_CASE_MANAGER: Final = {"post": "Duty officer", "reachable": "Around the clock through the node"}


class ScenarioFailedError(Exception):
    """A step of the scripted case did not go as it must."""


class NodeClient:
    """A program of one Participant, using its node's interface."""

    def __init__(self, *, code: str, url: str, token: str) -> None:
        self.code = code
        self._http = httpx.Client(
            base_url=f"{url}/api/v1",
            headers={"Authorization": f"Bearer {token}"},
            timeout=15.0,
        )

    def close(self) -> None:
        """Give the connection back."""
        self._http.close()

    def ask(self, path: str, **parameters: Any) -> Any:
        """GET something; raises ``ScenarioFailedError`` unless it succeeds."""
        return self._read(self._http.get(path, params=parameters))

    def post(self, path: str, body: Mapping[str, Any] | None = None, *, key: str = "") -> Any:
        """POST something, once per ``key``."""
        headers = {"Idempotency-Key": key} if key else {}
        return self._read(self._http.post(path, json=body, headers=headers))

    def _read(self, answer: httpx.Response) -> Any:
        if not answer.is_success:
            raise ScenarioFailedError(f"{self.code}: {answer.status_code} {answer.text[:500]}")
        return answer.json() if answer.content else None

    def send(self, draft: Mapping[str, Any], *, key: str) -> dict[str, Any]:
        """Queue a message."""
        sent: dict[str, Any] = self.post("/messages", draft, key=key)
        return sent

    def find_desk(self, participant: str, phase: str) -> str | None:
        """Ask who is competent; ``None`` if the registry knows nobody who can be reached."""
        answer = self._http.get(
            "/directory/desk", params={"participant": participant, "phase": phase}
        )
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        return str(self._read(answer)["authority"])

    def wait_for(self, path: str, found: Callable[[Any], bool], *, what: str) -> Any:
        """Ask again and again until the answer is as wanted."""
        deadline = time.monotonic() + _DELIVERY_SECONDS
        while time.monotonic() < deadline:
            answer = self.ask(path)
            if found(answer):
                return answer
            time.sleep(_POLL_SECONDS)
        raise ScenarioFailedError(f"{self.code}: {what} did not happen in {_DELIVERY_SECONDS} s.")


@dataclass(slots=True)
class Outcome:
    """What the scripted case came to."""

    sent: int = 0
    delivered: int = 0
    receipts_verified: int = 0
    seconds: list[float] = field(default_factory=list)
    case: str = ""

    @property
    def held(self) -> bool:
        """Say whether every message was delivered and its receipt verified."""
        return self.sent > 0 and self.sent == self.delivered == self.receipts_verified

    def summarize(self) -> dict[str, Any]:
        """Return the figures of the summary."""
        return {
            "sent": self.sent,
            "delivered": self.delivered,
            "receipts_verified": self.receipts_verified,
            "compose_to_receipt_seconds": {
                "median": round(statistics.median(self.seconds), 4) if self.seconds else None,
                "max": round(max(self.seconds), 4) if self.seconds else None,
            },
        }


@dataclass(slots=True)
class Scenario:
    """Plays the case between two Participants and prints each step."""

    sender: NodeClient
    recipient: NodeClient
    directory: Directory
    say: Callable[[str], None]
    outcome: Outcome = field(default_factory=Outcome)

    def play(self) -> Outcome:
        """Play the whole case; raises ``ScenarioFailedError``."""
        notification = self.notify()
        referral = self.refer(notification)
        self.accept(referral)
        return self.outcome

    def notify(self) -> dict[str, Any]:
        """Tell the recipient that a presumed victim was found."""
        desk = self.sender.find_desk(self.recipient.code, "identification")
        self._step(
            "finds the competent desk", f"{desk} (registry version {self.directory.version})"
        )
        body = self._describe_person() | {
            "ties": ["national_of"],
            "found_on": f"{datetime.now().astimezone():%Y-%m-%d}",
            "immediate_needs": ["safe_accommodation", "medical_care"],
        }
        return self._send(
            "notifies of a presumed victim",
            {
                "type": "identification.presumed_victim_notification",
                "recipient": self.recipient.code,
                "urgency": "urgent",
                "to_authority": desk,
                "legal_basis": {"kind": "no_personal_data"},
                "body": body,
            },
        )

    def refer(self, notification: Mapping[str, Any]) -> dict[str, Any]:
        """Refer the case to the recipient's authority."""
        body = self._describe_person() | {
            "handover": "opened_with_recipient",
            "reason": "return_is_planned",
            "services_requested": ["accommodation", "psychotherapy", "legal_advice"],
            "phases_concerned": ["first_assistance", "social_inclusion"],
            "whereabouts": "with_sender",
            "risk": {"level": "medium"},
        }
        return self._send(
            "refers the case",
            {
                "type": "identification.initial_referral",
                "recipient": self.recipient.code,
                "case": notification["case"],
                "in_reply_to": notification["message_id"],
                "urgency": "urgent",
                "to_authority": notification["to_authority"],
                "legal_basis": {"kind": "no_personal_data"},
                "body": body,
            },
        )

    def accept(self, referral: Mapping[str, Any]) -> dict[str, Any]:
        """Let the recipient open the referral and accept it."""
        message_id = referral["message_id"]
        self.recipient.post(f"/messages/{message_id}/open")
        decision: dict[str, Any] = self.recipient.post(
            f"/messages/{message_id}/decision",
            {
                "outcome": "accepted",
                "case_manager": {"post": "Case manager on duty"},
                "procedure_note": "Reception is being prepared.",
            },
            key=f"demo-decision-{message_id}",
        )
        self.outcome.sent += 1
        self._confirm(self.recipient, self.sender, "accepts the referral", decision)
        handled = self.sender.wait_for(
            f"/messages/{message_id}",
            lambda view: view["item"]["handling"] == "accepted",
            what="the referral's acceptance",
        )
        self._step("sees the referral accepted", f"decision {handled['decided_by_message'][:8]}")
        return decision

    def _send(self, what: str, draft: Mapping[str, Any]) -> dict[str, Any]:
        # The key is the case's own step: played again after a crash, it sends nothing twice.
        sent = self.sender.send(draft, key=f"demo-{draft['type']}-{draft.get('case', 'new')}")
        self.outcome.sent += 1
        self.outcome.case = sent["case"]
        self._confirm(self.sender, self.recipient, what, sent)
        return sent

    def _confirm(
        self, sender: NodeClient, recipient: NodeClient, what: str, sent: Mapping[str, Any]
    ) -> None:
        """Wait for the signed receipt of a message and verify it."""
        message_id = str(sent["message_id"])
        sender.wait_for(
            f"/messages/{message_id}",
            lambda view: view["item"]["dispatch"] in {"delivered", "read"},
            what=f"delivery of {message_id[:8]}",
        )
        self.outcome.delivered += 1
        signed = verify_receipt(sender, message_id=message_id, directory=self.directory)
        self.outcome.receipts_verified += 1
        seconds = _measure(sender.ask(f"/cases/{sent['case_id']}"), message_id)
        self.outcome.seconds.append(seconds)
        self.say(
            f"{sender.code:>3} {what}: {sent['case']}, message {message_id[:8]}, delivered to "
            f"{recipient.code} in {seconds * 1000:.0f} ms"
        )
        self.say(
            f"    receipt signed by {recipient.code} with key {signed.signer[:8]}: signature valid"
        )

    def _describe_person(self) -> dict[str, Any]:
        """Return what both messages say of the person, with a desk of ours as case manager."""
        desks = self.directory.contacts[ParticipantCode(self.sender.code)].authorities
        desk = next(
            each for each in desks if any(c.phase is Phase.IDENTIFICATION for c in each.competences)
        )
        return {**_PERSON, "case_manager": {**_CASE_MANAGER, "authority": desk.id}}

    def _step(self, what: str, detail: str) -> None:
        self.say(f"{self.sender.code:>3} {what}: {detail}")


def _measure(case: Mapping[str, Any], message_id: str) -> float:
    """Return the seconds between the sender's two records: composed, and receipt verified."""
    at = {
        event["kind"]: datetime.fromisoformat(event["at"])
        for event in case["timeline"]
        if event["message_id"] == message_id
    }
    return (at["message_delivered"] - at["message_queued"]).total_seconds()


def verify_receipt(node: NodeClient, *, message_id: str, directory: Directory) -> SignedPayload:
    """Verify the delivery receipt of a message and return it, signed.

    Signed by a key that the registry lists for the recipient, about this message, naming the digest
    of the very payload that the sender signed. Raises ``ScenarioFailedError`` or the protocol's own
    errors.
    """
    evidence = node.ask(f"/messages/{message_id}/evidence")
    payload = SignedPayload.parse(base64.b64decode(evidence["signed_payload"]))
    _verify_signature(payload, directory)
    for text in evidence["signed_receipts"]:
        signed = SignedPayload.parse(base64.b64decode(text))
        if signed.consignment.sender != payload.consignment.recipient:
            continue
        _verify_signature(signed, directory)
        receipt = parse_payload(signed.payload)
        if isinstance(receipt, Receipt) and any(
            item.message_id == message_id
            and item.payload_sha256 == payload.digest
            and item.status is ReceiptStatus.DELIVERED
            for item in receipt.body.items
        ):
            return signed
    raise ScenarioFailedError(f"No signed delivery receipt for message {message_id[:8]}.")


def _verify_signature(signed: SignedPayload, directory: Directory) -> None:
    sender = ParticipantCode(signed.consignment.sender)
    key = directory.signing_key(sender, signed.signer)
    if key is None:
        raise ScenarioFailedError(f"The registry lists no key {signed.signer} for {sender}.")
    signed.verify(key)
