"""A broker of our own that speaks NATS over TLS, keeps mailboxes, and lies where a row says so."""

import asyncio
import json
import ssl
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from node.adapters import jetstream
from protocol.subjects import AccountId, TrafficClass, parse_account_id, parse_mailbox_subject
from tests.malicious.workers import CODES, Workers
from tests.support.broker import Running, eventually, write_certificates
from tests.support.node import make_network

_INFO: Final[dict[str, Any]] = {
    "server_id": "hostile",
    "version": "2.15.1",
    "headers": True,
    "auth_required": True,
    "tls_required": True,
    "max_payload": 1_048_576,
    "nonce": "bm9uY2U",
}


@dataclass
class Put:
    """An envelope that a node handed over."""

    subject: str
    transport_id: str
    envelope: bytes
    sequence: int


@dataclass
class Pull:
    """A node's question for what lies in one of its mailboxes."""

    connection: "Connection"
    account: AccountId
    traffic: TrafficClass
    reply: str
    sid: str


@dataclass
class Connection:
    """One node's connection."""

    writer: asyncio.StreamWriter
    subscriptions: dict[str, str] = field(default_factory=dict)
    connect: dict[str, Any] = field(default_factory=dict)

    def say(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(data)

    def find(self, subject: str) -> str:
        """Return the subscription to which a subject belongs."""
        for sid, pattern in self.subscriptions.items():
            if pattern == subject or (
                pattern.endswith("*") and subject.startswith(pattern.removesuffix("*"))
            ):
                return sid
        raise LookupError(f"nobody listens to {subject}")

    def answer(self, reply: str, data: bytes = b"", *, headers: bytes = b"") -> None:
        """Answer a request."""
        self.say(format_message(reply, self.find(reply), data, headers=headers))


def format_message(
    subject: str, sid: str, data: bytes, *, reply: str = "", headers: bytes = b""
) -> bytes:
    """Return a message as the protocol has it."""
    where = f"{subject} {sid} {reply}".strip().encode()
    if headers:
        sizes = f"{len(headers)} {len(headers) + len(data)}".encode()
        return b"HMSG %s %s\r\n%s%s\r\n" % (where, sizes, headers, data)
    return b"MSG %s %d\r\n%s\r\n" % (where, len(data), data)


NO_MESSAGES: Final = b"NATS/1.0 404 No Messages\r\n\r\n"
NO_RESPONDERS: Final = b"NATS/1.0 503\r\n\r\n"


class HostileBroker:
    """Honest, but for what is set: ``on_put`` and ``on_pull`` answer instead, ``greeting`` greets.

    ``on_put`` returns the bytes of the answer (nothing is stored then), ``on_pull`` the bytes to
    send; None: honest. ``keeps_all``: acknowledgements are confirmed and forgotten.
    """

    def __init__(self) -> None:
        self.on_put: Callable[[Put], bytes | None] = lambda _: None
        self.on_pull: Callable[[Pull], bytes | None] = lambda _: None
        self.greeting: bytes | None = None
        self.keeps_all = False
        self.is_silent = False
        self.puts: list[Put] = []
        self.connections: list[Connection] = []
        self._mailboxes: dict[tuple[AccountId, TrafficClass], deque[Put]] = defaultdict(deque)
        self._waiting: list[Pull] = []

    def say(self, answer: bytes) -> None:
        """Answer so to whatever is handed over."""
        self.on_put = lambda _: answer

    def greet(self, **changes: Any) -> bytes:
        """Return a greeting with changes."""
        return b"INFO " + json.dumps(_INFO | changes).encode() + b"\r\n"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection to its end."""
        connection = Connection(writer)
        writer.write(self.greet() if self.greeting is None else self.greeting)
        with suppress(OSError, asyncio.IncompleteReadError, ValueError):
            while line := await reader.readline():
                verb, *words = line.decode().split(" ")
                await self._hear(connection, verb.strip(), [w.strip() for w in words], reader)
        self._waiting = [pull for pull in self._waiting if pull.connection is not connection]
        with suppress(OSError):
            writer.close()
            await writer.wait_closed()

    async def _hear(
        self, connection: Connection, verb: str, words: list[str], reader: asyncio.StreamReader
    ) -> None:
        match verb:
            case "CONNECT":
                connection.connect = json.loads(" ".join(words))
                self.connections.append(connection)
            case "PING":
                connection.say(b"PONG\r\n")
            case "SUB":
                connection.subscriptions[words[-1]] = words[0]
            case "PUB" | "HPUB":
                whole = await reader.readexactly(int(words[-1]) + 2)
                size = int(words[-2]) if verb == "HPUB" else 0
                has_reply = len(words) > (3 if verb == "HPUB" else 2)
                reply = words[1] if has_reply else ""
                if not self.is_silent:
                    self._publish(connection, words[0], reply, whole[:size], whole[size:-2])

    def _publish(
        self, connection: Connection, subject: str, reply: str, headers: bytes, data: bytes
    ) -> None:
        if subject.startswith("trm.mbx."):
            self._put(connection, subject, reply, headers, data)
        elif subject.startswith("$JS.API.CONSUMER.MSG.NEXT."):
            stream, account = subject.split(".")[5:7]
            traffic = TrafficClass(stream.partition("_")[2] or "m")
            pull = Pull(
                connection, parse_account_id(account), traffic, reply, connection.find(reply)
            )
            self._hand_out(pull, json.loads(data)["batch"])
        elif reply:
            connection.answer(reply)

    def _put(
        self, connection: Connection, subject: str, reply: str, headers: bytes, data: bytes
    ) -> None:
        transport_id = headers.decode().partition("Nats-Msg-Id:")[2].partition("\r")[0].strip()
        put = Put(subject, transport_id, data, len(self.puts) + 1)
        self.puts.append(put)
        answer = self.on_put(put)
        if answer == NO_RESPONDERS:
            connection.answer(reply, headers=answer)
            return
        if answer is None:
            where = parse_mailbox_subject(subject)
            self._mailboxes[where.recipient, where.traffic].append(put)
            answer = json.dumps({"stream": where.recipient, "seq": put.sequence}).encode()
        connection.answer(reply, answer)

    def _hand_out(self, pull: Pull, batch: int) -> None:
        instead = self.on_pull(pull)
        if instead is not None:
            pull.connection.say(instead)
            return
        mailbox = self._mailboxes[pull.account, pull.traffic]
        found = list(mailbox)[:batch]
        for put in found:
            if not self.keeps_all:
                mailbox.popleft()
            pull.connection.say(self.format(pull, put))
        if len(found) < batch:
            pull.connection.answer(pull.reply, headers=NO_MESSAGES)

    def format(
        self, pull: Pull, put: Put, *, headers: bytes = b"", reply: str | None = None
    ) -> bytes:
        """Return how a stored envelope is handed out."""
        stream = pull.account if pull.traffic is TrafficClass.MESSAGE else f"{pull.account}_r"
        number = f"$JS.ACK.{stream}.{pull.account}.1.{put.sequence}.{put.sequence}.1700000000000.0"
        return format_message(
            put.subject,
            pull.sid,
            put.envelope,
            reply=number if reply is None else reply,
            headers=headers,
        )

    def end(self, pull: Pull) -> bytes:
        """Return the word that there is no more."""
        return format_message(pull.reply, pull.sid, b"", headers=NO_MESSAGES)


@dataclass
class Lies(Workers):
    """Two nodes over a broker that lies."""

    broker: HostileBroker = field(default_factory=HostileBroker)

    async def is_back(self, code: str, connections: int) -> None:
        """Return when a node stands on another connection than the first ``connections``."""
        await eventually(
            lambda: len(self.broker.connections) > connections and self.links[code].is_up
        )


@dataclass(frozen=True)
class Certificates:
    """What the broker shows, and whom the nodes trust."""

    authority: Path
    certificate: Path
    key: Path

    @classmethod
    def write(cls, folder: Path) -> "Certificates":
        """Make them."""
        return cls(*write_certificates(folder))

    def of_server(self) -> ssl.SSLContext:
        """Return the server's side."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate, self.key)
        return context

    def of_client(self) -> ssl.SSLContext:
        """Return the nodes' side."""
        context = ssl.create_default_context(cafile=str(self.authority))
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        return context


@asynccontextmanager
async def open_lies(
    certificates: Certificates, url_of: Callable[[str], str]
) -> AsyncIterator[Lies]:
    """Start the broker, and two nodes that are connected to it."""
    broker = HostileBroker()
    server = await asyncio.start_server(
        broker.serve, "127.0.0.1", 0, ssl=certificates.of_server(), limit=1 << 22
    )
    port = server.sockets[0].getsockname()[1]
    network = make_network(CODES, url_of=url_of)
    lies = Lies(network, broker=broker)
    async with AsyncExitStack() as stack:
        stack.callback(network.close)
        stack.callback(server.close)
        stack.enter_context(patch.object(jetstream, "_FIRST_PAUSE", 0.01))
        stack.enter_context(patch.object(jetstream, "_LONGEST_PAUSE", 0.05))
        for code in CODES:
            link = lies.connect(
                code, servers=[f"tls://127.0.0.1:{port}"], tls=certificates.of_client()
            )
            await stack.enter_async_context(Running(link.run))
        await lies.wait_until_up()
        yield lies
