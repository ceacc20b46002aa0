"""TUF metadata in a bundle: who listed which key, by hash, as of a moment (SPEC section 16.6).

Metadata is JSON; its signatures are Ed25519 over the member ``signed`` in canonical JSON (names
sorted, no white space, in strings only quotation marks and backslashes escaped).
"""

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from tests.support.minireader.key_documents import read_key_document
from tests.support.minireader.rejection import RejectedError
from tests.support.minireader.signature import verify_ed25519
from tests.support.minireader.strict_json import parse_object
from tests.support.minireader.texts import parse_moment

UNTRUSTED, INCOMPLETE = "untrusted", "incomplete"
ROOT_MOST, SNAPSHOT_MOST, TARGETS_MOST, ROLE_MOST = 64_000, 1_000_000, 2_000_000, 64_000
PATTERN = set("*?[")
ROLES_LATE = dt.timedelta(days=30)


def make_canonical(value: Any) -> str:
    """Write canonical JSON, as TUF signs it."""
    match value:
        case dict():
            inner = (f"{make_canonical(key)}:{make_canonical(value[key])}" for key in sorted(value))
            return "{" + ",".join(inner) + "}"
        case list():
            return "[" + ",".join(map(make_canonical, value)) + "]"
        case str():
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        case bool() | None:
            return {True: "true", False: "false", None: "null"}[value]
        case int():
            return str(value)
    raise RejectedError(UNTRUSTED, "metadata with a number that is no integer")


def _verify(metadata: dict[str, Any], *, keys: Mapping[str, Any], role: Mapping[str, Any]) -> None:
    """Verify metadata with a threshold of a role's keys."""
    content = make_canonical(metadata["signed"]).encode()
    good = set()
    for one in metadata["signatures"]:
        if one["keyid"] not in role["keyids"]:
            continue
        public = bytes.fromhex(keys[one["keyid"]]["keyval"]["public"])
        try:
            verify_ed25519(public, content, bytes.fromhex(one["sig"]))
        except RejectedError:
            continue
        good.add(public)
    if not 1 <= role["threshold"] <= len(good):
        raise RejectedError(UNTRUSTED, "not signed by a threshold of keys")


def _parse(data: bytes, *, most: int) -> dict[str, Any]:
    """Parse metadata that is not longer than any may be."""
    if len(data) > most:
        raise RejectedError(UNTRUSTED, "a file that is longer than any may be")
    return parse_object(data)


def build_chain(trusted: bytes, roots: Mapping[int, bytes]) -> list[dict[str, Any]]:
    """Build the chain of roots, from the trusted one on; the contents, oldest first."""
    chain = [parse_object(trusted)]
    number = chain[0]["signed"]["version"]
    _verify_root(chain[0], chain[0])
    if _parse(roots.get(number, trusted), most=ROOT_MOST)["signed"] != chain[0]["signed"]:
        raise RejectedError(UNTRUSTED, "the bundle has another root of this version")
    while (number := number + 1) in roots:
        following = _parse(roots[number], most=ROOT_MOST)
        _verify_root(following, chain[-1])
        _verify_root(following, following)
        if following["signed"]["version"] != number:
            raise RejectedError(UNTRUSTED, "a root of another version than its name says")
        chain.append(following)
    return [one["signed"] for one in chain]


def _verify_root(root: dict[str, Any], signer: dict[str, Any]) -> None:
    _verify(root, keys=signer["signed"]["keys"], role=signer["signed"]["roles"]["root"])


