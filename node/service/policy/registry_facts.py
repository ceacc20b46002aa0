"""What the verified registry says of two desks, as the policy takes it."""

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from contact_registry.directory import Directory
from contact_registry.models import ListedBy, PersonGroup
from contact_registry.routing import Desk, FallBack, resolve
from contact_registry.terms import load_agreements
from contact_registry.trust.staleness import Grade, grade_view
from node.service.context import NodeContext
from protocol.identifiers import AuthorityId, get_participant_of
from protocol.messages import codes
from protocol.policy.agreements import Agreement
from protocol.policy.facts import (
    AuthorityListing,
    Competence,
    MessageFacts,
    RegistryFacts,
    Staleness,
)

_STALENESS: Final = {
    Grade.FRESH: Staleness.FRESH,
    Grade.WARN: Staleness.FRESH,
    Grade.STALE: Staleness.STALE,
    # Not "too old": such a message is taken, and held in the outbox until the next refresh (SPEC
    # 12.8), where the same rule is asked when it would leave. So nothing that was written is lost.
    Grade.TOO_OLD: Staleness.STALE,
}
_GROUPS: Final = {
    PersonGroup.ANY: frozenset(codes.PersonGroup),
    PersonGroup.ADULT: frozenset({codes.PersonGroup.ADULT}),
    PersonGroup.CHILD: frozenset({codes.PersonGroup.CHILD}),
}
_LAST_RESORT: Final = frozenset({FallBack.OTHER_CHANNEL, FallBack.IDENTIFICATION_DESK})


class RegistryView:
    """One directory, asked many times at one moment."""

    def __init__(self, context: NodeContext, directory: Directory, *, at: datetime) -> None:
        """Look at ``directory`` as of ``at``."""
        self.directory = directory
        self._at = at
        age = grade_view(directory, now=at, limits=context.age_limits)
        self._staleness = _STALENESS[age.grade]
        self._listings: dict[str, AuthorityListing | None] = {}
        self._agreements: tuple[Agreement, ...] | None = None

    def gather(self, message: MessageFacts) -> RegistryFacts:
        """Return what is said of the two desks of a message."""
        return RegistryFacts(
            staleness=self._staleness,
            sender=self.find(message.from_authority),
            recipient=self._find_recipient(message),
            agreements=self._list_agreements(message),
        )

    def find(self, authority: str) -> AuthorityListing | None:
        """Return how an authority is listed; ``None`` if it is not."""
        if authority not in self._listings:
            self._listings[authority] = self._describe(AuthorityId(authority))
        return self._listings[authority]

    def _describe(self, authority: AuthorityId) -> AuthorityListing | None:
        listed = self.directory.authority(authority)
        if listed is None:
            return None
        document = self.directory.contacts[get_participant_of(authority)]
        return AuthorityListing(
            authority=authority,
            is_valid=listed.is_valid_on(self._at.astimezone(ZoneInfo(listed.time_zone)).date()),
            is_confirmed=document.listed_by is ListedBy.PARTICIPANT,
            competences=frozenset(
                Competence(
                    phase=each.phase, channel=each.channel, groups=_GROUPS[each.person_group]
                )
                for each in listed.competences
            ),
        )

    def _find_recipient(self, message: MessageFacts) -> AuthorityListing | None:
        found = self.find(message.to_authority)
        if found is None or any(
            each.phase is message.phase and each.channel is message.channel
            for each in found.competences
        ):
            return found
        answer = resolve(
            self.directory,
            participant=message.recipient,
            phase=message.phase,
            at=self._at,
            child=message.treated_as_child,
            channel=message.channel,
        )
        is_last_resort = (
            isinstance(answer, Desk)
            and answer.authority.id == message.to_authority
            and bool(_LAST_RESORT.intersection(answer.fell_back_on))
        )
        if not is_last_resort:
            return found
        return AuthorityListing(
            authority=found.authority,
            is_valid=found.is_valid,
            is_confirmed=found.is_confirmed,
            competences=found.competences,
            is_last_resort=True,
        )

    def _list_agreements(self, message: MessageFacts) -> tuple[Agreement, ...]:
        if not message.holds_identifiers and message.formality is not codes.Formality.FORMAL:
            return ()  # no rule asks for them
        if self._agreements is None:
            self._agreements = load_agreements(self.directory)
        return self._agreements
