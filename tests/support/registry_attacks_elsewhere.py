"""What docs/registry-attacks.md tells beside the rows: other tests, and conformance."""

from dataclasses import dataclass
from typing import Final

_CLIENT: Final = "tests/integration/registry/test_client_over_http.py"
_CONFORMANCE: Final = "tests/integration/registry/test_tuf_conformance.py"
_CRASHES: Final = "tests/integration/registry/test_crashes.py"
_DISK: Final = "tests/integration/registry/test_attacks_on_disk.py"
_HISTORY: Final = "tests/integration/registry/test_history.py"
_HOST: Final = "tests/integration/registry/test_registry_host.py"
_PAST: Final = "tests/integration/registry/test_past_versions.py"
_PINS: Final = "tests/unit/node/test_registry_pins_node.py"
_SPLIT: Final = "tests/integration/registry/test_split_view.py"
_AGE: Final = "tests/unit/node/test_view_age.py"


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """An attack whose test is no row: what is done, what happens, and where that is shown."""

    topic: str
    done: str
    happens: str
    file: str
    test: str


_SPLIT_VIEW: Final = "Two histories (split view)"
_OLD: Final = "A node that is cut off"
_MACHINE: Final = "The node's own disk and clock"
_THEN: Final = "The past"
_IN: Final = "Submissions to the registry host"

