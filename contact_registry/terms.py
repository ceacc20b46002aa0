"""What the registry says about working days and agreements, in the protocol's own values.

For nodes, and for tools beside them. The hub never imports this: deadlines and policy speak the
language of the messages, which the hub does not.
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from contact_registry.agreed import AgreementStanding, list_agreements
from contact_registry.directory import Directory
from contact_registry.errors import RegistryError
from protocol.deadlines import AgreedDeadline, WorkingCalendar
from protocol.identifiers import AuthorityId, ParticipantCode, Phase, get_participant_of
from protocol.messages.fields import Sensitivity
from protocol.policy.agreements import Agreement, Notice


def load_calendar(directory: Directory, authority: AuthorityId) -> WorkingCalendar:
    """Return the working days of an authority: its time zone, its Participant's days off.

    Where the Participant lists no calendar, Saturday and Sunday are off and nothing else is.
    Raises :class:`~contact_registry.errors.RegistryError` if the authority is not listed.
    """
    listed = directory.authority(authority)
    if listed is None:
        raise RegistryError(
            f"{authority} is not in the registry: choose a desk from the directory."
        )
    zone = ZoneInfo(listed.time_zone)
    calendar = directory.contacts[get_participant_of(authority)].calendar
    if calendar is None:
        return WorkingCalendar(zone)
    return WorkingCalendar(zone, weekend=calendar.weekend_numbers, holidays=calendar.days_off)


def load_agreements(directory: Directory) -> tuple[Agreement, ...]:
    """Return the agreements that count, for the policy to judge: in force or not."""
    return tuple(_convert(standing) for standing in list_agreements(directory) if standing.counts)


def _convert(standing: AgreementStanding) -> Agreement:
    terms = standing.terms
    return Agreement(
        instrument=terms.instrument,
        participants=frozenset(terms.parties),
        phases=frozenset(terms.phases),
        classes=frozenset(Sensitivity(each.value) for each in terms.sensitivity_classes),
        valid_from=terms.valid_from,
        valid_to=terms.valid_to,
        terminated_on=standing.terminated_on,
        notice_rule=terms.notice_rule,
        notices=tuple(
            Notice(given_by=n.given_by, received_on=n.received_on) for n in standing.notices
        ),
    )


def find_agreed_deadline(
    directory: Directory,
    *,
    pair: tuple[ParticipantCode, ParticipantCode],
    phase: Phase,
    at: datetime,
) -> AgreedDeadline | None:
    """Return the times to answer that these two agreed on for a phase, or None.

    Of several agreements in force the one that began last decides, as the later word of the same
    two; of two that began together the one whose identifier comes first. Days are calendar days in
    UTC, as the policy counts them.
    """
    today = at.astimezone(UTC).date()
    fitting = [
        (standing.terms.valid_from, times)
        for standing in list_agreements(directory)
        if standing.counts
        and phase in standing.terms.phases
        and (times := standing.terms.find_times(*pair)) is not None
        and _convert(standing).is_in_force(*pair, on=today)
    ]
    if not fitting:
        return None
    times = max(fitting, key=lambda each: each[0])[1]
    return AgreedDeadline(
        working_days=times.working_days,
        immediate=_minutes(times.immediate_minutes),
        urgent=_minutes(times.urgent_minutes),
    )


def _minutes(number: int | None) -> timedelta | None:
    return None if number is None else timedelta(minutes=number)
