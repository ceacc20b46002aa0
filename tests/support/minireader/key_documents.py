"""Key documents, suites, epochs of keys, and registry pins (SPEC sections 5 and 12)."""

import datetime as dt
import re
from collections.abc import Sequence
from typing import Any

from tests.support.minireader import identifiers, keys
from tests.support.minireader.rejection import RejectedError, malformed
from tests.support.minireader.sealing import check_recipient_key
from tests.support.minireader.strict_json import parse_object
from tests.support.minireader.texts import is_moment, parse_moment

DOCUMENT = {
    "format",
    "participant",
    "issued_at",
    "signing_keys",
    "encryption_keys",
    "broker",
    "protocol_versions",
    "max_envelope_bytes",
}
OPTIONAL = {"max_attachment_bytes", "attachment_types"}
ATTACHMENT_MOST = 104_857_600
TYPES_MOST = 32
TYPE = re.compile("/".join([r"[a-z0-9][a-z0-9!#$&^_.+-]{0,62}"] * 2))
SIGNING = {"key_id", "public", "valid_from", "valid_to"}
BROKER = {"account", "account_signing_keys", "account_proof"}
KEYS_MOST = 32
SIGNING_KEYS_MOST = 16
PUBLIC_MOST = 8192
EPOCH = dt.timedelta(days=7)
LIFE = dt.timedelta(days=21)
TOLERANCE = dt.timedelta(days=2)


def _require(*, holds: bool, rule: str) -> None:
    if not holds:
        raise malformed(rule)


def _take(fields: Any, names: set[str]) -> dict[str, Any]:
    if not isinstance(fields, dict) or set(fields) != names:
        raise malformed("other fields than the table names")
    return fields


def _check_times(key: dict[str, Any], *, open_end: bool) -> None:
    times = [key["valid_from"], key["valid_to"]]
    if open_end and times[1] is None:
        times.pop()
    _require(holds=all(isinstance(one, str) and is_moment(one) for one in times), rule="moments")
    moments = [parse_moment(one) for one in times]
    _require(holds=moments == sorted(set(moments)), rule="a key ends before it begins")


def _take_text(value: Any) -> str:
    if not isinstance(value, str):
        raise malformed("no text")
    return value


def _check_signing_key(fields: Any) -> None:
    key = _take(fields, SIGNING)
    public = keys.decode_base64(_take_text(key["public"]))
    _require(holds=len(public) == 32, rule="a signing key has 32 bytes")
    _require(holds=key["key_id"] == keys.derive_key_id(public).hex(), rule="the key id fits")
    _check_times(key, open_end=True)


def _check_encryption_key(fields: Any) -> None:
    key = _take(fields, SIGNING | {"suite"})
    suite = key["suite"]
    _require(
        holds=isinstance(suite, int) and not isinstance(suite, bool) and 1 <= suite <= 65_535,
        rule="no suite",
    )
    _check_times(key, open_end=False)
    text = _take_text(key["public"])
    _require(holds=len(text) <= PUBLIC_MOST, rule="a key that is too long")
    public = keys.decode_base64(text)
    _require(holds=key["key_id"] == keys.derive_key_id(public).hex(), rule="the key id fits")
    if suite == 1:
        check_recipient_key(public)


def read_key_document(payload: bytes) -> dict[str, Any]:
    """Read a key document as a whole; whatever is wrong in it refuses it."""
    fields = parse_object(payload)
    document = _take(fields, DOCUMENT | (OPTIONAL & set(fields)))
    _require(holds=document["format"] == "trm-keys/1", rule="another format")
    identifiers.read_identifier("participant", _take_text(document["participant"]))
    _require(holds=is_moment(_take_text(document["issued_at"])), rule="no moment")
    for name, check, least, most in (
        ("signing_keys", _check_signing_key, 1, SIGNING_KEYS_MOST),
        ("encryption_keys", _check_encryption_key, 0, KEYS_MOST),
    ):
        listed = document[name]
        _require(holds=isinstance(listed, list) and least <= len(listed) <= most, rule="no list")
        for key in listed:
            check(key)
        _require(holds=len({key["key_id"] for key in listed}) == len(listed), rule="a key twice")
    _check_broker(document)
    versions = document["protocol_versions"]
    _require(
        holds=isinstance(versions, list)
        and bool(versions)
        and all(isinstance(one, int) and one is not True and one >= 1 for one in versions),
        rule="no versions",
    )
    most = document["max_envelope_bytes"]
    _require(holds=isinstance(most, int) and 16_384 <= most <= 1_000_000, rule="no size")
    _check_files(document)
    return document


