"""What a preparer, a registry host or a courier might put into a signing file, and what is refused.

Each case begins with a file as our tools make it, changes it as somebody would who knows the format
well, signs it as far as that somebody can, and shows it to an honest signer's tool.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import pytest
from tuf.api.metadata import Metadata

from contact_registry.ceremony.effects import Topic, derive_effects
from contact_registry.ceremony.preparing import (
    OperatorsEdit,
    OwnParts,
    Periods,
    prepare_admission,
    prepare_departure,
    prepare_directory_key,
    prepare_founding,
    prepare_online_key,
    prepare_operators,
)
from contact_registry.ceremony.shapes import Holders, RootShape
from contact_registry.ceremony.signing import combine_changes, sign_change
from contact_registry.ceremony.signing_file import (
    MOST_FILE_BYTES,
    parse_signing_file,
)
from contact_registry.errors import RefusalCode, SubmissionRefusedError
from contact_registry.models import ListedBy, ParticipantsDocument, serialize_document
from contact_registry.trust.online import OnlineKeyring
from contact_registry.trust.operated import OperatedRepository
from contact_registry.trust.operators import OperatorsChange
from contact_registry.trust.operators_acceptance import MOST_PARTS, examine_change
from contact_registry.trust.signers import RegistrySigner
from contact_registry.trust.submitting import build_contacts_submission
from protocol.signing import SigningKey, VerifyKey
from tests.support.ceremony_scene import ME, NEW, Scene, make_scene
from tests.support.registry import AL, MK, make_contacts, make_entry

Tree = dict[str, Any]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Hold a registry with AL and MK, 2 of 3 operators; nothing below changes it."""
    return make_scene(tmp_path_factory.mktemp("scene"))


def alter(change: OperatorsChange, role: str, edit: Callable[[Tree], None]) -> OperatorsChange:
    """Return the change with the JSON of one part edited, written canonically."""
    tree = json.loads(change.parts[role])
    edit(tree)
    data = json.dumps(tree, separators=(",", ":"), sort_keys=True).encode()
    return OperatorsChange(MappingProxyType({**change.parts, role: data}), change.documents)


def refusal(scene: Scene, change: OperatorsChange) -> SubmissionRefusedError:
    """Return why a file is refused."""
    with pytest.raises(SubmissionRefusedError) as caught:
        scene.examine(change)
    assert len(str(caught.value)) < 1_000
    return caught.value


def set_in(*path: str, value: object) -> Callable[[Tree], None]:
    """Return an edit that sets a member."""

    def edit(tree: Tree) -> None:
        place = tree
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value

    return edit


OTHERS: Final[dict[str, tuple[str, Callable[[Tree], None]]]] = {
    "an unknown member beside the signed part": ("root", set_in("note", value="please sign")),
    "an unknown member of root": ("root", set_in("signed", "note", value="please sign")),
    "an unknown member of targets": ("targets", set_in("signed", "note", value=1)),
    "an unknown member of a role": (
        "root", set_in("signed", "roles", "root", "note", value=1)),
    "another specification version": ("root", set_in("signed", "spec_version", value="1.0.0")),
    "no consistent snapshots": ("root", set_in("signed", "consistent_snapshot", value=False)),
    "the same number again": (
        "targets",
        lambda tree: tree["signed"].update(version=1, expires="2027-01-31T00:00:00Z"),
    ),
    "a number left out": ("targets", set_in("signed", "version", value=3)),
    "a number without end": ("targets", set_in("signed", "version", value=10**12)),
    "signatures for ten years": (
        "root", set_in("signed", "expires", value="2099-01-01T00:00:00Z")),
    "signatures that ran out": (
        "targets", set_in("signed", "expires", value="2020-01-01T00:00:00Z")),
    "a threshold beyond the keys": (
        "root", set_in("signed", "roles", "root", "threshold", value=9)),
    "no list of Participants": ("targets", set_in("signed", "targets", value={})),
    "a file beside the list": (
        "targets",
        set_in("signed", "targets", "x.json",
               value={"length": 1, "hashes": {"sha256": "0" * 64}})),
    "targets in the place of root": ("root", set_in("signed", "_type", value="targets")),
}  # fmt: skip


@pytest.mark.parametrize("what", OTHERS)
def test_what_is_not_understood_is_refused(scene: Scene, what: str) -> None:
    """A part that says more, less or other than our tools would say is signed by nobody."""
    role, edit = OTHERS[what]
    assert refusal(scene, alter(scene.renewal(), role, edit)).code


