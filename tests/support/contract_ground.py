"""A node in which everything exists that the interface names, and programs that may do it all."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from schemathesis.python import asgi
from sqlmodel import select
from starlette.types import ASGIApp, Receive, Scope, Send

from console.i18n import Message
from contact_registry.changes.change import ChangeId
from contact_registry.changes.signing_file import add_signatures, parse_signing_file
from contact_registry.changes.sql_store import SqlChangeStore
from node.api.app import create_api
from node.service.composing import Sent, handle_send
from node.service.context import NodeContext
from node.service.followers import follow_all
from node.service.inviting import Entrance
from node.service.principals import write_channels
from node.service.registry_archive import RegistryArchive
from node.service.tokens import TokenScope
from node.store.account_tables import AccountRow, ClearanceRow
from node.store.change_tables import CHANGES
from node.store.tables import MessageRow
from node.store.work_tables import WorkItemRow
from node.workers.deadlines import keep_deadlines
from protocol.identifiers import Channel
from protocol.policy.facts import Role
from tests.support.api import no_refresh
from tests.support.case_world import agree, consent_for, draft_of
from tests.support.changes import DeskWorld, open_desk_world
from tests.support.consent import ON_FILE
from tests.support.duty import KeptPost
from tests.support.node import Network, make_draft, make_network
from tests.support.people import STAFF, note_all_held, token_of
from tests.support.registry import AL

DESK: Final = "AL-anti-trafficking-desk"
SCOPES: Final = (
    TokenScope.MESSAGES,
    TokenScope.ADMINISTRATION,
    TokenScope.DIRECTORY,
    TokenScope.DELIVERY,
    TokenScope.AUDIT,
)
PEOPLE: Final[Mapping[str, frozenset[Role]]] = {
    "approver": frozenset({Role.APPROVER, Role.FOCAL_POINT}),
    "worker": frozenset({Role.FOCAL_POINT}),
}
"""Two who see everything, the confidential part too; neither had a hand in the other's access."""


@dataclass(slots=True)
class Ground:
    """What requests are made against, and what makes more of it. Programs are named by tokens."""

    #: The interface (ASGI): libraries name its type differently.
    app: Any
    network: Network
    desks: DeskWorld
    #: By who holds them, in the order in which they are tried.
    tokens: Mapping[str, str]
    accounts: Mapping[str, str]
    made: int = 0
    #: Up to which number the hub told of drills.
    drilled: int = 0

    @property
    def al(self) -> NodeContext:
        """The node whose interface it is."""
        return self.network.node("AL")

    def reach(
        self, who: str, method: str, path: str, *, version: int | None = None, **more: Any
    ) -> Any:
        """Make a request of a program; returns its answer, whatever it is."""
        headers = {"Authorization": f"Bearer {self.tokens[who]}", **more.pop("headers", {})}
        if version is not None:
            headers["If-Match"] = f'"{version}"'
        with asgi.get_client(self.app) as client:
            return client.request(
                method, f"http://{asgi.HOST}/api/v1{path}", headers=headers, **more
            )

    def ask(self, who: str, method: str, path: str, json: Any = None, **more: Any) -> Any:
        """Make a request that has to succeed; returns what is said."""
        answer = self.reach(who, method, path, json=json, **more)
        assert answer.ok, (method, path, answer.status_code, answer.text)
        return answer.json() if answer.content else None

    def number(self) -> int:
        """Return a number that nothing else was named by."""
        self.made += 1
        return self.made

    def settle(self) -> None:
        """Carry everything, and let followers work."""
        self.network.settle()
        for context in self.network.nodes.values():
            follow_all(context)
        self.network.settle()

    def send(self, code: str = "AL", **changes: Any) -> Sent:
        """Send a message between AL and XK, and carry it."""
        changes.setdefault("recipient", "XK" if code == "AL" else "AL")
        sent = handle_send(self.network.node(code), make_draft(**changes), who=STAFF)
        self.settle()
        return sent

    def send_text(self, code: str = "AL", **changes: Any) -> Sent:
        """Send words about a person with their consent, which is on file then."""
        other = "XK" if code == "AL" else "AL"
        basis = {"legal_basis": consent_for(other), "consent": dict(ON_FILE)}
        body = {"text": "She asked to be rung in the morning."}
        return self.send(code, **{"type": "general.message", "body": body, **basis, **changes})

    def receive(self, tag: str = "", **changes: Any) -> str:
        """Let AL receive a message: an example of ``tag``, or a notification."""
        fields = draft_of(tag, "XK", "AL", **changes) if tag else changes
        return self.send("XK", **fields).message_id

    def case(self) -> str:
        """Open a case at AL."""
        return str(self.ask("worker", "POST", "/cases", {})["case_id"])

    def file(self, owner: str = "messages", content: bytes = b"an invented map") -> str:
        """Bring a file in."""
        draft = {"name": "map.txt", "size": len(content), "sensitivity": "none"}
        file_id = str(self.ask(owner, "POST", "/files", draft)["file_id"])
        headers = {"Upload-Offset": "0"}
        self.ask(owner, "PATCH", f"/files/{file_id}", data=content, headers=headers)
        return file_id

    def item(self) -> str:
        """Let something come that has to be looked after."""
        message_id = self.receive()
        with self.al.database.reading() as session:
            of_it = select(WorkItemRow.item_id).where(WorkItemRow.message_id == message_id)
            return session.exec(of_it).first() or ""

    def letter(self) -> str:
        """Queue a message, as if nobody had fetched it for two days."""
        message_id = handle_send(self.al, make_draft(), who=STAFF).message_id
        with self.al.database.transaction() as session:
            session.get_one(MessageRow, message_id).stored_at -= timedelta(days=2)
        return message_id

    def person(self) -> str:
        """Add somebody who has not signed in yet; their access waits."""
        name = f"invited-{self.number()}"
        wish = {"sign_in_name": name, "display_name": name, "roles": ["focal_point"]}
        return str(self.ask("administration", "POST", "/people", wish)["account_id"])

    def sign(self, change_id: ChangeId) -> bytes:
        """Return the signing file of a change with the signature of AL's directory key."""
        path = f"/directory/changes/{change_id}/signing-file"
        file = parse_signing_file(self.reach("directory", "GET", path).content)
        return add_signatures(file, [self.desks.world.directory_keys[AL]]).to_bytes()


