"""What programs send to edit a draft: the part of the contacts that changes, and why.

Read by the registry's own rules, as the documents themselves: closed, strict, bounded. Why somebody
edits is for the people of this node; it stands in the body, because addresses end up in the logs of
whatever lies between.
"""

from datetime import date
from typing import Annotated, Any

from pydantic import Field

from contact_registry.agreements import AgreementStatement
from contact_registry.changes.change import Grounds
from contact_registry.document import Document
from contact_registry.models import Authority, ContactsDocument
from contact_registry.schedules import WorkCalendar

_Text = Annotated[str, Field(max_length=2000)]


class Edit(Document):
    """Why somebody edits: never published. No personal data."""

    reason: _Text = ""
    evidence: _Text = ""

    @property
    def grounds(self) -> Grounds:
        """The reason and its evidence, as the desk keeps them."""
        return Grounds(reason=self.reason, evidence=self.evidence)


class DocumentEdit(Edit):
    """All of the contacts."""

    document: ContactsDocument


class AuthorityEdit(Edit):
    """An authority to list, or what the entry of this identifier says from now on."""

    authority: Authority


class EndingEdit(Edit):
    """An authority's last day."""

    last_day: date


class CalendarEdit(Edit):
    """Weekend and holidays; null: no calendar of its own."""

    calendar: WorkCalendar | None


class AgreementEdit(Edit):
    """What is stated of an agreement."""

    statement: AgreementStatement


def describe_body(model: type[Document]) -> dict[str, Any]:
    """Describe a body that is read by the registry's own rules, for the interface's description."""
    schema = model.model_json_schema()
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