def test_text_in_another_form_is_refused(scene: Scene) -> None:
    """The same content with blanks, or with a member twice, is not what was shown."""
    good = scene.renewal()
    for data in (
        good.parts["root"].replace(b'{"signatures"', b'{ "signatures"'),
        good.parts["root"].replace(b'"version":2', b'"version":7,"version":2'),
    ):
        assert data != good.parts["root"]
        changed = OperatorsChange({**good.parts, "root": data}, good.documents)
        assert refusal(scene, changed).code is RefusalCode.MALFORMED


def test_a_key_cannot_count_twice(scene: Scene) -> None:
    """One person's key under a second id is refused, though TUF would count both."""
    key = scene.world.operators[0]

    def edit(tree: Tree) -> None:
        root = tree["signed"]
        root["keys"]["f" * 32] = key.public_key.to_dict()
        root["roles"]["root"]["keyids"].append("f" * 32)

    error = refusal(scene, alter(scene.renewal(), "root", edit))
    assert "one key could count as two" in str(error)


def test_an_online_key_is_no_operator(scene: Scene) -> None:
    """The host's key can be made neither an operator's nor a directory nor a node's key."""
    online = scene.world.online.snapshot.public_key
    key = VerifyKey(bytes.fromhex(str(online.keyval["public"])))
    edit = OperatorsEdit(add=(key,))
    as_operator = prepare_operators(scene.standing, edit, scene.periods)
    assert "an online key among the operators' keys" in str(refusal(scene, as_operator))
    holders = Holders((key,), 1)
    as_directory = prepare_admission(
        scene.standing, make_entry(ME), holders, own=OwnParts(), periods=scene.periods
    )
    assert "is a key of the registry host" in str(refusal(scene, as_directory))
    as_node = prepare_admission(
        scene.standing,
        make_entry(ME),
        Holders((NEW.verify_key,), 1),
        own=OwnParts(contacts=make_contacts(ME), node_keys=(key,)),
        periods=scene.periods,
    )
    assert "each of these has one purpose" in str(refusal(scene, as_node))


def test_an_old_directory_key_cannot_become_the_online_key(scene: Scene) -> None:
    """The other way round, by a new root alone, is refused too."""
    key = scene.world.directory_keys[AL].verify_key
    change = prepare_online_key(scene.standing, key, scene.periods)
    assert "directory key" in str(refusal(scene, change))


def test_documents_must_be_those_that_were_named(scene: Scene) -> None:
    """Another list of Participants, none, or one more document are refused."""
    good = scene.admission()
    other = serialize_document(ParticipantsDocument(participants=(make_entry(ME),)))
    path = "participants.json"
    for documents, code in (
        ({path: other}, RefusalCode.CONTENT_MISMATCH),
        ({}, RefusalCode.CONTENT_MISMATCH),
        ({**good.documents, "participants/ME/contacts.json": b"{}"}, RefusalCode.PATH_NOT_ALLOWED),
    ):
        assert refusal(scene, OperatorsChange(good.parts, documents)).code is code


def test_a_document_of_what_is_published_is_the_published_one(scene: Scene) -> None:
    """Beside a part that changes nothing, other contacts are refused: a signer would be misled."""
    renewal = scene.renewal()
    parts = {**renewal.parts, "AL": scene.standing.roles["AL"]}
    path = "participants/AL/contacts.json"
    held = OperatorsChange(parts, {**renewal.documents, path: scene.standing.documents[path]})
    assert scene.examine(held).changed == ("root", "targets")
    for other in (serialize_document(make_contacts(AL, note="call me")), b"{}"):
        forged = OperatorsChange(parts, {**renewal.documents, path: other})
        assert refusal(scene, forged).code is RefusalCode.CONTENT_MISMATCH


def test_a_participant_cannot_be_half_there(scene: Scene) -> None:
    """A delegation without an entry, such as one kept for a Participant that left, is refused."""
    change = prepare_departure(scene.standing, MK, scene.periods)
    kept = json.loads(scene.standing.targets_file)["signed"]["delegations"]
    altered = alter(change, "targets", set_in("signed", "delegations", value=kept))
    assert refusal(scene, altered).code is RefusalCode.DELEGATION_NOT_ALLOWED


