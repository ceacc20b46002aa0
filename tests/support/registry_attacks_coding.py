"""Attacks on the way in which files are made small for the line, and on what a client remembers."""

from collections.abc import Callable
from functools import cache
from typing import Final

from tuf.api.metadata import MetaFile, Snapshot

from contact_registry.trust.compression import DICTIONARY_ZSTD, ZSTD, Dictionary, encode
from contact_registry.trust.layout import RoleKind, make_delegation, make_tuf_key
from tests.support.registry import AL
from tests.support.registry_attack_table import (
    Family,
    Outcome,
    Remedy,
    attack,
    attack_on_files,
)
from tests.support.registry_attacks_transport import ENDLESS
from tests.support.registry_forge import Forge, Power, make_meta
from tests.support.registry_stage import Reply

_KINDS: Final = ("root", "timestamp", "snapshot", "targets", "AL's contacts")
_HUGE: Final = 10**9


@cache
def _make_bomb() -> bytes:
    """Return a few kilobytes that grow to more than any file may have."""
    return encode(b" " * ENDLESS)


def _say_coded(data: bytes, coding: str) -> Reply:
    return Reply((data,), headers=(("Content-Encoding", coding),), length=len(data))


@attack_on_files(Family.ENDLESS, Outcome.REFUSED, *_KINDS, says="more than")
def it_grows_without_end(forge: Forge, name: str) -> None:
    """Answer in a coding that the client offers, with what grows to thirty times the most."""
    forge.show(name, _say_coded(_make_bomb(), ZSTD))


@attack(Family.ENDLESS, Outcome.REFUSED, Power.TIMESTAMP, says="more than it may")
def a_bomb_of_any_length_is_signed(forge: Forge) -> None:
    """Name a snapshot of a gigabyte in a signed timestamp, and answer with what grows to it."""
    version = forge.version_of("snapshot") + 1
    forge.publish_timestamp(MetaFile(version, _HUGE, {"sha256": "ab" * 32}))
    forge.show(f"metadata/{version}.snapshot.json", _say_coded(_make_bomb(), ZSTD))


def _code_badly(file: str, coding: str, spoil: Callable[[bytes], bytes]) -> None:
    @attack(Family.PARSERS, Outcome.REFUSED, file=file)
    def it_is_coded_badly(forge: Forge) -> None:
        """Answer with the honest snapshot, coded in a way that the coding does not allow."""
        name = forge.name_of("snapshot")
        forge.show(name, _say_coded(spoil(forge.bytes_of(name)), coding))


for _file, _coding, _spoil in (
    ("not coded at all", ZSTD, lambda data: data),
    ("cut off", ZSTD, lambda data: encode(data)[:-20]),
    ("something after its end", ZSTD, lambda data: encode(data) + b"{}"),
    ("two frames", ZSTD, lambda data: encode(data[:100]) + encode(data[100:])),
    ("a byte changed", ZSTD, lambda data: encode(data)[:30] + b"\x00" + encode(data)[31:]),
    ("coded twice", f"{ZSTD}, {ZSTD}", lambda data: encode(encode(data))),
    ("with a dictionary that nobody has", DICTIONARY_ZSTD,
     lambda data: encode(data, Dictionary("x", b"x" * 1_000))),
    ("with a dictionary, and none", DICTIONARY_ZSTD, encode),
    ("in a coding that was not offered", "br", lambda data: data),
):  # fmt: skip
    _code_badly(_file, _coding, _spoil)


@attack(Family.PARSERS, Outcome.REFUSED, Power.DIRECTORY_KEY, Power.ONLINE, says="SHA-256")
def a_hash_that_leads_elsewhere_is_signed(forge: Forge) -> None:
    """Sign as the hash of AL's contacts what would make another address of theirs."""
    signed = forge.targets("AL")
    for target in signed.targets.values():
        target.hashes = {"sha256": "../\r\nhttp://example.org"}
    forge.publish_role("AL", signed, "AL")


# ------------------------------------------------------------------ what a client remembers


@attack(
    Family.KEYS, Outcome.REFUSED, Power.OPERATORS, Power.ONLINE, says="sign", remedy=Remedy.CEREMONY
)
def what_a_withdrawn_directory_key_signed_stays(forge: Forge) -> None:
    """Leave in place what AL's earlier directory key signed, though the operators named another.

    The client has verified these very bytes, under the delegation before.
    """
    signed = forge.targets("targets")
    key = forge.key("stranger").verify_key
    if signed.delegations is not None and signed.delegations.roles is not None:
        signed.delegations.keys[key.key_id] = make_tuf_key(key)
        signed.delegations.roles["AL"] = make_delegation(
            AL, RoleKind.PARTICIPANT, keys=[key], threshold=1
        )
    signed.version += 1
    data = forge.sign(signed, "operator-1", "operator-2")
    forge.show(f"metadata/{signed.version}.targets.json", data)
    snapshot = forge.load(Snapshot, "snapshot")
    snapshot.version += 1
    snapshot.meta["targets.json"] = make_meta(signed.version, data)
    for role in ("AL", "AL-node"):
        snapshot.meta[f"{role}.json"] = make_meta(2, forge.bytes_of(f"metadata/2.{role}.json"))
    forge.publish_snapshot(snapshot)


@attack(
    Family.KEYS,
    Outcome.REFUSED,
    Power.DIRECTORY_KEY,
    Power.ONLINE,
    says="sign",
)
def what_a_withdrawn_node_key_signed_stays(forge: Forge) -> None:
    """Leave in place what AL's earlier node key signed, though AL named another.

    The client has verified these very bytes, under the delegation before.
    """
    signed = forge.targets("AL")
    key = forge.key("stranger").verify_key
    if signed.delegations is not None:
        signed.delegations.keys = {key.key_id: make_tuf_key(key)}
        signed.delegations.roles = {
            "AL-node": make_delegation(AL, RoleKind.NODE, keys=[key], threshold=1)
        }
    signed.version += 1
    data = forge.sign(signed, "AL")
    forge.show(f"metadata/{signed.version}.AL.json", data)
    snapshot = forge.load(Snapshot, "snapshot")
    snapshot.version += 1
    snapshot.meta["AL.json"] = make_meta(signed.version, data)
    snapshot.meta["AL-node.json"] = make_meta(2, forge.bytes_of("metadata/2.AL-node.json"))
    forge.publish_snapshot(snapshot)
