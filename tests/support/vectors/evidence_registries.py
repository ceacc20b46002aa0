"""Bundles whose registry is signed by whom it should be, and yet wrong in one thing.

Beside each stands what is right by a hair. How each ends is in
:mod:`tests.support.vectors.evidence_outcomes`.
"""

import json
from datetime import timedelta
from typing import Any

from tuf.api.metadata import Root, Snapshot, Targets, Timestamp

from contact_registry.trust.layout import LIMITS
from contact_registry.trust.signers import RegistrySigner
from tests.support.evidence import AL, MK
from tests.support.vectors.evidence_forging import (
    Forger,
    Members,
    Published,
    name_hash,
    put_target,
    write_moment,
)

SECOND = timedelta(seconds=1)
GRACE = timedelta(days=30)
OWN, NODE = str(AL), f"{AL}-node"
KEYS = f"participants/{AL}/keys.json"


def forge_metadata(forger: Forger) -> dict[str, Members]:
    """Return bundles of which the registry of one message is wrong."""
    world = forger.world
    honest = forger.publish()
    targets = world.objects()[_hash_of(forger, "targets")]
    version = json.loads(targets)["signed"]["version"]
    operator, stranger = world.operators[0], RegistrySigner(world.make_key())
    registries = {
        "another registry of another version": honest,
        "a registry of another version than is named": Published(
            honest.pin.model_copy(update={"version": honest.pin.version + 1}), honest.files
        ),
        "targets in the place of a snapshot": Published(
            honest.pin.model_copy(update={"version": version, "sha256": name_hash(targets)}), {}
        ),
        "a snapshot that is missing": Published(honest.pin, {}),
        "targets of another length than is named": forger.publish(snapshot=_named("targets", 1, 0)),
        "targets of another version than is named": forger.publish(
            snapshot=_named("targets", 0, 1)
        ),
        "a role of another length than is named": forger.publish(snapshot=_named(NODE, 1, 0)),
        "a role of another version than is named": forger.publish(snapshot=_named(NODE, 0, 1)),
        "keys of another length than is named": forger.publish(node=_lengthen),
        "targets with another file": forger.publish(
            targets=lambda signed: put_target(signed, "news.json", b"{}"), files=[b"{}"]
        ),
        "a node that lists another's keys": forger.publish(
            node=lambda signed: put_target(signed, f"participants/{MK}/keys.json", b"{}")
        ),
        "an entry that lists keys": forger.publish(
            own=lambda signed: put_target(signed, KEYS, b"{}")
        ),
        "a Participant that is not listed": _omit(forger),
        "a snapshot signed by a stranger": forger.publish(signers={"snapshot": [stranger]}),
        "a snapshot with a forged signature": _forge_signature(honest),
        "a delegation of a whole folder": forger.publish(targets=_delegate_folder),
        "targets signed by one operator": forger.publish(signers={"targets": [operator]}),
        "an entry signed by another Participant": forger.publish(
            signers={"own": [world.directory_keys[MK]]}
        ),
        "keys signed by another node": forger.publish(signers={"node": [world.node_keys[MK]]}),
        "a delegation that does not terminate": forger.publish(targets=_go_on),
        "a delegation of a pattern": forger.publish(own=_delegate("participants/*/keys.json")),
        "a delegation of another's keys": forger.publish(
            own=_delegate(KEYS, f"participants/{MK}/keys.json")
        ),
    }
    limits = {
        "snapshot": ("a snapshot", LIMITS.snapshot),
        "targets": ("targets", LIMITS.targets),
        "own": ("an entry", LIMITS.delegation),
        "node": ("a node's role", LIMITS.delegation),
    }
    for role, (name, most) in limits.items():
        registries[f"{name} as long as may be"] = forger.publish(sizes={role: most})
        registries[f"{name} too long"] = forger.publish(sizes={role: most + 1})
    return {name: forger.rest_on(registry) for name, registry in registries.items()}


def _forge_signature(honest: Published) -> Published:
    """Return a registry whose snapshot has a signature of the right name, and of nobody."""
    snapshot = json.loads(honest.files[honest.pin.sha256])
    snapshot["signatures"][0]["sig"] = "00" * 64
    data = json.dumps(snapshot).encode()
    pin = honest.pin.model_copy(update={"sha256": name_hash(data)})
    return Published(pin, {pin.sha256: data})


def _hash_of(forger: Forger, role: str) -> str:
    snapshot = json.loads(forger.world.objects()[forger.world.pin().sha256])
    found: str = snapshot["signed"]["meta"][f"{role}.json"]["hashes"]["sha256"]
    return found


