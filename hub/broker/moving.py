"""Moving all mailboxes to other servers: out of one broker into files, and into another.

For a broker that grows from one server to three, and back: a server that changes between running
alone and in a cluster cannot keep its streams. The broker's own snapshots carry messages with
their numbers, who was offered what, and what was acknowledged.

What is in the files is what is in the mailboxes: sealed envelopes, and in clear who wrote to whom
when. While mailboxes move the broker is closed to Participants; their nodes keep what they send.
"""

import asyncio
import hashlib
import json
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import nats.errors
import structlog
from nats.aio.msg import Msg

from console.process.tls_transport import TlsClient
from hub.broker.accounts import HUB_INBOX, REGISTRAR_PERMISSIONS
from hub.broker.connection import AdminIdentity
from hub.broker.operator_access import BrokerAccess, connect_as
from hub.broker.saved_mailboxes import (
    MovingError,
    SavedMailbox,
    SavedMailboxes,
    finish_folder,
    make_draft_folder,
    note_unfinished,
    open_snapshot,
    read_pieces,
    read_saved,
    read_unfinished,
    remove_draft,
    sync_file,
)
from protocol.broker_credentials import Permissions

_CHUNK_BYTES: Final = 256 * 1024
_ANSWER_SECONDS: Final = 30.0
#: How long the broker may take to check a whole mailbox before its snapshot, and to take it in
#: after the last piece: it reads and writes every byte of it, which may be many gigabytes.
_WORK_SECONDS: Final = 1800.0
#: How long servers may take until more than half of them agree who leads, and how often we ask.
_ELECTION_SECONDS: Final = 60.0
_ELECTION_QUESTION_SECONDS: Final = 1.0
_ELECTION_PAUSE: Final = 0.2
#: The broker gives up a restore five seconds after its last piece; before that we do not begin anew
#: beside it.
_GIVEN_UP_SECONDS: Final = 6.0
_LIST_ACCOUNTS: Final = "$SYS.REQ.CLAIMS.LIST"
_NOT_FOUND: Final = 404
#: Characters of the broker's own words that are shown.
_LONGEST_WORDS: Final = 200

#: Held only while mailboxes move; the running hub may do none of it.
MOVER_PERMISSIONS: Final = Permissions(
    publish=(
        "$JS.API.STREAM.NAMES",
        "$JS.API.STREAM.INFO.*",
        "$JS.API.STREAM.SNAPSHOT.*",
        "$JS.API.STREAM.RESTORE.*",
        "$JS.API.STREAM.DELETE.*",  # of what it has put back by half, before it begins anew
        "$JS.SNAPSHOT.ACK.>",
        "$JS.SNAPSHOT.RESTORE.>",
    ),
    subscribe=(f"{HUB_INBOX}.>",),
)

_log = structlog.get_logger()


class _BrokenOffError(MovingError):
    """The broker did not bring a snapshot to its end."""


@dataclass(frozen=True, slots=True)
class Moved:
    """One mailbox stream that was saved or put back."""

    name: str
    messages: int
    size: int
    #: It was there already, as it is in the file: an earlier try was interrupted.
    already_there: bool = False


