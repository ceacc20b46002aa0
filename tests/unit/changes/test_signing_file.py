"""Signing files: read within bounds, closed, and never believed beyond their bytes."""

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contact_registry.agreements import AgreementStatement
from contact_registry.changes.errors import SigningFileError
from contact_registry.changes.review import Review, review
from contact_registry.changes.signing_file import (
    SigningFile,
    add_signatures,
    combine,
    is_same_statement,
    parse_signing_file,
)
from contact_registry.models import serialize_document
from contact_registry.trust.submitting import build_contacts_submission
from protocol.signing import VerifyKey
from tests.support.changes import DeskWorld
from tests.support.registry import AL, MK, make_authority, make_contacts, make_signer
from tests.support.registry_content import make_terms


def make_file(desks: DeskWorld, **changes: object) -> SigningFile:
    """Return an unsigned file in which AL's desk says something else."""
    change = desks.prepare(desks.draft(**changes))
    return parse_signing_file(desks.desk.export_signing_file(change.id))


def test_a_file_is_read_as_it_was_written(desks: DeskWorld) -> None:
    """Bytes in, the same bytes out; what is signed and the document are in it."""
    file = make_file(desks, note="x")
    again = parse_signing_file(file.to_bytes())
    assert again.to_bytes() == file.to_bytes()
    assert (again.participant, again.version, again.sha256) == (AL, 2, file.sha256)
    assert again.to_submission().targets == {"participants/AL/contacts.json": file.data}


def test_what_is_no_signing_file(desks: DeskWorld) -> None:
    """Another member, other bytes than those named, unknown TUF members, a key role: refused."""
    file = make_file(desks, note="x")
    members = json.loads(file.to_bytes())
    metadata = json.loads(base64.b64decode(members["metadata"]))
    other_document = serialize_document(make_contacts(AL, note="y"))
    foreign = build_contacts_submission(
        make_contacts(MK), previous_version=0, signers=(), expires=file.metadata.signed.expires
    )

    def pack(data: object) -> str:
        return base64.b64encode(json.dumps(data).encode()).decode()

    offered: list[Any] = [
        members | {"description": "nothing to see here"},
        members | {"document": base64.b64encode(other_document).decode()},
        members | {"document": members["document"] + "\n"},
        members | {"metadata": pack(metadata | {"more": 1})},
        members | {"metadata": pack({**metadata, "signed": metadata["signed"] | {"more": 1}})},
        members | {"metadata": base64.b64encode(foreign.metadata).decode()},
        members | {"metadata": ""},
        members | {"format": "trm-change/2"},
        [],
    ]
    for bad in offered:
        with pytest.raises(SigningFileError) as refused:
            parse_signing_file(json.dumps(bad).encode())
        assert "nothing to see" not in str(refused.value)


@pytest.fixture
def whole(desks: DeskWorld) -> SigningFile:
    """Give a signed file, the same for all examples of a test."""
    return add_signatures(make_file(desks, note="x"), [desks.world.directory_keys[AL]])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(data=st.data())
