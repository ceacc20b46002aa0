"""Keys of several suites in one document: newer ones do no harm, the strongest common one wins."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import pytest

from contact_registry.directory import Directory
from contact_registry.errors import DocumentError
from contact_registry.models import (
    EncryptionKeyEntry,
    KeysDocument,
    parse_keys,
    serialize_document,
)
from protocol.signing import SigningKey, derive_key_id
from protocol.suites import SuiteTable
from tests.support.registry import AL, make_contacts, make_entry, make_keys

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def make_key(suite: int, *, since: timedelta) -> EncryptionKeyEntry:
    """Return a key of some suite that is valid for two weeks."""
    public = bytes([suite]) * (1216 if suite == 1 else 2400)
    return EncryptionKeyEntry(
        key_id=derive_key_id(public),
        suite=suite,
        public=base64.b64encode(public).decode(),
        valid_from=AT - since,
        valid_to=AT - since + 14 * DAY,
    )


HYBRID, NEWER = make_key(1, since=2 * DAY), make_key(2, since=5 * DAY)


def make_directory(*keys: EncryptionKeyEntry) -> Directory:
    """Return a registry in which AL lists these keys, as its document reads back."""
    document = make_keys(AL, AT, signing=SigningKey.generate()).model_copy(
        update={"encryption_keys": keys}
    )
    read: KeysDocument = parse_keys(serialize_document(document))
    return Directory(
        version=3,
        sha256="0" * 64,
        expires_at=AT,
        verified_at=AT,
        participants=(make_entry(AL),),
        contacts=MappingProxyType({AL: make_contacts(AL)}),
        keys=MappingProxyType({AL: read}),
    )


def test_a_newer_suite_in_the_document_cuts_nobody_off() -> None:
    """A node that speaks suite 1 alone reads the document and seals for the key of suite 1."""
    later = make_key(2, since=DAY)
    assert make_directory(HYBRID, later).newest_encryption_key(AL, AT) == HYBRID


def test_where_no_suite_is_common_nothing_is_sealed() -> None:
    """Rather wait for an update than seal in a way that one side does not know."""
    assert make_directory(NEWER).newest_encryption_key(AL, AT) is None


@pytest.mark.parametrize(
    ("table", "chosen"),
    [
        (SuiteTable(strongest_first=(2, 1), floor=1), NEWER),
        (SuiteTable(strongest_first=(1, 2), floor=1), HYBRID),
        (SuiteTable(strongest_first=(2, 1), floor=2), NEWER),
        (SuiteTable(strongest_first=(3, 1), floor=3), None),
    ],
    ids=["2-over-1", "1-over-2", "1-withdrawn", "none-left"],
)
def test_the_strongest_common_suite_wins_over_the_newest_key(
    table: SuiteTable, chosen: EncryptionKeyEntry | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A younger key of a weaker suite is no reason to use it, and a withdrawn one is never used."""
    monkeypatch.setattr("contact_registry.directory.SUITES", table)
    assert make_directory(HYBRID, NEWER).newest_encryption_key(AL, AT) == chosen


@pytest.mark.parametrize(
    "change",
    [{"suite": 0}, {"suite": 65536}, {"suite": "1"}, {"suite": 1}, {"key_id": "0" * 32}],
    ids=["0", "too-large", "text", "wrong-size-for-1", "other-key-id"],
)
def test_a_key_that_contradicts_itself_is_refused(change: dict[str, object]) -> None:
    """A suite is a 16-bit number, a key of suite 1 has its size, and each key its name."""
    document = make_keys(AL, AT, signing=SigningKey.generate()).model_copy(
        update={"encryption_keys": (NEWER,)}
    )
    tree = json.loads(serialize_document(document))
    tree["encryption_keys"][0] |= change
    with pytest.raises(DocumentError):
        parse_keys(json.dumps(tree).encode())


def test_a_directory_without_the_participant_has_no_key() -> None:
    """Nobody listed, nothing to seal for."""
    assert replace(make_directory(HYBRID), keys={}).newest_encryption_key(AL, AT) is None
