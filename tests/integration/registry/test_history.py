"""The past of a published registry: every version, who signed it, and who was listed then."""

from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from contact_registry.errors import RegistryError, RegistryRefusedError, RepositoryStateError
from contact_registry.history.archive import RegistryHistory
from contact_registry.history.comparing import apply_changes, describe_content
from contact_registry.history.errors import OtherVersionError, VersionNotKeptError
from contact_registry.history.listed import find_listed, find_listed_authority
from contact_registry.history.versions import Holder, RoleChange
from contact_registry.history.wording import word_difference
from contact_registry.routing import Desk, Gap
from contact_registry.trust.layout import ExpiryPeriods
from protocol.identifiers import AuthorityId, Phase
from tests.support.registry import AL, MK, RegistryWorld
from tests.support.registry_past import HOUR, make_past

LAST = 11


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> RegistryWorld:
    """Make a registry with a past; the tests only read it."""
    return make_past(tmp_path_factory.mktemp("past") / "repository")


@pytest.fixture(scope="module")
def history(past: RegistryWorld) -> RegistryHistory:
    """Open its history."""
    return RegistryHistory(past.folder)


def test_every_version_is_listed(past: RegistryWorld, history: RegistryHistory) -> None:
    """Each version has its number, hash, moment to the second, and what it brought."""
    versions = history.list_versions()
    assert [version.version for version in versions] == list(range(1, LAST + 1))
    assert versions[-1].sha256 == past.repository.published_version().sha256
    start = past.clock() - LAST * HOUR
    assert [v.published_at for v in versions] == [start + n * HOUR for n in range(LAST)]
    assert all(version.is_moment_certain for version in versions)
    assert [version.changes for version in versions] == [
        (RoleChange("targets", None, 1),),
        (RoleChange("AL", None, 1),),
        (RoleChange("AL-node", None, 1),),
        (RoleChange("MK", None, 1),),
        (RoleChange("MK-node", None, 1),),
        (RoleChange("AL", 1, 2),),
        (RoleChange("AL-node", 1, 2),),
        (RoleChange("targets", 1, 2),),
        (RoleChange("AL", 2, 3),),
        (RoleChange("targets", 2, 3),),
        (),
    ]
    assert [[entry.code for entry in version.left] for version in versions if version.left] == [
        [MK]
    ]
    assert [entry.code for entry in versions[0].joined] == [AL, MK]
    assert [v.version for v in versions if v.is_under_new_root] == [1, LAST]
    assert not any(version.is_renewal for version in versions)
    assert not history.list_interrupted()


def test_who_signed_what(past: RegistryWorld, history: RegistryHistory) -> None:
    """Each file that a version brought names its keys, their holder and the threshold."""
    versions = history.list_versions()
    founding = {file.role: file for file in versions[0].signed}
    operators = {signer.public_key.keyid for signer in past.operators}
    assert set(founding) == {"root", "targets", "snapshot", "timestamp"}
    assert set(founding["targets"].signed_by) == operators
    assert founding["targets"].held_by is Holder.OPERATORS
    assert (founding["targets"].threshold, founding["targets"].is_threshold_met) == (2, True)
    assert founding["snapshot"].held_by is Holder.REGISTRY_HOST
    note, rotated = ({f.role: f for f in versions[n].signed} for n in (5, 8))
    assert set(note) == {"snapshot", "timestamp", "AL"}
    assert note["AL"].held_by is Holder.PARTICIPANT
    assert rotated["AL"].signed_by == (past.directory_keys[AL].public_key.keyid,)
    assert rotated["AL"].could_sign == note["AL"].signed_by
    node = {f.role: f for f in versions[6].signed}["AL-node"]
    assert (node.held_by, node.signed_by) == (
        Holder.NODE,
        (past.node_keys[AL].public_key.keyid,),
    )
    assert versions[-1].root_version == 2
    assert versions[-2].root_version == 1
    assert {file.role for file in versions[-1].signed} == {"root", "snapshot", "timestamp"}


def test_all_signatures_of_one_version(history: RegistryHistory) -> None:
    """Of a single version every file is told, those before it too, and each had enough keys."""
    signed = history.list_signatures(7)
    assert [file.role for file in signed] == [
        "root", "timestamp", "snapshot", "targets", "AL", "AL-node", "MK", "MK-node",
    ]  # fmt: skip
    assert all(file.is_threshold_met for file in signed)


