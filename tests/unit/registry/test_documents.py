"""Registry documents: strict, bounded, closed; and the view built of them."""

import base64
import json
import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from types import MappingProxyType

import pytest

from contact_registry.directory import Directory
from contact_registry.errors import DocumentError
from contact_registry.founding import FOUNDING_PARTICIPANTS, FOUNDING_TIME_ZONES
from contact_registry.models import (
    KOSOVO_FOOTNOTE,
    MAX_DOCUMENT_BYTES,
    BrokerIdentity,
    EncryptionKeyEntry,
    ParticipantsDocument,
    SigningKeyEntry,
    parse_contacts,
    parse_keys,
    parse_participants,
    serialize_document,
)
from protocol.identifiers import AuthorityId, ParticipantCode
from protocol.nkeys import Nkey, NkeyKind
from protocol.signing import SigningKey
from tests.support.registry import AL, MK, make_contacts, make_entry, make_keys

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = SigningKey.generate()


def test_documents_come_back_as_they_were() -> None:
    """What is serialized is parsed to the same document."""
    participants = ParticipantsDocument(participants=FOUNDING_PARTICIPANTS)
    assert parse_participants(serialize_document(participants)) == participants
    contacts = make_contacts(AL, note="line one\nline two")
    assert parse_contacts(serialize_document(contacts)) == contacts
    keys = make_keys(AL, AT, signing=KEY)
    assert parse_keys(serialize_document(keys)) == keys


def test_kosovo_is_shown_as_it_must() -> None:
    """XK has its asterisk and its footnote, and cannot be listed otherwise."""
    (entry,) = [e for e in FOUNDING_PARTICIPANTS if e.code == "XK"]
    assert (entry.display_name, entry.footnote) == ("Kosovo*", KOSOVO_FOOTNOTE)
    assert set(FOUNDING_TIME_ZONES) == {e.code for e in FOUNDING_PARTICIPANTS}
    for change in ({"display_name": "Kosovo"}, {"footnote": None}):
        listed = json.loads(serialize_document(ParticipantsDocument(participants=(entry,))))
        listed["participants"][0] |= change
        with pytest.raises(DocumentError):
            parse_participants(json.dumps(listed).encode())


@pytest.mark.parametrize(
    "change",
    [
        {"format": "trm-contacts/2"},
        {"participant": "MK"},
        {"listed_by": "nobody"},
        {"surprise": 1},
        {"authorities": None},
    ],
)
def test_contacts_that_break_their_format(change: dict[str, object]) -> None:
    """Another version, another's authority, unknown fields and wrong types are refused."""
    document = json.loads(serialize_document(make_contacts(AL))) | change
    with pytest.raises(DocumentError):
        parse_contacts(json.dumps(document).encode())


@pytest.mark.parametrize(
    "change",
    [
        {"id": "AL-Desk"},
        {"id": "MK-desk"},
        {"name": ""},
        {"name": "x" * 501},
        {"name": "two\nlines"},
        {"name": " padded "},
        {"time_zone": "Europe/Atlantis"},
        {"valid_to": "2021-12-31"},
        {"mailboxes": ["Desk <desk@authority.example>"]},
        {"mailboxes": ["desk@authority.example\n"]},
        {"languages": ["english"]},
        {"telephones": [{"as_listed": "1", "e164": "355 1"}]},
        {"telephones": [{"as_listed": "1", "e164": "+35544541821", "national_only": True}]},
        {"telephones": [{"as_listed": "1", "extension": "12a"}]},
        {"competences": [{"phase": "identification", "person_group": "all"}]},
        {"available_24_7": "yes"},
        {"note": "bell \u0007"},
    ],
)
def test_authorities_that_break_a_rule(change: dict[str, object]) -> None:
    """Each field of an authority has its check."""
    document = json.loads(serialize_document(make_contacts(AL)))
    document["authorities"][0] |= change
    with pytest.raises(DocumentError):
        parse_contacts(json.dumps(document).encode())


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("signing_keys", {"key_id": "0" * 32}),
        ("signing_keys", {"public": base64.b64encode(b"x" * 31).decode()}),
        ("signing_keys", {"public": "not base64"}),
        ("signing_keys", {"valid_to": "2020-01-01T00:00:00Z"}),
        ("signing_keys", {"valid_from": "2026-03-01T12:00:00"}),
        ("signing_keys", {"valid_from": "2026-03-01T12:00:00+01:00"}),
        ("encryption_keys", {"suite": 0}),
        ("encryption_keys", {"public": base64.b64encode(b"x" * 1215).decode()}),
        ("encryption_keys", {"valid_to": "2020-01-01T00:00:00Z"}),
    ],
)
def test_keys_that_break_a_rule(part: str, change: dict[str, object]) -> None:
    """Sizes, names and spans of keys are checked before anybody uses one."""
    document = json.loads(serialize_document(make_keys(AL, AT, signing=KEY)))
    document[part][0] |= change
    with pytest.raises(DocumentError):
        parse_keys(json.dumps(document).encode())


