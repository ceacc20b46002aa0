"""An administrator of the broker reads, wipes, forges and changes what lies in mailboxes."""

from pathlib import Path

from node.domain.events import EventKind
from tests.malicious.stores import Stores
from tests.malicious.table import Family, Outcome, Promise, attack
from tests.support import link_repair

REFUSED, SURVIVED, DETECTED = Outcome.REFUSED, Outcome.SURVIVED, Outcome.DETECTED


@attack(
    Family.STORES,
    SURVIVED,
    Promise.ARRIVES,
    seen="the sender: on its way, without receipt; handed over again",
)
async def wipe_a_mailbox(stores: Stores) -> None:
    """Delete XK's mailbox with three confirmed messages in it, and make it anew, empty.

    They are handed over again after their pause, and arrive.
    """
    written = stores.write(count=3)
    await stores.hand_over()
    assert {stores.state(each) for each in written} == {"on_its_way"}
    await stores.wipe("XK")
    stores.pass_time(minutes=6)
    await stores.finish()
    assert sorted(stores.shown()) == sorted(written)
    assert {stores.state(each) for each in written} == {"delivered"}


@attack(
    Family.STORES,
    REFUSED,
    Promise.GENUINE,
    seen="the recipients' administrators: refused, misaddressed",
)
async def put_copies_where_they_do_not_belong(stores: Stores) -> None:
    """Copy what AL wrote to XK out of the mailbox: into AL's as from XK, into XK's as from XK.

    The broker keeps the names apart, its administrator does not have to: nodes refuse both. The
    message itself arrives.
    """
    (written,) = stores.write()
    await stores.hand_over()
    (stored,) = await stores.read("XK")
    await stores.put(stored.envelope, to="XK", sender="XK")
    await stores.put(stored.envelope, to="AL", sender="XK")
    await stores.take_in("XK")
    await stores.take_in("AL")
    assert stores.shown() == [written]
    assert stores.quarantine() == ["misaddressed"]
    assert link_repair.received(stores.network, "AL") == []


@attack(
    Family.STORES,
    SURVIVED,
    Promise.ARRIVES,
    seen="nobody: known",
)
async def put_back_what_was_taken_out(stores: Stores) -> None:
    """Keep a copy of all envelopes, and put them back into the mailbox whenever it is empty.

    Known, answered, shown once.
    """
    written = stores.write(count=2)
    await stores.hand_over()
    kept = await stores.read("XK")
    await stores.take_in("XK")
    for _ in range(3):
        for each in kept:
            await stores.put(each.envelope, to="XK", sender="AL")
        await stores.take_in("XK")
    assert sorted(stores.shown()) == sorted(written)
    assert link_repair.count_kind(stores.network, EventKind.MESSAGE_RECEIVED) == 2


@attack(
    Family.STORES,
    SURVIVED,
    Promise.ARRIVES,
    seen="the recipient's administrators: refused, malformed; the sender: handed over again",
)
async def hand_out_headers_only(stores: Stores) -> None:
    """Change XK's mailbox so that it hands out headers without contents.

    What is empty is no envelope: put aside. The message comes again when contents do.
    """
    (written,) = stores.write()
    await stores.hand_over()
    await stores.change_consumer("XK", headers_only=True)
    await stores.take_in("XK")
    assert stores.shown() == []
    assert stores.quarantine() == ["malformed"]
    await stores.change_consumer("XK", headers_only=False)
    stores.pass_time(minutes=6)
    await stores.finish()
    assert stores.shown() == [written]
    assert stores.state(written) == "delivered"


@attack(
    Family.STORES,
    SURVIVED,
    Promise.ARRIVES,
    seen="the sender: on its way, without receipt; handed over again",
)
async def answer_in_place_of_a_mailbox(stores: Stores) -> None:
    """Take XK's mailbox away, and confirm in its place whatever is put into it.

    Nothing is believed to be delivered; with a mailbox again, it arrives.
    """
    (written,) = stores.write()
    await stores.remove("XK")
    await stores.confirm_everything("XK")
    await stores.hand_over()
    assert stores.state(written) == "on_its_way"
    await stores.hub.mailboxes.ensure(stores.account("XK"))
    stores.pass_time(minutes=6)
    await stores.finish()
    assert stores.state(written) == "delivered"


@attack(
    Family.STORES,
    REFUSED,
    Promise.SECRET,
    seen="nobody: reading leaves no trace, and shows who, when and how large",
)
async def read_everything(stores: Stores) -> None:
    """Read every mailbox and every file of the broker for what was written in a message.

    No word of it, no type, no case reference, no desk; the padded size, the two accounts, and the
    message's random identifier are there.
    """
    (written,) = stores.write()
    await stores.hand_over()
    (stored,) = await stores.read("XK")
    files = _read_folder(stores.place.config.state_directory)
    seen = stored.envelope + b"".join(files)
    assert stored.envelope[-64:] in b"".join(files), "the broker's files were read"
    for word in (b"presumed_victim", b"forced_labour", b"Duty officer", b"AL-anti", b"TRM-"):
        assert word not in seen
    assert bytes.fromhex(written) in stored.envelope


def _read_folder(folder: Path) -> list[bytes]:
    """Return all that a broker keeps on its disk."""
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
