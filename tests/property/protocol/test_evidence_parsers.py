"""Whatever bytes come, the parsers of evidence read them or refuse them in the one way."""

import contextlib
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from contact_registry.evidence.container import pack_members, unpack_members
from protocol.errors import RemoteProtocolError
from protocol.evidence.bundle import parse_bundle
from protocol.evidence.head import parse_evidence_head, read_json
from protocol.evidence.manifest import (
    CoversMessage,
    EventLog,
    FileEntry,
    FileKind,
    Manifest,
    ManifestSignature,
    encode_text,
    parse_events,
    parse_manifest,
)
from protocol.messages.head import RegistryPin
from protocol.signing import SigningKey
from tests.support.evidence import NOON

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["format", "covers", "files", "kind", "path", "x"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)
NAMES = st.sampled_from(
    [
        "manifest.json",
        "manifest.sig",
        "events.json",
        "report.html",
        "messages/AL-" + "ab" * 16 + ".signed",
        "registry/roots/2.json",
        "registry/objects/" + "cd" * 32 + ".json",
    ]
)


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_or_read(data: bytes) -> None:
    """Texts, signature, zip: nothing but the protocol's own refusal comes out."""
    for parse in (parse_manifest, parse_events, ManifestSignature.parse, unpack_members):
        with contextlib.suppress(RemoteProtocolError):
            parse(data)


@given(JSON)
def test_any_json_is_refused_or_read(tree: object) -> None:
    """Also what is JSON, and looks a little like ours."""
    data = json.dumps(tree).encode()
    for parse in (parse_manifest, parse_events):
        with contextlib.suppress(RemoteProtocolError):
            parse(data)
    assert read_json(data, limit=len(data), what="text") == tree


@given(st.dictionaries(NAMES, st.binary(max_size=60), max_size=6))
@settings(max_examples=100)
def test_any_members_are_refused_or_read(members: dict[str, bytes]) -> None:
    """A manifest that lists them truly makes no member readable that is not."""
    rest = {name: data for name, data in members.items() if not name.startswith("manifest")}
    manifest = Manifest(
        covers=CoversMessage(sender="AL", message_id="ab" * 16),
        made_by="AL",
        made_at=NOON,
        registry=RegistryPin(version=1, sha256="ab" * 32),
        signer=None,
        files=tuple(FileEntry.of(name, _kind(name), data) for name, data in sorted(rest.items())),
    )
    with contextlib.suppress(RemoteProtocolError):
        bundle = parse_bundle(rest | {"manifest.json": encode_text(manifest)})
        for signed in bundle.contents.messages.values():
            parse_evidence_head(signed)
    with contextlib.suppress(RemoteProtocolError):
        parse_bundle(members)


def _kind(name: str) -> FileKind:
    kinds = {
        "events.json": FileKind.EVENTS,
        "report.html": FileKind.REPORT,
        "registry/roots/2.json": FileKind.REGISTRY_ROOT,
    }
    if name.startswith("messages/"):
        return FileKind.MESSAGE
    return kinds.get(name, FileKind.REGISTRY_OBJECT)


@given(st.dictionaries(NAMES, st.binary(max_size=60), min_size=1, max_size=7))
def test_every_packed_bundle_comes_out_again(members: dict[str, bytes]) -> None:
    """Whatever the members hold, the file gives them back."""
    assert unpack_members(pack_members(members)) == members


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=100))
def test_a_signature_is_read_as_it_was_written(seed: bytes, manifest: bytes) -> None:
    """And it verifies for what was signed."""
    key = SigningKey(seed)
    signature = ManifestSignature.sign(manifest, key=key)
    read = ManifestSignature.parse(signature.encode())
    assert read == signature
    read.verify(manifest, signer=key.key_id)


def test_an_event_log_is_read_as_it_was_written() -> None:
    """The smallest one."""
    log = EventLog(claimed_by="AL", events=())
    assert parse_events(encode_text(log)) == log