def mounted(api: ASGIApp) -> ASGIApp:
    """Return the interface at the address that its description names."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await api({**scope, "root_path": "/api/v1"}, receive, send)

    return app


def _add_people(context: NodeContext) -> dict[str, str]:
    with context.database.transaction() as session:
        for name, roles in PEOPLE.items():
            row = AccountRow(
                account_id=name[0] * 32,
                sign_in_name=name,
                display_name=name.capitalize(),
                roles=" ".join(sorted(roles)),
                created_at=context.clock(),
                is_active=True,
            )
            session.add(row)
            session.flush()
            every = write_channels(Channel)
            session.add(ClearanceRow(account_id=row.account_id, channels=every, confidential=True))
    return {name: name[0] * 32 for name in PEOPLE}


@contextmanager
def open_ground(folder: Path, url_of: Callable[[str], str]) -> Iterator[Ground]:
    """Give AL with XK and MK beside it, agreements, a directory desk, mail, and all tokens."""
    network = make_network(["AL", "XK", "MK"], url_of=url_of, files=folder)
    agree(network)
    al = network.nodes["AL"] = replace(network.node("AL"), postman=KeptPost())
    accounts = _add_people(al)
    note_all_held(al)
    tokens = {str(scope): token_of(al, f"t-{scope}", scope=scope) for scope in SCOPES}
    tokens |= {
        name: token_of(al, f"t-{name}", scope=TokenScope.PERSON, person=name) for name in PEOPLE
    }
    with open_desk_world(folder / "desk") as desks:
        desks.store = SqlChangeStore(CHANGES, al.database)
        api = create_api(
            al,
            refresh_registry=no_refresh,
            changes=desks.open_desk(participant=AL),
            entrance=Entrance(public_url="https://desk.example", translate=_say),
            archive=RegistryArchive(
                al.database,
                trusted_root=desks.world.repository.read_root(),
                clock=desks.world.clock,
            ),
        )
        ground = Ground(mounted(api), network, desks, tokens, accounts)
        ground.settle()
        keep_deadlines(al)
        yield ground
    network.close()


def _say(message: Message, _language: str) -> str:
    return message.msgid
