"""The hub lies about the registry: what nodes do with their messages then.

What a reader of the registry refuses is shown file by file in docs/registry-attacks.md. Here the
question is what becomes of messages.
"""

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from contact_registry.trust.repository import RegistryRepository
from node.service import reading
from node.service.composing import handle_send
from node.service.holding import release_held_back
from node.service.receiving import handle_arrivals
from node.workers.registry_refresh import RegistryRefresh
from protocol.envelope import Envelope
from protocol.nkeys import Nkey, NkeyKind
from protocol.subjects import AccountId
from tests.malicious.table import Family, Outcome, Promise, attack
from tests.malicious.views import Views
from tests.support.consent import ON_FILE
from tests.support.messages import CONSENT
from tests.support.node import make_draft, make_keystore
from tests.support.people import STAFF, acting
from tests.support.registry import AL, MK
from tests.support.registry_stage import Reply, write_at_once

REFUSED, SURVIVED, DETECTED = Outcome.REFUSED, Outcome.SURVIVED, Outcome.DETECTED


@attack(
    Family.REGISTRY,
    REFUSED,
    Promise.SECRET,
    seen="AL's administrators: the registry does not verify, in the log and by its age",
)
def swap_the_keys_of_a_participant(views: Views) -> None:
    """Show AL a registry that names the hub's own keys for MK, signed with the real online keys.

    MK's node did not sign it: refused. AL goes on sealing for MK's real key.
    """
    spy = make_keystore(MK, at=views.clock())
    views.show(AL, views.swap_keys(MK, spy))
    assert views.refresh(AL) == "RegistryRefusedError"
    written = views.write()
    (carried,) = views.network.mailbox
    named = Envelope.parse(carried.arrival.envelope).recipient_key_id
    assert named not in {epoch.key.key_id for epoch in spy.epochs}
    views.network.settle()
    assert views.state(written) == "delivered"


@attack(
    Family.REGISTRY,
    REFUSED,
    Promise.KEYS,
    seen="administrators: the registry does not verify",
)
def roll_the_registry_back(views: Views) -> None:
    """Show both nodes the registry of before MK withdrew a stolen key.

    Refused; nobody seals for the withdrawn key, and what is signed with it is refused.
    """
    old = views.honest
    fresh = make_keystore(MK, at=views.clock())
    views.publish_keys(MK, fresh)
    for code in (AL, MK):
        views.show(code)
        assert views.refresh(code) == ""
        views.show(code, old)
        assert views.refresh(code) == "RegistryRefusedError"
    current = views.directories[AL].current().keys[MK]
    assert {key.key_id for key in current.signing_keys} == {fresh.signing_key.key_id}
    views.write(sender="MK", recipient="AL")  # whose node still has the old keys
    (carried,) = views.network.mailbox
    assert views.network.deliver(carried).reason == "unknown_sender"


@attack(
    Family.REGISTRY,
    DETECTED,
    Promise.SECRET,
    seen="everybody at AL: a banner after a day; not ready; what waits, and why",
)
def freeze_the_registry(views: Views) -> None:
    """Show both nodes the same registry for ever, and sign no new timestamp.

    Messages flow on the last view; it ages before everybody's eyes; after 14 days data about
    persons waits, the rest goes on, and what waited leaves after the first honest refresh.
    """
    views.clock.advance(days=2)
    assert views.refresh(AL) == "RegistryExpiredError"
    assert "not refreshed since" in views.troubles(AL)
    assert views.works()
    views.clock.advance(days=13)
    about_nobody = views.write()
    assert views.state(about_nobody) == "on_its_way"
    about_somebody = _write_about_a_person(views)
    assert views.state(about_somebody) == "queued"
    assert "data about persons wait" in views.troubles(AL)
    views.sign_timestamp()
    for code in (AL, MK):
        views.show(code)
        assert views.refresh(code) == ""
    release_held_back(views.network.node(AL))
    views.network.settle()
    assert views.state(about_somebody) == "delivered"


def _write_about_a_person(views: Views) -> str:
    """Let AL write what is about a person."""
    draft = make_draft(
        recipient="MK",
        legal_basis={**CONSENT, "classes": ["protection"], "recipients": ["MK"]},
        consent=ON_FILE,
        body={**make_draft().body, "note": "She asks for her sister."},
    )
    sent = handle_send(views.network.node(AL), draft, who=acting("u1"))
    views.network.collect(AL)
    return sent.message_id


