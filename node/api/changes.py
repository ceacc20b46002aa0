"""Changes of this Participant's contacts, for programs: drafted and published as on the pages.

The signature is people's: a program fetches the signing file, hands it to whoever holds the
directory key, and brings it back. Every step names the row version that the program saw.
"""

import hashlib
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, HTTPException, Query, Request, Response
from pydantic import BaseModel, Field

from contact_registry.changes.change import ChangeId
from contact_registry.changes.desk import ChangeDesk, signing_file_name
from contact_registry.changes.merging import Side
from contact_registry.changes.reading import LONGEST
from contact_registry.changes.signing_file import MAX_SIGNING_FILE
from contact_registry.changes.states import OPEN
from contact_registry.document import parse_document
from contact_registry.models import MAX_DOCUMENT_BYTES
from node.api.change_bodies import ChangeBody, ChangeLine, ContactsBody
from node.api.change_edits import (
    AgreementEdit,
    AuthorityEdit,
    CalendarEdit,
    DocumentEdit,
    EndingEdit,
    describe_body,
)
from node.api.doors import Doors
from node.api.shapes import GREATEST_INTEGER, Id
from node.domain.access import Permission, Principal
from node.service.context import NodeContext
from protocol.identifiers import AuthorityId

_JSON: Final = "application/json"
_ID_DIGITS: Final = 32
_LONGEST: Final = MAX_DOCUMENT_BYTES + 50_000  # a document, and why it changes

RowVersion = Annotated[
    int, Query(ge=1, le=GREATEST_INTEGER, description="The version that you saw.")
]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=8,
        max_length=128,
        description="Repeat a request with the same key and one change is begun.",
    ),
]


class NewChange(BaseModel):
    """A change to begin."""

    title: Annotated[str, Field(max_length=200)]
    is_renewal: bool = False


class Preparing(BaseModel):
    """For how many days the signature will hold."""

    days: Annotated[int, Field(ge=1, le=LONGEST.days)] = 90


class Resolving(BaseModel):
    """Whose value stands, for each conflict by its key."""

    choices: dict[Annotated[str, Field(max_length=300)], Side]


async def _read_body(request: Request) -> bytes:
    """Return the body of what is read by the registry's own rules, and no more than that."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max(MAX_SIGNING_FILE, _LONGEST):
            raise HTTPException(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"A contacts document has at most {MAX_DOCUMENT_BYTES} bytes: shorten notes.",
            )
    return bytes(body)


Body = Annotated[bytes, Depends(_read_body)]


def _derive_id(who: Principal, key: str | None) -> ChangeId | None:
    """Return the identifier that every repetition of a program's request has."""
    if key is None:
        return None
    named = f"change\n{who.actor}\n{key}".encode()
    return ChangeId(hashlib.sha256(named).hexdigest()[:_ID_DIGITS])


def create_changes(context: NodeContext, desk: ChangeDesk, doors: Doors) -> APIRouter:
    """Build the routes, for those who keep the directory."""
    router = APIRouter(prefix="/directory")
    router.include_router(_create_reading(context, desk, doors))
    router.include_router(_create_drafting(context, desk, doors))
    router.include_router(_create_authorities(desk, doors))
    router.include_router(_create_terms(desk, doors))
    router.include_router(_create_signing(desk, doors))
    return router


def _create_reading(context: NodeContext, desk: ChangeDesk, doors: Doors) -> APIRouter:
    router = APIRouter(dependencies=[Depends(doors.who(Permission.KEEP_DIRECTORY))])

    @router.get("/contacts")
    def get_contacts() -> ContactsBody:
        """Return what is published of this Participant."""
        published = desk.load_published(context.participant)
        document = published.document
        return ContactsBody(
            version=published.version,
            signed_until=published.expires_at,
            document=None if document is None else document.model_dump(mode="json"),
        )

    @router.get("/changes")
    def list_changes(
        *,
        open_only: bool = True,
        page: Annotated[int, Query(ge=1, le=10_000)] = 1,
    ) -> list[ChangeLine]:
        """List changes, the one that was touched last first."""
        found = desk.list_changes(states=OPEN if open_only else None, page=page)
        return [ChangeLine.of(change) for change in found.changes]

    @router.get("/changes/{change_id}")
    def get_change(change_id: Id) -> ChangeBody:
        """Return a change: what it changes, what was found, who signed, what can be done."""
        return ChangeBody.of_view(desk.look(ChangeId(change_id)))

    @router.get("/changes/{change_id}/signing-file")
    def get_signing_file(change_id: Id) -> Response:
        """Return the file that whoever holds the directory key looks at and signs."""
        data = desk.export_signing_file(ChangeId(change_id))
        name = signing_file_name(desk.look(ChangeId(change_id)).change)
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(data, media_type=_JSON, headers=headers)

    return router


def _create_drafting(context: NodeContext, desk: ChangeDesk, doors: Doors) -> APIRouter:
    router = APIRouter()
    Editor = Annotated[Principal, Depends(doors.who(Permission.KEEP_DIRECTORY))]

    @router.post("/changes", status_code=HTTPStatus.CREATED)
    def begin(new: NewChange, who: Editor, idempotency_key: IdempotencyKey = None) -> ChangeLine:
        """Begin a change of what is published now."""
        change = desk.begin(
            context.participant,
            title=new.title,
            actor=who.actor,
            is_renewal=new.is_renewal,
            change_id=_derive_id(who, idempotency_key),
        )
        return ChangeLine.of(change)

    @router.put("/changes/{change_id}/document", openapi_extra=describe_body(DocumentEdit))
    def put_document(change_id: Id, row_version: RowVersion, who: Editor, body: Body) -> ChangeLine:
        """Let the draft say this, all of it."""
        edit = parse_document(DocumentEdit, body, longest=_LONGEST)
        change = desk.put_document(
            ChangeId(change_id),
            edit.document,
            seen=row_version,
            actor=who.actor,
            grounds=edit.grounds,
        )
        return ChangeLine.of(change)

    return router


