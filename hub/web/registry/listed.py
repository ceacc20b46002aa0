"""Who was listed when a message was sent: the question as a form has it, and its answer."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from starlette.datastructures import FormData

from console.dates import DateError, DateParts
from console.i18n import Message, msg
from contact_registry.directory import Directory
from contact_registry.history.archive import RegistryHistory
from contact_registry.history.listed import find_listed
from contact_registry.models import Authority, PersonGroup
from hub.web.registry.desks import Answer, describe_answer
from hub.web.site import get_text
from protocol.errors import MalformedError
from protocol.identifiers import Channel, ParticipantCode, Phase, parse_participant_code

_VERSION: Final = re.compile(r"[1-9][0-9]{0,8}")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedQuestion:
    """What is asked. Without ``version`` the one in force at the moment answers."""

    participant: ParticipantCode
    phase: Phase
    group: PersonGroup
    channel: Channel
    sent_at: datetime
    version: int | None
    sha256: str


@dataclass(frozen=True, slots=True)
class ListedView:
    """The answer: the version that it is from, the desk, and all that listed the phase."""

    directory: Directory
    sent_at: datetime
    answer: Answer
    competent: tuple[Authority, ...]


def read_question(
    form: FormData, *, zone: ZoneInfo, now: datetime
) -> tuple[ListedQuestion | None, dict[str, Message]]:
    """Read the form; returns None and what is wrong with it, by field."""
    errors: dict[str, Message] = {}
    participant = _read_participant(get_text(form, "participant"), errors)
    phase, channel = get_text(form, "phase"), get_text(form, "channel")
    if phase not in set(Phase):
        errors["phase"] = msg("Choose a phase.")
    sent_at = _read_moment(form, errors, zone=zone, now=now)
    version, sha256 = get_text(form, "version"), get_text(form, "sha256").lower()
    if version and not _VERSION.fullmatch(version):
        errors["version"] = msg("A version is a number, such as 12.")
    if bool(version) is not bool(sha256) or (sha256 and not _SHA256.fullmatch(sha256)):
        errors.setdefault(
            "sha256", msg("Give version and hash as the message has them, or neither of them.")
        )
    if errors or participant is None or sent_at is None:
        return None, errors
    question = ListedQuestion(
        participant=participant,
        phase=Phase(phase),
        group=PersonGroup.CHILD if get_text(form, "child") == "yes" else PersonGroup.ADULT,
        channel=Channel(channel) if channel in set(Channel) else Channel.ASSISTANCE,
        sent_at=sent_at,
        version=int(version) if version else None,
        sha256=sha256,
    )
    return question, errors


def _read_participant(text: str, errors: dict[str, Message]) -> ParticipantCode | None:
    try:
        return parse_participant_code(text)
    except MalformedError:
        errors["participant"] = msg("Choose a Participant.")
        return None


def _read_moment(
    form: FormData, errors: dict[str, Message], *, zone: ZoneInfo, now: datetime
) -> datetime | None:
    try:
        sent_at = DateParts.from_form(form, "sent").parse_moment(zone)
    except DateError as error:
        errors["sent"] = error.message
        return None
    if sent_at > now:
        errors["sent"] = msg("This moment is still to come: give one that has passed.")
    return sent_at


def answer_listed(history: RegistryHistory, question: ListedQuestion) -> ListedView:
    """Look into the version that the message names, or that was in force when it was sent.

    Raises :class:`~contact_registry.history.errors.VersionNotKeptError` and
    :class:`~contact_registry.history.errors.OtherVersionError`.
    """
    if question.version is None:
        directory = history.load_as_of(question.sent_at)
    else:
        directory = history.load_pinned(question.version, question.sha256, sent_at=question.sent_at)
    listed = find_listed(
        directory,
        participant=question.participant,
        phase=question.phase,
        at=question.sent_at,
        child=question.group is PersonGroup.CHILD,
        channel=question.channel,
    )
    answer = describe_answer(
        directory, listed.desk, phase=question.phase, group=question.group, at=question.sent_at
    )
    return ListedView(directory, question.sent_at, answer, listed.competent)