@attack(
    Family.REGISTRY,
    DETECTED,
    Promise.KEYS,
    seen="MK's administrators: AL acts on a version that this node was not shown",
)
def hold_a_version_back_from_one(views: Views) -> None:
    """Show AL a new version, and go on signing for MK that the one before is the newest.

    AL's first message names what AL acts on: MK is told that its host holds versions back.
    """
    views.fork("kept for MK")
    views.publish(AL, "moved")
    views.show(AL)
    assert views.refresh(AL) == ""
    views.show_history(MK, "kept for MK")
    assert views.refresh(MK) == ""
    written = views.write()
    views.network.settle()
    assert views.refresh(MK) == ""
    assert views.state(written) == "delivered"
    assert f"AL acts on version {views.version(AL)}" in views.notices(MK)
    assert views.alarms(MK) == []
    views.show(MK)
    assert views.refresh(MK) == ""
    assert "acts on version" not in views.notices(MK)


@attack(
    Family.REGISTRY,
    DETECTED,
    Promise.KEYS,
    seen="both: certain, two versions; in the case, and to the administrators",
)
def show_two_registries(views: Views) -> None:
    """Show AL and MK two registries of the same number that both verify.

    Each message names what its sender was shown: the first one between them proves it to both.
    """
    one, other = views.fork("one"), views.fork("other")
    views.publish(AL, "told to AL", repository=one)
    views.publish(MK, "told to MK", repository=other)
    views.show_history(AL, "one")
    views.show_history(MK, "other")
    assert (views.refresh(AL), views.refresh(MK)) == ("", "")
    assert views.version(AL) == views.version(MK)
    written = views.write()
    views.network.settle()
    views.network.settle()
    assert views.state(written) == "delivered"
    assert "certain" in views.alarms(MK)
    assert "confirmed" in views.alarms(AL)
    for code in (AL, MK):
        assert "registry: two versions" in views.notices(code)


@attack(
    Family.REGISTRY,
    DETECTED,
    Promise.KEYS,
    seen="the node's administrators: two versions, both seen here",
)
def rewrite_the_past_of_a_node(views: Views) -> None:
    """Show a node that lost its copy of the registry another history of a version it acted on.

    Its store remembers the versions it acted on: certain, and nobody else is needed for the proof.
    """
    one, other = views.fork("one"), views.fork("other")
    views.publish(AL, "first", repository=one)
    views.publish(AL, "second", repository=other)
    views.show_history(MK, "one")
    assert views.refresh(MK) == ""
    views.forget_registry(MK)
    views.show_history(MK, "other")
    assert views.refresh(MK) == ""
    assert views.alarms(MK) == ["certain"]


@attack(
    Family.REGISTRY,
    SURVIVED,
    Promise.WORKS,
    seen="administrators: cannot be reached, and by its age",
)
def take_the_registry_away(views: Views) -> None:
    """Answer 404, then 500, then with a page of a shop, to everything.

    Messages go on with the last verified view, in both directions.
    """
    page = Reply((b"<html>sale</html>",), length=17)
    for answer in (None, Reply(status=500, length=0), page):
        files = {} if answer is None else dict.fromkeys(views.honest, answer)
        for code in (AL, MK):
            views.show(code, files)
            assert views.refresh(code) in {"RegistryUnavailableError", "RegistryRefusedError"}
    assert views.works()


@attack(
    Family.REGISTRY,
    SURVIVED,
    Promise.WORKS,
    seen="administrators: the registry does not verify",
)
def hide_one_participant(views: Views) -> None:
    """Publish a new version and withhold MK's files from AL, to make AL forget MK.

    A view is whole or not at all: AL goes on with the last one, in which MK stands.
    """
    views.publish(MK, "moved")
    hidden = {name: data for name, data in views.honest.items() if ".MK" not in name}
    views.show(AL, hidden)
    assert views.refresh(AL) in {"RegistryUnavailableError", "RegistryRefusedError"}
    assert MK in views.directories[AL].current().keys
    assert views.works()