def _named(role: str, length: int, version: int) -> Any:
    def change(signed: Snapshot) -> None:
        meta = signed.meta[f"{role}.json"]
        meta.length, meta.version = (meta.length or 0) + length, meta.version + version

    return change


def _lengthen(signed: Targets) -> None:
    signed.targets[KEYS].length += 1


def _go_on(signed: Targets) -> None:
    assert signed.delegations is not None
    assert signed.delegations.roles is not None
    signed.delegations.roles[OWN].terminating = False


def _delegate_folder(signed: Targets) -> None:
    assert signed.delegations is not None
    assert signed.delegations.roles is not None
    signed.delegations.roles[OWN].paths = [f"participants/{AL}/*"]


def _delegate(*paths: str) -> Any:
    def change(signed: Targets) -> None:
        assert signed.delegations is not None
        assert signed.delegations.roles is not None
        signed.delegations.roles[NODE].paths = list(paths)

    return change


def _omit(forger: Forger) -> Published:
    files: list[bytes] = []

    def change(signed: Targets) -> None:
        target = signed.targets["participants.json"]
        listed = json.loads(forger.world.objects()[target.hashes["sha256"]])
        listed["participants"] = [it for it in listed["participants"] if it["code"] != AL]
        files.append(json.dumps(listed).encode())
        put_target(signed, "participants.json", files[0])

    made = forger.publish(targets=change)
    return Published(made.pin, {**made.files, name_hash(files[0]): files[0]})


def forge_keys(forger: Forger) -> dict[str, Members]:
    """Return bundles of which a message rests on keys that are wrong, or not good at its time."""
    world = forger.world
    document, now = forger.read_keys(AL), world.clock()
    key = document["signing_keys"][0]

    def publish(**times: Any) -> Members:
        spelled = {name: write_moment(moment) for name, moment in times.items()}
        return forger.rest_on(forger.publish_keys(document | {"signing_keys": [key | spelled]}))

    broker = document["broker"] | {"account_proof": forger.read_keys(MK)["broker"]["account_proof"]}
    return {
        "a key that begins at the claimed moment": publish(valid_from=now),
        "a key that begins a second later": publish(valid_from=now + SECOND),
        "a key that ends at the claimed moment": publish(valid_to=now),
        "a key that ends a second later": publish(valid_to=now + SECOND),
        "keys of another Participant": forger.rest_on(
            forger.publish_keys(forger.read_keys(MK)), key=world.keys[MK]
        ),
        "keys with a proof of another account": forger.rest_on(
            forger.publish_keys(document | {"broker": broker})
        ),
        "keys with a surplus field": forger.rest_on(forger.publish_keys(document | {"note": "x"})),
    }


def forge_expiries(forger: Forger) -> dict[str, Members]:
    """Return bundles of which a message claims the moment at which a signature ran out."""
    made: dict[str, Members] = {}
    now = forger.world.clock()
    names = {"snapshot": "the snapshot", "targets": "targets", "own": "an entry", "node": "keys"}
    for role, name in names.items():
        end = now if role in {"snapshot", "targets"} else now - GRACE
        late = "" if end == now else " 30 days after they ran out"
        made[f"{name}: the last second{late}"] = _expire(forger, role, end + SECOND)
        made[f"{name}: run out{late}"] = _expire(forger, role, end)
    trusted = json.loads(forger.world.trusted_root)["signed"]["expires"]
    end = now.fromisoformat(trusted)
    published = forger.publish(**{role: _set_expiry(end + GRACE) for role in names})
    for name, moment in (("the last second", end - SECOND), ("run out", end)):
        made[f"the root: {name}"] = forger.rest_on(published, composed_at=write_moment(moment))
    return made


def _set_expiry(moment: Any) -> Any:
    def change(signed: Any) -> None:
        signed.expires = moment

    return change


def _expire(forger: Forger, role: str, moment: Any) -> Members:
    return forger.rest_on(forger.publish(**{role: _set_expiry(moment)}))


