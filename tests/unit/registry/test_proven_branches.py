"""What a process verified before is taken as it is only where a fresh verification would say so."""

import copy
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import combinations
from pathlib import Path

import pytest
from securesystemslib.signer import SSlibKey
from tuf.api.metadata import DelegatedRole, Snapshot, TargetFile, Targets

from contact_registry.directory import Directory
from contact_registry.errors import RegistryRefusedError
from contact_registry.models import ListedBy, ParticipantsDocument, serialize_document
from contact_registry.trust.layout import PARTICIPANTS_PATH, make_tuf_key
from contact_registry.trust.proven import ProvenBranches
from contact_registry.trust.published import LocalSource
from contact_registry.trust.storage import RepositoryFiles
from contact_registry.trust.verification import FileSource, TopLevel
from contact_registry.trust.view import verify_directory
from tests.support.registry import AL, MK, RegistryWorld, make_entry, make_signer


@dataclass
class Scene:
    """A verified top level that can be altered as if its signers had signed something else."""

    world: RegistryWorld
    targets: Targets
    snapshot: Snapshot
    top: TopLevel
    documents: dict[str, bytes] = field(default_factory=dict)

    @property
    def roles(self) -> dict[str, DelegatedRole]:
        """The roles that the operators delegate to."""
        assert self.targets.delegations is not None
        assert self.targets.delegations.roles is not None
        return self.targets.delegations.roles

    @property
    def delegation(self) -> DelegatedRole:
        """The delegation to AL."""
        return self.roles["AL"]

    @property
    def keys(self) -> dict[str, SSlibKey]:
        """The keys that the operators name."""
        assert self.targets.delegations is not None
        return self.targets.delegations.keys  # type: ignore[return-value]  # all of them are ours

    def list_participants(self, document: ParticipantsDocument) -> None:
        """Let the operators list other Participants."""
        data = serialize_document(document)
        sha256 = hashlib.sha256(data).hexdigest()
        self.documents[PARTICIPANTS_PATH] = data
        target = TargetFile(len(data), {"sha256": sha256}, PARTICIPANTS_PATH)
        self.targets.targets[PARTICIPANTS_PATH] = target

    def judge(self, proven: ProvenBranches | None) -> Directory | str:
        """Return the view, or the words of the refusal."""
        top = replace(self.top, targets=self.targets, snapshot=self.snapshot)
        try:
            return verify_directory(
                top, Altered(self), verified_at=self.world.clock(), proven=proven
            )
        except RegistryRefusedError as error:
            return str(error)


@dataclass(frozen=True)
class Altered:
    """The repository's files, and those of the scene before them."""

    scene: Scene

    def read_metadata(self, role: str, *, version: int, length: int, sha256: str) -> bytes:
        """Return the published file of the role, whatever version is asked for."""
        published = self.scene.top.snapshot.meta[f"{role}.json"].version
        return self.source.read_metadata(role, version=published, length=length, sha256=sha256)

    def read_document(self, path: str, *, length: int, sha256: str) -> bytes:
        """Return the scene's own document, or the published one."""
        own = self.scene.documents.get(path)
        if own is not None:
            return own
        return self.source.read_document(path, length=length, sha256=sha256)

    @property
    def source(self) -> LocalSource:
        """The files of the repository."""
        return LocalSource(RepositoryFiles(self.scene.world.folder))


class Nothing:
    """A source that has no file: whoever asks verifies what was proven."""

    def read_metadata(self, role: str, *, version: int, length: int, sha256: str) -> bytes:
        """Fail."""
        raise AssertionError(f"{role} is read")

    def read_document(self, path: str, *, length: int, sha256: str) -> bytes:
        """Fail."""
        raise AssertionError(f"{path} is read")


Alter = Callable[[Scene], object]


def _another_key(scene: Scene) -> None:
    key = make_tuf_key(make_signer().verify_key)
    scene.keys[key.keyid] = key
    scene.delegation.keyids = [key.keyid]