class Registry:
    """What a bundle has of the registry, by hash, under a chain of roots."""

    def __init__(self, chain: Sequence[dict[str, Any]], objects: Mapping[str, bytes]) -> None:
        self._chain = chain
        self._objects = objects

    def _fetch(self, digest: str) -> bytes:
        if digest not in self._objects:
            raise RejectedError(INCOMPLETE, "a file of the registry is missing")
        return self._objects[digest]

    def _take(self, snapshot: dict[str, Any], name: str, *, most: int) -> dict[str, Any]:
        """Take metadata that a snapshot names, by version, length and hash."""
        named = snapshot["meta"][f"{name}.json"]
        data = self._fetch(named["hashes"]["sha256"])
        metadata = _parse(data, most=most)
        if len(data) != named["length"] or metadata["signed"]["version"] != named["version"]:
            raise RejectedError(UNTRUSTED, "not the metadata that the snapshot names")
        return metadata

    def _take_target(self, targets: dict[str, Any], path: str) -> bytes:
        named = targets["targets"][path]
        data = self._fetch(named["hashes"]["sha256"])
        if len(data) != named["length"]:
            raise RejectedError(UNTRUSTED, "a target of another length")
        return data

    def read_snapshot(self, digest: str) -> dict[str, Any]:
        """Read what a snapshot says that was confirmed before."""
        signed: dict[str, Any] = parse_object(self._fetch(digest))["signed"]
        return signed

    def _find_snapshot(self, pin: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Find the snapshot of a pin, and the newest root of the chain that it fits."""
        metadata = _parse(self._fetch(pin["sha256"]), most=SNAPSHOT_MOST)
        signed: dict[str, Any] = metadata["signed"]
        for root in reversed(self._chain):
            try:
                _verify(metadata, keys=root["keys"], role=root["roles"]["snapshot"])
            except RejectedError:
                continue
            if (signed["_type"], signed["version"]) == ("snapshot", pin["version"]):
                return signed, root
        raise RejectedError(UNTRUSTED, "no snapshot under the roots")

    def confirm(self, signer: str, *, key_id: str, at: str, pin: dict[str, Any]) -> None:
        """Confirm that a registry lists a key for a Participant; raise the grade otherwise."""
        try:
            self._confirm(signer, key_id=key_id, at=parse_moment(at), pin=pin)
        except RejectedError as error:
            code = INCOMPLETE if error.code == INCOMPLETE else UNTRUSTED
            raise RejectedError(code, str(error)) from error
        except (KeyError, TypeError, ValueError, StopIteration) as error:
            raise RejectedError(UNTRUSTED, "metadata of another shape") from error

    def _confirm(self, signer: str, *, key_id: str, at: dt.datetime, pin: dict[str, Any]) -> None:
        snapshot, root = self._find_snapshot(pin)
        targets = self._take(snapshot, "targets", most=TARGETS_MOST)
        _verify(targets, keys=root["keys"], role=root["roles"]["targets"])
        top = targets["signed"]
        listed = parse_object(self._take_target(top, "participants.json"))["participants"]
        if set(top["targets"]) != {"participants.json"} or not any(
            one["code"] == signer for one in listed
        ):
            raise RejectedError(UNTRUSTED, "no such Participant in the registry")
        path = f"participants/{signer}/keys.json"
        own = self._follow(snapshot, top, signer)
        node = self._follow(snapshot, own, f"{signer}-node")
        if set(node["targets"]) != {path} or path in own["targets"]:
            raise RejectedError(UNTRUSTED, "a role lists what another one signs")
        document = read_key_document(self._take_target(node, path))
        key = next(one for one in document["signing_keys"] if one["key_id"] == key_id)
        end = key["valid_to"]
        if document["participant"] != signer or not (
            parse_moment(key["valid_from"]) <= at and (end is None or at < parse_moment(end))
        ):
            raise RejectedError(UNTRUSTED, "the key was not this Participant's then")
        late = [(root, dt.timedelta()), (snapshot, dt.timedelta()), (top, dt.timedelta())]
        for role, grace in [*late, (own, ROLES_LATE), (node, ROLES_LATE)]:
            if at >= parse_moment(role["expires"]) + grace:
                raise RejectedError(UNTRUSTED, "the registry had expired then")

    def _follow(self, snapshot: dict[str, Any], above: dict[str, Any], name: str) -> dict[str, Any]:
        """Follow a delegation to the metadata of a role."""
        delegations = above["delegations"]
        role = next(one for one in delegations["roles"] if one["name"] == name)
        code = name.removesuffix("-node")
        keys, own = f"participants/{code}/keys.json", name == code
        if not role["terminating"] or any(set(path) & PATTERN for path in role["paths"]):
            raise RejectedError(UNTRUSTED, "a delegation that goes on, or names a pattern")
        if keys in role["paths"] if own else role["paths"] != [keys]:
            raise RejectedError(UNTRUSTED, "a delegation of what another role signs")
        metadata = self._take(snapshot, name, most=ROLE_MOST)
        _verify(metadata, keys=delegations["keys"], role=role)
        signed: dict[str, Any] = metadata["signed"]
        return signed


def sort_files(members: Mapping[str, bytes]) -> tuple[dict[int, bytes], dict[str, bytes]]:
    """Sort the registry's files in a bundle: roots by version, objects by hash."""
    roots = {
        int(path.rsplit("/", 1)[1].removesuffix(".json")): data
        for path, data in members.items()
        if path.startswith("registry/roots/")
    }
    objects = {
        hashlib.sha256(data).hexdigest(): data
        for path, data in members.items()
        if path.startswith("registry/objects/")
    }
    return roots, objects
