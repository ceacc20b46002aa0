"""On which terms a message is sent: until when an answer is needed, and what may be passed on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final
from zoneinfo import ZoneInfo

from console.dates import DateError, DateParts
from console.i18n import Message, msg
from node.service.building import OnwardDraft
from node.service.drafts import OpenDraft
from node.web.fields import get_date_parts, list_date_names
from protocol.messages.head import OnwardRule, OnwardScope

SCOPES: Final[Mapping[OnwardScope, Message]] = {
    OnwardScope.ASK_FIRST: msg("Only after asking us"),
    OnwardScope.COMPETENT_AUTHORITIES: msg("To the competent authorities there"),
    OnwardScope.LISTED_AUTHORITIES: msg("Only to the desks ticked below"),
}
"""To whom the other side may pass on what a message says of the person, as the sender chooses."""
_ALLOWED: Final[Mapping[OnwardScope, Message]] = {
    OnwardScope.ASK_FIRST: msg("Only after asking the sender"),
    OnwardScope.COMPETENT_AUTHORITIES: msg("To the competent authorities of the recipient"),
    OnwardScope.LISTED_AUTHORITIES: msg("Only to these desks"),
}


@dataclass(frozen=True, slots=True)
class PassableMessage:
    """A received message of the case, whose data a message to somebody else may pass on."""

    message_id: str
    type: str
    sender: str


@dataclass(frozen=True, slots=True)
class TermsAnswers:
    """The answers about the terms."""

    draft: OpenDraft
    zone: ZoneInfo
    passable: Sequence[PassableMessage] = ()

    #: The names of the answers: when it is due, and what may be passed on.
    due_names: ClassVar[frozenset[str]] = frozenset(list_date_names("answer_by"))
    onward_names: ClassVar[frozenset[str]] = frozenset(
        {"onward", "onward_authorities", "passes_on"}
    )

    @property
    def due(self) -> DateParts:
        """Until when an answer is needed, as it was typed."""
        return get_date_parts(self.draft.answers, "answer_by")

    def parse_due(self) -> datetime | None:
        """Return until when an answer is needed; None: the usual time. Raises ``DateError``."""
        return None if self.due.is_empty else self.due.parse_moment(self.zone)

    @property
    def scope(self) -> OnwardScope:
        """To whom the other side may pass it on; to nobody without asking unless chosen."""
        chosen = self.draft.get("onward")
        return OnwardScope(chosen) if chosen in set(OnwardScope) else OnwardScope.ASK_FIRST

    @property
    def authorities(self) -> tuple[str, ...]:
        """The desks that were ticked, if the scope is those."""
        is_listed = self.scope is OnwardScope.LISTED_AUTHORITIES
        return tuple(self.draft.list("onward_authorities")) if is_listed else ()

    @property
    def passed_on(self) -> PassableMessage | None:
        """The received message whose data it passes on."""
        chosen = self.draft.get("passes_on")
        return next((each for each in self.passable if each.message_id == chosen), None)

    def state_due(self) -> datetime | None:
        """Say when it is due as the service takes it; what is wrong was said before."""
        try:
            return self.parse_due()
        except DateError:
            return None

    def state_onward(self) -> OnwardDraft:
        """Say what may be passed on as the service takes it."""
        return OnwardDraft(scope=self.scope, authorities=self.authorities)


def say_onward(rule: OnwardRule | OnwardDraft) -> Message:
    """Say what may be passed on, to either side; the desks are named beside it."""
    return _ALLOWED[rule.scope]
