"""Keys that were stolen are replaced: nobody seals for the old ones, and nothing is lost unseen."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlmodel import col, select
from typer.testing import CliRunner

from node.adapters.keystore import (
    FileKeyStore,
    KeyStoreError,
    UnlockKey,
    load_keystore,
    load_unlock_key,
    save_keystore,
)
from node.adapters.new_keys import make_anew
from node.adapters.own_keys import OwnKeys
from node.adapters.registry import KeysPublisher
from node.adapters.running import running, stopped
from node.cli import app
from node.domain.events import EventKind
from node.domain.states import Dispatch
from node.parts import build_parts
from node.service import reading
from node.service.composing import handle_send
from node.service.context import NodeContext
from node.service.dead_letters import (
    LetterKind,
    Obstacle,
    list_dead_letters,
    load_dead_letter,
)
from node.service.letter_acts import CannotRetryError, handle_retry
from node.service.replacing_keys import give_up_what_is_open
from node.settings import NodeSettings
from node.store.tables import EventRow, MessageRow, OutboxRow
from protocol.epochs import EpochPolicy, plan_first_keys
from protocol.errors import UnopenableError
from protocol.identifiers import ParticipantCode
from protocol.sealing import RecipientKey
from tests.support.link_repair import ask, count_kind, lose_middle, missing, received
from tests.support.messages import make_signed
from tests.support.node import (
    NOON,
    FakeClock,
    FixedDirectory,
    Network,
    make_directory,
    make_draft,
    make_keystore,
)
from tests.support.people import STAFF, acting

UNLOCK = UnlockKey(b"k" * 32)
POLICY = EpochPolicy()


def test_old_opening_keys_open_what_waits_and_are_told_to_nobody(tmp_path: Path) -> None:
    """They stay until they are due, unlisted, over restarts and rotations; all else is new."""
    path, theft = tmp_path / "keystore.json", NOON + timedelta(days=3)
    old = FileKeyStore.generate(ParticipantCode("XK"), validities=plan_first_keys(NOON, POLICY))
    content = old.encrypt(b"told", wrapped_key=None, context="a row")
    waits = [
        RecipientKey(epoch.key.recipient_key.public).seal(make_signed(b"{}"))
        for epoch in old.epochs
    ]
    save_keystore(make_anew(old, validities=plan_first_keys(theft, POLICY)), path, unlock=UNLOCK)
    with httpx.Client() as http:
        keys = OwnKeys(
            load_keystore(path, unlock=UNLOCK),
            path=path,
            unlock=UNLOCK,
            publisher=KeysPublisher(hub_url="http://registry.invalid", http=http),
        )
        for name in ("signing_key", "registry_key", "account_key", "account_signing_key"):
            assert getattr(keys.store, name) != getattr(old, name)
        assert keys.store.user_key != old.user_key
        assert keys.store.signing_since < theft
        assert keys.store.decrypt(content, wrapped_key=None, context="a row") == b"told"
        stolen = {epoch.key.key_id for epoch in old.epochs}
        for day in (0, 1, 8, 21):
            now = theft + timedelta(days=day)
            keys.rotate(now=now, confirmed=now)
            listed = keys.describe(at=now).encryption_keys
            assert stolen.isdisjoint(key.key_id for key in listed)
            assert any(key.valid_from <= now < key.valid_to for key in listed)
            # What was sealed a moment before the theft was known is good for its whole life.
            assert keys.store.open_envelope(waits[0]).payload == b"{}"
        late = max(epoch.valid_to for epoch in old.epochs) + POLICY.life + POLICY.tolerance
        keys.rotate(now=late, confirmed=late)
        for envelope in waits:
            with pytest.raises(UnopenableError):
                keys.store.open_envelope(envelope)
        assert load_keystore(path, unlock=UNLOCK).epochs == keys.store.epochs


def test_what_nobody_confirmed_is_given_up_and_told(network: Network) -> None:
    """Queued and on its way, under the old keys: among what did not arrive; a receipt counts."""
    al = network.node("AL")
    done = handle_send(al, make_draft(), who=acting("u")).message_id
    network.settle()
    travels = handle_send(al, make_draft(), who=acting("u")).message_id
    network.collect("AL")
    queued = handle_send(al, make_draft(), who=acting("u")).message_id
    with al.database.transaction() as session:  # its recipient lost it, and had asked for it
        again = OutboxRow(
            message_id=done, peer="XK", priority=1, transport_id="a", next_attempt_at=NOON
        )
        again.once_until = NOON + timedelta(days=21)
        session.add(again)

    assert give_up_what_is_open(al, actor="server:root") == 2
    assert give_up_what_is_open(al, actor="server:root") == 0
    with al.database.reading() as session:
        assert session.exec(select(OutboxRow)).all() == []
        told = session.exec(
            select(EventRow.message_id).where(col(EventRow.kind) == EventKind.MESSAGE_GIVEN_UP)
        )
        assert set(told) == {travels, queued}
    letters = {letter.message_id: letter.kind for letter in list_dead_letters(al)}
    assert letters == dict.fromkeys((travels, queued), LetterKind.GIVEN_UP)
    network.settle()
    states = {each: read_state(al, each) for each in (done, travels, queued)}
    assert states == {
        done: Dispatch.DELIVERED,
        travels: Dispatch.DELIVERED,
        queued: Dispatch.GIVEN_UP,
    }


def test_what_replaced_keys_signed_is_not_sent_in_vain(network: Network) -> None:
    """Trying again is refused, and says what helps; whoever asks for it is told that it is gone."""
    sent = lose_middle(network)
    al = network.node("AL")
    with al.database.transaction() as session:
        lost = session.get_one(MessageRow, sent[1])
        lost.signer_key_id = "0" * 32  # as if the key had been another since
        session.delete(session.get_one(OutboxRow, sent[1]))
        lost.dispatch = Dispatch.GIVEN_UP
    letter = load_dead_letter(al, sent[1])
    assert (letter.kind, letter.obstacle) == (LetterKind.GIVEN_UP, Obstacle.KEYS_REPLACED)
    with pytest.raises(CannotRetryError, match="It may have arrived before: telephone"):
        handle_retry(al, sent[1], actor="ada")

    ask(network)
    network.settle()
    assert read_state(al, sent[1]) == Dispatch.GIVEN_UP
    assert missing(network) == []
    assert count_kind(network, EventKind.LINK_GONE) == 1
    assert sorted(received(network)) == sorted([sent[0], sent[2]])


def read_state(context: NodeContext, message_id: str) -> str | None:
    """Return what the sender sees."""
    return reading.get_message(context, message_id, who=STAFF).item.dispatch


@pytest.fixture
def new_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, node_url_of: Callable[[str], str]
) -> Iterator[NodeContext]:
    """Set a node AL up with the commands of this product; it knows a peer."""
    (tmp_path / "1.root.json").write_text("{}")
    for name, value in {
        "DATA_DIR": str(tmp_path / "data"),
        "UNLOCK_KEY_FILE": str(tmp_path / "unlock.key"),
        "DATABASE_URL": node_url_of("AL"),
        "HUB_URL": "http://127.0.0.1:9",
        "TRUSTED_ROOT": str(tmp_path / "1.root.json"),
        "BROKER_SERVERS": "tls://127.0.0.1:9",
    }.items():
        monkeypatch.setenv(f"TRM_NODE_{name}", value)
    run = CliRunner().invoke
    for words in (["unlock-key", str(tmp_path / "unlock.key")], ["init", "--participant", "AL"]):
        assert run(app, words).exit_code == 0
    assert "trm-node migrate" in run(app, ["replace-keys"]).stderr
    assert run(app, ["migrate"]).exit_code == 0
    with closing(build_parts(NodeSettings())) as parts:
        directory = make_directory([parts.keystore, make_keystore("XK")])
        yield replace(parts.context, directory=FixedDirectory(directory), clock=FakeClock())


def test_the_command_replaces_the_keys_and_says_what_follows(
    tmp_path: Path, new_node: NodeContext
) -> None:
    """Refused while the node runs; then what is open is given up, and all keys are new."""
    run, al = CliRunner().invoke, new_node
    data, path = tmp_path / "data", tmp_path / "data" / "keystore.json"
    unlock = load_unlock_key(tmp_path / "unlock.key")
    before = load_keystore(path, unlock=unlock)
    travels = handle_send(al, make_draft(), who=acting("u")).message_id
    with running(data), running(data):  # two processes of one node
        refused = run(app, ["replace-keys"])
    assert (refused.exit_code, "stop it" in refused.stderr) == (2, True)
    assert load_keystore(path, unlock=unlock).signing_key == before.signing_key
    assert read_state(al, travels) == Dispatch.QUEUED
    with stopped(data):
        early = run(app, ["run"])
    assert (early.exit_code, "needs this node stopped" in early.stderr) == (2, True)

    done = run(app, ["replace-keys"])

    assert done.exit_code == 0, done.stderr
    assert "to be written again: 1" in done.stdout
    assert read_state(al, travels) == Dispatch.GIVEN_UP
    assert load_keystore(path, unlock=unlock).account_key != before.account_key
    new = tmp_path / "new.key"
    assert run(app, ["unlock-key", str(new)]).exit_code == 0
    assert str(new) in run(app, ["replace-keys", "--new-unlock-key", str(new)]).stdout
    assert load_keystore(path, unlock=load_unlock_key(new)).participant == "AL"
    with pytest.raises(KeyStoreError):  # whoever has the old one opens nothing any more
        load_keystore(path, unlock=unlock)
