"""What any client of The Update Framework must do, against ours, over real HTTP.

The scenarios are those of the project's conformance suite (github.com/theupdateframework/
tuf-conformance), written afresh here from the specification (theupdateframework.github.io/
specification, 1.0): that suite is no package, and drives a client by commands that ours does not
have. docs/registry-attacks.md lists all of them, with those that are rows of the attack table and
those that have no meaning here. Numbers are sections of the specification.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from securesystemslib.signer import Signer
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp

from contact_registry.directory import Directory
from contact_registry.errors import (
    RegistryExpiredError,
    RegistryRefusedError,
)
from tests.support.registry import make_signer
from tests.support.registry_forge import Forge, Signed, make_meta
from tests.support.registry_stage import KEYS, OPERATORS, Stage, open_stage

SIGNERS: Final[Sequence[Signer]] = [make_signer() for _ in range(10)]
HONEST: Final = frozenset(KEYS)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Make one registry and one server for all scenarios."""
    with open_stage(tmp_path_factory.mktemp("stage")) as stage:
        yield stage


@pytest.fixture
def forge(stage: Stage, tmp_path: Path) -> Forge:
    """Hold all keys: here nobody attacks, or any attack is meant."""
    return Forge(stage, HONEST, tmp_path)


@dataclass(frozen=True)
class Case:
    """A version of a role: its keys and threshold, and whose signatures it carries."""

    keys: tuple[int, ...]
    threshold: int
    signed: tuple[int, ...]


def sign_with(signed: Signed, signers: Sequence[Signer]) -> bytes:
    """Return metadata with these signatures."""
    metadata = Metadata(signed)
    for signer in signers:
        metadata.sign(signer, append=True)
    return metadata.to_bytes()


def set_keys(root: Root, role: str, case: Case) -> None:
    """Give a role exactly these keys and this threshold."""
    for keyid in tuple(root.roles[role].keyids):
        root.revoke_key(keyid, role)
    for number in case.keys:
        root.add_key(SIGNERS[number].public_key, role)
    root.roles[role].threshold = case.threshold


def pick(numbers: Sequence[int]) -> list[Signer]:
    """Return these signers."""
    return [SIGNERS[number] for number in numbers]


def look(stage: Stage, forge: Forge, folder: Path, **client: Any) -> Directory:
    """Let a client look at what is shown."""
    name = folder.name
    stage.show(name, forge.files)
    return stage.client(name, folder / "cache", **client).refresh()


FIVE: Final = (0, 1, 2, 3, 4)
OTHERS: Final = (0, 1, 3, 4, 5)

ACCEPTED: Final = "accepted"
REFUSED: Final = "refused"
ROOTS: Final[dict[str, tuple[str, list[Case]]]] = {
    "another key": (
        ACCEPTED,
        [Case((1,), 1, (1,)), Case((2,), 1, (2, 1)), Case((2,), 1, (2,))],
    ),
    "signatures that count for nothing": (
        ACCEPTED,
        [Case((1,), 1, (3, 1, 4)), Case((2,), 1, (3, 2, 1, 4)), Case((2,), 1, (3, 2, 4))],
    ),
    "any three of five": (
        ACCEPTED,
        [Case(FIVE, 3, (0, 2, 4)), Case(FIVE, 3, (0, 4, 1)), Case(FIVE, 3, (0, 1, 3))],
    ),
    "one of five replaced, by three of both sets": (
        ACCEPTED,
        [Case(FIVE, 3, (0, 2, 4)), Case(OTHERS, 3, (0, 4, 1))],
    ),
    "one of five replaced, by four": (
        ACCEPTED,
        [Case(FIVE, 3, (0, 2, 4)), Case(OTHERS, 3, (0, 2, 4, 5)), Case(OTHERS, 3, (0, 4, 5))],
    ),
    "all of five replaced": (
        ACCEPTED,
        [
            Case(FIVE, 3, (0, 2, 4)),
            Case((5, 6, 7, 8, 9), 3, (0, 2, 4, 5, 6, 7)),
            Case((5, 6, 7, 8, 9), 3, (5, 6, 7)),
        ],
    ),
    "a higher threshold": (ACCEPTED, [Case((1, 2, 3), 1, (1,)), Case((1, 2, 3), 2, (1, 2))]),
    "a lower threshold": (
        ACCEPTED,
        [Case((1, 2, 3), 2, (1, 2)), Case((1, 2, 3), 1, (1, 2)), Case((1, 2, 3), 1, (1,))],
    ),
    "a key and a higher threshold": (ACCEPTED, [Case((1,), 1, (1,)), Case((1, 2), 2, (1, 2))]),
    "not signed with the old key": (REFUSED, [Case((1,), 1, (1,)), Case((2,), 1, (2, 3, 4))]),
    "not signed with the new key": (REFUSED, [Case((1,), 1, (1,)), Case((2,), 1, (1, 3, 4))]),
    "two of the new five": (REFUSED, [Case(FIVE, 3, (0, 2, 4)), Case(OTHERS, 3, (0, 2, 4))]),
    "two of the old five": (REFUSED, [Case(FIVE, 3, (0, 2, 4)), Case(OTHERS, 3, (0, 4, 5))]),
    "below the higher threshold": (REFUSED, [Case((1, 2, 3), 1, (1,)), Case((1, 2, 3), 2, (2,))]),
    "the lower threshold before its time": (
        REFUSED,
        [Case((1, 2, 3), 2, (1, 2)), Case((1, 2, 3), 1, (1,))],
    ),
}


