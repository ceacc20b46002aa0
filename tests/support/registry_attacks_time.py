"""Attacks on what is newest: old views, frozen views, version numbers that are used up."""

from typing import Final

from tuf.api.metadata import Metadata, MetaFile, Snapshot, Timestamp

from contact_registry.directory import Directory
from tests.support.registry import AL
from tests.support.registry_attack_table import Family, Outcome, Remedy, attack
from tests.support.registry_forge import Forge, Power, make_meta

#: A version that nothing honest can surpass: the registry's file names have nine digits at most.
_LAST: Final = 999_999_999


def _note(view: Directory) -> str:
    return view.contacts[AL].authorities[0].note


# ------------------------------------------------------------------ rollback


@attack(Family.ROLLBACK, Outcome.REFUSED, says="version")
def an_older_registry_is_shown(forge: Forge) -> None:
    """Show the whole registry of an hour before what the client knows, still in its time."""
    forge.files = dict(forge.moments.older)


@attack(Family.ROLLBACK, Outcome.REFUSED, says="version")
def an_older_timestamp_is_shown(forge: Forge) -> None:
    """Show an older timestamp, still in its time, among the newest files."""
    forge.show("metadata/timestamp.json", forge.moments.older["metadata/timestamp.json"])


@attack(
    Family.ROLLBACK,
    Outcome.NOTHING_NEW,
    knows=None,
    limit="a node that has seen nothing yet cannot know; the view is one day old at most, and its "
    "age and hash are told to everybody it writes to",
)
def an_older_registry_is_shown_to_a_new_node(forge: Forge) -> None:
    """Show the registry of two hours ago, still in its time, to a node that has seen none."""
    forge.files = dict(forge.moments.older)


@attack(
    Family.ROLLBACK,
    Outcome.REFUSED,
    Power.TIMESTAMP,
    says="napshot version",
    remedy=Remedy.HONEST_HOST,
)
def a_new_timestamp_names_an_older_snapshot(forge: Forge) -> None:
    """Sign a newer timestamp that names the honest snapshot of an hour before."""
    old = Metadata[Timestamp].from_bytes(forge.moments.older["metadata/timestamp.json"]).signed
    forge.publish_timestamp(old.snapshot_meta)


@attack(
    Family.ROLLBACK,
    Outcome.NOTHING_NEW,
    Power.TIMESTAMP,
    limit="only back to what the client itself has verified: a freeze, for as long as the thief "
    "signs anew every day and the root names its key; messages that name newer versions show it",
)
def a_new_timestamp_names_the_known_snapshot(forge: Forge) -> None:
    """Sign newer timestamps that name for ever the snapshot that the client has."""
    known = Metadata[Timestamp].from_bytes(forge.moments.known["metadata/timestamp.json"]).signed
    forge.publish_timestamp(known.snapshot_meta)


def _roll_back(role: str) -> None:
    @attack(
        Family.ROLLBACK,
        Outcome.REFUSED,
        Power.ONLINE,
        says="version",
        file={"AL": "AL's metadata", "AL-node": "AL's node's metadata"}[role],
    )
    def a_new_snapshot_names_an_older_file(forge: Forge) -> None:
        """Sign a newer snapshot that names the honest file of an earlier version."""
        forge.publish({role: (1, forge.bytes_of(f"metadata/1.{role}.json"))})


for _role in ("AL", "AL-node"):
    _roll_back(_role)


@attack(Family.ROLLBACK, Outcome.REFUSED, Power.ONLINE, knows="newest", says="version",
        file="targets")  # fmt: skip
def a_new_snapshot_names_the_older_targets(forge: Forge) -> None:
    """Sign a newer snapshot under which RS does not take part yet."""
    forge.publish({"targets": (1, forge.bytes_of("metadata/1.targets.json"))})


@attack(Family.ROLLBACK, Outcome.REFUSED, Power.ONLINE, says="missing")
def a_participant_is_cut_out(forge: Forge) -> None:
    """Sign a newer snapshot in which AL's node is gone."""
    forge.publish({"AL-node": None})


# ------------------------------------------------------------------ freeze


@attack(Family.FREEZE, Outcome.EXPIRED, days=2, says="too old|ran out")
def the_same_is_shown_for_days(forge: Forge) -> None:
    """Show what the client knows for two days more."""
    forge.files = dict(forge.moments.known)


@attack(Family.FREEZE, Outcome.EXPIRED, knows=None, says="too old|ran out")
def a_frozen_registry_is_shown_to_a_new_node(forge: Forge) -> None:
    """Show the registry of three days ago to a node that has seen none."""
    forge.files = dict(forge.moments.ancient)


@attack(Family.FREEZE, Outcome.EXPIRED, days=2, knows="newest", says="too old|ran out")
def the_node_s_clock_is_set_ahead(forge: Forge) -> None:
    """Set the node's clock two days ahead: nothing is fresh for it, and it says so."""
    forge.files = dict(forge.moments.newest)


@attack(Family.FREEZE, Outcome.REFUSED, Power.TIMESTAMP, says="longer than")
def a_timestamp_is_signed_for_ten_years(forge: Forge) -> None:
    """Sign a timestamp for ten years that names for ever what the client knows."""
    known = Metadata[Timestamp].from_bytes(forge.moments.known["metadata/timestamp.json"]).signed
    forge.publish_timestamp(known.snapshot_meta, days=3_650)