def test_a_delegation_of_more_than_one_file_is_refused(scene: Scene) -> None:
    """A directory key that could sign another Participant's contacts is not given out."""

    def edit(tree: Tree) -> None:
        for role in tree["signed"]["delegations"]["roles"]:
            if role["name"] == "AL":
                role["paths"] = ["participants/*/contacts.json"]

    assert "more than its own contacts" in str(refusal(scene, alter(scene.admission(), "targets",
                                                                    edit)))  # fmt: skip


def test_files_of_the_old_key_are_not_left_behind(scene: Scene) -> None:
    """A new directory key without newly signed contacts would stop every node: refused."""
    holders = Holders((NEW.verify_key,), 1)
    entry = make_entry(AL)
    change = prepare_directory_key(
        scene.standing, entry, holders, own=OwnParts(), periods=scene.periods
    )
    assert set(change.parts) == {"targets", "AL"}
    scene.examine(change)
    listed = {"participants.json": change.documents["participants.json"]}
    without = OperatorsChange({"targets": change.parts["targets"]}, listed)
    assert "must bring AL signed anew" in str(refusal(scene, without))
    as_published = {"targets": change.parts["targets"], "AL": scene.standing.roles["AL"]}
    assert "must bring AL signed anew" in str(refusal(scene, OperatorsChange(as_published, listed)))


def test_a_participant_alone_is_no_ceremony(scene: Scene) -> None:
    """What a Participant signs alone goes another way; a file without operators is refused."""
    role = scene.standing.roles["AL"]
    assert "publish-contacts" in str(refusal(scene, OperatorsChange({"AL": role}, {})))
    with pytest.raises(SubmissionRefusedError, match="version does not know"):
        scene.examine(OperatorsChange({**scene.renewal().parts, "snapshot": role}, {}))


def test_bounds(scene: Scene) -> None:
    """Too many parts and too many bytes are refused before anything is read."""
    many = {f"A{number}": b"{}" for number in range(MOST_PARTS + 1)}
    assert refusal(scene, OperatorsChange(many, {})).code is RefusalCode.TOO_LARGE
    big = OperatorsChange({"root": b" " * 5_000_000}, {})
    assert refusal(scene, big).code is RefusalCode.TOO_LARGE
    with pytest.raises(SubmissionRefusedError, match="more than"):
        parse_signing_file(b" " * (MOST_FILE_BYTES + 1))


def test_a_strange_signature_is_refused(scene: Scene) -> None:
    """A stranger's signature, or one over something else, is found by the next signer."""
    good = scene.renewal()
    examined = scene.examine(good)
    signed = sign_change(good, examined, scene.world.operators[0])
    assert [r.missing for r in scene.examine(signed).requirements] == [1, 1]
    stranger = Metadata.from_bytes(good.parts["root"])
    stranger.sign(RegistrySigner(NEW))
    forged = json.loads(signed.parts["root"])
    forged["signatures"][0]["sig"] = "0" * 128
    for data in (stranger.to_bytes(), json.dumps(forged, separators=(",", ":"), sort_keys=True)):
        raw = data if isinstance(data, bytes) else data.encode()
        changed = OperatorsChange({**good.parts, "root": raw}, good.documents)
        assert refusal(scene, changed).code is RefusalCode.NOT_SIGNED
    with pytest.raises(SubmissionRefusedError, match="has no say"):
        sign_change(good, examined, RegistrySigner(NEW))


def test_files_of_two_ceremonies_are_not_combined(scene: Scene) -> None:
    """Signatures under different statements are never joined; the digests tell them apart."""
    with pytest.raises(SubmissionRefusedError, match="not copies of one signing file"):
        combine_changes([scene.renewal(), scene.admission()])


