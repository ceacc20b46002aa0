"""Attacks with stolen keys, and by those who hold keys rightly: what each cannot do, and can."""

import copy
import itertools
from typing import Final

from tuf.api.metadata import DelegatedRole, Delegations, MetaFile, Snapshot, TargetFile, Targets

from contact_registry.directory import Directory
from contact_registry.models import ParticipantsDocument
from contact_registry.trust.layout import (
    PARTICIPANTS_PATH,
    RoleKind,
    contacts_path,
    keys_path,
    make_delegation,
    make_tuf_key,
)
from contact_registry.trust.submitting import build_contacts_submission, build_keys_submission
from protocol.identifiers import ParticipantCode
from protocol.signing import SigningKey
from tests.support.registry import AL, MK, make_contacts, make_entry, make_keys
from tests.support.registry_attack_table import Family, Outcome, Remedy, attack
from tests.support.registry_attacks_transport import ENDLESS
from tests.support.registry_forge import Forge, Power, make_target
from tests.support.registry_stage import Reply

_FORGED: Final = make_contacts(AL, note="forged")
_HUGE: Final = 10**9
_THIEF: Final = SigningKey(b"t" * 32)


def _note(view: Directory) -> str:
    return view.contacts[AL].authorities[0].note


def _contacts(forge: Forge, **changes: str) -> tuple[Targets, tuple[str, bytes]]:
    """Return AL's next metadata with other contacts, and the document's path and bytes."""
    signed = forge.targets("AL")
    target, data = make_target(contacts_path(AL), make_contacts(AL, **changes))
    signed.targets = {target.path: target}
    return signed, (target.path, data)


# ------------------------------------------------------------------ arbitrary software


def _speak_for(file: str, *, role: str, holder: str, power: Power) -> None:
    @attack(Family.ARBITRARY, Outcome.REFUSED, power, Power.ONLINE, says="sign", file=file)
    def somebody_else_signs(forge: Forge) -> None:
        """Publish the next version of a file, signed with a key that does not speak for it."""
        forge.publish_role(role, forge.targets(role), holder)


for _file, _role, _holder, _power in (
    ("AL's metadata, by a new key", "AL", "stranger", Power.NETWORK),
    ("AL's metadata, by the online key", "AL", "snapshot", Power.ONLINE),
    ("AL's metadata, by AL's node", "AL", "AL-node", Power.NODE_KEY),
    ("AL's metadata, by MK", "AL", "MK", Power.PARTICIPANT),
    ("AL's metadata, by the operators", "AL", "operator-1", Power.OPERATORS),
    ("AL's node's metadata, by a new key", "AL-node", "stranger", Power.NETWORK),
    ("AL's node's metadata, by AL's directory key", "AL-node", "AL", Power.DIRECTORY_KEY),
    ("AL's node's metadata, by MK's node", "AL-node", "MK-node", Power.PARTICIPANT),
    ("targets, by the online key", "targets", "snapshot", Power.ONLINE),
    ("targets, by AL", "targets", "AL", Power.DIRECTORY_KEY),
    ("targets, by one operator of two", "targets", "operator-1", Power.ONE_OPERATOR),
):
    _speak_for(_file, role=_role, holder=_holder, power=_power)


@attack(Family.ARBITRARY, Outcome.REFUSED, Power.ONE_OPERATOR, Power.ONLINE, says="sign")
def one_operator_signs_twice(forge: Forge) -> None:
    """Publish targets with one operator's signature under its own name and under another's."""
    signed = forge.targets("targets")
    signed.version += 1
    data = forge.sign(signed, "operator-1")
    sides = data.split(b'"signatures":', 1)
    one = forge.key("operator-1").public_key.keyid.encode()
    other = forge.stage.keys["operator-2"].public_key.keyid.encode()
    entry = sides[1][sides[1].index(b"{") : sides[1].index(b"}") + 1]
    doubled = sides[1].replace(entry, entry + b"," + entry.replace(one, other), 1)
    forge.publish({"targets": (signed.version, sides[0] + b'"signatures":' + doubled)})


@attack(Family.ARBITRARY, Outcome.REFUSED, Power.ONE_OPERATOR, Power.ONLINE)
def one_operator_signs_twice_under_its_name(forge: Forge) -> None:
    """Publish targets with one operator's signature repeated."""
    signed = forge.targets("targets")
    signed.version += 1
    sides = forge.sign(signed, "operator-1").split(b'"signatures":', 1)
    entry = sides[1][sides[1].index(b"{") : sides[1].index(b"}") + 1]
    doubled = sides[1].replace(entry, entry + b"," + entry, 1)
    forge.publish({"targets": (signed.version, sides[0] + b'"signatures":' + doubled)})


