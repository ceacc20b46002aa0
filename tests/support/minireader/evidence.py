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
    head: dict[str, Any]
    proved: list[dict[str, str]] = field(default_factory=list)

    @property
    def digest(self) -> str:
        """The digest of the message."""
        return hashlib.sha256(self.signed.payload).hexdigest()

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
        items.append(Item(name, signed, _read_head(signed.payload)))
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
    schema = schemas.load_schema("system.receipt", 1)
    if schema is None or schemas.find_violations(receipt.head, schema):
        raise RejectedError(ALTERED, "no receipt")
    for entry in receipt.head["body"]["items"]:
        for message in messages:
            parties = (message.head["recipient"], message.head["sender"])
            if (
                (receipt.head["sender"], receipt.head["recipient"]) == parties
                and entry["message_id"] == message.head["message_id"]
                and entry.get("payload_sha256") == message.digest
                and entry.get("reason") not in PROVES_NOTHING
            ):
                key_id = receipt.signed.signer_key_id
                message.prove(entry["status"], by=parties[0], key_id=key_id)


def _covers(manifest: dict[str, Any], messages: list[Item]) -> bool:
    covers = manifest["covers"]
    if covers["kind"] == "case":
        return all(one.head.get("case") == covers["case"] for one in messages)
    return [one.name for one in messages] in (
        [f"{covers['sender']}-{covers['message_id']}"],
        [],
    )


def _contradicts(messages: list[Item]) -> bool:
    """Tell whether links or registry hashes of the messages contradict each other."""
    places: dict[tuple[str, str, int, int], Item] = {}
    for one in messages:
        if one.head.get("link") is None:
            continue
        link = one.head["link"]
        place = (one.head["sender"], one.head["recipient"], link["generation"], link["seq"])
        if places.setdefault(place, one) is not one:
            return True
    return any(
        before.digest != one.head["link"]["prev"]
        for (sender, recipient, generation, seq), one in places.items()
        if (before := places.get((sender, recipient, generation, seq - 1)))
    )


def _has_two_hashes(pins: list[dict[str, Any]]) -> bool:
    named = {(pin["version"], pin["sha256"]) for pin in pins}
    return len(named) != len({version for version, _ in named})


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
        if judgement.attempt(partial(_verify_item, one, registry, keys), one.head["registry"]):
            one.prove("signed", by=one.head["sender"], key_id=one.signed.signer_key_id)
    for one in receipts:
        if judgement.attempt(partial(_verify_item, one, registry, keys), one.head["registry"]):
            _apply_receipt(one, messages)
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
    judgement.add(INCOMPLETE, when=_contradicts(messages) or _has_two_hashes(judgement.pins))
    judgement.add(ALTERED, when=not _covers(manifest, messages))
    return max(judgement.grades, key=GRADES.index), messages
