"""Two nodes that may tell each other everything: agreements in force, and desks for all of it.

AL and XK exchange messages through their JSON interfaces, as national systems do.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any, Final, Self

import httpx

from contact_registry.agreements import AgreementStatement, AgreementTerms, SensitivityClass
from contact_registry.models import Competence, ContactsDocument
from node.api.app import create_api
from node.domain.returns import ForeignCheck
from node.service.building import Draft
from node.service.followers import follow_all
from protocol.identifiers import Channel, ParticipantCode, Phase
from protocol.messages.return_readiness import InformedOf
from tests.support.consent import ON_FILE
from tests.support.examples import list_good, list_good_answers
from tests.support.node import Network, make_network
from tests.support.people import token_of

INSTRUMENTS: Final = (
    "Bilateral agreement of 2010",
    "Invented agreement on referral, article 3",
    "Invented convention on mutual assistance, article 5",
    "Invented convention, article 27",
)
"""What the examples of the catalogue name."""


async def _no_refresh() -> None:
    """Do nothing."""


def agree(network: Network) -> None:
    """Let all Participants of a network be parties of every instrument, for everything."""
    directory = network.directory.directory
    contacts = let_everything_pass(directory.contacts, parties=network.nodes)
    network.directory.directory = replace(directory, contacts=contacts)


def let_everything_pass(
    contacts: Mapping[ParticipantCode, ContactsDocument], *, parties: Iterable[str]
) -> dict[ParticipantCode, ContactsDocument]:
    """Return contacts with every instrument in force, and desks that are competent for all."""
    everybody = tuple(sorted(ParticipantCode(code) for code in parties))
    statements = tuple(
        AgreementStatement(
            terms=AgreementTerms(
                id=f"agreement-{number}",
                instrument=instrument,
                parties=everybody,
                phases=tuple(Phase),
                sensitivity_classes=tuple(SensitivityClass),
                valid_from=date(2020, 1, 1),
            )
        )
        for number, instrument in enumerate(INSTRUMENTS, start=1)
    )
    every = tuple(
        Competence(phase=phase, channel=channel) for phase in Phase for channel in Channel
    )
    return {
        code: document.model_copy(
            update={
                "agreements": statements,
                "authorities": tuple(
                    desk.model_copy(update={"competences": every}) for desk in document.authorities
                ),
            }
        )
        for code, document in contacts.items()
    }


@dataclass(slots=True)
class CaseWorld:
    """A network with the interface of each node, used with a token for every channel."""

    network: Network
    clients: dict[str, httpx.AsyncClient] = field(default_factory=dict)
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    @classmethod
    async def make(
        cls, url_of: Callable[[str], str], *codes: str, files: Path | None = None
    ) -> Self:
        """Begin; :meth:`close` ends it. With ``files``, nodes take files there."""
        network = make_network(codes or ("AL", "XK"), url_of=url_of, files=files)
        agree(network)
        world = cls(network)
        for code, context in network.nodes.items():
            app = create_api(context, refresh_registry=_no_refresh)
            world.clients[code] = await world._stack.enter_async_context(
                httpx.AsyncClient(
                    transport=httpx.ASGITransport(app),
                    base_url=f"http://{code.lower()}/",
                    headers={"Authorization": f"Bearer {token_of(context)}"},
                )
            )
        return world

    async def close(self) -> None:
        """Give everything back."""
        await self._stack.aclose()
        self.network.close()

    async def ask(self, code: str, method: str, path: str, /, **more: Any) -> Any:
        """Ask a node something that works; returns what it says."""
        answer = await self.clients[code].request(method, path, **more)
        assert answer.is_success, (method, path, answer.status_code, answer.text)
        return answer.json() if answer.content else None

    async def refuse(self, code: str, method: str, path: str, /, **more: Any) -> Mapping[str, Any]:
        """Ask a node something that it refuses; returns the problem details."""
        answer = await self.clients[code].request(method, path, **more)
        assert answer.status_code >= 400, (method, path, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        problem: Mapping[str, Any] = answer.json()
        return problem

    async def accept(self, code: str, message_id: str, post: str = "Case manager") -> None:
        """Accept a message, as it stands now."""
        decision = {"outcome": "accepted", "case_manager": {"post": post}}
        await self.ask(code, "POST", f"/messages/{message_id}/decision", json=decision)
        self.settle()

    async def send(self, code: str, draft: Mapping[str, Any]) -> dict[str, Any]:
        """Send a message and carry it; returns what came of it."""
        sent: dict[str, Any] = await self.ask(code, "POST", "/messages", json=draft)
        self.settle()
        return sent

    async def find_case(self, code: str, message_id: str) -> str:
        """Return what a node calls the case of a message."""
        view = await self.ask(code, "GET", f"/messages/{message_id}")
        return str(view["item"]["case_id"])

    def settle(self) -> None:
        """Carry everything, and let followers work."""
        self.network.settle()
        for context in self.network.nodes.values():
            follow_all(context)
        self.network.settle()


_DRAFTED: Final = frozenset(Draft.model_fields) - {"recipient", "answer_by", "case", "in_reply_to"}
_CLASSES: Final = [kind.value for kind in SensitivityClass]
PREPARED: Final[Mapping[str, Any]] = {
    "decision_recorded": True,
    "is_voluntary": True,
    "informed_of": [InformedOf.RISKS_OF_RETURN.value],
    "risk_assessed": True,
    "best_interest_assessed": True,
    "family_assessed": True,
    "person_agrees_to_family": "yes",
    "family_agrees": "yes",
    "checks": [check.value for check in ForeignCheck],
}
"""A return for which everything was done; that the reception is confirmed, the other side says."""


def turn(value: Any, sender: str, recipient: str) -> Any:
    """Return an example of AL for XK as one of ``sender`` for ``recipient``."""
    names = {"AL": sender, "XK": recipient}
    if isinstance(value, dict):
        return {name: turn(inner, sender, recipient) for name, inner in value.items()}
    if isinstance(value, list):
        return [turn(inner, sender, recipient) for inner in value]
    if isinstance(value, str) and value[:2] in names and value[2:3] in {"", "-"}:
        return names[value[:2]] + value[2:]
    return value


def consent_for(recipient: str, *, given_by: str = "person") -> dict[str, Any]:
    """Return a legal basis: consent to everything, for one recipient."""
    return {
        "kind": "consent",
        "given_by": given_by,
        "given_at": "2026-03-01T09:00:00Z",
        "explained_in": "sq",
        "classes": _CLASSES,
        "phases": [phase.value for phase in Phase],
        "recipients": [recipient],
    }


def record_of(basis: Mapping[str, Any]) -> dict[str, Any]:
    """Return the consent that a legal basis describes, as it is put on file."""
    return {name: value for name, value in basis.items() if name != "kind"} | dict(ON_FILE)


def draft_of(
    tag: str, sender: str, recipient: str, *, example: int = 0, **changes: Any
) -> dict[str, Any]:
    """Return what a program posts of an example; a consent that it rests on goes on file."""
    fields = list_good(tag)[example][1]
    kept = {name: value for name, value in fields.items() if name in _DRAFTED}
    made: dict[str, Any] = turn(kept, sender, recipient) | {"recipient": recipient} | changes
    if made["legal_basis"]["kind"] == "consent":
        made["consent"] = dict(ON_FILE)
    return made


def answer_of(tag: str, sender: str, recipient: str, *, example: int = 0) -> dict[str, Any]:
    """Return a full answer of ``sender`` as a program posts it; its consent has to be on file."""
    answer = list_good_answers(tag)[example][1]
    return {
        "type": "general.response",
        "legal_basis": consent_for(recipient),
        # an example answers as XK, to AL
        "body": {"completeness": "full", "answer": turn(answer, recipient, sender)},
    }