def test_any_damage_is_refused_or_shows_in_the_digest(
    whole: SigningFile, data: st.DataObject
) -> None:
    """Whatever is altered: the file is refused, or it is the same change, or has another digest."""
    altered = bytearray(whole.to_bytes())
    at = data.draw(st.integers(0, len(altered) - 1))
    altered[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        found = parse_signing_file(bytes(altered))
    except SigningFileError:
        return
    assert found.data == whole.data or found.sha256 != whole.sha256
    assert (found.statement == whole.statement) == (found.sha256 == whole.sha256)


def test_signatures_of_several_files_are_combined(desks: DeskWorld) -> None:
    """The same change: all signatures; another change, or a damaged signature: refused."""
    file = make_file(desks, note="x")
    signers = [make_signer(), make_signer()]
    one, two = (add_signatures(file, [signer]) for signer in signers)
    both = combine([one, two, one])
    assert set(both.metadata.signatures) == {signer.public_key.keyid for signer in signers}
    assert both.sha256 == file.sha256
    assert is_same_statement(one.metadata.to_bytes(), two.metadata.to_bytes())
    with pytest.raises(SigningFileError, match="not about the same change"):
        combine([one, make_file(desks, note="y")])
    damaged = add_signatures(file, [signers[0]])
    key_id = signers[0].public_key.keyid
    damaged.metadata.signatures[key_id].signature = "00" * 64
    with pytest.raises(SigningFileError, match="two different signatures"):
        combine([one, damaged])


def test_rubbish_is_nobodys_statement() -> None:
    """Two files that cannot be read are not taken for the same change."""
    assert not is_same_statement(b"", b"")


def see(desks: DeskWorld, **file: Any) -> tuple[str, ...]:
    """Return what a signer is warned of in a file that nobody's desk made."""
    return look_at(desks, **file).alarms


def look_at(
    desks: DeskWorld, *, keys: list[VerifyKey] | None = None, days: int = 90, **more: object
) -> Review:
    """Return how a signer sees a file that nobody's desk made."""
    published = desks.desk.load_published(AL)
    contacts = make_contacts(AL).model_copy(update=more)
    submission = build_contacts_submission(
        contacts,
        previous_version=published.version,
        signers=(),
        expires=desks.world.clock() + timedelta(days=days),
        node_keys=list(published.node_keys) if keys is None else keys,
    )
    members = {
        "format": "trm-change/1",
        "metadata": base64.b64encode(submission.metadata).decode(),
        "document": base64.b64encode(serialize_document(contacts)).decode(),
    }
    file = parse_signing_file(json.dumps(members).encode())
    directory = desks.world.open().load_directory()
    return review(file, published, directory, now=desks.world.clock())


def test_what_a_signer_must_not_overlook(desks: DeskWorld) -> None:
    """A new node key, no node, a short signature, removed desks: said first, from the bytes."""
    assert see(desks) == ()
    assert "NEW KEY MAY SPEAK" in see(desks, keys=[make_signer().verify_key])[0]
    assert "NO NODE" in see(desks, keys=[])[-1]
    assert "would hold until" in see(desks, days=3)[0]
    removed = see(desks, authorities=(make_authority(AL, "other"),))
    assert removed == ("An authority is taken out altogether: AL-desk.",)
    assert "No authority would be listed" in see(desks, authorities=())[-1]


def test_terms_that_change_under_their_identifier_are_not_signed(desks: DeskWorld) -> None:
    """Whoever made the file: the tool refuses what no desk would offer for signing."""
    desks.publish(
        desks.make_signed(
            desks.desk.put_agreement(
                (change := desks.begin()).id,
                AgreementStatement(terms=make_terms()),
                seen=change.row_version,
                actor="editor",
            )
        )
    )
    same, other = make_terms(), make_terms(instrument="Another memorandum")
    assert look_at(desks, agreements=(AgreementStatement(terms=same),)).objection is None
    seen = look_at(desks, agreements=(AgreementStatement(terms=other),))
    assert str(seen.objection).startswith(f"The terms of {other.id} are changed.")


def test_a_signer_whose_registry_is_older_or_newer(desks: DeskWorld) -> None:
    """A file that does not follow the registry at hand is not to be signed, and says why."""
    file = make_file(desks, note="x")
    before = desks.desk.load_published(AL)
    directory = desks.world.open().load_directory()
    now = desks.world.clock()
    assert review(file, before, directory, now=now).objection is None
    desks.publish_note("meanwhile")
    after = desks.desk.load_published(AL)
    assert "out of date" in str(review(file, after, directory, now=now).objection)
    newer = make_file(desks, note="y")
    assert "bring the newest registry" in str(review(newer, before, directory, now=now).objection)
    late = now + timedelta(days=100)
    assert "must run out later" in str(review(newer, after, directory, now=late).objection)
