"""The broker and the hub's own machinery: servers, what happened to them, tasks, and the store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from console.i18n import Message, pmsg
from console.process.tasks import TaskState
from directory_pages.looks import Look
from hub.network.desk import NetworkDesk
from hub.network.looking import NetworkLook
from hub.network.servers import ServerLook
from hub.web.network.charts import write_bytes
from hub.web.network.pages import word_event
from hub.web.network.words import is_old, look_of_server
from hub.web.site import HubAdmin, PageRoute, Site

_EVENTS: Final = 100

#: What each of the hub's background tasks is for. A test looks for the missing.
TASK_NAMES: Final[Mapping[str, Message]] = {
    "embedded_broker": pmsg("hub task", "Keeps the broker running"),
    "broker_disk": pmsg("hub task", "Asks whether the broker can write"),
    "mailbox_copies": pmsg("hub task", "Counts the copies of mailboxes"),
    "broker_registrar": pmsg("hub task", "Connection that lets nodes in"),
    "broker_mailboxes": pmsg("hub task", "Connection that looks after mailboxes"),
    "registry_timestamp": pmsg("hub task", "Renews the registry's online signatures"),
    "admission": pmsg("hub task", "Lets nodes in as the registry says"),
    "failed_sign_ins": pmsg("hub task", "Clears failed sign-ins of long ago away"),
    "audit_publications": pmsg("hub task", "Writes publications into the audit log"),
    "network_look": pmsg("hub task", "Looks at nodes, mailboxes and servers"),
    "network_events": pmsg("hub task", "Keeps what happens at the broker"),
    "certificates": pmsg("hub task", "Reads when certificates end"),
    "drills": pmsg("hub task", "Asks desks whether they can be reached"),
    "reminders": pmsg("hub task", "Sends reminders"),
    "directory_changes": pmsg("hub task", "Publishes signed changes"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLine:
    """One server of the broker; ``server`` is None while it is away."""

    name: str
    look: Look
    server: ServerLook | None


def create_broker_router(site: Site) -> APIRouter:
    """Build the page."""
    router = APIRouter(route_class=PageRoute)
    desk = NetworkDesk(site.context)

    @router.get("/network/broker")
    async def show(request: Request, _who: HubAdmin) -> Response:
        report = await site.context.delivery.report_delivery()
        return await run_in_threadpool(_show, site, request, desk, report.tasks)

    return router


def _show(site: Site, request: Request, desk: NetworkDesk, tasks: Sequence[TaskState]) -> Response:
    context, names = site.context, site.names()
    look = context.network.last
    return site.page(
        request,
        "network/broker.html",
        look=look,
        is_old=is_old(look, context.clock()),
        servers=list_servers(look),
        copies=_count_copies(look),
        write_bytes=write_bytes,
        events=[word_event(one, names) for one in desk.records.list_events(limit=_EVENTS)],
        tasks=[(TASK_NAMES.get(task.task, task.task), task) for task in tasks],
        store=context.database.url.get_backend_name(),
        audit_head=context.audit.read_head(),
    )


def list_servers(look: NetworkLook | None) -> Sequence[ServerLine]:
    """List the servers that shall run and those that answered, by name."""
    if look is None or look.servers is None:
        return ()
    answered = {server.name: server for server in look.servers}
    lagging = frozenset(name for server in look.servers for name in server.lagging)
    return [
        ServerLine(
            name=name,
            look=look_of_server(answered.get(name), lagging=lagging),
            server=answered.get(name),
        )
        for name in sorted({*answered, *look.expected_servers})
    ]


def _count_copies(look: NetworkLook | None) -> dict[str, Any] | None:
    """Count mailboxes without leader and without all copies; None for one server."""
    if look is None or not look.copies:
        return None
    return {
        "all": len(look.copies),
        "stopped": sum(not one.takes_messages for one in look.copies),
        "unfinished": sum(one.takes_messages and not one.is_whole for one in look.copies),
    }