@attack(
    Family.REGISTRY,
    REFUSED,
    Promise.KEYS,
    seen="administrators: the registry does not verify",
)
def cut_a_participant_out(views: Views) -> None:
    """Sign a snapshot, with the real online keys, in which MK does not stand any more.

    Operators decide who takes part, not the hub: refused, MK stays.
    """
    files = views.honest
    views.show(AL, views.sign_online_without(files, "MK-node"))
    assert views.refresh(AL) == "RegistryRefusedError"
    assert MK in views.directories[AL].current().keys
    assert views.works()


@attack(
    Family.REGISTRY,
    REFUSED,
    Promise.WORKS,
    seen="administrators: the registry does not verify",
)
def answer_with_a_flood(views: Views) -> None:
    """Answer each question for a file with megabytes that do not end.

    Read up to the limit and no further; messages go on.
    """

    def pour() -> Iterator[bytes]:
        while True:
            yield bytes(1 << 16)

    for name in ("metadata/timestamp.json", "metadata/2.root.json"):
        views.show(AL, {**views.honest, name: Reply(pour())})
        assert views.refresh(AL) != ""
    assert views.works()


@attack(
    Family.REGISTRY,
    SURVIVED,
    Promise.WORKS,
    seen="administrators: by the age of the view",
)
async def answer_slowly_while_strangers_write(views: Views) -> None:
    """Let each look at the registry hang, and carry envelopes of strangers that make nodes look.

    One look hangs, not one for each envelope; all of them together take one thread of the node, and
    mail of known senders is taken in meanwhile.
    """
    begun, over, running = 0, threading.Event(), threading.Event()

    def hang() -> int:
        nonlocal begun
        begun += 1
        running.set()
        over.wait()
        return 1

    node = views.network.node(MK)
    worker = RegistryRefresh(node, refresh=hang, interval=timedelta(minutes=1))
    try:
        asking = [asyncio.create_task(worker.refresh_now()) for _ in range(40)]
        await asyncio.to_thread(running.wait)
        for task in asking[:30]:
            task.cancel()  # they have given up waiting, as the consumer does after 3 seconds
        await asyncio.gather(*asking[:30], return_exceptions=True)
        asking += [asyncio.create_task(worker.refresh_now()) for _ in range(40)]
        written = views.write()
        (carried,) = views.network.mailbox
        stranger = AccountId(Nkey.generate(NkeyKind.ACCOUNT).public)
        strange = replace(carried.arrival, sender=stranger)
        for arrival in (strange, carried.arrival):
            await asyncio.to_thread(handle_arrivals, node, [arrival])
        assert reading.get_message(node, written, who=STAFF).item.direction == "in"
    finally:
        over.set()  # a thread that hangs would keep the process
    await asyncio.gather(*asking[30:])
    assert begun == 1


@attack(
    Family.REGISTRY,
    DETECTED,
    Promise.WORKS,
    seen="the node's administrators: not ready, own keys come to their end in the registry",
)
def publish_no_new_keys(views: Views) -> None:
    """Take a node's new keys, answer that they are published, and never show them.

    The node compares what the registry lists with what it made: it says so ten days before the last
    listed key ends, while everybody can still seal to it.
    """
    assert views.troubles(MK) == ""
    for _ in range(51):
        views.clock.advance(days=1)
        views.sign_timestamp()
    for code in (AL, MK):
        views.show(code)
        assert views.refresh(code) == ""
    assert "own keys: the registry lists none that is good after" in views.troubles(MK)
    assert views.works()


@attack(
    Family.REGISTRY,
    REFUSED,
    Promise.SECRET,
    seen="administrators: the registry does not verify, or this clock is wrong",
)
def sign_timestamps_of_the_future(views: Views) -> None:
    """Sign timestamps that are good for a month, so that a later freeze is not seen.

    None is taken that is good for more than three days from the node's own moment.
    """
    ahead = replace(views.clock, now=views.clock() + timedelta(days=30))
    future = views.fork("future")
    RegistryRepository(
        views.folder / "future", clock=ahead, write_file=write_at_once
    ).refresh_timestamp(views.registry.world.online)
    del future
    views.show_history(AL, "future")
    before = views.directories[AL].current()
    assert views.refresh(AL) == "RegistryRefusedError"
    assert views.directories[AL].current() == before
    assert views.works()
