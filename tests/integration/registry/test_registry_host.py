"""The registry host over HTTP: what it publishes, what it refuses, and what it says."""

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from tuf.api.metadata import Metadata, TargetFile, Targets

from contact_registry.models import MAX_KEYS_BYTES, ContactsDocument, ListedBy, serialize_document
from contact_registry.trust.client import RegistryClient
from contact_registry.trust.published import PublishedVersion
from contact_registry.trust.repository import NewParticipant
from contact_registry.trust.submitting import Submission, build_contacts_submission
from hub.registry_host.router import IntakeLimits
from protocol.identifiers import ParticipantCode
from tests.support.registry import (
    AL,
    MK,
    CheatingHost,
    RegistryWorld,
    make_contacts,
    make_entry,
    make_keys,
    make_signer,
    serve_registry,
)


@dataclass(frozen=True)
class Answer:
    """What the host answered."""

    status: int
    body: dict[str, object]
    media_type: str


def post(http: httpx.Client, address: str, submission: Submission | dict[str, object]) -> Answer:
    """Send a submission."""
    body = submission.to_json() if isinstance(submission, Submission) else submission
    response = http.post(f"{address}/registry/submissions", json=body)
    return Answer(response.status_code, response.json(), response.headers["content-type"])


@pytest.fixture
def address(served: tuple[str, CheatingHost]) -> str:
    """Return the address of the served registry."""
    return served[0]


def test_submission_is_published_within_the_request(
    world: RegistryWorld, address: str, http: httpx.Client, client: RegistryClient
) -> None:
    """The answer names the version that a client then verifies."""
    status = http.get(f"{address}/registry/roles/AL").json()
    assert status["version"] == 1
    answer = post(http, address, world.contacts_submission(AL, note="new number"))
    assert answer.status == 201
    directory = client.refresh()
    assert answer.body == {"version": directory.version, "sha256": directory.sha256}
    assert directory.contacts[AL].authorities[0].note == "new number"
    assert http.get(f"{address}/registry/roles/AL").json()["version"] == 2


def test_hub_is_told_before_the_answer(tmp_path: Path, http: httpx.Client) -> None:
    """The hub hears of a publication before the submitter gets its answer."""
    told: list[PublishedVersion] = []

    async def note(published: PublishedVersion) -> None:
        told.append(published)

    world = RegistryWorld(tmp_path / "repository")
    world.create()
    with serve_registry(world, note) as (address, _):
        answer = post(http, address, world.contacts_submission(AL))
    assert [version.version for version in told] == [answer.body["version"]]


def resigned(submission: Submission, world: RegistryWorld, **changes: object) -> Submission:
    """Return a submission with changed metadata, signed again by AL's directory key."""
    metadata = Metadata[Targets].from_bytes(submission.metadata)
    for name, value in changes.items():
        setattr(metadata.signed, name, value)
    metadata.sign(world.directory_keys[AL])
    return replace(submission, metadata=metadata.to_bytes())


def wrong_key(world: RegistryWorld) -> Submission:
    """Contacts signed by another Participant's directory key."""
    return build_contacts_submission(
        make_contacts(AL),
        previous_version=1,
        signers=[world.directory_keys[MK]],
        expires=world.clock() + timedelta(days=1),
        node_keys=[world.node_keys[AL].verify_key],
    )


def wrong_role(world: RegistryWorld) -> Submission:
    """AL's contacts sent as MK's."""
    return replace(world.contacts_submission(AL), role="MK")


def unknown_role(world: RegistryWorld) -> Submission:
    """Contacts of a Participant that was never admitted."""
    return replace(world.contacts_submission(AL), role="QQ")


def top_level_role(world: RegistryWorld) -> Submission:
    """Try to replace the operators' own list."""
    return replace(world.contacts_submission(AL), role="targets")


def foreign_path(world: RegistryWorld) -> Submission:
    """AL signs MK's contacts."""
    submission = world.contacts_submission(AL)
    listed = Metadata[Targets].from_bytes(submission.metadata).signed.targets
    target = listed["participants/AL/contacts.json"]
    target.path = "participants/MK/contacts.json"
    return resigned(submission, world, targets={target.path: target})