@pytest.mark.parametrize(("verdict", "cases"), ROOTS.values(), ids=ROOTS)
def test_changes_of_the_root_s_keys(
    stage: Stage, forge: Forge, tmp_path: Path, verdict: str, cases: list[Case]
) -> None:
    """A new root counts if the old and the new set of keys have signed it (5.3.4, 5.3.5)."""
    root = forge.load(Root, "root")
    versions = []
    for number, case in enumerate(cases, start=1):
        root.version = number
        set_keys(root, "root", case)
        versions.append(sign_with(root, pick(case.signed)))
        forge.show(f"metadata/{number}.root.json", versions[-1])
    if verdict == ACCEPTED:
        view = look(stage, forge, tmp_path, knows=None, root=versions[0])
        assert view.sha256 == stage.newest.sha256
        assert f"metadata/{len(cases) + 1}.root.json" in stage.server.shown[tmp_path.name].asked
    else:
        with pytest.raises(RegistryRefusedError, match="sign"):
            look(stage, forge, tmp_path, knows=None, root=versions[0])


CASES: Final[dict[str, tuple[str, Case]]] = {
    "another key": (ACCEPTED, Case((2,), 1, (2,))),
    "signatures that count for nothing": (ACCEPTED, Case((1,), 1, (3, 1, 4))),
    "three of five": (ACCEPTED, Case(FIVE, 3, (0, 4, 1))),
    "the last three of five": (ACCEPTED, Case(FIVE, 3, (2, 3, 4))),
    "not signed with the new key": (REFUSED, Case((2,), 1, (1, 3, 4))),
    "a key of the earlier five": (REFUSED, Case(OTHERS, 3, (0, 2, 4))),
    "two of five": (REFUSED, Case(OTHERS, 3, (0, 4))),
    "more asked than there are": (REFUSED, Case((1, 2), 3, (1, 2))),
}


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets"])
@pytest.mark.parametrize(("verdict", "case"), CASES.values(), ids=CASES)
def test_changes_of_a_role_s_keys(
    stage: Stage, forge: Forge, tmp_path: Path, role: str, verdict: str, case: Case
) -> None:
    """A role counts if enough of the keys that the newest root names have signed it (5.4.2)."""
    root = forge.load(Root, "root")
    root.version += 1
    set_keys(root, role, case)
    forge.show(f"metadata/{root.version}.root.json", forge.sign(root, *OPERATORS[:2]))
    targets, snapshot = forge.load(Targets, "targets"), forge.load(Snapshot, "snapshot")
    timestamp = forge.load(Timestamp, "timestamp")
    targets.version += 1
    snapshot.version += 1
    timestamp.version += 1
    signers = {"targets": OPERATORS[:2], "snapshot": ("snapshot",), "timestamp": ("timestamp",)}

    def write(signed: Signed, name: str) -> bytes:
        data = (
            sign_with(signed, pick(case.signed))
            if name == role
            else forge.sign(signed, *signers[name])
        )
        forge.show(f"metadata/{signed.version}.{name}.json", data)
        return data

    snapshot.meta["targets.json"] = make_meta(targets.version, write(targets, "targets"))
    timestamp.snapshot_meta = make_meta(snapshot.version, write(snapshot, "snapshot"))
    forge.show("metadata/timestamp.json", write(timestamp, "timestamp"))
    if verdict == ACCEPTED:
        assert look(stage, forge, tmp_path).version == snapshot.version
    else:
        with pytest.raises(RegistryRefusedError, match="sign"):
            look(stage, forge, tmp_path)


def test_what_is_asked_and_in_which_order(stage: Stage, forge: Forge, tmp_path: Path) -> None:
    """A new client asks for root, timestamp, snapshot, targets, then what they name (5.3-5.7)."""
    look(stage, forge, tmp_path, knows=None)
    asked = stage.server.shown[tmp_path.name].asked
    top = ["2.root", "3.root", "timestamp", "11.snapshot", "2.targets"]
    assert asked[:5] == [f"metadata/{name}.json" for name in top]
    assert all(name.startswith(("metadata/", "targets/")) for name in asked[5:])


def test_an_equal_timestamp_changes_nothing(stage: Stage, forge: Forge, tmp_path: Path) -> None:
    """Another timestamp of the known version is not taken, and nothing else is asked (5.4.3)."""
    known = Metadata[Timestamp].from_bytes(stage.moments.known["metadata/timestamp.json"]).signed
    forge.publish_timestamp(version=known.version)
    del forge.files["metadata/2.root.json"]
    view = look(stage, forge, tmp_path)
    assert view.version == known.snapshot_meta.version
    asked = stage.server.shown[tmp_path.name].asked
    assert asked == ["metadata/2.root.json", "metadata/timestamp.json"]


