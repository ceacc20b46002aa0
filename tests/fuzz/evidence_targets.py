"""Targets: evidence bundles, as files and as what a forger with good keys puts into them."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from contact_registry.evidence.container import pack_members, unpack_members
from contact_registry.evidence.presenting import describe_verdict, format_verdict
from contact_registry.evidence.report import write_report
from contact_registry.evidence.verdict import Outcome
from contact_registry.evidence.verifying import verify_bundle
from protocol.envelope import Consignment, SignedPayload
from protocol.errors import RemoteProtocolError
from protocol.evidence.bundle import find_kind, name_signed
from protocol.evidence.manifest import (
    EVENTS_PATH,
    MANIFEST_PATH,
    SIGNATURE_PATH,
    EventLog,
    FileEntry,
    Manifest,
    ManifestSignature,
    encode_text,
    parse_events,
    parse_manifest,
)
from protocol.identifiers import parse_message_id, parse_participant_code
from protocol.signing import SigningKey
from tests.fuzz.target import Target, require
from tests.fuzz.trees import TreeMutator, list_words
from tests.support.evidence import AL, NOON, EvidenceWorld

_FOLDERS: Final = ("messages", "receipts")
_EXPIRES: Final[datetime] = NOON + timedelta(days=21)


@dataclass(frozen=True, slots=True)
class Proved:
    """A bundle that proves its message, the root it rests on, and everybody's keys."""

    bundle: bytes
    trusted_root: bytes
    keys: Mapping[str, SigningKey]


@cache
def make_proved() -> Proved:
    """Make the bundle, always the same."""
    with TemporaryDirectory() as folder:
        world = EvidenceWorld(Path(folder))
        bundle = world.make_proved()
        keys = {str(code): key for code, key in world.keys.items()}
        return Proved(bundle, world.trusted_root, keys)


def check_bundle(data: bytes) -> None:
    """Verify it as a bundle: there is a verdict, that can be shown, and only one file is proved."""
    proved = make_proved()
    verdict = verify_bundle(data, trusted_root=proved.trusted_root)
    json.dumps(describe_verdict(verdict)).encode()
    "\n".join(format_verdict(verdict)).encode()
    write_report(verdict.judgement, title="Evidence", introduction="For reading.")
    if verdict.outcome is Outcome.PROVED:
        require(held=data == proved.bundle, what="an altered bundle proves the same")


def check_members(data: bytes) -> None:
    """Sign whatever the tree says with good keys: there is a verdict, and it can be shown."""
    proved = make_proved()
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError):
        return
    if not isinstance(tree, dict):
        return
    members = dict(unpack_members(proved.bundle))
    for folder in _FOLDERS:
        listed = tree.get(folder)
        for payload in listed if isinstance(listed, list) else ():
            signed = _sign(payload, proved.keys)
            if signed is not None:
                members[f"{folder}/{name_signed(signed)}.signed"] = signed.encode()
    if "events" in tree:
        members[EVENTS_PATH] = json.dumps(tree["events"]).encode()
    if isinstance(tree.get("manifest"), dict):
        members[MANIFEST_PATH] = json.dumps(tree["manifest"]).encode()
    bundle = _sign_manifest(members, proved.keys[AL])
    verdict = verify_bundle(bundle, trusted_root=proved.trusted_root)
    json.dumps(describe_verdict(verdict)).encode()
    "\n".join(format_verdict(verdict)).encode()
    write_report(verdict.judgement, title="Evidence", introduction="For reading.")


def _sign(payload: Any, keys: Mapping[str, SigningKey]) -> SignedPayload | None:
    """Sign a payload as its sender would, or not at all if no consignment can be made of it."""
    if not isinstance(payload, dict):
        return None
    said = [payload.get(name) for name in ("message_id", "sender", "recipient")]
    message_id, sender, recipient = (each if isinstance(each, str) else "" for each in said)
    try:
        consignment = Consignment(
            message_id=parse_message_id(message_id),
            sender=parse_participant_code(sender),
            recipient=parse_participant_code(recipient),
            expires_at=_EXPIRES,
        )
    except RemoteProtocolError:
        return None
    key = keys.get(sender, keys[AL])
    return SignedPayload.sign(json.dumps(payload).encode(), consignment=consignment, key=key)


def _sign_manifest(members: Mapping[str, bytes], key: SigningKey) -> bytes:
    """Return the bundle of these members, with a signed manifest that lists them."""
    manifest = json.loads(members[MANIFEST_PATH])
    own = {MANIFEST_PATH, SIGNATURE_PATH}
    rest = {path: data for path, data in members.items() if path not in own}
    listed = [FileEntry.of(path, find_kind(path), rest[path]) for path in sorted(rest)]
    manifest["signer"] = key.key_id
    manifest["files"] = [entry.model_dump(mode="json") for entry in listed]
    text = json.dumps(manifest).encode()
    signature = ManifestSignature.sign(text, key=key).encode()
    return pack_members({MANIFEST_PATH: text, SIGNATURE_PATH: signature} | rest)


def check_texts(data: bytes) -> None:
    """Read it as the manifest and as the event log of a bundle: what is read reads back."""
    try:
        manifest = parse_manifest(data)
    except RemoteProtocolError:
        events = parse_events(data)
        require(held=parse_events(encode_text(events)) == events, what="the log changes")
    else:
        require(held=parse_manifest(encode_text(manifest)) == manifest, what="it changes")


@cache
def _describe_members() -> dict[str, Any]:
    members = unpack_members(make_proved().bundle)
    tree: dict[str, Any] = {
        folder: [
            json.loads(SignedPayload.parse(content).payload)
            for path, content in members.items()
            if path.startswith(f"{folder}/")
        ]
        for folder in _FOLDERS
    }
    manifest = {**json.loads(members[MANIFEST_PATH]), "files": []}
    return {**tree, "events": json.loads(members[EVENTS_PATH]), "manifest": manifest}


def _bundle_seeds() -> Iterable[bytes]:
    bundle = make_proved().bundle
    members = unpack_members(bundle)
    few = {path: members[path] for path in (MANIFEST_PATH, EVENTS_PATH)}
    return [pack_members(few), pack_members({}), bundle]


def _text_seeds() -> Iterable[bytes]:
    members = unpack_members(make_proved().bundle)
    return [members[MANIFEST_PATH], members[EVENTS_PATH]]


_REFUSALS: Final = (RemoteProtocolError,)
_WORDS: Final = list_words(Manifest, EventLog)
EVIDENCE_TARGETS: Final = (
    Target("bundle_file", check_bundle, _bundle_seeds, (), longest=40_000),
    Target(
        "bundle_members",
        check_members,
        lambda: [json.dumps(_describe_members()).encode()],
        (),
        mutate=TreeMutator(words=_WORDS, donors=[_describe_members()]),
        longest=30_000,
    ),
    Target(
        "bundle_texts",
        check_texts,
        _text_seeds,
        _REFUSALS,
        mutate=TreeMutator(words=_WORDS, donors=[json.loads(seed) for seed in _text_seeds()]),
        longest=30_000,
    ),
)
