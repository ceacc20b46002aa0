"""Whether the broker can write: a server whose disk was full says so, and stays so when it is not.

Measured (nats-server 2.15.1): after one failed write a mailbox takes nothing more, without any
answer to whoever publishes, also when there is room again, until the server is restarted. What it
had confirmed is kept, and nodes keep what they send. So a broker that the hub runs by itself is
restarted once there is room; of another, people are told to do it.
"""

import asyncio
import json
import math
from typing import Any, Final

import structlog

from hub.broker.connection import BrokerConnection, BrokerUnavailableError, read_answer
from hub.broker.embedded import EmbeddedBroker
from hub.monitoring.readiness import CheckResult

CHECK: Final = "broker_disk"
_HEALTH: Final = "$SYS.REQ.SERVER.PING.HEALTHZ"
_QUESTION: Final = json.dumps({"details": True}).encode()
_WRITE_ERROR: Final = "write error"
#: What must be free before our own broker is restarted: less would be full again at once.
ENOUGH_BYTES: Final = 256 * 1024**2
#: Pause between two restarts, in seconds: the reason may be another than the disk's free space.
_RESTART_PAUSE: Final = 60.0

_log = structlog.get_logger()


class DiskWatch:
    """Asks every server whether it failed to write; :meth:`look` is a round of the hub's tasks.

    Whatever else a server complains about, such as a copy that is behind, other checks weigh.
    ``own`` is the broker that the hub runs by itself, if it does: it is told to end when it failed
    to write and ``enough`` bytes are free; whoever runs it starts it again, as after any end.
    """

    def __init__(
        self,
        registrar: BrokerConnection,
        *,
        servers: int,
        own: EmbeddedBroker | None = None,
        enough: int = ENOUGH_BYTES,
    ) -> None:
        self._registrar = registrar
        self._servers = servers
        self._own = own
        self._enough = enough
        self._failed: tuple[str, ...] = ()
        self._ended_at = -math.inf

    async def look(self) -> None:
        """Look once. While the broker does not answer, what it said last stands."""
        try:
            answers = await self._registrar.request_all(_HEALTH, _QUESTION, most=self._servers)
            found = [_find_failed(read_answer(answer)) for answer in answers]
        except BrokerUnavailableError:
            return
        self._failed = tuple(sorted(name for name in found if name))
        if self._failed and self._own is not None:
            await self._end(self._own)

    async def _end(self, broker: EmbeddedBroker) -> None:
        """Let our own broker be started anew, if it can write then."""
        try:
            free = await asyncio.to_thread(broker.read_free_bytes)
        except OSError as error:
            _log.warning("broker_disk_unreadable", error=str(error))
            return
        now = asyncio.get_running_loop().time()
        if free >= self._enough and now - self._ended_at >= _RESTART_PAUSE:
            self._ended_at = now
            _log.warning("embedded_broker_ends_after_write_error", free_bytes=free)
            broker.ask_to_end()

    async def check(self) -> CheckResult:
        """Tell what was found last, for ``/readyz``."""
        if not self._failed:
            return CheckResult(CHECK, is_ok=True)
        failed = ", ".join(self._failed)
        if self._own is None:
            detail = (
                f"The broker could not write to its disk ({failed}): until it is restarted, it "
                "takes nothing into some mailboxes. Make room, then restart it. Nothing is lost, "
                "and nodes keep what they send."
            )
        else:
            detail = (
                f"The broker could not write to its disk ({failed}): until it is restarted, it "
                f"takes nothing into some mailboxes. Make room: when {self._enough // 1024**2} MiB "
                "are free, the hub restarts it by itself within a minute. Nothing is lost, and "
                "nodes keep what they send."
            )
        return CheckResult(CHECK, is_ok=False, detail=detail)


def _find_failed(answer: dict[str, Any]) -> str | None:
    """Return the name of a server that failed to write, ``None`` if it did not."""
    data, server = answer.get("data"), answer.get("server")
    errors = (data.get("errors") if isinstance(data, dict) else None) or []
    if any(_WRITE_ERROR in str(each.get("error")) for each in errors if isinstance(each, dict)):
        return str(server.get("name")) if isinstance(server, dict) else "a server"
    return None