def forge_roots(forger: Forger) -> tuple[dict[str, Members], bytes]:
    """Return bundles with other roots, and the second root: some are verified from it."""
    world, first = forger.world, forger.world.trusted_root
    two = world.operators[:2]
    online, stranger, *usurpers = (RegistrySigner(world.make_key()) for _ in range(4))

    def replace_online(root: Root) -> None:
        for role in (Snapshot.type, Timestamp.type):
            root.revoke_key(world.online.snapshot.public_key.keyid, role)
            root.add_key(online.public_key, role)

    def replace_operators(root: Root) -> None:
        root.roles[Root.type].keyids = []
        for signer in usurpers:
            root.add_key(signer.public_key, Root.type)

    def alter(root: Root) -> None:
        root.version, root.expires = 1, root.expires + SECOND

    second = forger.sign_root(first, keys=two, change=replace_online)
    third = forger.sign_root(second, keys=two)
    few = forger.sign_root(first, keys=two[:1], change=replace_online)
    alien = forger.sign_root(first, keys=two, change=replace_operators)
    usurped = forger.sign_root(first, keys=usurpers, change=replace_operators)
    forged = forger.sign_root(first, keys=[stranger], change=replace_online)
    later = forger.publish(signers={"snapshot": [online]})
    unsigned = json.dumps(json.loads(first) | {"signatures": []}).encode()
    message, receipt = forger.message, forger.receipt

    def hold(*roots: bytes, **more: bytes) -> Members:
        held = dict(enumerate(roots, 1)) | {int(number[1:]): it for number, it in more.items()}
        return forger.bundle([message], [receipt], roots=held)

    def rest(roots: dict[int, bytes]) -> Members:
        made = world.make_message(registry=later.pin.model_dump())
        return forger.bundle([made], [world.make_receipt(made)], later, roots=roots)

    return {
        "a chain of two roots": hold(first, second),
        "a chain of two roots, and a snapshot under the second": rest({1: first, 2: second}),
        "a snapshot under a root that is missing": rest({1: first}),
        "a second root signed by one operator": hold(first, few),
        "a second root signed by a stranger": hold(first, forged),
        "a second root that its own operators did not sign": hold(first, alien),
        "a second root that only its own operators signed": hold(first, usurped),
        "the first root in the place of the second": hold(first, first),
        "the third root in the place of the second": hold(first, third),
        "a second root as long as one may be": hold(first, second.ljust(LIMITS.root)),
        "a second root that is too long": hold(first, second.ljust(LIMITS.root + 1)),
        "something behind a gap in the roots": hold(first, _3=b"{}"),
        "a snapshot under a root behind a gap": rest({1: first, 3: third}),
        "no root": hold(),
        "another root of the trusted version": hold(
            forger.sign_root(first, keys=two, change=alter)
        ),
        "the trusted root, written otherwise": hold(json.dumps(json.loads(first)).encode() + b"\n"),
        "the trusted root without its signatures": hold(unsigned),
        "the trusted root, as long as one may be": hold(first.ljust(LIMITS.root)),
        "the trusted root, too long": hold(first.ljust(LIMITS.root + 1)),
        "the first root had expired, the second not": _outlive(forger, first),
        "something older than the trusted root": forger.rest_all_on(
            later, roots={1: b"{}", 2: second}
        ),
        "a snapshot under a root older than the trusted one": hold(first, second),
    }, second


def _outlive(forger: Forger, first: bytes) -> Members:
    """Return a bundle whose message claims a moment after the first root ran out."""
    end = forger.world.clock().fromisoformat(json.loads(first)["signed"]["expires"])
    second = forger.sign_root(
        first, keys=forger.world.operators[:2], change=_set_expiry(end + GRACE)
    )
    roles = ("snapshot", "targets", "own", "node")
    published = forger.publish(**{role: _set_expiry(end + GRACE) for role in roles})
    message = forger.world.make_message(
        registry=published.pin.model_dump(), composed_at=write_moment(end + SECOND)
    )
    receipt = forger.world.make_receipt(message)
    return forger.bundle([message], [receipt], published, roots={1: first, 2: second})


def forge_second_registries(forger: Forger) -> dict[str, Members]:
    """Return bundles with two registries of one version."""
    world = forger.world
    version, end = world.pin().version, world.clock() + GRACE

    def same(signed: Snapshot) -> None:
        signed.version = version

    def other(signed: Snapshot) -> None:
        signed.version, signed.expires = version, end

    second = forger.publish(snapshot=other)
    wrapped = forger.publish(snapshot=same, sizes={"snapshot": 4000})
    return {
        "two registries of one version": forger.rest_on(second),
        "two registries of one version, one the maker's": forger.bundle(
            [forger.message], [forger.receipt], second, registry=second.pin.model_dump()
        ),
        "one registry, with blanks behind": forger.rest_on(wrapped),
    }