def test_each_version_reads_as_it_was(past: RegistryWorld, history: RegistryHistory) -> None:
    """A version shows the contacts, keys and Participants of then, and not of today."""
    before, after = history.load_as_of(5), history.load_as_of(LAST)
    assert before.contacts[AL].authorities[0].note == ""
    assert after.contacts[AL].authorities[0].note == "Ring once."
    assert [set(d.keys) for d in (before, after)] == [{AL, MK}, {AL}]
    assert history.load_as_of(6).contacts[AL].authorities[0].note == "Ring twice."
    key = past.message_keys[AL].verify_key.key_id
    assert before.signing_key(AL, key) is None
    assert after.signing_key(AL, key) is not None


def test_a_moment_finds_the_version_of_then(past: RegistryWorld, history: RegistryHistory) -> None:
    """At the second of its publication a version is in force, and until the next one."""
    start = past.clock() - LAST * HOUR
    for number in range(1, LAST + 1):
        published = start + (number - 1) * HOUR
        assert history.find_version(published) == number
        assert history.find_version(published + HOUR - timedelta(seconds=1)) == number
    assert history.load_as_of(start + 5 * HOUR).version == 6
    with pytest.raises(VersionNotKeptError, match="There was no registry yet: version 1"):
        history.find_version(start - timedelta(seconds=1))


@pytest.mark.parametrize("number", [0, LAST + 1, 999_999_999], ids=str)
def test_a_version_that_never_was(history: RegistryHistory, number: int) -> None:
    """The error names the versions that there are."""
    with pytest.raises(VersionNotKeptError, match="versions 1 to 11"):
        history.load_as_of(number)


def test_expiry_is_judged_as_of_then(tmp_path: Path) -> None:
    """Today all has run out; as of then nothing had, and a later moment of it had overdue roles."""
    world = RegistryWorld(tmp_path / "repository")
    world.publish_all()
    published = world.clock()
    world.clock.move(timedelta(days=900))
    history = RegistryHistory(world.folder)
    then = history.load_as_of(published)
    assert then.expires_at > then.verified_at == published
    assert (set(then.keys), dict(then.overdue)) == ({AL, MK}, {})
    late = history.load_as_of(published + timedelta(days=130))
    assert late.expires_at < late.verified_at
    assert set(late.overdue) == {"AL", "AL-node", "MK", "MK-node"}
    assert not late.keys


def test_the_timestamp_of_then_counts(tmp_path: Path) -> None:
    """Between two versions the host renewed its timestamp: what held then is what is told."""
    world = RegistryWorld(tmp_path / "repository")
    version = world.publish_all().version
    world.clock.move(timedelta(hours=20))
    world.repository.refresh_timestamp(world.online)
    history = RegistryHistory(world.folder)
    early, late = (
        history.load_as_of(world.clock() + timedelta(hours=hours)) for hours in (-10, 10)
    )
    assert (early.version, late.version) == (version, version)
    assert early.expires_at == world.clock() + timedelta(hours=4)
    assert late.expires_at == world.clock() + timedelta(hours=24)


def test_a_renewal_is_told_as_one(tmp_path: Path) -> None:
    """A version that only carries newer signatures of the host has changed nothing."""
    world = RegistryWorld(tmp_path / "repository")
    world.publish_all()
    world.clock.move(timedelta(days=5))
    world.repository.refresh_timestamp(world.online)
    assert [v.is_renewal for v in RegistryHistory(world.folder).list_versions()][-2:] == [
        False,
        True,
    ]


def test_other_periods_are_noticed(past: RegistryWorld) -> None:
    """Where the host signed for other times, no moment is made up; versions stay readable."""
    history = RegistryHistory(past.folder, periods=ExpiryPeriods(snapshot=timedelta(days=3)))
    assert not any(version.is_moment_certain for version in history.list_versions())
    assert history.load_as_of(6).version == 6
    with pytest.raises(VersionNotKeptError, match="by its number"):
        history.load_as_of(past.clock())


def test_differences_lead_from_each_version_to_the_next(history: RegistryHistory) -> None:
    """Over the whole past, the differences applied to version 1 arrive at the last one."""
    content = describe_content(history.load_as_of(1), history.load_signers(1))
    for old, new in pairwise(range(1, LAST + 1)):
        content = apply_changes(content, history.diff(old, new).changes)
        assert content == describe_content(history.load_as_of(new), history.load_signers(new))


