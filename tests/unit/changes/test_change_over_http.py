"""A node's desk, away from the registry's host: real HTTP, lost answers, a host that is away."""

import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from contact_registry.changes.change import Change
from contact_registry.changes.desk import ChangeDesk
from contact_registry.changes.over_http import HttpPublisher, KeptSource
from contact_registry.changes.states import ChangeState
from contact_registry.errors import RefusalCode, RegistryUnavailableError
from contact_registry.trust.submitting import Submission
from tests.support.changes import DeskWorld
from tests.support.registry import AL, CheatingHost, serve_registry

SUBMISSIONS = "submissions"


class LosingTransport(httpx.BaseTransport):
    """A real network that can lose the answer to a submission after the host has worked on it."""

    def __init__(self) -> None:
        self.is_losing = False
        self._network = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Carry a request, and lose what comes back if it is to be lost."""
        answer = self._network.handle_request(request)
        if self.is_losing and request.method == "POST":
            answer.read()
            raise httpx.ReadTimeout("lost")
        return answer

    def close(self) -> None:
        """Give the connections back."""
        self._network.close()


class Node:
    """AL's desk, and the registry that it reads over the network."""

    def __init__(self, desks: DeskWorld, address: str, host: CheatingHost, folder: Path) -> None:
        self.desks, self.host, self.folder = desks, host, folder
        self.network = LosingTransport()
        self.http = httpx.Client(transport=self.network)
        client = desks.world.client(address, folder / "kept", self.http)
        client.refresh()
        self.source = KeptSource(client, refresh=client.refresh)
        self.desk = self.open_desk(address, self.source)
        desks.desk = self.desk

    def open_desk(self, address: str, source: KeptSource) -> ChangeDesk:
        """Return the desk."""
        self.publisher = HttpPublisher(address, self.http)
        return self.desks.open_desk(registry=source, publisher=self.publisher, participant=AL)

    def make_signed(self, note: str) -> Change:
        """Return a change that is ready to be published."""
        return self.desks.make_signed(self.desks.draft(note=note))


@pytest.fixture
def node(desks: DeskWorld, tmp_path: Path) -> Iterator[Node]:
    """Serve the registry, and give AL's desk."""
    with serve_registry(desks.world) as (address, host):
        made = Node(desks, address, host, tmp_path)
        with closing(made.http):
            yield made


def test_published_over_the_network(node: Node) -> None:
    """The desk sees its own publication at once, verified, without anybody asking for it."""
    done = node.desks.publish(node.make_signed("over the network"))
    assert done.state is ChangeState.PUBLISHED
    assert done.registry_version == node.desks.world.open().published_version().version
    published = node.desk.load_published(AL)
    assert published.version == 2
    assert published.document is not None
    assert published.document.authorities[0].note == "over the network"


def test_an_answer_that_was_lost_is_found_out(node: Node) -> None:
    """The host published, its answer never came: known by version and bytes, not sent again."""
    change = node.make_signed("lost answer")
    node.network.is_losing = True
    waiting = node.desks.publish(change)
    assert waiting.state is ChangeState.PUBLISHING
    node.network.is_losing = False
    node.host.asked.clear()
    assert node.desk.continue_publishing() == 0
    assert SUBMISSIONS not in node.host.asked
    assert node.desk.look(change.id).change.state is ChangeState.PUBLISHED
    assert node.desks.world.open().role_status("AL").version == 2


def test_a_host_that_is_away_or_out_of_its_mind(node: Node) -> None:
    """Busy, broken, another program's answer: the change waits; nobody said that it is wrong."""
    change = node.make_signed("in the end")
    path = f"/registry/{SUBMISSIONS}"
    for status, body in (
        (503, b'{"code": "too_many_at_once"}'),
        (502, b"<html>bad gateway</html>"),
        (200, b"{}"),
        (404, b"[" * 60_000),
        (403, b'{"code": "not_signed", "detail": "' + b"z" * 100_000 + b'"}'),  # read no further
        (429, b'{"code": "too_often", "detail": "later"}'),
    ):
        node.host.lies[path] = (status, body)
        if change.state is ChangeState.SIGNED:
            change = node.desks.publish(change)
        else:
            assert node.desk.continue_publishing() == 1
        assert node.desk.look(change.id).change.state is ChangeState.PUBLISHING
    del node.host.lies[path]
    assert node.desk.continue_publishing() == 0
    assert node.desks.find_published_note() == "in the end"


