"""Attacks on the root, which says whose keys count."""

from tuf.api.metadata import Key, Root, Snapshot, Timestamp

from tests.support.registry_attack_table import Family, Outcome, Remedy, attack
from tests.support.registry_forge import Forge, Power, make_meta
from tests.support.registry_stage import OPERATORS


def _next_root(forge: Forge) -> Root:
    """Return the next root, unsigned."""
    root = forge.load(Root, "root")
    root.version += 1
    return root


def _show_root(forge: Forge, root: Root, *holders: str) -> None:
    forge.show(f"metadata/{root.version}.root.json", forge.sign(root, *holders))


def _hand_over(forge: Forge, root: Root, role: str) -> None:
    """Put the stranger's key in the place of a role's keys."""
    for keyid in tuple(root.roles[role].keyids):
        root.revoke_key(keyid, role)
    root.add_key(forge.key("stranger").public_key, role)
    root.roles[role].threshold = 1


def _sign_badly(file: str, *holders: str, power: Power) -> None:
    @attack(Family.ROOTS, Outcome.REFUSED, power, says="sign", file=file,
            remedy=Remedy.HONEST_HOST)  # fmt: skip
    def a_root_without_the_threshold(forge: Forge) -> None:
        """Offer a next root that hands the online roles over, with too few signatures."""
        root = _next_root(forge)
        for role in ("snapshot", "timestamp"):
            _hand_over(forge, root, role)
        _show_root(forge, root, *holders)


_sign_badly("no signature", power=Power.NETWORK)
_sign_badly("a new key's", "stranger", power=Power.NETWORK)
_sign_badly("one operator's of two", "operator-1", power=Power.ONE_OPERATOR)
_sign_badly("one operator's and a new key's", "operator-1", "stranger", power=Power.ONE_OPERATOR)
_sign_badly("the online keys'", "snapshot", "timestamp", power=Power.ONLINE)
_sign_badly("the directory key's", "AL", power=Power.DIRECTORY_KEY)


@attack(Family.ROOTS, Outcome.REFUSED, Power.NETWORK, says="sign")
def a_root_signed_by_its_own_keys_alone(forge: Forge) -> None:
    """Offer a next root whose keys are all the attacker's, and that they sign."""
    root = _next_root(forge)
    _hand_over(forge, root, "root")
    _show_root(forge, root, "stranger")


@attack(Family.ROOTS, Outcome.REFUSED, Power.OPERATORS, says="sign")
def a_root_that_its_new_keys_did_not_sign(forge: Forge) -> None:
    """Offer a root with another set of keys that only the old set has signed."""
    root = _next_root(forge)
    _hand_over(forge, root, "root")
    _show_root(forge, root, "operator-1", "operator-2")


@attack(Family.ROOTS, Outcome.REFUSED, Power.ONE_OPERATOR, says="sign")
def one_operator_lowers_the_threshold(forge: Forge) -> None:
    """Offer a root that asks for one signature and has one: the threshold before it was two."""
    root = _next_root(forge)
    root.roles["root"].threshold = 1
    _show_root(forge, root, "operator-1")


@attack(Family.ROOTS, Outcome.REFUSED, Power.OPERATORS, says="version")
def a_root_leaps_ahead(forge: Forge) -> None:
    """Offer as the next root one that is signed well and has a version further on."""
    root = _next_root(forge)
    name = f"metadata/{root.version}.root.json"
    root.version += 5
    forge.show(name, forge.sign(root, "operator-1", "operator-2"))


@attack(Family.ROOTS, Outcome.EXPIRED, Power.OPERATORS, remedy=Remedy.CEREMONY)
def a_root_that_ran_out(forge: Forge) -> None:
    """Offer a next root that is signed well and ran out yesterday."""
    root = _next_root(forge)
    root.expires = forge.after(-1)
    _show_root(forge, root, "operator-1", "operator-2")


@attack(
    Family.ROOTS,
    Outcome.GOES_THROUGH,
    Power.OPERATORS,
    remedy=Remedy.CEREMONY,
    limit="two operators are the registry; a node trusts its first root and what follows from it",
)
def two_operators_hand_the_registry_over(forge: Forge) -> None:
    """Offer a next root that hands the online roles to the attacker, signed at the threshold."""
    root = _next_root(forge)
    for role in ("snapshot", "timestamp"):
        _hand_over(forge, root, role)
    _show_root(forge, root, "operator-1", "operator-2")
    snapshot = forge.load(Snapshot, "snapshot")
    snapshot.version += 1
    data = forge.sign(snapshot, "stranger")
    forge.show(f"metadata/{snapshot.version}.snapshot.json", data)
    _show_timestamp(forge, snapshot.version, data)


def _show_timestamp(forge: Forge, version: int, snapshot: bytes) -> None:
    timestamp = forge.load(Timestamp, "timestamp")
    timestamp.version += 1
    timestamp.snapshot_meta = make_meta(version, snapshot)
    forge.show("metadata/timestamp.json", forge.sign(timestamp, "stranger"))


@attack(Family.ROOTS, Outcome.REFUSED, Power.OPERATORS, Power.ONLINE, remedy=Remedy.CEREMONY,
        says="different keys")  # fmt: skip
def one_key_stands_under_two_names(forge: Forge) -> None:
    """Let a root list one operator's key twice, and publish targets with its two signatures.

    As in GHSA-3633-5h82-39pq.
    """
    root = _next_root(forge)
    signer = forge.key("operator-1")
    twin = Key.from_dict("ab" * 32, signer.public_key.to_dict())
    for name in OPERATORS[1:]:
        root.revoke_key(forge.stage.keys[name].public_key.keyid, "targets")
    root.add_key(twin, "targets")
    _show_root(forge, root, "operator-1", "operator-2")
    signed = forge.targets("targets")
    signed.version += 1
    sides = forge.sign(signed, "operator-1").split(b'"signatures":', 1)
    entry = sides[1][sides[1].index(b"{") : sides[1].index(b"}") + 1]
    twice = entry + b"," + entry.replace(signer.public_key.keyid.encode(), b"ab" * 32)
    data = sides[0] + b'"signatures":' + sides[1].replace(entry, twice, 1)
    forge.publish({"targets": (signed.version, data)})


@attack(Family.ROOTS, Outcome.REFUSED, Power.OPERATORS, remedy=Remedy.CEREMONY, says="sign")
def a_role_without_enough_keys(forge: Forge) -> None:
    """Let a root ask for three signatures of targets, and give two."""
    root = _next_root(forge)
    root.roles["targets"].threshold = 3
    _show_root(forge, root, "operator-1", "operator-2")