def foreign_document(world: RegistryWorld) -> Submission:
    """MK's contacts under AL's path."""
    document = serialize_document(make_contacts(MK))
    submission = world.contacts_submission(AL)
    listed = Metadata[Targets].from_bytes(submission.metadata).signed.targets
    target = type(next(iter(listed.values()))).from_data(
        "participants/AL/contacts.json", document, ["sha256"]
    )
    changed = resigned(submission, world, targets={target.path: target})
    return replace(changed, targets={target.path: document})


def rewritten(world: RegistryWorld, submission: Submission, document: bytes) -> Submission:
    """Return AL's submission with another document, properly signed."""
    (path,) = submission.targets
    metadata = Metadata[Targets].from_bytes(submission.metadata)
    metadata.signed.targets = {path: TargetFile.from_data(path, document, ["sha256"])}
    is_node = submission.role.endswith("-node")
    metadata.sign((world.node_keys if is_node else world.directory_keys)[AL])
    return replace(submission, metadata=metadata.to_bytes(), targets={path: document})


def padded(world: RegistryWorld) -> Submission:
    """Contacts with a space that says nothing."""
    submission = world.contacts_submission(AL)
    (data,) = submission.targets.values()
    return rewritten(world, submission, data + b" ")


def padded_keys(world: RegistryWorld) -> Submission:
    """Keys with more bytes than any key document needs."""
    submission = world.keys_submission(AL)
    (data,) = submission.targets.values()
    return rewritten(world, submission, data.ljust(MAX_KEYS_BYTES + 1))


def unproven_account(world: RegistryWorld) -> Submission:
    """Keys that list another's account with the proof that the other published."""
    submission = world.keys_submission(AL)
    (data,) = submission.targets.values()
    keys = json.loads(data)
    other = make_keys(MK, world.clock(), signing=world.message_keys[MK])
    keys["broker"] = other.broker.model_dump(mode="json")
    return rewritten(world, submission, json.dumps(keys, indent=1).encode() + b"\n")


def other_bytes(world: RegistryWorld) -> Submission:
    """Send a document that is not the signed one."""
    submission = world.contacts_submission(AL)
    return replace(submission, targets={"participants/AL/contacts.json": b"{}"})


def skipped_version(world: RegistryWorld) -> Submission:
    """Skip a version."""
    return resigned(world.contacts_submission(AL), world, version=3)


def old_version(world: RegistryWorld) -> Submission:
    """Send the published version once more."""
    return resigned(world.contacts_submission(AL), world, version=1)


def expired(world: RegistryWorld) -> Submission:
    """Send a signature that ran out before it came."""
    return world.contacts_submission(AL, expires=world.clock() - timedelta(seconds=1))


def endless(world: RegistryWorld) -> Submission:
    """Send a signature that would hold for ten years."""
    return world.contacts_submission(AL, expires=world.clock() + timedelta(days=3650))


def dropped_node(world: RegistryWorld) -> Submission:
    """Contacts that drop the delegation under which keys are published."""
    return resigned(world.contacts_submission(AL), world, delegations=None)


def smuggled_field(world: RegistryWorld) -> Submission:
    """Metadata with a field of its own."""
    return resigned(world.contacts_submission(AL), world, unrecognized_fields={"x": "y"})


def oversize_metadata(world: RegistryWorld) -> Submission:
    """Metadata longer than any role needs."""
    return replace(world.contacts_submission(AL), metadata=b" " * 64_001)


def garbage(world: RegistryWorld) -> Submission:
    """Bytes that are no metadata."""
    return replace(world.contacts_submission(AL), metadata=b'{"signed": 1}')


