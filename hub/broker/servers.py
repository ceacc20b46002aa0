"""The servers of a cluster: who answers, and taking one that is lost for good out of it."""

import asyncio
import json
from typing import Any, Final

import nats.errors
from nats.aio.msg import Msg

from hub.broker.accounts import HUB_INBOX
from hub.broker.connection import AdminIdentity
from hub.broker.operator_access import BrokerAccess, connect_as
from hub.broker.saved_mailboxes import MovingError
from protocol.broker_credentials import Permissions

_ANSWER_SECONDS: Final = 10.0
_QUIET_SECONDS: Final = 1.0
_PING: Final = "$SYS.REQ.SERVER.PING"
_REMOVE: Final = "$JS.API.SERVER.REMOVE"

#: Held only by the command that takes a server out; the running hub may not.
WARDEN_PERMISSIONS: Final = Permissions(publish=(_PING, _REMOVE), subscribe=(f"{HUB_INBOX}.>",))


async def remove_lost_server(access: BrokerAccess, name: str, *, servers: int) -> frozenset[str]:
    """Take a server that never comes back out of the cluster; returns who answers now.

    The broker then makes the copies that lay there anew on another server, if there is one without
    them. A server that still answers is refused: stop it first, or it would keep its copies and
    others would count on them. So is it while fewer than ``servers`` run, as many as there shall
    be: without another in its place, the loss of one more would stop all.

    Raises :class:`~hub.broker.saved_mailboxes.MovingError`.
    """
    identity = AdminIdentity("server-warden", access.material.system_account, WARDEN_PERMISSIONS)
    async with connect_as(access, identity) as client:
        answering: set[str] = set()
        heard: asyncio.Queue[Msg] = asyncio.Queue()
        inbox = client.new_inbox()
        await client.subscribe(inbox, cb=heard.put)
        await client.publish(_PING, reply=inbox)
        try:
            while True:
                async with asyncio.timeout(_QUIET_SECONDS):
                    answering.add(_read_name((await heard.get()).data))
        except TimeoutError:
            pass  # all who run have answered
        if name in answering:
            raise MovingError(
                f"{name} still runs and was left in the cluster: stop it first, and see with "
                "`trm-hub status` that mailboxes go on without it."
            )
        if len(answering) < servers:
            raise MovingError(
                f"{len(answering)} of {servers} servers run ({', '.join(sorted(answering))}), and "
                f"{name} was left in the cluster: start the server that takes its place, under a "
                "new name, and see that the others reach it."
            )
        try:
            answer = await client.request(
                _REMOVE, json.dumps({"peer": name}).encode(), timeout=_ANSWER_SECONDS
            )
            problem = json.loads(answer.data).get("error")
        except (nats.errors.Error, OSError, ValueError, AttributeError) as error:
            raise MovingError(
                f"The servers that run ({', '.join(sorted(answering)) or 'none'}) did not take "
                f"{name} out ({error}): more than half of all servers must run."
            ) from error
    if problem:
        raise MovingError(
            f"The broker did not take {name} out ({problem.get('description')}): check the name."
        )
    return frozenset(answering)


def _read_name(data: bytes) -> str:
    """Return who answered; an answer that cannot be read names nobody."""
    try:
        answer: Any = json.loads(data)
        return str(answer["server"]["name"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