@attack(Family.ARBITRARY, Outcome.REFUSED, says="AL")
def a_document_that_nobody_signed(forge: Forge) -> None:
    """Show other contacts where AL's signed metadata names the honest ones."""
    _, (_, data) = _contacts(forge, note="forged")
    forge.show(forge.document_name("AL"), data)


@attack(Family.ARBITRARY, Outcome.REFUSED, Power.TIMESTAMP, says="sign")
def the_timestamp_key_signs_a_snapshot(forge: Forge) -> None:
    """Sign a snapshot with the timestamp key alone, where they are two keys."""
    snapshot = forge.load(Snapshot, "snapshot")
    snapshot.version += 1
    forge.publish_snapshot(snapshot, holder="timestamp")


# ------------------------------------------------------------------ endless data


@attack(Family.ENDLESS, Outcome.REFUSED, Power.TIMESTAMP, says="more than")
def a_snapshot_of_any_length_is_signed(forge: Forge) -> None:
    """Name a snapshot of a gigabyte in a signed timestamp, and send it."""
    version = forge.version_of("snapshot") + 1
    forge.publish_timestamp(MetaFile(version, _HUGE, {"sha256": "ab" * 32}))
    forge.show(f"metadata/{version}.snapshot.json", _endless())


def _sign_any_length(role: str) -> None:
    @attack(Family.ENDLESS, Outcome.REFUSED, Power.ONLINE, says="more than", file=role)
    def a_file_of_any_length_is_named(forge: Forge) -> None:
        """Name a file of a gigabyte in a signed snapshot, and send it."""
        snapshot = forge.load(Snapshot, "snapshot")
        snapshot.version += 1
        version = forge.version_of(role)
        snapshot.meta[f"{role}.json"] = MetaFile(version, _HUGE, {"sha256": "ab" * 32})
        forge.publish_snapshot(snapshot)
        forge.show(f"metadata/{version}.{role}.json", _endless())


for _role in ("targets", "AL", "AL-node"):
    _sign_any_length(_role)


@attack(Family.ENDLESS, Outcome.REFUSED, Power.DIRECTORY_KEY, Power.ONLINE, says="more than")
def a_document_of_any_length_is_signed(forge: Forge) -> None:
    """Name contacts of a gigabyte in AL's signed metadata, and send them."""
    signed = forge.targets("AL")
    path = contacts_path(AL)
    signed.targets = {path: TargetFile(_HUGE, {"sha256": "ab" * 32}, path)}
    forge.publish_role("AL", signed, "AL")
    forge.show(f"targets/participants/AL/{'ab' * 32}.contacts.json", _endless())