def break_version(root: dict[str, object]) -> None:
    """Take the version away."""
    signed = root["signed"]
    assert isinstance(signed, dict)
    del signed["version"]


def break_signatures(root: dict[str, object]) -> None:
    """Put other signatures where all but one stand: two are needed."""
    signatures = root["signatures"]
    assert isinstance(signatures, list)
    for signature in signatures[1:]:
        signature["sig"] = "ab" * 64


@pytest.mark.parametrize("spoil", [break_version, break_signatures])
def test_a_trusted_root_that_is_none(
    stage: Stage,
    forge: Forge,
    tmp_path: Path,
    spoil: Callable[[dict[str, object]], None],
) -> None:
    """With a first root that is damaged or not signed, nothing is asked for at all (5.2)."""
    root = json.loads(stage.moments.ancient["metadata/1.root.json"])
    spoil(root)
    with pytest.raises(RegistryRefusedError):
        look(stage, forge, tmp_path, knows=None, root=json.dumps(root).encode())
    assert stage.server.shown[tmp_path.name].asked == []


def test_unknown_fields_are_signed_and_kept(stage: Stage, forge: Forge, tmp_path: Path) -> None:
    """Fields that nobody knows yet are part of what is signed, and stop nothing (4)."""
    root = forge.load(Root, "root")
    root.version += 1
    root.unrecognized_fields["custom-field"] = "value"
    root.roles["root"].unrecognized_fields["another-field"] = "value"
    key = next(iter(root.keys.values()))
    key.unrecognized_fields["extra-field"] = {"a": 1, "b": 2}
    key.unrecognized_fields["keyid_hash_algorithms"] = ["md5"]
    forge.show(f"metadata/{root.version}.root.json", forge.sign(root, *OPERATORS[:2]))
    assert look(stage, forge, tmp_path).sha256 == stage.newest.sha256


def test_an_expired_root_in_between_is_passed(stage: Stage, forge: Forge, tmp_path: Path) -> None:
    """Only the newest root must be in its time; those on the way to it need not (5.3.10)."""
    for expires in (forge.after(-5), forge.after(300)):
        root = forge.load(Root, "root")
        root.version += 1
        root.expires = expires
        forge.show(f"metadata/{root.version}.root.json", forge.sign(root, *OPERATORS[:2]))
    assert look(stage, forge, tmp_path).sha256 == stage.newest.sha256


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets"])
def test_an_expired_role_is_refused(stage: Stage, forge: Forge, tmp_path: Path, role: str) -> None:
    """Newer metadata that ran out, however well signed, is not taken (5.4.4, 5.5.6, 5.6.6)."""
    targets, snapshot = forge.load(Targets, "targets"), forge.load(Snapshot, "snapshot")
    late = forge.after(-1)
    if role == "targets":
        targets.version += 1
        targets.expires = late
        data = forge.sign(targets, *OPERATORS[:2])
        forge.show(f"metadata/{targets.version}.targets.json", data)
        snapshot.meta["targets.json"] = make_meta(targets.version, data)
    snapshot.version += 1
    snapshot.expires = late if role == "snapshot" else snapshot.expires
    forge.publish_snapshot(snapshot)
    if role == "timestamp":
        forge.publish_timestamp(days=-1)
    with pytest.raises(RegistryExpiredError):
        look(stage, forge, tmp_path)


def test_expired_metadata_at_hand_is_a_start(stage: Stage, forge: Forge, tmp_path: Path) -> None:
    """What is kept may have run out: newer is taken, and older is refused (5.4.1, 5.4.3)."""
    ancient = stage.moments.ancient
    kept = tmp_path / "cache" / "tuf"
    kept.mkdir(parents=True)
    named = Metadata[Timestamp].from_bytes(ancient["metadata/timestamp.json"]).signed.snapshot_meta
    for role, name in (
        ("timestamp", "timestamp"),
        ("snapshot", f"{named.version}.snapshot"),
        ("targets", "1.targets"),
    ):
        (kept / f"{role}.json").write_bytes(ancient[f"metadata/{name}.json"])
    forge.publish_timestamp(make_meta(1, forge.bytes_of("metadata/1.snapshot.json")))
    with pytest.raises(RegistryRefusedError, match="version"):
        look(stage, forge, tmp_path, knows=None)
    forge.files = dict(stage.moments.newest)
    assert look(stage, forge, tmp_path, knows=None).sha256 == stage.newest.sha256


def test_a_repository_without_consistent_snapshots(
    stage: Stage, forge: Forge, tmp_path: Path
) -> None:
    """A root that does without numbered files is followed as far as it goes, and no further (6.2).

    Ours never does: then the top level is asked for without numbers, and the rest is as it was.
    """
    root = forge.load(Root, "root")
    root.version += 1
    root.consistent_snapshot = False
    forge.show(f"metadata/{root.version}.root.json", forge.sign(root, *OPERATORS[:2]))
    for role in ("snapshot", "targets"):
        forge.show(f"metadata/{role}.json", forge.bytes_of(forge.name_of(role)))
    assert look(stage, forge, tmp_path).sha256 == stage.newest.sha256