def test_differences_in_words(past: RegistryWorld, history: RegistryHistory) -> None:
    """An operator reads what each version did: a note, a key, who may sign, who left."""
    assert word_difference(history.diff(5, 6)) == [
        "Part. AL (AL), desk Desk desk (AL-desk): note is now “Ring twice.”; there was none before."
    ]
    key = past.message_keys[AL].verify_key.key_id
    rotated = word_difference(history.diff(6, 7))
    assert any(f"signing key {key} is listed, valid from" in line for line in rotated)
    assert sum("is no longer listed." in line for line in rotated) == 2
    directory_key = past.directory_keys[AL].public_key.keyid
    assert word_difference(history.diff(7, 8)) == [
        f"Part. AL (AL), who signs its contact list: key ids: “{directory_key}” added."
    ]
    left = word_difference(history.diff(9, 10))
    assert "Part. MK (MK) no longer takes part." in left
    assert "Part. MK (MK): its contact list is no longer in force (1 desk, 0 agreements)." in left
    online = word_difference(history.diff(10, 11))
    assert [line.partition(":")[0] for line in online] == [
        "The registry's snapshot (held by the registry host)",
        "The registry's timestamp (held by the registry host)",
    ]
    assert word_difference(history.diff(9, 9)) == ["Nothing differs."]


def test_no_key_is_told(past: RegistryWorld, history: RegistryHistory) -> None:
    """Data and words hold key ids and never a key, a proof, or a signature."""
    everything = repr(history.diff(1, 7).changes) + " ".join(word_difference(history.diff(1, 7)))
    directory = history.load_as_of(7)
    for document in directory.keys.values():
        keys = {key.key_id: key.public for key in document.signing_keys}
        keys |= {key.key_id: key.public for key in document.encryption_keys}
        assert all(key_id in everything for key_id in keys)
        assert not any(public in everything for public in keys.values())
        assert document.broker.account_proof not in everything


def test_who_was_listed_when_a_message_was_sent(
    past: RegistryWorld, history: RegistryHistory
) -> None:
    """The pin of a message brings back the desk of then, of a Participant that has left since."""
    pinned = history.list_versions()[4]
    directory = history.load_pinned(pinned.version, pinned.sha256, sent_at=pinned.published_at)
    listed = find_listed(
        directory, participant=MK, phase=Phase.IDENTIFICATION, at=pinned.published_at
    )
    assert isinstance(listed.desk, Desk)
    assert [authority.id for authority in listed.competent] == ["MK-desk"]
    desk = find_listed_authority(directory, AuthorityId("MK-desk"), at=pinned.published_at)
    assert desk == listed.desk.authority
    today = find_listed(
        history.load_as_of(LAST), participant=MK, phase=Phase.IDENTIFICATION, at=past.clock()
    )
    assert isinstance(today.desk, Gap)
    assert today.competent == ()


def test_a_pin_of_another_registry(history: RegistryHistory) -> None:
    """The right version under a wrong hash is an alarm, and no answer."""
    with pytest.raises(OtherVersionError, match="Compare the hash"):
        history.load_pinned(5, "ab" * 32)
    with pytest.raises(VersionNotKeptError):
        history.load_pinned(99, "ab" * 32)


@pytest.mark.parametrize(
    "name", ["6.AL.json", "1.targets.json", "4.snapshot.json", "2.root.json"], ids=str
)
def test_damage_is_not_shown_as_the_past(tmp_path: Path, name: str) -> None:
    """A file of the past that was altered is refused by name of what does not verify."""
    world = make_past(tmp_path / "repository")
    path = world.folder / "metadata" / name.replace("6.AL", "2.AL")
    path.write_bytes(path.read_bytes().replace(b'"version"', b'"versiom"'))
    with pytest.raises((RegistryRefusedError, RepositoryStateError), match=r"verify|damaged"):
        RegistryHistory(world.folder).list_versions()


def test_a_lost_file_is_named(tmp_path: Path) -> None:
    """Where a file of the past is missing, the operators are told to restore it."""
    world = make_past(tmp_path / "repository")
    (world.folder / "metadata" / "3.timestamp.json").unlink()
    with pytest.raises(RepositoryStateError, match="Version 3 of timestamp is missing"):
        RegistryHistory(world.folder).list_versions()


def test_an_empty_folder(tmp_path: Path) -> None:
    """Without a registry there is no history, and the error says how to begin one."""
    with pytest.raises(RegistryError, match="trm-registry init"):
        RegistryHistory(tmp_path).list_versions()