def _check_files(document: dict[str, Any]) -> None:
    most = document.get("max_attachment_bytes", ATTACHMENT_MOST)
    is_size = isinstance(most, int) and not isinstance(most, bool)
    _require(holds=is_size and 0 <= most <= ATTACHMENT_MOST, rule="no size of files")
    types = document.get("attachment_types", ["text/plain"])
    _require(
        holds=isinstance(types, list)
        and 1 <= len(types) <= TYPES_MOST
        and all(isinstance(one, str) and TYPE.fullmatch(one) for one in types)
        and len(set(types)) == len(types),
        rule="no list of kinds of files",
    )


def _check_broker(document: dict[str, Any]) -> None:
    broker = _take(document["broker"], BROKER)
    signing = broker["account_signing_keys"]
    _require(holds=isinstance(signing, list), rule="no list of account signing keys")
    for text in [broker["account"], *signing]:
        _require(holds=keys.read_nkey_public(_take_text(text))[0] == "account", rule="no account")
    try:
        keys.verify_account_proof(
            participant=document["participant"],
            account=broker["account"],
            proof=_take_text(broker["account_proof"]),
        )
    except RejectedError as error:
        raise malformed("the proof of the account does not verify") from error


def find_newest_key(document: dict[str, Any], *, at: dt.datetime, suite: int) -> str | None:
    """Find the id of the encryption key of a suite that a sender takes at a moment."""
    valid = [
        (parse_moment(key["valid_from"]), str(key["key_id"]))
        for key in document["encryption_keys"]
        if key["suite"] == suite
        and parse_moment(key["valid_from"]) <= at < parse_moment(key["valid_to"])
    ]
    return max(valid)[1] if valid else None


def choose_suite(strongest_first: Sequence[int], *, floor: int, offered: Sequence[int]) -> int:
    """Choose the strongest suite at or above the floor that is offered."""
    good = strongest_first[: strongest_first.index(floor) + 1]
    for suite in good:
        if suite in offered:
            return suite
    raise RejectedError("unsupported", "no suite at or above the floor is offered")


def accept_suite(strongest_first: Sequence[int], *, floor: int, suite: int, key_suite: int) -> None:
    """Refuse a suite that is unknown, below the floor, or not the key's own."""
    good = strongest_first[: strongest_first.index(floor) + 1]
    if suite not in good or suite != key_suite:
        raise RejectedError("unsupported", "a suite that is not opened with this key")


def judge_keys(
    held: list[dict[str, Any]], *, now: dt.datetime, confirmed: dt.datetime | None
) -> tuple[list[str], list[str]]:
    """Judge which of the held keys are listed, and which are erased (12.1)."""
    judged = None if confirmed is None else min(now, confirmed)
    clocks = (now,) if confirmed is None else (now, confirmed)
    listed, erased = [], []
    for key in held:
        start, end = parse_moment(key["valid_from"]), parse_moment(key["valid_to"])
        if judged is None or judged < end + TOLERANCE:
            nearest = min(max(start - clock, clock - end, dt.timedelta()) for clock in clocks)
            listed.append((nearest, start, str(key["key_id"])))
        elif judged >= end + LIFE + TOLERANCE:
            erased.append(str(key["key_id"]))
    kept = sorted(listed)[:KEYS_MOST]
    return [key_id for _, _, key_id in sorted(kept, key=lambda one: one[1:])], erased


def covers_lead(spans: list[tuple[dt.datetime, dt.datetime]], now: dt.datetime) -> bool:
    """Tell whether for every moment of the lead some key is valid and not older than an epoch."""
    reached = now - TOLERANCE
    for start, end in sorted(spans):
        if start <= reached:
            reached = max(reached, min(end, start + EPOCH))
    return reached >= now + LIFE


def judge_pin(pin: dict[str, Any], known: list[dict[str, Any]]) -> str:
    """Compare a named registry with those that were verified."""
    hashes = {one["version"]: one["sha256"] for one in known}
    if pin["version"] in hashes:
        return "same" if hashes[pin["version"]] == pin["sha256"] else "conflict"
    if pin["version"] > max(hashes, default=0):
        return "newer"
    return "older" if pin["version"] < min(hashes) else "unknown_version"


def follow_pins(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Follow what a node verifies and peers name: every conflict, as it comes up."""
    words: dict[int, dict[str | None, str]] = {}
    conflicts = []
    others: list[tuple[str | None, str, str | None, str]]
    for event in events:
        said = words.setdefault(event["version"], {})
        peer, named = event.get("peer"), event["sha256"]
        if peer is None:
            others = [(None, named, one, word) for one, word in said.items() if one is not None]
        elif None in said:
            others = [(None, said[None], peer, named)]
        else:
            others = [(one, word, peer, named) for one, word in said.items()]
        for held_by, held, named_by, other in others:
            if held != other:
                conflicts.append(
                    {
                        "version": event["version"],
                        "held": held,
                        "held_by": held_by,
                        "named": other,
                        "named_by": named_by,
                        "certain": held_by is None,
                    }
                )
        said.setdefault(peer, named)
    return conflicts
