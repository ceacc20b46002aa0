"""The gate in front of sending: no message about a case passes it but by the policy's decision.

What a message says of itself, who writes it, what the registry lists, and what this node has on
file of the case are put together here; :func:`protocol.policy.deciding.decide` answers. The same
gate answers a preview and stands in both paths of sending.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlmodel import Session

from console.refusals import as_it_is
from contact_registry.directory import Directory
from node.domain.access import Permission, Principal
from node.domain.returns import Situation, make_facts
from node.service.consent.shelters import find_issued
from node.service.context import NodeContext, RefusedDraftError
from node.service.policy.knowledge import NOTHING, Known, hold_consents, load_known
from node.service.policy.passing_on import find_source, gather_onward
from node.service.policy.registry_facts import RegistryView
from node.service.records import IN
from node.service.return_messages import find_answers
from node.store.case_tables import CaseStrandRow
from node.store.tables import CaseRow, MessageRow
from protocol.identifiers import AuthorityId, Channel
from protocol.messages.fields import Sensitivity
from protocol.messages.head import CaseMessage
from protocol.policy.deciding import decide
from protocol.policy.decision import Decision, Outcome, Reason
from protocol.policy.facts import (
    Approval,
    CaseFacts,
    Facts,
    MessageFacts,
    OnwardFacts,
    Person,
    ReturnFacts,
    Role,
)
from protocol.policy.gathering import gather_message_facts

_RETURN: Final = "return."


class PolicyRefusedError(RefusedDraftError):
    """The policy refuses a message, or asks for a second person. ``members`` say every reason."""

    def __init__(self, decision: Decision) -> None:
        """Say it in the words of the rules."""
        self.decision = decision
        self.members = {"decision": describe_decision(decision)}
        told = [reason for reason in decision.reasons if reason.outcome is decision.outcome]
        said = " ".join(f"{each.sentence} {each.remedy}" for each in told)
        super().__init__(as_it_is(said))  # pages say each reason in words of their own


class NeedsApprovalError(PolicyRefusedError):
    """The message may leave once a second person has approved it: ask for that."""


def describe_decision(decision: Decision) -> dict[str, Any]:
    """Return a decision as JSON values: codes and the words of the rules, never contents."""
    return {
        "outcome": decision.outcome.value,
        "reasons": [_describe_reason(reason) for reason in decision.reasons],
        "grounds": [
            {"kind": ground.kind.value, "reference": ground.reference}
            for ground in decision.grounds
        ],
    }


def _describe_reason(reason: Reason) -> dict[str, Any]:
    return {
        "code": reason.code,
        "outcome": reason.outcome.value,
        "sentence": reason.sentence,
        "remedy": reason.remedy,
        "details": list(reason.details),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """Who sends a message in which case, and what goes with it."""

    case: CaseRow
    who: Principal
    #: The message that it replies to, if any.
    about: MessageRow | None = None
    #: The received message whose data it passes on, if any.
    passes_on: str | None = None
    approval: Approval | None = None
    #: The child's case manager agreed that it is passed on.
    case_manager_approved: bool = False


def describe_author(who: Principal) -> Person:
    """Return somebody as the policy takes them.

    A program that may work on cases writes as a focal point does: whoever made its token answers
    for it. Programs of one person are that person where a second one is needed.
    """
    is_focal_point = who.may(Permission.WORK_CASES)
    return Person(
        name=who.person or who.actor,
        roles=who.roles | ({Role.FOCAL_POINT} if is_focal_point else frozenset()),
        channels=who.channels,
    )


class Gate:
    """Decides about messages of one transaction, on one directory, at one moment."""

    def __init__(
        self,
        context: NodeContext,
        session: Session,
        directory: Directory,
        *,
        now: datetime,
        is_preview: bool = False,
    ) -> None:
        """Ask nothing yet. A preview holds nothing that others change."""
        self._context, self._session, self._now = context, session, now
        self._is_preview = is_preview
        self._registry = RegistryView(context, directory, at=now)
        self._known: dict[str, Known] = {}

    def learn(self, cases: Iterable[CaseRow]) -> None:
        """Load what is recorded of these cases, in one statement, also if it was before."""
        wanted = tuple(cases)
        found = load_known(self._context, self._session, wanted)
        if not self._is_preview:
            found = hold_consents(self._session, found)
        for case in wanted:
            self._known[case.case_id] = found.get(case.case_id, NOTHING)

    def learn_new(self, case: CaseRow) -> None:
        """Note a case that was opened in this transaction: nothing is recorded of it."""
        self._known[case.case_id] = NOTHING

    def note(self, case: CaseRow, known: Known) -> None:
        """Note what was recorded of a case in this transaction and is not written yet."""
        self._known[case.case_id] = known

    def know(self, case: CaseRow) -> Known:
        """Return what is recorded of a case."""
        if case.case_id not in self._known:
            self.learn([case])
        return self._known[case.case_id]

    def pass_through(self, message: CaseMessage, sending: Sending) -> Decision:
        """Return the decision if it allows; else raise :class:`PolicyRefusedError`."""
        decision = self.judge(gather_message_facts(message), sending)
        if decision.outcome is Outcome.ALLOW:
            return decision
        if decision.outcome is Outcome.NEEDS_SECOND_PERSON:
            raise NeedsApprovalError(decision)
        raise PolicyRefusedError(decision)

    def judge(self, message: MessageFacts, sending: Sending) -> Decision:
        """Return the decision about a message."""
        return decide(self.gather(message, sending))

    def gather(self, message: MessageFacts, sending: Sending) -> Facts:
        """Put together what is known."""
        known = self.know(sending.case)
        return Facts(
            message=message,
            author=describe_author(sending.who),
            at=self._now,
            registry=self._registry.gather(message),
            case=self._gather_case(message, sending, known),
            consents=known.list_consents(message.channel),
            exception=known.find_exception(message.channel, message.ground),
            approval=sending.approval,
            returning=self._gather_return(message, sending.case, known),
            onward=self._gather_onward(message, sending),
        )

    def _gather_case(self, message: MessageFacts, sending: Sending, known: Known) -> CaseFacts:
        now, about = known.circumstances, sending.about
        codes = frozenset(now.shelter_codes)
        if message.shelter_codes - codes:
            codes |= find_issued(self._session, message.shelter_codes)
        asked_by = about.from_authority if about is not None and about.direction == IN else None
        return CaseFacts(
            treated_as_child=now.treated_as_child,
            guardian_appointed=now.guardian_appointed,
            guardian_is_case_manager=now.guardian_is_case_manager,
            in_shelter=now.in_shelter,
            in_witness_protection=now.in_witness_protection,
            asked_by=AuthorityId(asked_by) if asked_by else None,
            replies_in=Channel(about.channel) if about and about.channel else None,
            shelter_codes=codes,
        )

    def _gather_return(self, message: MessageFacts, case: CaseRow, known: Known) -> ReturnFacts:
        if not message.type.startswith(_RETURN):
            return ReturnFacts()
        answers = find_answers(self._context, self._session, case, peer=message.recipient)
        return make_facts(Situation(known.journey, answers))

    def _gather_onward(self, message: MessageFacts, sending: Sending) -> OnwardFacts | None:
        session, case, about = self._session, sending.case, sending.about
        if message.forwarded_to is not None and about is not None and about.direction == IN:
            source = about
        elif sending.passes_on is not None:
            source = find_source(session, sending.passes_on, case=case, who=sending.who)
        else:
            return None
        return gather_onward(
            self._context,
            session,
            message,
            source=source,
            case=case,
            target=self._registry.find(message.forwarded_to or message.to_authority),
            case_manager_approved=sending.case_manager_approved
            or self._is_manager(sending, message.channel),
        )

    def _is_manager(self, sending: Sending, channel: Channel) -> bool:
        strand = self._session.get(CaseStrandRow, (sending.case.case_id, channel))
        manager = None if strand is None else strand.manager_account
        return manager is not None and manager == sending.who.person


def add_files(message: MessageFacts, marks: Iterable[Sensitivity]) -> MessageFacts:
    """Return the facts of a message with files of these classes beside it, for a preview."""
    found = frozenset(marks)
    return replace(
        message,
        classes=message.classes | (found - {Sensitivity.NONE}),
        has_unclassed_file=message.has_unclassed_file or Sensitivity.NONE in found,
    )