@pytest.mark.parametrize(
    ("make", "status", "code"),
    [
        (wrong_key, 403, "not_signed"),
        (wrong_role, 403, "not_signed"),
        (unknown_role, 404, "unknown_role"),
        (top_level_role, 404, "unknown_role"),
        (foreign_path, 403, "path_not_allowed"),
        (foreign_document, 422, "invalid_document"),
        (padded, 422, "invalid_document"),
        (padded_keys, 413, "too_large"),
        (unproven_account, 422, "invalid_document"),
        (other_bytes, 422, "content_mismatch"),
        (skipped_version, 409, "wrong_version"),
        (old_version, 409, "wrong_version"),
        (expired, 422, "expired"),
        (endless, 422, "expired"),
        (dropped_node, 403, "delegation_not_allowed"),
        (smuggled_field, 400, "malformed"),
        (oversize_metadata, 413, "too_large"),
        (garbage, 400, "malformed"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_refused_submissions(
    world: RegistryWorld, address: str, http: httpx.Client, make: object, status: int, code: str
) -> None:
    """A submission that breaks a rule changes nothing, and is told why and what to do."""
    before = world.repository.published_version()
    assert callable(make)
    answer = post(http, address, make(world))
    assert (answer.status, answer.body["code"]) == (status, code)
    assert answer.media_type == "application/problem+json"
    assert len(str(answer.body["detail"])) > 20
    assert world.repository.published_version() == before


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"role": "AL"}',
        b'{"role": "AL", "metadata": "?", "targets": {}}',
        b'{"role": "AL", "metadata": "", "targets": {"a": "", "b": ""}}',
        b"\xff",
    ],
)
def test_malformed_bodies(address: str, http: httpx.Client, body: bytes) -> None:
    """A body that is no submission is refused as such."""
    response = http.post(f"{address}/registry/submissions", content=body)
    assert response.status_code == 400
    assert response.json()["code"] == "malformed"


def open_submission(address: str) -> socket.socket:
    """Begin a submission whose body does not come."""
    host, port = address.removeprefix("http://").split(":")
    opened = socket.create_connection((host, int(port)), timeout=20)
    opened.sendall(
        b"POST /registry/submissions HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n"
        b"Expect: 100-continue\r\n\r\n"
    )
    return opened


def test_a_body_that_does_not_come(tmp_path: Path, http: httpx.Client) -> None:
    """Who sends nothing is told so and makes room."""
    world = RegistryWorld(tmp_path / "repository")
    world.create()
    # Long enough for the honest body after it, however loaded the machine is.
    limits = IntakeLimits(open_at_once=1, body_seconds=2)
    with serve_registry(world, intake=limits) as (address, _):
        with open_submission(address) as opened, opened.makefile("rb") as answer:
            text = answer.read()
        assert b"408 Request Timeout" in text
        assert b"too_slow" in text
        assert post(http, address, world.contacts_submission(AL)).status == 201


def test_too_many_submissions_at_once(tmp_path: Path, http: httpx.Client) -> None:
    """One too many is told when to come again, and files go on being served."""
    world = RegistryWorld(tmp_path / "repository")
    world.create()
    with (
        serve_registry(world, intake=IntakeLimits(open_at_once=1)) as (address, _),
        open_submission(address) as opened,
    ):
        # The server asks for the body as soon as the submission has its place.
        assert opened.recv(100).startswith(b"HTTP/1.1 100 Continue")
        answer = http.post(f"{address}/registry/submissions", content=b"")
        assert (answer.status_code, answer.json()["code"]) == (503, "too_many_at_once")
        assert int(answer.headers["retry-after"]) > 0
        assert http.get(f"{address}/registry/metadata/timestamp.json").status_code == 200


def test_endless_body(address: str, http: httpx.Client) -> None:
    """A body longer than any submission is refused while it is still coming in."""

    def produce() -> Iterator[bytes]:
        for _ in range(40):
            yield b"x" * 65_536

    try:
        response = http.post(f"{address}/registry/submissions", content=produce())
    except httpx.WriteError:
        return  # the host closed the connection before it had been sent all: refused as well
    assert response.status_code == 413