def _other_value_of_the_key(scene: Scene) -> None:
    keyid = scene.delegation.keyids[0]
    public = make_signer().verify_key.public.hex()
    scene.keys[keyid] = SSlibKey(keyid, "ed25519", "ed25519", {"public": public})


def _operators_hold_the_key(scene: Scene) -> None:
    held = make_entry(AL).model_copy(update={"directory_key_held_by": ListedBy.OPERATOR})
    scene.list_participants(ParticipantsDocument(participants=(held, make_entry(MK))))


def _one_leaves(scene: Scene) -> None:
    scene.list_participants(ParticipantsDocument(participants=(make_entry(MK),)))


def _other_name(scene: Scene) -> None:
    named = make_entry(AL).model_copy(update={"name": "Another name"})
    scene.list_participants(ParticipantsDocument(participants=(named, make_entry(MK))))


def _meta(name: str, **changes: object) -> Alter:
    def alter(scene: Scene) -> None:
        for attribute, value in changes.items():
            setattr(scene.snapshot.meta[f"{name}.json"], attribute, value)

    return alter


def _delegation(**changes: object) -> Alter:
    def alter(scene: Scene) -> None:
        for attribute, value in changes.items():
            setattr(scene.delegation, attribute, value)

    return alter


#: What is altered, and whether nobody may take the registry any more.
ALTERATIONS: dict[str, tuple[Alter, bool]] = {
    "another directory key": (_another_key, True),
    "another key under the same name": (_other_value_of_the_key, True),
    "a threshold of two": (_delegation(threshold=2), True),
    "no key": (_delegation(keyids=[]), True),
    "an unknown key": (_delegation(keyids=["0" * 32]), True),
    "a wider path": (_delegation(paths=["participants/*"]), True),
    "a path more": (_delegation(paths=["participants/AL/contacts.json", "x"]), True),
    "not terminating": (_delegation(terminating=False), True),
    "a member more": (_delegation(unrecognized_fields={"x": 1}), True),
    "no delegation": (lambda s: s.roles.pop("AL"), True),
    "no key listed": (lambda s: s.keys.pop(s.delegation.keyids[0]), True),
    "another version named": (_meta("AL", version=7), True),
    "another length named": (_meta("AL", length=7), True),
    "no length named": (_meta("AL", length=None), True),
    "another hash named": (_meta("AL", hashes={"sha256": "0" * 64}), True),
    "no hash named": (_meta("AL", hashes=None), True),
    "another kind of hash": (_meta("AL", hashes={"sha512": "0" * 128}), True),
    "a second hash": (
        lambda s: (s.snapshot.meta["AL.json"].hashes or {}).update(sha512="0" * 128),
        True,
    ),
    "another hash of the node": (_meta("AL-node", hashes={"sha256": "0" * 64}), True),
    "the node's version": (_meta("AL-node", version=9), True),
    "the operators hold the key": (_operators_hold_the_key, True),
    "a second document": (
        lambda s: s.targets.targets.update(x=TargetFile(1, {"sha256": "0" * 64}, "x")),
        True,
    ),
    "another length of the list": (
        lambda s: setattr(s.targets.targets[PARTICIPANTS_PATH], "length", 5),
        True,
    ),
    "the role is gone": (lambda s: s.snapshot.meta.pop("AL.json"), False),
    "the node is gone": (lambda s: s.snapshot.meta.pop("AL-node.json"), False),
    "one leaves": (_one_leaves, False),
    "another name": (_other_name, False),
    "nothing": (lambda _: None, False),
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> RegistryWorld:
    """Publish everything of AL and MK once."""
    world = RegistryWorld(tmp_path_factory.mktemp("proven") / "repository")
    world.publish_all()
    return world


@pytest.fixture
def begin(world: RegistryWorld) -> Callable[[], Scene]:
    """Return a maker of scenes that nothing was altered in."""
    top = world.repository.load_top()

    def make() -> Scene:
        return Scene(world, copy.deepcopy(top.targets), copy.deepcopy(top.snapshot), top)

    return make


def warm(scene: Scene) -> ProvenBranches:
    """Return what a process remembers that verified the scene as it was published."""
    proven = ProvenBranches()
    assert isinstance(scene.judge(proven), Directory)
    return proven


@pytest.mark.parametrize("name", ALTERATIONS)
def test_same_judgement(begin: Callable[[], Scene], name: str) -> None:
    """A process that remembers accepts and refuses exactly what one without memory does."""
    alter, is_refused = ALTERATIONS[name]
    proven = warm(begin())
    scene = begin()
    alter(scene)
    fresh = scene.judge(None)
    assert isinstance(fresh, str) is is_refused
    assert scene.judge(proven) == fresh
    # Refused or not, it goes on as it should: back to what was published, and there again.
    assert begin().judge(proven) == begin().judge(None)
    assert scene.judge(proven) == fresh


def test_same_judgement_of_two_alterations(begin: Callable[[], Scene]) -> None:
    """The same holds for every two alterations that can be made one after the other."""
    for (one, _), (other, _) in combinations(ALTERATIONS.values(), 2):
        proven = warm(begin())
        scene = begin()
        try:
            one(scene)
            scene.judge(proven)
            other(scene)
        except (KeyError, AttributeError, IndexError):
            continue  # the second needs what the first took away
        assert scene.judge(proven) == scene.judge(None)


def test_nothing_is_read_twice(begin: Callable[[], Scene], world: RegistryWorld) -> None:
    """What did not change is not read at all, and the view is the same."""
    scene = begin()
    proven = warm(scene)
    source: FileSource = Nothing()
    again = verify_directory(scene.top, source, verified_at=world.clock(), proven=proven)
    assert again == scene.judge(None)
    assert {file.name for file in proven.list_files()} == {
        "participants.json", "AL", "AL-node", "MK", "MK-node",
        "participants/AL/contacts.json", "participants/AL/keys.json",
        "participants/MK/contacts.json", "participants/MK/keys.json",
    }  # fmt: skip


def test_time_is_never_remembered(begin: Callable[[], Scene], world: RegistryWorld) -> None:
    """Overdue signatures and the grace period are judged anew each time, remembered or not."""
    scene = begin()
    proven = warm(scene)
    for days in (0, 91, 121, 10):
        now = world.clock() + timedelta(days=days)
        views = [
            verify_directory(
                scene.top, Altered(scene), verified_at=world.clock(), now=now, proven=memory
            )
            for memory in (None, proven)
        ]
        assert views[0] == views[1]
        assert bool(views[0].overdue) is (days > 90)
        assert bool(views[0].keys) is (days < 121)


def test_what_is_not_kept_is_forgotten(begin: Callable[[], Scene], world: RegistryWorld) -> None:
    """A branch of which one file is missing in the cache is read and verified again."""
    proven = warm(begin())
    files = {file.name: file.sha256 for file in proven.list_files()}
    proven.keep_only(set(files.values()) - {files["participants/AL/keys.json"]})
    assert {"AL", "MK-node"} <= {file.name for file in proven.list_files()}
    with pytest.raises(AssertionError, match="AL-node is read"):
        verify_directory(begin().top, Nothing(), verified_at=world.clock(), proven=proven)


def test_damage_on_the_hosts_disk_is_not_published(tmp_path: Path) -> None:
    """A host that remembers what it verified publishes on, and a restart finds the damage."""
    world = RegistryWorld(tmp_path / "repository")
    world.publish_all()
    document = next((world.folder / "targets" / "participants" / "MK").glob("*.contacts.json"))
    document.write_bytes(document.read_bytes().replace(b"Desk", b"Dusk"))
    published = world.publish(world.contacts_submission(AL, note="new"))
    assert world.repository.load_directory().version == published.version
    restarted = world.open()
    with pytest.raises(Exception, match="backup"):
        restarted.load_directory()