class MailboxMover:
    """Two short-lived connections to a closed broker; see :func:`open_mover`."""

    def __init__(self, client: TlsClient, registrar: TlsClient, access: BrokerAccess) -> None:
        self._client = client
        self._registrar = registrar
        self._account = access.material.hub_account
        self._clock = access.clock

    async def verify_closed(self) -> None:
        """Raise :class:`MovingError` if the broker lets Participants in."""
        try:
            await self._registrar.request(_LIST_ACCOUNTS, timeout=_ANSWER_SECONDS)
        except nats.errors.NoRespondersError:
            return
        except (nats.errors.Error, OSError) as error:
            raise _unanswered(_LIST_ACCOUNTS, error) from error
        raise MovingError(
            "The broker lets Participants in, so mailboxes would change while they are moved: "
            "start its servers with the configuration of `trm-hub broker-config --closed` first."
        )

    async def save(self, directory: Path) -> list[Moved]:
        """Write every mailbox into the new folder ``directory``: all of them, or no folder."""
        await self._wait_for_leader()
        await self.verify_closed()
        draft = await asyncio.to_thread(make_draft_folder, directory)
        try:
            began = self._clock()
            saved = [await self._save_one(name, draft) for name in await self._list_names()]
            await self.verify_closed()  # still: else the first may miss what came meanwhile
            contents = SavedMailboxes(saved_at=began, mailboxes=tuple(saved))
            await asyncio.to_thread(finish_folder, draft, directory, contents, key=self._account)
        except BaseException as error:
            await asyncio.to_thread(remove_draft, draft)
            if isinstance(error, OSError):
                raise MovingError(
                    f"{directory} cannot be written ({error.strerror or error}), and nothing of it "
                    "was kept: see that the disk has room, then try again."
                ) from error
            raise
        return [Moved(one.name, one.messages, one.size) for one in saved]

    async def restore(self, directory: Path) -> list[Moved]:
        """Make every mailbox that is in the folder; one that is there already must be the same.

        Each begins with one copy, whatever it had: admission makes the others, if there shall be
        any. Repeat it after an interruption. Raises :class:`MovingError`, which names the mailbox.
        """
        saved = await asyncio.to_thread(read_saved, directory, signed_by=self._account.public)
        await self._wait_for_leader()
        await self.verify_closed()
        try:
            unfinished = await asyncio.to_thread(read_unfinished, directory)
            for one in saved.mailboxes:
                if one.name == unfinished:
                    await self._remove_half(one)
            moved = [await self._restore_one(one, directory) for one in saved.mailboxes]
            await asyncio.to_thread(note_unfinished, directory, "")
        except OSError as error:
            raise MovingError(
                f"{directory} cannot be read, or its file 'unfinished' not written ({error}): "
                "mend that, then try again. Do not open the broker before."
            ) from error
        await self.verify_closed()  # by all servers, also those that were found meanwhile
        return moved

    # ------------------------------------------------------------------------------ saving

    async def _list_names(self) -> list[str]:
        names: set[str] = set()
        while True:
            answer = await self._ask("$JS.API.STREAM.NAMES", {"offset": len(names)})
            page = answer.get("streams") or []
            names.update(page)
            if not page or len(names) >= int(answer.get("total", 0)):
                return sorted(names)

    async def _save_one(self, name: str, directory: Path) -> SavedMailbox:
        """Save a mailbox; a server that was just started may break a snapshot off: then again."""
        deadline = asyncio.get_running_loop().time() + _ELECTION_SECONDS
        while True:
            try:
                return await self._try_to_save(name, directory)
            except _BrokenOffError as error:
                if asyncio.get_running_loop().time() > deadline:
                    raise
                _log.warning("snapshot_broken_off", stream=name, reason=str(error))
                await asyncio.sleep(_ELECTION_PAUSE)

    async def _try_to_save(self, name: str, directory: Path) -> SavedMailbox:
        await self._wait_for_leader(f"$JS.API.STREAM.INFO.{name}")
        inbox = f"{HUB_INBOX}.{secrets.token_hex(12)}"
        chunks: asyncio.Queue[Msg] = asyncio.Queue()
        listening = await self._client.subscribe(inbox, cb=chunks.put)
        try:
            question = {"deliver_subject": inbox, "chunk_size": _CHUNK_BYTES, "jsck": True}
            answer = await self._ask(
                f"$JS.API.STREAM.SNAPSHOT.{name}", question, patience=_WORK_SECONDS
            )
            with open_snapshot(directory, name) as file:
                size, digest = await self._receive(name, chunks, file)
        finally:
            await listening.unsubscribe()
        saved = SavedMailbox(
            name=name, config=answer["config"], state=answer["state"], size=size, sha256=digest
        )
        _log.info("mailbox_saved", stream=name, messages=saved.messages, size=size)
        return saved

    async def _receive(
        self, name: str, chunks: "asyncio.Queue[Msg]", file: IO[bytes]
    ) -> tuple[int, str]:
        """Write chunks until the broker says that it was the last; returns size and SHA-256."""
        size, digest = 0, hashlib.sha256()
        while True:
            try:
                async with asyncio.timeout(_ANSWER_SECONDS):
                    chunk = await chunks.get()
            except TimeoutError as error:
                raise _unanswered(f"the snapshot of {name}", error) from error
            if not chunk.data:
                status = (chunk.headers or {}).get("Status", "204")
                if status != "204":
                    said = (chunk.headers or {}).get("Description", "")[:_LONGEST_WORDS]
                    raise _BrokenOffError(
                        f"The broker broke off the snapshot of {name} ({status} {said}): see that "
                        "its servers run and have room, then try again."
                    )
                await asyncio.to_thread(sync_file, file)
                return size, digest.hexdigest()
            size += len(chunk.data)
            digest.update(chunk.data)
            await asyncio.to_thread(file.write, chunk.data)
            if chunk.reply:  # the broker sends more once it hears that this one came
                await self._client.publish(chunk.reply)

    # ------------------------------------------------------------------------ putting back

    async def _wait_for_leader(self, subject: str = "$JS.API.STREAM.NAMES") -> None:
        """Return when servers that were just started agree who answers this question."""
        deadline = asyncio.get_running_loop().time() + _ELECTION_SECONDS
        while True:
            problem: object
            try:
                answer = await self._client.request(
                    subject, b"{}", timeout=_ELECTION_QUESTION_SECONDS
                )
                problem = json.loads(answer.data).get("error")
            except (nats.errors.Error, OSError, ValueError) as error:
                problem = error
            if not problem:
                return
            if asyncio.get_running_loop().time() > deadline:
                raise _unanswered(subject, RuntimeError(str(problem)))
            await asyncio.sleep(_ELECTION_PAUSE)

    async def _restore_one(self, saved: SavedMailbox, directory: Path) -> Moved:
        name, messages = saved.name, saved.messages
        present = await self._ask(f"$JS.API.STREAM.INFO.{name}", {}, may_lack=True)
        if present is not None:
            self._compare(saved, present["state"])
            return Moved(name, messages, saved.size, already_there=True)
        await asyncio.to_thread(note_unfinished, directory, name)
        config = saved.config | {"num_replicas": 1}  # one server alone could take no other
        answer = await self._ask(
            f"$JS.API.STREAM.RESTORE.{name}", {"config": config, "state": saved.state}
        )
        subject = str(answer["deliver_subject"])
        with read_pieces(directory, name) as file:
            while data := await asyncio.to_thread(file.read, _CHUNK_BYTES):
                await self._hand_over(subject, data)
        await self._hand_over(subject, b"")
        restored = await self._ask(f"$JS.API.STREAM.INFO.{name}", {})
        self._compare(saved, restored["state"])
        _log.info("mailbox_put_back", stream=name, messages=messages)
        return Moved(name, messages, saved.size)

    async def _remove_half(self, saved: SavedMailbox) -> None:
        """Remove a mailbox that we had not put back to its end; one that holds more is left.

        Measured (nats-server 2.15.1): a restore that is cut off leaves what came until then, as a
        mailbox like any other.
        """
        subject = f"$JS.API.STREAM.INFO.{saved.name}"
        present = await self._ask(subject, {}, may_lack=True)
        if present is None or not _is_beginning(present["state"], saved.state):
            return
        _log.warning("unfinished_mailbox_is_removed", stream=saved.name)
        await asyncio.sleep(_GIVEN_UP_SECONDS)
        await self._ask(f"$JS.API.STREAM.DELETE.{saved.name}", {}, patience=_WORK_SECONDS)
        deadline = asyncio.get_running_loop().time() + _ELECTION_SECONDS
        while await self._ask(subject, {}, may_lack=True) is not None:
            if asyncio.get_running_loop().time() > deadline:
                raise MovingError(
                    f"The broker does not remove {saved.name}, which was put back by half: see "
                    "that all its servers run, then try again. Do not open the broker before."
                )
            await asyncio.sleep(_ELECTION_PAUSE)

    async def _hand_over(self, subject: str, data: bytes) -> None:
        """Send a piece; the server that takes them may be another, which ours hears of in a moment.

        While nobody listens nothing was taken, so it is sent again.
        """
        deadline = asyncio.get_running_loop().time() + _ANSWER_SECONDS
        while True:
            try:
                await self._ask(subject, data, patience=_ANSWER_SECONDS if data else _WORK_SECONDS)
            except MovingError as error:
                unheard = isinstance(error.__cause__, nats.errors.NoRespondersError)
                if not unheard or asyncio.get_running_loop().time() > deadline:
                    raise
                await asyncio.sleep(_ELECTION_PAUSE)
            else:
                return

    def _compare(self, saved: SavedMailbox, state: dict[str, Any]) -> None:
        """Raise unless the broker's stream holds what was saved, by number and count."""
        for key in ("messages", "last_seq", "consumer_count"):
            if state.get(key) != saved.state.get(key):
                raise MovingError(
                    f"The broker's mailbox {saved.name} is not the one that was saved ({key} "
                    f"{state.get(key)} instead of {saved.state.get(key)}): put mailboxes back "
                    "into servers that hold none, before the hub runs."
                )

    async def _ask(
        self,
        subject: str,
        question: dict[str, Any] | bytes,
        *,
        may_lack: bool = False,
        patience: float = _ANSWER_SECONDS,
    ) -> Any:
        """Return the broker's answer; with ``may_lack`` ``None`` when there is no such thing."""
        data = question if isinstance(question, bytes) else json.dumps(question).encode()
        try:
            answer = (await self._client.request(subject, data, timeout=patience)).data
            found = json.loads(answer) if answer else {}
        except (nats.errors.Error, OSError, ValueError) as error:
            raise _unanswered(subject, error) from error
        problem = found.get("error")
        if may_lack and problem and problem.get("code") == _NOT_FOUND:
            return None
        if problem:
            raise MovingError(
                f"The broker refused {subject} ({problem.get('description')}): see that all its "
                "servers run and have room (TRM_HUB_BROKER_MAX_STORE_BYTES), then try again."
            )
        return found


@asynccontextmanager
async def open_mover(access: BrokerAccess) -> AsyncIterator[MailboxMover]:
    """Connect in the operators' name for the time of a block; raises :class:`MovingError`."""
    mover = AdminIdentity("mailbox-mover", access.material.hub_account, MOVER_PERMISSIONS)
    registrar = AdminIdentity("registrar", access.material.system_account, REGISTRAR_PERMISSIONS)
    async with connect_as(access, mover) as first, connect_as(access, registrar) as second:
        yield MailboxMover(first, second, access)


def _is_beginning(state: Mapping[str, Any], whole: Mapping[str, Any]) -> bool:
    """Whether a mailbox holds no more than the beginning of another."""
    return all(int(state[key]) <= int(whole[key]) for key in ("messages", "last_seq")) and any(
        state[key] != whole[key] for key in ("messages", "last_seq", "consumer_count")
    )


def _unanswered(what: str, error: Exception) -> MovingError:
    return MovingError(
        f"The broker did not answer {what} ({str(error) or type(error).__name__}): see that its "
        "servers run and find each other, then try again."
    )