@attack(
    Family.FREEZE,
    Outcome.GOES_THROUGH,
    Power.ONLINE,
    seen=lambda view: _note(view) == "first floor" and len(view.participants) > 2,
    limit="until AL's earlier signature runs out (90 days): then AL is shown as overdue, and 30 "
    "days later its node's keys are left out; AL sees it at once if it is shown the same, and if "
    "not the hashes in its messages show it to its peers",
)
def the_news_of_one_participant_are_held_back(forge: Forge) -> None:
    """Sign a snapshot with everything that is new but what AL has published."""
    snapshot = forge.load(Snapshot, "snapshot")
    for role in ("AL", "AL-node"):
        snapshot.meta[f"{role}.json"] = make_meta(2, forge.bytes_of(f"metadata/2.{role}.json"))
    forge.publish_snapshot(snapshot)


# ------------------------------------------------------------------ fast-forward


@attack(
    Family.FREEZE,
    Outcome.REFUSED,
    knows=None,
    days=-4,
    says="check this machine's clock",
)
def the_node_s_clock_is_set_back(forge: Forge) -> None:
    """Set the node's clock back by four days: what is fresh seems to come out of the future."""
    forge.files = dict(forge.moments.newest)


@attack(
    Family.FAST_FORWARD,
    Outcome.GOES_THROUGH,
    Power.TIMESTAMP,
    remedy=Remedy.NEW_ONLINE_KEYS,
    seen=lambda view: _note(view) == "second floor",
    limit="the view is the honest newest one; every later honest timestamp is refused as older",
)
def the_timestamp_s_version_is_used_up(forge: Forge) -> None:
    """Sign a timestamp with the last version number."""
    forge.publish_timestamp(version=_LAST)


@attack(
    Family.FAST_FORWARD,
    Outcome.GOES_THROUGH,
    Power.ONLINE,
    remedy=Remedy.NEW_ONLINE_KEYS,
    seen=lambda view: _note(view) == "second floor",
    limit="as with the timestamp",
)
def the_snapshot_s_version_is_used_up(forge: Forge) -> None:
    """Sign a snapshot with the last version number."""
    forge.publish(snapshot_version=_LAST)


def _use_up(role: str, file: str) -> None:
    @attack(
        Family.FAST_FORWARD,
        Outcome.REFUSED,
        Power.ONLINE,
        file=file,
        remedy=Remedy.NEW_ONLINE_KEYS,
        note="the name of a version that nobody signed stays in the client's memory of the "
        "snapshot: honest ones are refused as older until then",
    )
    def a_version_in_the_snapshot_is_used_up(forge: Forge) -> None:
        """Name the last version of a file that only others can sign."""
        data = forge.bytes_of(forge.name_of(role))
        forge.publish({role: (_LAST, data)})


for _role, _file in {"targets": "targets", "AL": "AL's metadata"}.items():
    _use_up(_role, _file)


# ------------------------------------------------------------------ mix-and-match with a stolen key


@attack(Family.MIX, Outcome.REFUSED, Power.TIMESTAMP, says="snapshot|hash")
def a_timestamp_names_another_hash(forge: Forge) -> None:
    """Sign a timestamp that names the newest snapshot by another hash."""
    meta = MetaFile(forge.version_of("snapshot"), None, {"sha256": "ab" * 32})
    forge.publish_timestamp(meta)


@attack(Family.MIX, Outcome.REFUSED, Power.ONLINE, says="snapshot|hash")
def a_second_snapshot_of_the_known_version(forge: Forge) -> None:
    """Sign another snapshot under the version that the client has, with the newest files."""
    known = Metadata[Timestamp].from_bytes(forge.moments.known["metadata/timestamp.json"]).signed
    snapshot = forge.load(Snapshot, "snapshot")
    snapshot.version = known.snapshot_meta.version
    forge.publish_snapshot(snapshot)


@attack(Family.MIX, Outcome.REFUSED, Power.ONLINE, says="AL")
def a_snapshot_names_another_hash(forge: Forge) -> None:
    """Sign a snapshot that names AL's newest metadata by another hash."""
    snapshot = forge.load(Snapshot, "snapshot")
    snapshot.meta["AL.json"].hashes = {"sha256": "cd" * 32}
    snapshot.version += 1
    forge.publish_snapshot(snapshot)


@attack(Family.MIX, Outcome.REFUSED, Power.ONLINE, says="AL")
def a_snapshot_names_no_hash(forge: Forge) -> None:
    """Sign a snapshot that names AL's metadata by its version only, so that any bytes fit."""
    snapshot = forge.load(Snapshot, "snapshot")
    snapshot.meta["AL.json"] = MetaFile(3)
    snapshot.version += 1
    forge.publish_snapshot(snapshot)


@attack(Family.MIX, Outcome.REFUSED, Power.TIMESTAMP, says="does not name")
def a_timestamp_names_no_hash(forge: Forge) -> None:
    """Sign a timestamp that names the snapshot by its version only."""
    forge.publish_timestamp(MetaFile(forge.version_of("snapshot")))


@attack(Family.MIX, Outcome.REFUSED, Power.ONLINE, says="version")
def a_snapshot_names_another_version(forge: Forge) -> None:
    """Sign a snapshot that names AL's third file as its fourth."""
    data = forge.bytes_of(forge.name_of("AL"))
    forge.publish({"AL": (4, data)})