def test_warnings_name_what_nothing_vouches_for(scene: Scene) -> None:
    """Lower thresholds, majorities handed over and strange node keys are said before all else."""
    lower = prepare_operators(scene.standing, OperatorsEdit(threshold=1), scene.periods)
    told = " ".join(scene.effects(lower).warnings)
    assert "one person alone" in told
    assert "fewer signatures than so far" in told
    gone = frozenset(signer.public_key.keyid for signer in scene.world.operators[:2])
    strangers = tuple(SigningKey.generate().verify_key for _ in range(2))
    taken = prepare_operators(
        scene.standing, OperatorsEdit(add=strangers, remove=gone), scene.periods
    )
    assert "hands the registry to others" in " ".join(scene.effects(taken).warnings)
    joined = prepare_operators(scene.standing, OperatorsEdit(add=strangers), scene.periods)
    told = " ".join(scene.effects(joined).warnings)
    assert "those who are added are enough by themselves" in told
    assert "2 of 5 is not more than half" in told
    node = prepare_directory_key(
        scene.standing,
        make_entry(AL),
        Holders((NEW.verify_key,), 1),
        own=OwnParts(node_keys=(scene.world.node_keys[AL].verify_key, strangers[0])),
        periods=scene.periods,
    )
    told = " ".join(scene.effects(node).warnings)
    assert f"As the node of Part. AL (AL), the key {strangers[0].key_id} was named by" in told
    assert scene.world.node_keys[AL].verify_key.key_id not in told
    operators_own = scene.standing.top.root
    key = RootShape.read(operators_own).root.keys[0]
    shared = prepare_admission(
        scene.standing, make_entry(ME), Holders((key,), 1), own=OwnParts(), periods=scene.periods
    )
    assert "is also that of an operator" in " ".join(scene.effects(shared).warnings)


def test_an_old_copy_is_named(scene: Scene) -> None:
    """A registry whose timestamp ran out is compared with, and said to be possibly old."""
    later = scene.world.clock() + timedelta(days=2)
    examined = examine_change(scene.renewal(), scene.standing, now=later)
    warnings = derive_effects(examined, scene.standing, now=later).warnings
    assert "may be an old copy" in " ".join(warnings)


def test_whose_hands_hold_a_key_is_told(scene: Scene) -> None:
    """A directory key that goes over to the operators is told among the keys."""
    entry = make_entry(AL).model_copy(update={"directory_key_held_by": ListedBy.OPERATOR})
    contacts = make_contacts(AL).model_copy(update={"listed_by": ListedBy.OPERATOR})
    change = prepare_directory_key(
        scene.standing, entry, Holders((NEW.verify_key,), 1),
        own=OwnParts(contacts=contacts), periods=scene.periods,
    )  # fmt: skip
    told = [line for lines in scene.effects(change).by_topic.values() for line in lines]
    assert any("held by the operator from now on" in line for line in told)


def test_a_founding_is_complete_or_refused(scene: Scene) -> None:
    """A founding has root and targets, number 1, and no registry to compare with."""
    keys = tuple(RootShape.read(scene.standing.top.root).root.keys)
    operators = Holders(keys, 2)
    shape = RootShape(operators, operators, NEW.verify_key, NEW.verify_key)
    now = scene.world.clock()
    change = prepare_founding(shape, [], Periods(now))
    examined = examine_change(change, None, now=now)
    assert "You compare with nothing" in derive_effects(examined, None, now=now).warnings[0]
    for role in ("root", "targets"):
        parts = {name: data for name, data in change.parts.items() if name != role}
        documents = change.documents if role == "root" else {}
        with pytest.raises(SubmissionRefusedError, match="founding"):
            examine_change(OperatorsChange(parts, documents), None, now=now)
    assert "version 1 of root" in str(refusal(scene, change))


def test_a_participant_cannot_stop_the_operators(tmp_path: Path) -> None:
    """A Participant that names an operator's key as its node's spoils its own entry and no more."""
    scene = make_scene(tmp_path)
    world = scene.world
    operator = RootShape.read(scene.standing.top.root).root.keys[0]
    node = world.node_keys[AL].verify_key
    world.publish(
        build_contacts_submission(
            make_contacts(AL),
            previous_version=world.repository.role_status(AL).version,
            signers=[world.directory_keys[AL]],
            expires=world.clock() + timedelta(days=90),
            node_keys=[node, operator],
        )
    )
    repository = OperatedRepository(world.folder, clock=world.clock, keyring=OnlineKeyring(list))
    spoiled = replace(scene, standing=repository.read_standing())
    assert spoiled.examine(spoiled.renewal()).changed == ("root", "targets")


def test_new_contacts_are_told_in_full(scene: Scene) -> None:
    """Who signs a contact list that nobody held before sees every desk and number in it."""
    change = prepare_admission(
        scene.standing,
        make_entry(ME),
        Holders((NEW.verify_key,), 1),
        own=OwnParts(contacts=make_contacts(ME, note="back door")),
        periods=scene.periods,
    )
    told = " ".join(scene.effects(change).by_topic[Topic.CONTENT])
    for word in ("desk Desk desk (ME-desk) is listed", "+35544541821", "back door", "Europe/Tirane",
                 "identification for any age", "listed by"):  # fmt: skip
        assert word in told