def test_a_refusal_is_kept_with_its_reason(node: Node) -> None:
    """What the host says of a change it does not take is shown, bounded, and can be acted on."""
    change = node.make_signed("x")
    detail = "z" * 5_000
    body = f'{{"code": "not_signed", "detail": "{detail}"}}'.encode()
    node.host.lies[f"/registry/{SUBMISSIONS}"] = (403, body)
    refused = node.desks.publish(change)
    assert (refused.state, refused.refusal) == (ChangeState.REFUSED, RefusalCode.NOT_SIGNED)
    assert refused.refusal_detail == detail[:500]


def test_a_view_that_cannot_be_read_holds_nothing_up(node: Node) -> None:
    """Files of the kept registry were damaged while a change was on its way: it waits, and goes."""
    change = node.make_signed("after all")
    node.network.is_losing = True
    node.desks.publish(change)
    kept = node.folder / "kept" / "verified.sqlite"
    whole = kept.read_bytes()
    kept.write_bytes(b"damaged")
    node.host.serve_instead("metadata/timestamp.json", b"", status=503)
    assert node.desk.continue_publishing() == 1
    kept.write_bytes(whole)
    node.host.lies.clear()
    assert node.desk.continue_publishing() == 0
    assert node.desk.look(change.id).change.state is ChangeState.PUBLISHED


def test_overtaken_on_the_way(node: Node) -> None:
    """Somebody published what this node did not know of yet: its change is merged, not refused."""
    change = node.desks.make_signed(node.desks.draft(city="Tirana"))
    node.desks.publish_note("meanwhile")
    after = node.desks.publish(change)
    assert (after.state, after.base_version) == (ChangeState.DRAFTED, 2)
    entry = after.draft.authorities[0]
    assert (entry.city, entry.note) == ("Tirana", "meanwhile")


def test_a_newer_version_taken_over_between_two_looks(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The view is of one version and the kept files of the next: asked again, not an error."""
    views = [node.source.directory()]
    node.desks.publish_note("newer")
    node.source.refresh()
    views.append(node.source.directory())
    monkeypatch.setattr(node.source, "directory", lambda: views.pop(0))
    assert node.source.role(AL).version == 2


def test_a_published_version_that_is_somebody_elses_garbage(node: Node) -> None:
    """What stands under our version and is no metadata, or endless, is not taken for ours."""
    change = node.make_signed("x")
    node.network.is_losing = True
    node.desks.publish(change)
    for body in (b"not json", b"{" + b" " * 70_000 + b"}"):
        node.host.serve_instead("metadata/2.AL.json", body)
        assert node.desk.continue_publishing() == 1
    with pytest.raises(RegistryUnavailableError):  # the last one: it is not read to its end
        node.publisher.find("AL", 2)
    del node.host.lies["/registry/metadata/2.AL.json"]
    assert node.desk.continue_publishing() == 0


def test_no_registry_at_hand(desks: DeskWorld, tmp_path: Path) -> None:
    """A node that has never seen the registry says so, and a closed port is no refusal."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with httpx.Client() as http:
            client = desks.world.client(address, tmp_path / "kept", http)
            source = KeptSource(client, refresh=client.refresh)
            source.refresh()
            with pytest.raises(RegistryUnavailableError, match="no registry at hand"):
                source.role(AL)
            publisher = HttpPublisher(address, http)
            with pytest.raises(RegistryUnavailableError, match="sent again by itself"):
                publisher.send(Submission("AL", b"", {}))
            with pytest.raises(RegistryUnavailableError):
                publisher.find("AL", 2)
