"""Whatever comes from outside, the registry answers with a result or with its own error."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from contact_registry.errors import (
    ContactListError,
    DocumentError,
    RegistryRefusedError,
    SubmissionRefusedError,
)
from contact_registry.importing.importer import ImportDefaults, import_contact_list
from contact_registry.models import (
    parse_contacts,
    parse_keys,
    parse_participants,
    serialize_document,
)
from contact_registry.trust.layout import parse_metadata_name
from contact_registry.trust.submitting import Submission
from contact_registry.trust.verification import TopLevelFiles, verify_top_level
from protocol.signing import SigningKey
from tests.support.registry import AL, RegistryWorld, make_contacts, make_keys
from tests.support.registry_content import FULL_CONTACTS

DEFAULTS = ImportDefaults(valid_from=date(2022, 1, 1), source="list")
HEAD = "participant,trm_measure,authority,unit,city,post,phone,email,available_24_7,note"
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
CELLS = st.one_of(
    st.text(max_size=60),
    st.sampled_from([
        "AL", "XK", "MK", "Return", "Identification", "Reintegration", "Police Desk", "yes", "no",
        "+355 44541821", "0800 100 388", "+383 38 504 504 ext. 1890; +381 3850801932", "tel/fax",
        "a@gmail.com; b", "fax +355 42279263", '"', "\x00", "x" * 501, "+" + "9" * 400,
    ]),
)  # fmt: skip
VALID = [
    serialize_document(make_contacts(AL)),
    serialize_document(make_keys(AL, AT, signing=SigningKey(b"x" * 32))),
    json.dumps(FULL_CONTACTS).encode(),
]


@given(st.text())
def test_any_text_is_a_list_or_refused(text: str) -> None:
    """Any text imports or raises the list's own error."""
    try:
        import_contact_list(text, defaults=DEFAULTS)
    except ContactListError:
        return


@example([["AL", "Return", "Police Desk", "", "", "", "x" * 501]])
@given(st.lists(st.lists(CELLS, min_size=1, max_size=11), max_size=8))
def test_no_row_is_lost(rows: list[list[str]]) -> None:
    """Under proper headings every row that is not blank is taken over or held back."""
    lines = [",".join(f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in row) for row in rows]
    result = import_contact_list("\n".join([HEAD, *lines]), defaults=DEFAULTS)
    filled = sum(any(cell.strip() for cell in row) for row in rows)
    assert result.rows_read == filled
    assert result.rows_imported + len(result.held_back) == filled
    rows_with_findings = {finding.row for finding in result.findings}
    assert {held.row for held in result.held_back} <= rows_with_findings
    for document in result.contacts.values():
        assert parse_contacts(serialize_document(document)) == document


@given(st.one_of(st.binary(), st.text().map(str.encode)))
def test_any_bytes_are_a_document_or_refused(data: bytes) -> None:
    """Any bytes parse or raise the document's own error."""
    for parse in (parse_contacts, parse_keys, parse_participants):
        try:
            parse(data)
        except DocumentError:
            continue


@given(st.sampled_from(VALID), st.data())
def test_changed_documents_parse_or_are_refused(document: bytes, data: st.DataObject) -> None:
    """A document with any value replaced by any other parses or is refused as such."""
    parsed = json.loads(document)
    field = data.draw(st.sampled_from(sorted(parsed)))
    parsed[field] = data.draw(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            max_leaves=5,
        )
    )
    for parse in (parse_contacts, parse_keys):
        try:
            parse(json.dumps(parsed).encode())
        except DocumentError:
            continue


@given(st.text(max_size=40))
def test_names_never_lead_out(name: str) -> None:
    """A name that is understood holds no path."""
    if parse_metadata_name(name) is not None:
        assert "/" not in name
        assert not name.startswith(".")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> RegistryWorld:
    """Make a registry with everything of AL and MK published."""
    world = RegistryWorld(tmp_path_factory.mktemp("registry") / "repository")
    world.publish_all()
    return world


@given(place=st.integers(0, 2**20), bit=st.integers(0, 7))
def test_no_changed_byte_is_published_or_believed(
    world: RegistryWorld, place: int, bit: int
) -> None:
    """A submission with any bit changed is refused, unless the change means nothing in JSON."""
    before = world.repository.published_version()
    submission = world.contacts_submission(AL, note="new")
    document = submission.targets["participants/AL/contacts.json"]
    whole = submission.metadata + document
    at = place % len(whole)
    changed = whole[:at] + bytes([whole[at] ^ (1 << bit)]) + whole[at + 1 :]
    cut = len(submission.metadata)
    try:
        published = world.publish(
            Submission("AL", changed[:cut], {"participants/AL/contacts.json": changed[cut:]})
        )
    except SubmissionRefusedError:
        assert world.repository.published_version() == before
    else:
        # JSON allows a few changes that mean the same, such as another kind of white space or the
        # case of a hexadecimal signature: what was signed is then still what was published.
        assert at < cut
        assert published.version == before.version + 1
        assert world.repository.load_directory().contacts[AL].authorities[0].note == "new"


@given(st.lists(st.binary(max_size=200), min_size=3, max_size=3), st.lists(st.binary(), max_size=2))
def test_any_top_level_is_refused(files: list[bytes], roots: list[bytes]) -> None:
    """Bytes that nobody signed never verify, and fail with the registry's own error."""
    top = TopLevelFiles(roots=roots, timestamp=files[0], snapshot=files[1], targets=files[2])
    for root in (files[0], b'{"signed":{"_type":"root"},"signatures":[]}'):
        try:
            verify_top_level(top, trusted_root=root, reference_time=AT + timedelta(days=1))
        except RegistryRefusedError:
            continue
        raise AssertionError