def _endless() -> Reply:
    piece = b" " * 65_536
    return Reply(itertools.repeat(piece, ENDLESS // len(piece)))


# ------------------------------------------------------------------ extraneous dependencies


@attack(Family.EXTRANEOUS, Outcome.REFUSED, Power.DIRECTORY_KEY, Power.ONLINE, says="nothing else")
def a_participant_lists_a_second_file(forge: Forge) -> None:
    """List a file of no known kind beside AL's contacts."""
    signed = forge.targets("AL")
    target, data = make_target("participants/AL/EVIL.json", b"{}")
    signed.targets[target.path] = target
    forge.publish_role("AL", signed, "AL", document=(target.path, data))


@attack(Family.EXTRANEOUS, Outcome.REFUSED, Power.OPERATORS, Power.ONLINE, says="nothing else")
def the_operators_list_a_second_file(forge: Forge) -> None:
    """List a file beside the list of Participants."""
    signed = forge.targets("targets")
    target, data = make_target("EVIL.json", b"{}")
    signed.targets[target.path] = target
    forge.publish_role("targets", signed, "operator-1", "operator-2", document=(target.path, data))


@attack(
    Family.EXTRANEOUS,
    Outcome.WITHOUT_EFFECT,
    Power.ONLINE,
    remedy=Remedy.NEW_ONLINE_KEYS,
    note="the role is never asked for; that it is gone again is taken only under new keys",
)
def the_snapshot_names_a_role_more(forge: Forge) -> None:
    """Name a role in the snapshot that nobody delegates to."""
    forge.publish({"EVIL": (1, b"{}")})


@attack(
    Family.EXTRANEOUS,
    Outcome.WITHOUT_EFFECT,
    Power.DIRECTORY_KEY,
    Power.ONLINE,
    remedy=Remedy.NEW_ONLINE_KEYS,
    note="delegations beyond the node's are never followed; the honest hub refuses them",
)
def a_participant_delegates_to_a_role_more(forge: Forge) -> None:
    """Delegate AL's contacts to a further role, and publish it."""
    signed = forge.targets("AL")
    _add_delegation(signed, "AL-EVIL", [contacts_path(AL)], forge)
    forge.publish_role("AL", signed, "AL")
    evil = Targets(version=1, expires=forge.after(30))
    forge.publish({"AL-EVIL": (1, forge.sign(evil, "stranger"))})


def _add_delegation(signed: Targets, name: str, paths: list[str], forge: Forge) -> None:
    """Delegate paths to the stranger's key."""
    delegations = signed.delegations or Delegations(keys={}, roles={})
    key = forge.key("stranger").verify_key
    delegations.keys[key.key_id] = make_tuf_key(key)
    roles = dict(delegations.roles or {})
    roles[name] = DelegatedRole(name, [key.key_id], 1, terminating=True, paths=paths)
    delegations.roles = roles
    signed.delegations = delegations


# ------------------------------------------------------------------ wrong software


@attack(Family.WRONG, Outcome.REFUSED, Power.PARTICIPANT, Power.ONLINE, says="nothing else")
def a_participant_lists_anothers_contacts(forge: Forge) -> None:
    """List AL's contacts in MK's metadata."""
    signed = forge.targets("MK")
    target, data = make_target(contacts_path(AL), _FORGED)
    signed.targets[target.path] = target
    forge.publish_role("MK", signed, "MK", document=(target.path, data))


@attack(Family.WRONG, Outcome.REFUSED, Power.PARTICIPANT, Power.ONLINE, says="contacts of MK|of AL")
def a_participant_s_contacts_name_another(forge: Forge) -> None:
    """Publish as MK's contacts a document that says it is AL's."""
    signed = forge.targets("MK")
    target, data = make_target(contacts_path(MK), _FORGED)
    signed.targets = {target.path: target}
    forge.publish_role("MK", signed, "MK", document=(target.path, data))


@attack(Family.WRONG, Outcome.REFUSED, Power.PARTICIPANT, Power.ONLINE, says="of MK|of AL")
def a_node_s_keys_name_another(forge: Forge) -> None:
    """Publish as MK's keys a document that says they are AL's."""
    signed = forge.targets("MK-node")
    document = make_keys(AL, forge.stage.world.clock(), signing=SigningKey.generate())
    target, data = make_target(keys_path(MK), document)
    signed.targets = {target.path: target}
    forge.publish_role("MK-node", signed, "MK-node", document=(target.path, data))


@attack(Family.WRONG, Outcome.REFUSED, Power.DIRECTORY_KEY, Power.ONLINE, says="nothing else")
def the_directory_key_lists_the_node_s_keys(forge: Forge) -> None:
    """List the node's keys in AL's own metadata, where a plain TUF client would look first."""
    signed = forge.targets("AL")
    signed.targets |= forge.targets("AL-node").targets
    forge.publish_role("AL", signed, "AL")


@attack(Family.WRONG, Outcome.REFUSED, Power.PARTICIPANT, Power.ONLINE, says="properly delegated")
def a_participant_delegates_anothers_keys(forge: Forge) -> None:
    """Delegate AL's keys too to MK's node."""
    signed = forge.targets("MK")
    role = copy.deepcopy(((signed.delegations and signed.delegations.roles) or {})["MK-node"])
    role.paths = [keys_path(MK), keys_path(AL)]
    if signed.delegations is not None:
        signed.delegations.roles = {"MK-node": role}
    forge.publish_role("MK", signed, "MK")


def _delegate_badly(file: str, *, terminating: bool, paths: list[str]) -> None:
    @attack(Family.WRONG, Outcome.REFUSED, Power.OPERATORS, Power.ONLINE, file=file,
            says="proper delegation")  # fmt: skip
    def the_operators_delegate_too_much(forge: Forge) -> None:
        """Delegate to AL in another shape than one exact path, terminating."""
        signed = forge.targets("targets")
        roles = dict((signed.delegations and signed.delegations.roles) or {})
        role = copy.deepcopy(roles["AL"])
        role.terminating, role.paths = terminating, paths
        roles["AL"] = role
        if signed.delegations is not None:
            signed.delegations.roles = roles
        forge.publish_role("targets", signed, "operator-1", "operator-2")


_delegate_badly("everything", terminating=True, paths=["participants/*"])
_delegate_badly("AL's and MK's contacts", terminating=True,
                paths=[contacts_path(AL), contacts_path(MK)])  # fmt: skip
_delegate_badly("not terminating", terminating=False, paths=[contacts_path(AL)])


@attack(Family.WRONG, Outcome.REFUSED, Power.OPERATORS, Power.ONLINE, says="proper delegation")
def somebody_is_listed_without_a_delegation(forge: Forge) -> None:
    """List a Participant to whom nothing is delegated."""
    signed = forge.targets("targets")
    document = ParticipantsDocument(
        participants=tuple(make_entry(ParticipantCode(code)) for code in ("AL", "MK", "BA"))
    )
    target, data = make_target(PARTICIPANTS_PATH, document)
    signed.targets = {target.path: target}
    forge.publish_role("targets", signed, "operator-1", "operator-2", document=(target.path, data))


# ------------------------------------------------------------------ hostile documents, well signed


def _sign_document(file: str, data: bytes) -> None:
    @attack(Family.PARSERS, Outcome.REFUSED, Power.DIRECTORY_KEY, Power.ONLINE, file=file,
            says="AL")  # fmt: skip
    def a_document_is_signed_and_wrong(forge: Forge) -> None:
        """Sign contacts that are no contacts."""
        signed = forge.targets("AL")
        target, _ = make_target(contacts_path(AL), data)
        signed.targets = {target.path: target}
        forge.publish_role("AL", signed, "AL", document=(target.path, data))


for _file, _data in {
    "empty": b"",
    "nested deeply": b"[" * 100_000,
    "a number of 100 000 digits": b'{"format":' + b"9" * 100_000 + b"}",
    "not a number": b'{"format": NaN}',
    "a name twice": b'{"format": "trm-contacts/2", "format": "trm-contacts/2"}',
    "half a character": b'{"format": "\\ud800"}',
    "unknown members": b'{"format": "trm-contacts/2", "participant": "AL", "EVIL": 1}',
}.items():
    _sign_document(_file, _data)


# ------------------------------------------------------------------ what a stolen key can do


@attack(
    Family.KEYS,
    Outcome.GOES_THROUGH,
    Power.DIRECTORY_KEY,
    remedy=Remedy.CEREMONY,
    seen=lambda view: _note(view) == "forged" and view.contacts[MK].authorities[0].note != "forged",
    limit="for AL alone, in a version that everybody sees, AL's own people first; the operators "
    "name another directory key",
)
def a_thief_of_the_directory_key_publishes(forge: Forge) -> None:
    """Submit other contacts of AL to the honest hub."""
    forge.submit(
        build_contacts_submission(
            _FORGED,
            previous_version=forge.version_of("AL"),
            signers=[forge.key("AL")],
            expires=forge.after(90),
            node_keys=[forge.stage.keys["AL-node"].verify_key],
        )
    )


@attack(
    Family.KEYS,
    Outcome.GOES_THROUGH,
    Power.NODE_KEY,
    remedy=Remedy.CEREMONY,
    seen=lambda view: view.signing_key(AL, _THIEF.verify_key.key_id) is not None,
    limit="for AL's keys alone, in a version that everybody sees; AL's directory key names another "
    "node key; AL's node sees at its next look that the keys listed are not its own",
)
def a_thief_of_the_node_key_publishes(forge: Forge) -> None:
    """Submit other keys of AL's node to the honest hub."""
    forge.submit(
        build_keys_submission(
            make_keys(AL, forge.stage.world.clock(), signing=_THIEF),
            previous_version=forge.version_of("AL-node"),
            signer=forge.key("AL-node"),
            expires=forge.after(90),
        )
    )


@attack(
    Family.KEYS,
    Outcome.GOES_THROUGH,
    Power.OPERATORS,
    Power.ONLINE,
    remedy=Remedy.CEREMONY,
    seen=lambda view: _note(view) == "forged",
    limit="operators at the threshold are trusted with who speaks for whom: it is in a version "
    "that everybody sees and that is kept, with who signed it",
)
def the_operators_name_their_own_key(forge: Forge) -> None:
    """Delegate AL's contacts to a key of the operators' own, and publish others."""
    signed = forge.targets("targets")
    key = forge.key("stranger").verify_key
    if signed.delegations is not None and signed.delegations.roles is not None:
        signed.delegations.keys[key.key_id] = make_tuf_key(key)
        signed.delegations.roles["AL"] = make_delegation(
            AL, RoleKind.PARTICIPANT, keys=[key], threshold=1
        )
    forge.publish_role("targets", signed, "operator-1", "operator-2")
    contacts, document = _contacts(forge, note="forged")
    forge.publish_role("AL", contacts, "stranger", document=document)