def test_broker_account_is_an_account() -> None:
    """A seed or a user key in the place of the account is refused."""
    document = json.loads(serialize_document(make_keys(AL, AT, signing=KEY)))
    for wrong in ("SA" + "B" * 56, "U" + "B" * 55, ""):
        document["broker"]["account"] = wrong
        with pytest.raises(DocumentError) as caught:
            parse_keys(json.dumps(document).encode())
        assert not wrong or wrong not in str(caught.value)


def test_an_account_is_listed_by_who_holds_its_key() -> None:
    """Neither another's proof, nor a proof for another Participant or account, nor none is good."""
    broker = json.loads(serialize_document(make_keys(AL, AT, signing=KEY)))["broker"]
    copied = json.loads(serialize_document(make_keys(MK, AT, signing=KEY)))
    other = BrokerIdentity.of(AL, Nkey.generate(NkeyKind.ACCOUNT)).model_dump(mode="json")
    for participant, wrong in (
        ("MK", broker),
        ("AL", other | {"account": broker["account"]}),
        ("AL", broker | {"account_proof": ""}),
        ("AL", broker | {"account_proof": broker["account_proof"][:-1]}),
        ("AL", broker | {"account_proof": base64.b64encode(bytes(64)).decode()}),
        ("AL", {key: value for key, value in broker.items() if key != "account_proof"}),
    ):
        document = copied | {"participant": participant, "broker": wrong}
        with pytest.raises(DocumentError):
            parse_keys(json.dumps(document).encode())
    right = copied | {"participant": "AL", "broker": other}
    assert parse_keys(json.dumps(right).encode()).broker.account == other["account"]


def test_refusals_never_quote_what_was_refused() -> None:
    """The message names the field and the rule, not the value: it may hold anything."""
    document = json.loads(serialize_document(make_contacts(AL)))
    document["authorities"][0]["name"] = "a secret\u0007"
    with pytest.raises(DocumentError, match=r"authorities\.0\.name") as caught:
        parse_contacts(json.dumps(document).encode())
    assert "secret" not in str(caught.value)


def test_too_large_a_document() -> None:
    """A document above the limit is refused before it is parsed."""
    with pytest.raises(DocumentError, match="at most"):
        parse_contacts(b" " * (MAX_DOCUMENT_BYTES + 1))


def test_directory_chooses_keys_by_time() -> None:
    """The newest encryption key that is valid now is chosen; signing keys are found by name."""
    day = timedelta(days=1)
    old, new, future = (
        EncryptionKeyEntry.of(
            secrets.token_bytes(1216),
            valid_from=AT + start * day,
            valid_to=AT + (start + 14) * day,
        )
        for start in (-7, 0, 7)
    )
    ended = SigningKeyEntry.of(KEY.verify_key, valid_from=AT - 7 * day, valid_to=AT)
    keys = make_keys(AL, AT, signing=SigningKey.generate()).model_copy(
        update={"encryption_keys": (new, future, old), "signing_keys": (ended,)}
    )
    contacts = make_contacts(AL)
    directory = Directory(
        version=3,
        sha256="0" * 64,
        expires_at=AT,
        verified_at=AT,
        participants=(make_entry(AL),),
        contacts=MappingProxyType({AL: contacts}),
        keys=MappingProxyType({AL: keys}),
    )
    assert directory.newest_encryption_key(AL, AT - day) == old
    assert directory.newest_encryption_key(AL, AT) == new
    assert directory.newest_encryption_key(AL, AT + 8 * day) == future
    assert directory.newest_encryption_key(AL, AT + 30 * day) is None
    # What was chosen last is remembered until the next change of keys, and a clock may be set back.
    moments = [AT + hours * timedelta(hours=12) for hours in range(-20, 60)]
    moments += [each - timedelta(microseconds=1) for each in moments]
    for at in Random(1).sample(moments, len(moments)):
        alone = replace(directory)
        assert directory.newest_encryption_key(AL, at) == alone.newest_encryption_key(AL, at)
    assert directory.newest_encryption_key(MK, AT) is None
    assert directory.signing_key(AL, KEY.key_id) == KEY.verify_key
    assert directory.signing_key(AL, KEY.key_id, at=AT - day) == KEY.verify_key
    assert directory.signing_key(AL, KEY.key_id, at=AT) is None
    assert directory.signing_key(AL, "0" * 32) is None
    assert directory.signing_key(MK, KEY.key_id) is None
    assert directory.authority(AuthorityId("AL-desk")) == contacts.authorities[0]
    assert directory.authority(AuthorityId("AL-other")) is None
    assert directory.authority(AuthorityId("MK-desk")) is None
    assert directory.participant(ParticipantCode("MK")) is None
    assert directory.age(AT + day) == day
