"""Verifying a bundle of evidence from one trusted root (SPEC sections 16.1 and 16.6)."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tests.support.minireader import bundle, schemas
from tests.support.minireader.envelope import SignedPayload, read_signed_payload
from tests.support.minireader.keys import decode_base64, derive_key_id
from tests.support.minireader.registry_files import (
    INCOMPLETE,
    UNTRUSTED,
    Registry,
    build_chain,
    sort_files,
)
from tests.support.minireader.rejection import RejectedError
from tests.support.minireader.signature import make_statement, verify_ed25519
from tests.support.minireader.strict_json import parse_object
from tests.support.minireader.texts import is_moment

ALTERED, PROVED = "altered", "proved"
GRADES = (PROVED, INCOMPLETE, UNTRUSTED, ALTERED)
STEPS = ("signed", "delivered", "read", "rejected")
PROVES_NOTHING = {"unopenable", "unknown_sender"}


@dataclass(slots=True)
class Item:
    """A signed payload of a bundle, its head, and the steps that signatures prove of it."""

    name: str
    signed: SignedPayload
    #: Empty if it cannot be read.
    head: dict[str, Any]
    proved: list[dict[str, str]] = field(default_factory=list)

    @property
    def digest(self) -> str:
        """The digest of the message."""
        return hashlib.sha256(self.signed.payload).hexdigest()

    @property
    def parties(self) -> tuple[str, str]:
        """Sender and recipient."""
        return self.signed.consignment.sender, self.signed.consignment.recipient

    def prove(self, step: str, *, by: str, key_id: bytes) -> None:
        """Note a proved step."""
        self.proved.append({"step": step, "by": by, "key_id": key_id.hex()})


def _read_items(members: dict[str, bytes], folder: str) -> list[Item]:
    """Read the signed payloads of a folder, which stand under their own names."""
    items = []
    for path, data in sorted(members.items()):
        if not path.startswith(f"{folder}/"):
            continue
        signed = read_signed_payload(data)
        name = f"{signed.consignment.sender}-{signed.consignment.message_id.hex()}"
        if path != f"{folder}/{name}.signed":
            raise RejectedError(ALTERED, "a signed payload under another name")
        try:
            head = _read_head(signed.payload)
        except RejectedError:
            head = {}
        items.append(Item(name, signed, head))
    return items


def _read_head(content: bytes) -> dict[str, Any]:
    """Read what every message has in its head, of whatever type it is."""
    head = parse_object(content)
    shapes = [("registry", "RegistryPin")]
    if head.get("link") is not None:
        shapes.append(("link", "LinkField"))
    for name, definition in shapes:
        if schemas.find_violations(head.get(name), schemas.load_definition(definition)):
            raise RejectedError(ALTERED, f"a head without {name}")
    if not isinstance(head.get("composed_at"), str) or not is_moment(head["composed_at"]):
        raise RejectedError(ALTERED, "a head without its moment")
    return head


def _verify_item(item: Item, registry: Registry, keys: dict[str, bytes]) -> None:
    """Verify a signed payload; raise with the grade as code."""
    inside = item.signed.consignment
    if not item.head:
        raise RejectedError(ALTERED, "a head that cannot be read")
    named = (inside.message_id.hex(), inside.sender, inside.recipient)
    if named != tuple(item.head.get(one) for one in ("message_id", "sender", "recipient")):
        raise RejectedError(ALTERED, "payload and consignment differ")
    key_id = item.signed.signer_key_id.hex()
    pin, at = item.head["registry"], item.head["composed_at"]
    registry.confirm(inside.sender, key_id=key_id, at=at, pin=pin)
    statement = make_statement("payload", item.signed.consignment_bytes, item.signed.payload)
    try:
        verify_ed25519(keys[key_id], statement, item.signed.signature)
    except RejectedError as error:
        raise RejectedError(ALTERED, "the signature does not match") from error


def _collect_keys(objects: dict[str, bytes]) -> dict[str, bytes]:
    """Collect the signing keys of all key documents; who may use one is confirmed elsewhere."""
    found: dict[str, bytes] = {}
    for data in objects.values():
        try:
            document = parse_object(data)
            publics = [decode_base64(key["public"]) for key in document.get("signing_keys", [])]
        except (RejectedError, TypeError, KeyError):
            continue  # whoever rests on it is not confirmed
        found |= {derive_key_id(public).hex(): public for public in publics}
    return found


def _apply_receipt(receipt: Item, messages: list[Item]) -> None:
    """Note what a receipt proves; raise with the grade of what is wrong with it."""
    if receipt.head["type"] != "system.receipt":
        raise RejectedError(ALTERED, "no receipt")
    if receipt.head["version"] != 1:
        raise RejectedError(INCOMPLETE, "a receipt that this reader does not know")
    schema = schemas.load_schema("system.receipt", 1)
    if schema is None or schemas.find_violations(receipt.head, schema):
        raise RejectedError(ALTERED, "no receipt")
    denied = False
    for entry in receipt.head["body"]["items"]:
        for message in messages:
            identifier = message.signed.consignment.message_id.hex()
            if message.parties != receipt.parties[::-1] or entry["message_id"] != identifier:
                continue
            status, reason = entry["status"], entry.get("reason")
            if entry.get("payload_sha256") != message.digest:
                denied |= status in {"delivered", "read"} or reason == "conflict"
            elif reason not in PROVES_NOTHING:
                key_id = receipt.signed.signer_key_id
                message.prove(status, by=receipt.parties[0], key_id=key_id)
    if denied:
        raise RejectedError(INCOMPLETE, "a receipt for other bytes under the id of a message")


def _covers(manifest: dict[str, Any], messages: list[Item]) -> bool:
    covers = manifest["covers"]
    if covers["kind"] == "case":
        return all(not one.head or one.head.get("case") == covers["case"] for one in messages)
    return [one.name for one in messages] == [f"{covers['sender']}-{covers['message_id']}"]


def _contradicts(messages: list[Item]) -> bool:
    """Tell whether what was signed about the messages, or their links, contradicts itself."""
    for one in messages:
        steps = {proof["step"] for proof in one.proved}
        if "rejected" in steps and steps & {"delivered", "read"}:
            return True
    places: dict[tuple[str, str, int, int], Item] = {}
    for one in messages:
        link = one.head.get("link")
        if link is None or not any(proof["step"] == "signed" for proof in one.proved):
            continue
        place = (*one.parties, link["generation"], link["seq"])
        if places.setdefault(place, one) is not one:
            return True
    return any(
        before.digest != one.head["link"]["prev"]
        for (sender, recipient, generation, seq), one in places.items()
        if (before := places.get((sender, recipient, generation, seq - 1)))
    )


def _shows_two(pins: list[dict[str, Any]], registry: Registry) -> bool:
    """Tell whether two snapshots of one version say different things."""
    said: dict[int, dict[str, Any]] = {}
    for pin in pins:
        snapshot = registry.read_snapshot(pin["sha256"])
        if said.setdefault(pin["version"], snapshot) != snapshot:
            return True
    return False


class Judgement:
    """The grades found, and the registries that confirmed signers named."""

    def __init__(self) -> None:
        self.grades = [PROVED]
        self.pins: list[dict[str, Any]] = []

    def add(self, grade: str, *, when: bool) -> None:
        """Add a grade where something holds."""
        if when:
            self.grades.append(grade)

    def attempt(self, action: Callable[[], None], pin: dict[str, Any]) -> bool:
        """Do what a signature rests on; a refusal is a grade, a success confirms the pin."""
        try:
            action()
        except RejectedError as error:
            self.grades.append(error.code if error.code in GRADES else ALTERED)
            return False
        self.pins.append(pin)
        return True


def _prove_all(
    judgement: Judgement,
    registry: Registry,
    *,
    items: tuple[list[Item], list[Item]],
    keys: dict[str, bytes],
) -> None:
    """Verify messages, then receipts; note what each proves."""
    messages, receipts = items
    for one in messages:
        pin = one.head.get("registry", {})
        if judgement.attempt(partial(_verify_item, one, registry, keys), pin):
            one.prove("signed", by=one.parties[0], key_id=one.signed.signer_key_id)
    for one in receipts:
        pin = one.head.get("registry", {})
        if judgement.attempt(partial(_verify_item, one, registry, keys), pin):
            judgement.attempt(partial(_apply_receipt, one, messages), pin)
    for one in messages:
        one.proved.sort(key=lambda proof: STEPS.index(proof["step"]))


def _is_answered(message: Item) -> bool:
    return any(proof["step"] != "signed" for proof in message.proved)


def verify_bundle(data: bytes, trusted: bytes) -> tuple[str, list[Item]]:
    """Verify a bundle: the gravest grade, and the messages with what is proved of them."""
    try:
        members = bundle.unpack(data)
        manifest = bundle.read_manifest(members)
        items = _read_items(members, "messages"), _read_items(members, "receipts")
    except RejectedError:
        return ALTERED, []
    roots, objects = sort_files(members)
    try:
        registry = Registry(build_chain(trusted, roots), objects)
    except (RejectedError, KeyError, TypeError, ValueError):
        return UNTRUSTED, []
    judgement = Judgement()
    signer = manifest["signer"]
    if signer is not None:
        made_by, made_at, pin = (manifest[one] for one in ("made_by", "made_at", "registry"))
        confirm = partial(registry.confirm, made_by, key_id=signer, at=made_at, pin=pin)
        judgement.attempt(confirm, pin)
    _prove_all(judgement, registry, items=items, keys=_collect_keys(objects))
    messages = items[0]
    judgement.add(INCOMPLETE, when=signer is None or not messages)
    judgement.add(INCOMPLETE, when=not all(map(_is_answered, messages)))
    judgement.add(INCOMPLETE, when=_contradicts(messages) or _shows_two(judgement.pins, registry))
    judgement.add(ALTERED, when=bool(messages) and not _covers(manifest, messages))
    return max(judgement.grades, key=GRADES.index), messages