def _create_authorities(desk: ChangeDesk, doors: Doors) -> APIRouter:
    router = APIRouter()
    Editor = Annotated[Principal, Depends(doors.who(Permission.KEEP_DIRECTORY))]

    @router.put("/changes/{change_id}/authorities", openapi_extra=describe_body(AuthorityEdit))
    def put_authority(
        change_id: Id, row_version: RowVersion, who: Editor, body: Body
    ) -> ChangeLine:
        """List an authority, or let the entry of this identifier say this."""
        edit = parse_document(AuthorityEdit, body, longest=_LONGEST)
        change = desk.put_authority(
            ChangeId(change_id),
            edit.authority,
            seen=row_version,
            actor=who.actor,
            grounds=edit.grounds,
        )
        return ChangeLine.of(change)

    @router.post(
        "/changes/{change_id}/authorities/{authority_id}/end",
        openapi_extra=describe_body(EndingEdit),
    )
    def end_authority(
        change_id: Id, authority_id: Id, row_version: RowVersion, who: Editor, body: Body
    ) -> ChangeLine:
        """Set an authority's last day."""
        edit = parse_document(EndingEdit, body, longest=_LONGEST)
        change = desk.end_authority(
            ChangeId(change_id),
            AuthorityId(authority_id),
            last_day=edit.last_day,
            seen=row_version,
            actor=who.actor,
            grounds=edit.grounds,
        )
        return ChangeLine.of(change)

    return router


def _create_terms(desk: ChangeDesk, doors: Doors) -> APIRouter:
    router = APIRouter()
    Editor = Annotated[Principal, Depends(doors.who(Permission.KEEP_DIRECTORY))]

    @router.put("/changes/{change_id}/calendar", openapi_extra=describe_body(CalendarEdit))
    def put_calendar(change_id: Id, row_version: RowVersion, who: Editor, body: Body) -> ChangeLine:
        """Set weekend and holidays."""
        edit = parse_document(CalendarEdit, body, longest=_LONGEST)
        change = desk.put_calendar(
            ChangeId(change_id),
            edit.calendar,
            seen=row_version,
            actor=who.actor,
            grounds=edit.grounds,
        )
        return ChangeLine.of(change)

    @router.put("/changes/{change_id}/agreements", openapi_extra=describe_body(AgreementEdit))
    def put_agreement(
        change_id: Id, row_version: RowVersion, who: Editor, body: Body
    ) -> ChangeLine:
        """State an agreement, or what became of it."""
        edit = parse_document(AgreementEdit, body, longest=_LONGEST)
        change = desk.put_agreement(
            ChangeId(change_id),
            edit.statement,
            seen=row_version,
            actor=who.actor,
            grounds=edit.grounds,
        )
        return ChangeLine.of(change)

    return router


def _create_signing(desk: ChangeDesk, doors: Doors) -> APIRouter:
    router = APIRouter(prefix="/changes/{change_id}")
    Editor = Annotated[Principal, Depends(doors.who(Permission.KEEP_DIRECTORY))]

    @router.post("/prepare")
    def prepare(
        change_id: Id, preparing: Preparing, row_version: RowVersion, who: Editor
    ) -> ChangeLine:
        """Make the signing file; refused while a blocking finding stands."""
        lasts = timedelta(days=preparing.days)
        change = desk.prepare(ChangeId(change_id), seen=row_version, actor=who.actor, lasts=lasts)
        return ChangeLine.of(change)

    @router.post("/signatures")
    def take_signing_file(
        change_id: Id, row_version: RowVersion, who: Editor, body: Body
    ) -> ChangeLine:
        """Bring a signed file back."""
        change = desk.take_signing_file(
            ChangeId(change_id), body, seen=row_version, actor=who.actor
        )
        return ChangeLine.of(change)

    @router.post("/publish")
    def publish(change_id: Id, row_version: RowVersion, who: Editor) -> ChangeLine:
        """Send a signed change to the registry host; it is sent again until the host answers."""
        change = desk.publish(ChangeId(change_id), seen=row_version, actor=who.actor)
        return ChangeLine.of(change)

    @router.post("/resolve")
    def resolve(
        change_id: Id, resolving: Resolving, row_version: RowVersion, who: Editor
    ) -> ChangeLine:
        """Decide every conflict."""
        change = desk.resolve(
            ChangeId(change_id), resolving.choices, seen=row_version, actor=who.actor
        )
        return ChangeLine.of(change)

    @router.post("/reopen")
    def reopen(change_id: Id, row_version: RowVersion, who: Editor) -> ChangeLine:
        """Take a change back to the draft; its signatures are dropped."""
        change = desk.reopen(ChangeId(change_id), seen=row_version, actor=who.actor)
        return ChangeLine.of(change)

    @router.post("/withdraw")
    def withdraw(change_id: Id, row_version: RowVersion, who: Editor) -> ChangeLine:
        """Give a change up."""
        change = desk.withdraw(ChangeId(change_id), seen=row_version, actor=who.actor)
        return ChangeLine.of(change)

    return router
