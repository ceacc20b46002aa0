"""The one form of a bundle of evidence, and its manifest (SPEC sections 16.2 to 16.4)."""

import hashlib
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

from tests.support.minireader import schemas
from tests.support.minireader.cbor import take_bytes, take_fields
from tests.support.minireader.identifiers import read_identifier
from tests.support.minireader.keys import derive_key_id
from tests.support.minireader.rejection import RejectedError, malformed
from tests.support.minireader.signature import make_statement, verify_ed25519
from tests.support.minireader.strict_json import parse_object
from tests.support.minireader.texts import is_moment

MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"
KINDS = {
    r"events\.json": "events",
    r"report\.html": "report",
    r"messages/[A-Z][A-Z0-9]{1,7}-[0-9a-f]{32}\.signed": "message",
    r"receipts/[A-Z][A-Z0-9]{1,7}-[0-9a-f]{32}\.signed": "receipt",
    r"registry/roots/[1-9][0-9]{0,8}\.json": "registry_root",
    r"registry/objects/[0-9a-f]{64}\.json": "registry_object",
}
EVENTS = "events.json"
REPORT = "report.html"
TEXT_MOST = 8_000_000
FIELDS = {"format", "covers", "made_by", "made_at", "registry", "signer", "files"}
COVERED = {"message": {"kind", "sender", "message_id"}, "case": {"kind", "case"}}
STEPS = {"signed", "accepted_by_broker", "delivered", "read", "rejected", "expired", "cancelled"}
OPTIONAL: dict[str, Callable[[Any], bool]] = {
    "step": lambda value: value in STEPS,
    "event": lambda value: bool(re.fullmatch("[A-Za-z]+", value)),
    "message": lambda value: bool(re.fullmatch(r"[A-Z][A-Z0-9]{1,7}-[0-9a-f]{32}", value)),
    "code": lambda value: isinstance(value, str),
}
BYTES_MOST = 100_000_000
MEMBERS_MOST = 10_000
VERSION, MADE_BY, DATE = 20, 3 << 8 | 20, 33
ATTRIBUTES = 0o100600 << 16


def pack(members: dict[str, bytes]) -> bytes:
    """Pack members in the one form."""
    first = [name for name in (MANIFEST, SIGNATURE) if name in members]
    rest = sorted((name for name in members if name not in first), key=str.encode)
    local, central = b"", b""
    for name in (*first, *rest):
        data, raw = members[name], name.encode()
        sizes = struct.pack("<IIIHH", zlib.crc32(data), len(data), len(data), len(raw), 0)
        shared = struct.pack("<HHHHH", VERSION, 0, 0, 0, DATE) + sizes
        place = struct.pack("<HHHII", 0, 0, 0, ATTRIBUTES, len(local))
        central += b"PK\x01\x02" + struct.pack("<H", MADE_BY) + shared + place + raw
        local += b"PK\x03\x04" + shared + raw + data
    count = len(members)
    end = struct.pack("<HHHHIIH", 0, 0, count, count, len(central), len(local), 0)
    return local + central + b"PK\x05\x06" + end


def unpack(bundle: bytes) -> dict[str, bytes]:
    """Take the members out of a bundle that is exactly what packing them gives."""
    if len(bundle) > 2 * BYTES_MOST:
        raise malformed("a bundle that is too long")
    try:
        with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
            entries = archive.infolist()
            total = sum(entry.file_size for entry in entries)
            if len(entries) > MEMBERS_MOST or total > BYTES_MOST:
                raise malformed("too many or too large members")
            members = {entry.filename: archive.read(entry) for entry in entries}
    except (zipfile.BadZipFile, ValueError, NotImplementedError, RuntimeError, OSError) as error:
        raise malformed("no bundle") from error
    if pack(members) != bundle:
        raise malformed("a bundle in another form")
    return members


def _find_kind(path: str) -> str:
    for form, kind in KINDS.items():
        if re.fullmatch(form, path, re.ASCII):
            return kind
    raise malformed("a member with a name that is not allowed")


def read_manifest(members: dict[str, bytes]) -> dict[str, Any]:
    """Read the manifest of members, and check them and its signature against it."""
    if MANIFEST not in members:
        raise malformed("no manifest")
    manifest = _parse_text(members[MANIFEST])
    if set(manifest) != FIELDS or manifest["format"] != "trm-evidence/1":
        raise malformed("no manifest of this format")
    _check_values(manifest)
    listed: list[dict[str, Any]] = [
        {
            "path": path,
            "kind": _find_kind(path),
            "size": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
        }
        for path, data in sorted(members.items(), key=lambda one: one[0].encode())
        if path not in {MANIFEST, SIGNATURE}
    ]
    if manifest["files"] != listed:
        raise malformed("other members than the manifest lists")
    for one in listed:
        if one["kind"] == "registry_object" and one["sha256"] not in one["path"]:
            raise malformed("an object under another name")
    if not {EVENTS, REPORT} <= set(members):
        raise malformed("no log, or no report")
    _check_log(members[EVENTS], made_by=manifest["made_by"])
    _verify_manifest(manifest, members)
    return manifest


def _parse_text(data: bytes) -> dict[str, Any]:
    if len(data) > TEXT_MOST:
        raise malformed("a manifest or log that is too long")
    return parse_object(data)


def _require_moment(value: object) -> None:
    if not isinstance(value, str) or not is_moment(value):
        raise malformed("no moment")


def _check_values(manifest: dict[str, Any]) -> None:
    """Check the values of a manifest (16.3)."""
    read_identifier("participant", manifest["made_by"])
    _require_moment(manifest["made_at"])
    if schemas.find_violations(manifest["registry"], schemas.load_definition("RegistryPin")):
        raise malformed("no registry")
    signer, covers = manifest["signer"], manifest["covers"]
    if signer is not None and not re.fullmatch("[0-9a-f]{32}", signer):
        raise malformed("no key id")
    if set(covers) != COVERED.get(covers.get("kind")):
        raise malformed("covers nothing that can be covered")


def _check_log(data: bytes, *, made_by: str) -> None:
    """Check the maker's log (16.5)."""
    log = _parse_text(data)
    if set(log) != {"format", "claimed_by", "events"}:
        raise malformed("no log")
    if log["format"] != "trm-evidence-events/1" or log["claimed_by"] != made_by:
        raise malformed("a log of another format, or of somebody else")
    for event in log["events"]:
        if not {"at", "kind", "actor"} <= set(event) <= {"at", "kind", "actor", *OPTIONAL}:
            raise malformed("other fields than those of an event")
        _require_moment(event["at"])
        if not re.fullmatch("[a-z_]{1,40}", event["kind"]):
            raise malformed("an event without its kind")
        if not re.fullmatch("system|staff|[A-Z][A-Z0-9]{1,7}", event["actor"]):
            raise malformed("an event of a person")
        for name, fits in OPTIONAL.items():
            if event.get(name) is not None and not fits(event[name]):
                raise malformed("an event of another shape")


def _verify_manifest(manifest: dict[str, Any], members: dict[str, bytes]) -> None:
    signer = manifest["signer"]
    if (signer is None) != (SIGNATURE not in members):
        raise malformed("a signature without signer, or a signer without signature")
    if signer is None:
        return
    magic, public, signature = take_fields(members[SIGNATURE], count=3)
    if magic != "TRM1-evidence" or derive_key_id(take_bytes(public, size=32)).hex() != signer:
        raise RejectedError("forged", "signed with another key than the one that is named")
    statement = make_statement("evidence-bundle", members[MANIFEST])
    verify_ed25519(public, statement, take_bytes(signature, size=64))
