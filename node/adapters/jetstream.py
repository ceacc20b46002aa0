"""The node's link to the broker: NATS JetStream over TLS 1.3.

Implements :class:`node.domain.ports.MailboxLink`. There is one way to recover from anything, be it
a restart of the broker, a token that ran out or was revoked, or a broker that fell silent: the
connection is given up, and :meth:`BrokerLink.run` makes a new one with a new token. The
reconnecting of nats-py is not used: it leaves pulls in flight stalled, sends publishes that were
already reported as failed, and stops for good when a token runs out.
"""

import asyncio
import json
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import nats.errors
import structlog
from nats.aio.msg import Msg

from console.process.tls_transport import Credentials, TlsClient
from node.adapters.broker_identity import NodeBrokerIdentity
from node.adapters.broker_session import BrokerSession
from node.adapters.mailbox_pull import (
    ANSWER_SECONDS,
    UNNUMBERED,
    BrokerSilentError,
    BrokerUnrulyError,
    MailboxUnavailableError,
)
from node.domain.ports import (
    Clock,
    LinkDownError,
    MailboxFullError,
    NoLinkError,
    NoMailboxError,
)
from protocol.errors import LocalProtocolError, MalformedError
from protocol.limits import LIMITS
from protocol.subjects import (
    AccountId,
    TrafficClass,
    choose_class,
    inbox_prefix,
    mailbox_subject,
    parse_mailbox_subject,
)

_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 30.0
#: A connection that held this long was a good one: the next loss starts with a short pause again.
_STABLE_SECONDS: Final = 10.0
#: The share of a token's life after which the connection is renewed.
_RENEWAL: Final = 0.75
#: The share of it after which a renewal that failed is tried again.
_RENEWAL_RETRY: Final = 0.02
#: The pause before an unavailable mailbox is asked for again.
_UNAVAILABLE_PAUSE: Final = 1.0
#: JetStream's "stream store failed"; with "maximum" in its text, a quota of the mailbox is used up.
_STORE_FAILED: Final = 10077
#: Characters of the broker's own words that are logged and shown.
_LONGEST_REASON: Final = 200
_MALFORMED_DELAY: Final = 3600.0
#: "I have it" (``AckAck``), said with a question: the broker answers when it has forgotten.
_FORGET: Final = b"+ACK"

_log = structlog.get_logger()


class LinkStatus(StrEnum):
    """Whether the node can talk to the broker."""

    DOWN = "down"
    CONNECTING = "connecting"
    UP = "up"


@dataclass(frozen=True, slots=True)
class LinkState:
    """The status, since when, and what went wrong last (``None``: nothing since the link is up)."""

    status: LinkStatus
    since: datetime
    last_error: str | None = None


@dataclass(frozen=True, slots=True)
class PublishAck:
    """The broker has the envelope on disk, as number ``sequence`` of the recipient's mailbox."""

    sequence: int
    duplicate: bool


@dataclass(frozen=True, slots=True)
class Delivery:
    """One envelope out of our mailbox."""

    sender: AccountId
    recipient: AccountId
    traffic: TrafficClass
    envelope: bytes = field(repr=False)
    redelivered: bool
    stream_sequence: int
    _message: Msg = field(repr=False)
    _session: BrokerSession = field(repr=False)

    async def ack(self) -> None:
        """Tell the broker to forget it; returns when the broker has.

        Raises :class:`~node.domain.ports.LinkDownError`: it will be delivered again.
        """
        await self._session.ask(self._message.reply, _FORGET, seconds=ANSWER_SECONDS)

    async def delay(self, seconds: float) -> None:
        """Ask for it again after ``seconds``; raises :class:`~node.domain.ports.LinkDownError`."""
        await self._session.run(self._message.nak(delay=seconds))


