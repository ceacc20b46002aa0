"""The commands of ``trm-registry`` that ask a registry something and change nothing.

Each takes a moment (``--at``), so that a past day is asked like today, and ends with exit code 1 if
the answer needs a person.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from contact_registry.agreed import list_agreements
from contact_registry.coverage import list_coverage
from contact_registry.directory import Directory
from contact_registry.errors import RegistryError
from contact_registry.freshness import list_reviews, score_participants
from contact_registry.freshness_words import (
    describe_freshness,
    format_freshness,
    needs_somebody,
)
from contact_registry.presenting import describe_resolution, format_resolution
from contact_registry.routing import Gap, resolve
from contact_registry.tabulating import (
    describe_agreements,
    describe_coverage,
    format_agreements,
    format_coverage,
)
from contact_registry.trust.repository import RegistryRepository
from protocol.identifiers import Channel, Phase, parse_participant_code

_NEEDS_A_PERSON: Final = 1
_NOON: Final = 12

Repository = Annotated[Path, typer.Option("--repository", help="Folder of the repository.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
InChannel = Annotated[Channel, typer.Option("--channel", help="Need-to-know channel.")]
At = Annotated[
    str | None,
    typer.Option(help="Day (2026-03-01: noon) or moment (2026-03-01T22:30) in UTC; default: now."),
]


def resolve_desk(  # noqa: PLR0913 - the parts of one question, each an option
    participant: Annotated[str, typer.Argument(help="Participant code, such as AL.")],
    phase: Annotated[Phase, typer.Argument(help="Phase of the referral.")],
    *,
    repository: Repository,
    child: Annotated[bool, typer.Option("--child", help="The person may be under 18.")] = False,
    channel: InChannel = Channel.ASSISTANCE,
    place: Annotated[str, typer.Option(help="Place, where desks differ by place.")] = "",
    at: At = None,
    as_json: Json = False,
) -> None:
    """Find the competent desk: why it, whether it is open, who stands in for it.

    Exit code 1 means a gap: nobody is competent, or nobody can be reached.

    Example: trm-registry resolve XK identification --child --at 2026-03-01T22:30
    --repository registry
    """
    code, moment = parse_participant_code(participant), _read_moment(at)
    directory = _load(repository)
    answer = resolve(
        directory, participant=code, phase=phase, at=moment, child=child, channel=channel,
        place=place,
    )  # fmt: skip
    if as_json:
        _print_json({"at": moment.isoformat(), **describe_resolution(answer)})
    else:
        _print(format_resolution(answer, directory, code, phase))
    if isinstance(answer, Gap):
        raise typer.Exit(_NEEDS_A_PERSON)


def show_coverage(
    *,
    repository: Repository,
    channel: InChannel = Channel.ASSISTANCE,
    at: At = None,
    as_json: Json = False,
) -> None:
    """Show where nobody answers: each Participant and phase, adult or child, in and out of hours.

    Exit code 1 means that there are findings.

    Example: trm-registry coverage --repository registry
    """
    directory = _load(repository)
    coverage = list_coverage(directory, _read_moment(at), channel=channel)
    if as_json:
        _print_json(describe_coverage(coverage, directory))
    else:
        _print(format_coverage(coverage, directory))
    if coverage.findings:
        raise typer.Exit(_NEEDS_A_PERSON)


def show_freshness(*, repository: Repository, at: At = None, as_json: Json = False) -> None:
    """Show how far each Participant's list can be relied on, and which desks need a look.

    Exit code 1 means that a review is overdue, or that a desk was never confirmed.

    Example: trm-registry freshness --repository registry
    """
    directory, moment = _load(repository), _read_moment(at)
    found = [
        (score, list_reviews(directory, moment, participant=score.participant))
        for score in score_participants(directory, (), at=moment)
    ]
    if as_json:
        _print_json({"participants": describe_freshness(found)})
    else:
        _print(format_freshness(found, directory))
    if needs_somebody(found):
        raise typer.Exit(_NEEDS_A_PERSON)


def show_agreements(*, repository: Repository, at: At = None, as_json: Json = False) -> None:
    """Show the agreements that Participants state, which of them count, and what is missing.

    Compare the hash of the terms with the other parties by another way, such as the telephone. Exit
    code 1 means that a party's word is missing.

    Example: trm-registry agreements --repository registry
    """
    directory, moment = _load(repository), _read_moment(at)
    standings = list_agreements(directory)
    if as_json:
        _print_json({"agreements": describe_agreements(standings, at=moment)})
    else:
        _print(format_agreements(standings, directory, at=moment))
    if any(not standing.counts for standing in standings):
        raise typer.Exit(_NEEDS_A_PERSON)


def _load(repository: Path) -> Directory:
    return RegistryRepository(repository, clock=_now).load_directory()


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _read_moment(text: str | None) -> datetime:
    if text is None:
        return _now()
    for form, hour in (("%Y-%m-%d", _NOON), ("%Y-%m-%dT%H:%M", None)):
        try:
            moment = datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
        return moment if hour is None else moment.replace(hour=hour)
    raise RegistryError("Write --at as 2026-03-01 or 2026-03-01T22:30, in UTC.")


def _print(lines: Iterable[str]) -> None:
    typer.echo("\n".join(lines))


def _print_json(answer: Mapping[str, object]) -> None:
    typer.echo(json.dumps(answer, ensure_ascii=False))