def test_operator_may_not_confirm_for_a_participant(tmp_path: Path) -> None:
    """While operators hold the key, contacts cannot claim to be the Participant's own."""
    world = RegistryWorld(tmp_path / "repository")
    world.create()
    code, key = ParticipantCode("ME"), make_signer()
    entry = make_entry(code).model_copy(update={"directory_key_held_by": ListedBy.OPERATOR})
    world.repository.add_participants(
        [NewParticipant(entry, (key.verify_key,))],
        targets_signers=world.operators,
        online=world.online,
    )

    def build(listed_by: ListedBy) -> Submission:
        return build_contacts_submission(
            ContactsDocument(participant=code, listed_by=listed_by, authorities=()),
            previous_version=0,
            signers=[key],
            expires=world.clock() + timedelta(days=1),
        )

    with serve_registry(world) as (address, _), httpx.Client(trust_env=False) as http:
        refused = post(http, address, build(ListedBy.PARTICIPANT))
        assert refused.body["code"] == "invalid_document"
        assert post(http, address, build(ListedBy.OPERATOR)).status == 201


def test_node_key_rotation(world: RegistryWorld, address: str, http: httpx.Client) -> None:
    """A node's key is replaced in three steps, each of which leaves the registry verifiable."""
    old, new = world.node_keys[AL], make_signer()

    def delegate(*keys: object) -> Answer:
        return post(
            http,
            address,
            build_contacts_submission(
                make_contacts(AL),
                previous_version=world.repository.role_status("AL").version,
                signers=[world.directory_keys[AL]],
                expires=world.clock() + timedelta(days=90),
                node_keys=[k.verify_key for k in (old, new) if k in keys],
            ),
        )

    refused = delegate(new)
    assert refused.body["code"] == "delegation_not_allowed"
    assert "old and the new" in str(refused.body["detail"])
    assert delegate(old, new).status == 201
    world.node_keys[AL] = new
    assert post(http, address, world.keys_submission(AL)).status == 201
    assert delegate(new).status == 201
    world.node_keys[AL] = old
    assert post(http, address, world.keys_submission(AL)).body["code"] == "not_signed"


def test_keys_of_another(world: RegistryWorld, address: str, http: httpx.Client) -> None:
    """A node cannot publish keys in another Participant's name."""
    submission = replace(world.keys_submission(MK), role="AL-node")
    assert post(http, address, submission).body["code"] == "not_signed"
    assert make_keys(MK, world.clock(), signing=world.message_keys[MK]).participant == MK


@pytest.mark.parametrize(
    "path",
    [
        "metadata/9.snapshot.json",
        "metadata/../../etc/passwd",
        "metadata/%2e%2e%2f.lock",
        "metadata/.lock",
        "targets/participants.json",
        "targets/participants/AL/../../../.lock",
        "targets/%2e%2e/metadata/timestamp.json",
        "targets/participants/AL/contacts.json",
        "targets/" + "0" * 64 + ".participants.json",
    ],
)
def test_only_published_files_are_served(address: str, http: httpx.Client, path: str) -> None:
    """Nothing but published files can be read, and a missing one is not remembered by caches."""
    response = http.get(httpx.URL(f"{address}/registry/", raw_path=f"/registry/{path}".encode()))
    assert response.status_code == 404
    if "cache-control" in response.headers:
        assert response.headers["cache-control"] == "no-store"


def test_caching(world: RegistryWorld, address: str, http: httpx.Client) -> None:
    """Numbered files may be kept for good, the timestamp is asked for each time."""
    versioned = http.get(f"{address}/registry/metadata/1.root.json")
    assert "immutable" in versioned.headers["cache-control"]
    assert versioned.content == world.repository.read_root()
    timestamp = http.get(f"{address}/registry/metadata/timestamp.json")
    assert timestamp.headers["cache-control"] == "no-cache"


def test_damaged_repository_is_said(world: RegistryWorld, address: str, http: httpx.Client) -> None:
    """A host that cannot read its files answers 503 with what to do, and shows no paths."""
    (world.folder / "metadata" / "timestamp.json").write_bytes(b"{}")
    response = http.get(f"{address}/registry/roles/AL")
    assert response.status_code == 503
    assert str(world.folder) not in response.text