class BrokerLink:
    """The connection to the broker that mends itself. Run :meth:`run` as a task of the node."""

    def __init__(  # noqa: PLR0913 - each comes from another owner: settings, keys, clock, monitoring
        self,
        *,
        servers: Sequence[str],
        tls: ssl.SSLContext,
        identity: NodeBrokerIdentity,
        clock: Clock,
        credential_lifetime: timedelta = timedelta(hours=24),
        on_state: Callable[[LinkState], None] | None = None,
        line: str | None = None,
    ) -> None:
        """``line`` names it in the log, where a node has several."""
        if not servers or not all(server.startswith("tls://") for server in servers):
            raise ValueError("Give the broker's addresses as tls://host:port, at least one.")
        self._servers = list(servers)
        self._tls = tls
        self._identity = identity
        self._clock = clock
        self._lifetime = credential_lifetime
        self._on_state = on_state
        self._log = _log if line is None else _log.bind(line=line)
        self._state = LinkState(LinkStatus.DOWN, clock())
        self._session: BrokerSession | None = None
        self._up = asyncio.Event()
        self._times_up = 0

    @property
    def state(self) -> LinkState:
        """The present state."""
        return self._state

    @property
    def is_up(self) -> bool:
        """Whether publishing has a chance now."""
        return self._state.status is LinkStatus.UP

    @property
    def times_up(self) -> int:
        """How often a connection came up, renewals included."""
        return self._times_up

    # ------------------------------------------------------------------------- keeping it up

    async def run(self) -> None:
        """Keep the link up until cancelled; then close it within a few seconds."""
        loop = asyncio.get_running_loop()
        pause = _FIRST_PAUSE
        try:
            while True:
                self._report(LinkStatus.CONNECTING, self._state.last_error)
                began = loop.time()
                try:
                    reason = await self._hold(await self._connect())
                except LinkDownError as error:
                    reason = str(error)
                self._report(LinkStatus.DOWN, reason)
                pause = _FIRST_PAUSE if loop.time() - began > _STABLE_SECONDS else pause
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
        finally:
            self._report(LinkStatus.DOWN, "The link was stopped.")

    async def _hold(self, session: BrokerSession) -> str:
        """Offer the session to callers until it ends; returns why. Renews it in good time."""
        try:
            self._offer(session)
            life = self._lifetime.total_seconds()
            wait = life * _RENEWAL
            while True:
                await asyncio.wait({session.over}, timeout=wait)
                if session.over.done():
                    return session.over.result()
                # Make before break: the old one serves until the new one stands.
                try:
                    successor = await self._connect()
                except LinkDownError as error:
                    self._log.warning("broker_link_not_renewed", error=str(error))
                    wait = life * _RENEWAL_RETRY
                else:
                    retiring, session = session, successor
                    self._offer(session)
                    await retiring.retire()
                    wait = life * _RENEWAL
        finally:
            self._session = None
            self._up.clear()
            await session.close()

    def _offer(self, session: BrokerSession) -> None:
        self._session = session
        self._times_up += 1
        self._up.set()
        self._report(LinkStatus.UP, None)

    async def _connect(self) -> BrokerSession:
        client = TlsClient()
        session = BrokerSession(client, self._identity.account)
        token = self._identity.issue_token(issued_at=self._clock(), lifetime=self._lifetime)

        async def note_closed() -> None:
            session.end(client.end_reason)

        try:
            await client.establish(
                self._servers,
                tls=self._tls,
                credentials=Credentials(
                    token=token,
                    sign=self._identity.user_key.sign,
                    inbox_prefix=inbox_prefix(self._identity.account),
                ),
                on_closed=note_closed,
                then=session.start,
            )
        except OSError as error:
            await session.close()
            raise LinkDownError(str(error)) from error
        except asyncio.CancelledError:
            await session.close()
            raise
        return session

    def _report(self, status: LinkStatus, last_error: str | None) -> None:
        if (status, last_error) == (self._state.status, self._state.last_error):
            return
        since = self._state.since if status is self._state.status else self._clock()
        self._state = LinkState(status, since, last_error)
        self._log.info("broker_link_changed", status=status.value, error=last_error)
        if self._on_state is not None:
            self._on_state(self._state)

    # ------------------------------------------------------------------------------ using it

    async def publish(
        self,
        *,
        recipient: AccountId,
        traffic: TrafficClass,
        transport_id: str,
        envelope: bytes,
        timeout: float,  # noqa: ASYNC109 - the port's contract: it ends in the port's own error
    ) -> PublishAck:
        """Put an envelope into ``recipient``'s mailbox; returns when the broker has it on disk.

        What is too large for the class of ``traffic`` travels in that of large envelopes.
        ``transport_id`` travels in clear and names the attempt to the broker, which takes it once;
        pass the same one when trying again. ``timeout`` in seconds.

        Raises :class:`~node.domain.ports.LinkDownError` (whether it arrived is not known), and
        :class:`~node.domain.ports.NoLinkError`, :class:`~node.domain.ports.MailboxFullError`,
        :class:`~node.domain.ports.NoMailboxError` (it did not).
        """
        if len(envelope) > LIMITS.envelope:
            raise LocalProtocolError(
                f"An envelope has at most {LIMITS.envelope} bytes, not {len(envelope)}: send large "
                "content as an attachment."
            )
        session = self._session
        if session is None:
            raise NoLinkError("There is no connection to the broker now: try again later.")
        subject = mailbox_subject(
            recipient=recipient,
            sender=self._identity.account,
            traffic=choose_class(traffic, envelope_bytes=len(envelope)),
        )
        try:
            answer = await session.ask(
                subject, envelope, seconds=timeout, headers={"Nats-Msg-Id": transport_id}
            )
        except LinkDownError as error:
            if isinstance(error.__cause__, nats.errors.NoRespondersError):
                raise NoMailboxError(
                    "The broker takes nothing for this recipient now: its node is not admitted "
                    "(yet), or too few of the broker's servers run. It is tried again."
                ) from error
            raise
        return _read_publish_ack(answer.data)

    async def fetch(self, traffic: TrafficClass, *, batch: int, wait: float) -> list[Delivery]:
        """Return up to ``batch`` envelopes of a class, waiting at most ``wait`` seconds for one.

        Fewer than lie there if they are large: one fetch brings 16 MB at most. Each class has a
        mailbox of its own, and fetches of several classes go on side by side. What lay in the one
        mailbox of earlier versions comes as ``MESSAGE``, of whatever class it is.

        Empty when nothing came, also because the link was down or was lost meanwhile.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait
        try:
            async with asyncio.timeout_at(deadline):
                await self._up.wait()
        except TimeoutError:
            return []
        session = self._session
        if session is None:
            return []
        try:
            messages = await session.pull(
                traffic, batch=batch, wait=max(0.0, deadline - loop.time())
            )
        except LinkDownError:
            return []
        except (BrokerSilentError, BrokerUnrulyError) as error:
            session.end(str(error))
            return []
        except MailboxUnavailableError as error:
            self._report(self._state.status, str(error))
            await asyncio.sleep(min(_UNAVAILABLE_PAUSE, max(0.0, deadline - loop.time())))
            return []
        if self.is_up:
            self._report(LinkStatus.UP, None)
        return [delivery for m in messages if (delivery := await self._receive(m, session))]

    async def _receive(self, message: Msg, session: BrokerSession) -> Delivery | None:
        try:
            metadata = message.metadata
        except UNNUMBERED as error:
            _log.error("delivery_without_number_refused", problem=type(error).__name__)
            return None
        try:
            subject = parse_mailbox_subject(message.subject)
        except MalformedError as error:
            # Cannot happen while the broker enforces its exports. Not ours to destroy either.
            sequence = metadata.sequence.stream
            _log.error("delivery_subject_refused", stream_sequence=sequence, error=str(error))
            with suppress(LinkDownError):
                await session.run(message.nak(delay=_MALFORMED_DELAY))
            return None
        return Delivery(
            sender=subject.sender,
            recipient=subject.recipient,
            traffic=subject.traffic,
            envelope=message.data,
            redelivered=metadata.num_delivered > 1,
            stream_sequence=metadata.sequence.stream,
            _message=message,
            _session=session,
        )


def _read_publish_ack(data: bytes) -> PublishAck:
    """Read what JetStream says to a publish (``JSPubAckResponse``)."""
    unreadable = LinkDownError("The broker's answer cannot be read: try again, tell the operators.")
    try:
        answer = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise unreadable from error
    match answer:
        case {"error": {"err_code": int(code), "description": str(text)}}:
            if code == _STORE_FAILED and "maximum" in text:
                raise MailboxFullError
            reason = f"{code} {text}"[:_LONGEST_REASON]
            raise LinkDownError(f"The broker could not store it ({reason}): try again.")
        case {"seq": int(sequence), "stream": str()}:
            return PublishAck(sequence=sequence, duplicate=answer.get("duplicate") is True)
        case _:
            raise unreadable