ELSEWHERE: Final = (
    Elsewhere(
        _SPLIT_VIEW,
        "Whoever holds the online keys shows two nodes two histories that both verify.",
        "The first message between them arrives, and shows it: both nodes hold the proof, the case "
        "and the administrators are told.",
        _SPLIT,
        "test_two_registries_are_found_by_the_first_message",
    ),
    Elsewhere(
        _SPLIT_VIEW,
        "The recipient is a version behind when the message comes.",
        "It looks for that version, finds another one under its number, and says so; an honest "
        "delay alarms nobody.",
        _SPLIT,
        "test_one_registry_alarms_nobody",
    ),
    Elsewhere(
        _SPLIT_VIEW,
        "The history is rewritten under a node whose cache was thrown away.",
        "The node remembers which version it acted on, and blames the registry.",
        _SPLIT,
        "test_a_history_that_was_rewritten_under_a_node",
    ),
    Elsewhere(
        _SPLIT_VIEW,
        "A Participant invents a conflict, or many.",
        "It is shown as unconfirmed, under its name; what it can fill is bounded for itself.",
        _PINS,
        "test_what_a_peer_can_fill_is_bounded",
    ),
    Elsewhere(
        _OLD,
        "The registry is kept from a node for days.",
        "The node goes on with what it verified last, with a notice after an hour, and on every "
        "page after a day.",
        _AGE,
        "test_the_age_is_told_in_time",
    ),
    Elsewhere(
        _OLD,
        "The registry is kept from a node for two weeks.",
        "Messages with data about persons wait in its outbox with the reason; the others go on. "
        "Nothing is lost: they leave after the next refresh.",
        _AGE,
        "test_data_about_persons_waits_and_nothing_is_lost",
    ),
    Elsewhere(
        _OLD,
        "A Participant's own signature is left to run out.",
        "It is shown as overdue; after 30 days more its node's keys are left out. The others are "
        "not touched.",
        _CLIENT,
        "test_overdue_delegation_is_told_not_fatal",
    ),
    Elsewhere(
        _MACHINE,
        "Any byte of the node's kept registry is altered.",
        "The node reads the same view, none, or refuses it; the next refresh brings it again.",
        _DISK,
        "test_no_byte_on_disk_changes_what_is_believed",
    ),
    Elsewhere(
        _MACHINE,
        "The kept registry of another registry is put into its place.",
        "It is refused: it does not begin with this node's root.",
        _DISK,
        "test_the_cache_of_another_registry_is_refused",
    ),
    Elsewhere(
        _MACHINE,
        "An older kept registry, honest in its time, is put back.",
        "It is read, and counts as old as it is.",
        _DISK,
        "test_an_older_cache_put_back_has_its_age",
    ),
    Elsewhere(
        _MACHINE,
        "The kept moment of verification is moved to make an old view look fresh.",
        "It is refused: the signatures had run out at that moment.",
        _CLIENT,
        "test_kept_moment_after_expiry_is_refused",
    ),
    Elsewhere(
        _MACHINE,
        "The node's clock is set back to more than five minutes before the last verification.",
        "The kept registry is refused with the advice to look at the clock.",
        _CLIENT,
        "test_cache_from_the_future_is_refused",
    ),
    Elsewhere(
        _THEN,
        "A message names a version that never was.",
        "The host is asked once; nothing is taken, and the message arrives.",
        _PAST,
        "test_a_version_that_never_was_is_asked_for_once",
    ),
    Elsewhere(
        _THEN,
        "The host answers with an altered past.",
        "It is not kept.",
        _PAST,
        "test_an_altered_past_is_not_kept",
    ),
    Elsewhere(
        _THEN,
        "A past version is altered in the host's folder.",
        "The history refuses to show it.",
        _HISTORY,
        "test_damage_is_not_shown_as_the_past",
    ),
    Elsewhere(
        _IN,
        "Somebody sends what it may not publish: wrong key, version, path, delegation, document.",
        "Refused with a code; the published registry is as it was.",
        _HOST,
        "test_refused_submissions",
    ),
    Elsewhere(
        _IN,
        "The body never comes, or never ends.",
        "The host hangs up.",
        _HOST,
        "test_a_body_that_does_not_come",
    ),
    Elsewhere(
        _IN,
        "The host is killed at any write of a publication.",
        "The old version is published, or the new one.",
        _CRASHES,
        "test_crash_at_each_write",
    ),
)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A scenario of the conformance suite, and what shows that it holds here.

    ``rows``: names in the attack table. ``test``: a function of test_tuf_conformance.py or of
    ``file``. ``apart``: what is different here, or why it has no meaning.
    """

    title: str
    rows: tuple[str, ...] = ()
    test: str = ""
    file: str = _CONFORMANCE
    apart: str = ""


SCENARIOS: Final = (
    Scenario("first refresh, and what it asks for", test="test_what_is_asked_and_in_which_order"),
    Scenario("refresh without a change", test="test_unchanged_costs_one_file", file=_CLIENT),
    Scenario("trusted root damaged, or not signed", test="test_a_trusted_root_that_is_none"),
    Scenario("timestamp altered under its version", test="test_an_equal_timestamp_changes_nothing"),
    Scenario("new targets of another hash", ("one_byte_is_changed",)),
    Scenario(
        "new targets of another version",
        ("a_snapshot_names_another_version", "an_earlier_one_stands_there"),
    ),
    Scenario("unknown fields", test="test_unknown_fields_are_signed_and_kept"),
    Scenario("wrong keyid_hash_algorithms", test="test_unknown_fields_are_signed_and_kept"),
    Scenario("root ran out", ("a_root_that_ran_out",)),
    Scenario("a root in between ran out", test="test_an_expired_root_in_between_is_passed"),
    Scenario("timestamp, snapshot, targets ran out", test="test_an_expired_role_is_refused"),
    Scenario("kept metadata ran out", test="test_expired_metadata_at_hand_is_a_start"),
    Scenario(
        "delegated role ran out",
        test="test_overdue_delegation_is_told_not_fatal",
        file=_CLIENT,
        apart="milder for 30 days: one Participant's lapse must not take the registry from all",
    ),
    Scenario("timestamp rolled back", ("an_older_timestamp_is_shown",)),
    Scenario("snapshot rolled back", ("a_new_timestamp_names_an_older_snapshot",)),
    Scenario("targets rolled back", ("a_new_snapshot_names_the_older_targets",)),
    Scenario("delegated role rolled back", ("a_new_snapshot_names_an_older_file",)),
    Scenario("role removed from the snapshot", ("a_participant_is_cut_out",)),
    Scenario("snapshot of another version than named", ("an_earlier_one_stands_there",)),
    Scenario(
        "recovery from a fast-forward of the timestamp", ("the_timestamp_s_version_is_used_up",)
    ),
    Scenario(
        "recovery from a fast-forward of the snapshot", ("the_snapshot_s_version_is_used_up",)
    ),
    Scenario("recovery from a fast-forward of targets", ("a_version_in_the_snapshot_is_used_up",)),
    Scenario("changes of root keys and thresholds", test="test_changes_of_the_root_s_keys"),
    Scenario("changes of the other roles' keys", test="test_changes_of_a_role_s_keys"),
    Scenario("threshold not met", ("a_role_without_enough_keys", "somebody_else_signs")),
    Scenario(
        "one key under several names",
        ("one_key_stands_under_two_names",),
        apart="stricter than the library: keys count, not their names",
    ),
    Scenario(
        "the same signature twice",
        ("one_operator_signs_twice", "one_operator_signs_twice_under_its_name"),
    ),
    Scenario("target downloaded, also in a folder", test="test_publish_then_verify", file=_CLIENT),
    Scenario("target substituted", ("one_byte_is_changed", "a_document_that_nobody_signed")),
    Scenario(
        "many changes of a target, some not signed",
        ("an_earlier_one_stands_there",),
        test="test_update_costs_what_changed",
        file=_CLIENT,
    ),
    Scenario(
        "repository without consistent snapshots",
        test="test_a_repository_without_consistent_snapshots",
    ),
    Scenario(
        "graphs of delegations, their order, cycles and depth",
        ("the_operators_delegate_too_much", "a_participant_delegates_to_a_role_more"),
        apart="no meaning here: there are two levels, each exactly one path, always terminating; "
        "anything else is refused or never followed",
    ),
    Scenario(
        "role names and target paths that need quoting",
        test="test_names_of_files",
        file="tests/unit/registry/test_repository.py",
        apart="no meaning here: names are a Participant's code, capital letters and digits",
    ),
    Scenario(
        "static repositories of other implementations",
        apart="no meaning here: they have other roles than ours; our own files of every version "
        "are kept and read again by tests/integration/registry/test_history.py",
    ),
    Scenario(
        "keys of RSA and ECDSA",
        apart="no meaning here: delegations name Ed25519 keys and nothing else",
        rows=("the_operators_delegate_too_much",),
    ),
)
