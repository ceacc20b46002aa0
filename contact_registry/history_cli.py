"""The commands of ``trm-registry`` about the past: ``history``, ``show``, ``diff``, ``listed``.

They read and change nothing. A version is named by its number, or by a moment at which it was in
force.
"""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from contact_registry.errors import RegistryError
from contact_registry.history.archive import RegistryHistory
from contact_registry.history.listed import find_listed, find_listed_authority
from contact_registry.history.presenting import (
    describe_difference,
    describe_history,
    describe_listed,
    describe_listed_authority,
    describe_version_content,
    format_difference,
    format_history,
    format_listed_authority,
    format_signatures,
    show_moment,
)
from contact_registry.presenting import format_directory, format_resolution
from contact_registry.routing import Desk
from contact_registry.trust.repository import RegistryRepository
from protocol.identifiers import (
    Channel,
    Phase,
    parse_authority_id,
    parse_participant_code,
)

_NEEDS_A_PERSON: Final = 1
_MOMENT_FORMS: Final = ("%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S")
_PIN: Final = re.compile(r"(?P<version>[1-9][0-9]{0,8}):(?P<sha256>[0-9a-f]{64})")
_HOW: Final = (
    "Write a version as 12, a day as 2026-03-01 (noon), a moment as 2026-03-01T22:30; all in UTC."
)

Repository = Annotated[Path, typer.Option("--repository", help="Folder of the repository.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def mount_history(app: typer.Typer) -> None:
    """Add the commands to ``trm-registry``."""
    app.command("history")(show_history)
    app.command("show")(show_registry)
    app.command("diff")(show_difference)
    app.command("listed")(show_listed)


def show_history(
    *,
    repository: Repository,
    last: Annotated[
        int | None, typer.Option(min=1, help="Only so many, the newest ones; default: all.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List every version, newest first: when, what changed, who signed it.

    Exit code 1 means that a moment is uncertain, or that a version was signed and never in force.

    Example: trm-registry history --repository registry --last 10
    """
    history = RegistryHistory(repository)
    versions, interrupted = history.list_versions()[::-1][:last], history.list_interrupted()
    if as_json:
        _print_json(describe_history(versions, interrupted))
    else:
        _print(format_history(versions, interrupted))
    if interrupted or not all(version.is_moment_certain for version in versions):
        raise typer.Exit(_NEEDS_A_PERSON)


def show_registry(
    *,
    repository: Repository,
    as_of: Annotated[
        str | None,
        typer.Option(help="Version (12), day (2026-03-01: noon) or moment (2026-03-01T22:30)."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show who takes part, what is published, and what needs attention: now, or at a past time.

    Exit code 1 means that a signature had run out.

    Example: trm-registry show --as-of 2026-03-01 --repository registry
    """
    history, now = RegistryHistory(repository), _now()
    if as_of is None:
        directory = RegistryRepository(repository, clock=_now).load_directory()
    else:
        directory = history.load_as_of(parse_as_of(as_of, now=now))
    signed = history.list_signatures(directory.version)
    if as_json:
        _print_json(describe_version_content(directory, signed))
    else:
        lines = list(format_directory(directory, now=directory.verified_at))
        if as_of is not None:
            lines[:0] = [f"As of {show_moment(directory.verified_at)}:"]
            lines += format_signatures(directory, signed)
        _print(lines)
    if directory.overdue or directory.expires_at <= directory.verified_at:
        raise typer.Exit(_NEEDS_A_PERSON)


def show_difference(
    old: Annotated[str, typer.Argument(help="Version or moment, such as 12 or 2026-03-01.")],
    new: Annotated[
        str | None, typer.Argument(help="Version or moment; default: the newest version.")
    ] = None,
    *,
    repository: Repository,
    as_json: Json = False,
) -> None:
    """Tell what differs between two versions, one sentence for each change.

    Keys are named by their key id. Exit code 0, whether anything differs or not.

    Example: trm-registry diff 12 2026-03-01 --repository registry
    """
    history, now = RegistryHistory(repository), _now()
    newest = history.newest_version() if new is None else parse_as_of(new, now=now)
    difference = history.diff(parse_as_of(old, now=now), newest)
    if as_json:
        _print_json(describe_difference(difference))
    else:
        _print(format_difference(difference))


def show_listed(  # noqa: PLR0913 - the parts of one question, each an option
    who: Annotated[str, typer.Argument(help="Participant (AL) with --phase, or desk (AL-desk).")],
    *,
    pin: Annotated[str, typer.Option(help="VERSION:SHA256, as the message names its registry.")],
    sent_at: Annotated[str, typer.Option(help="When the message says it was sent, UTC.")],
    repository: Repository,
    phase: Annotated[Phase | None, typer.Option(help="Phase, for a Participant.")] = None,
    child: Annotated[bool, typer.Option("--child", help="The person may be under 18.")] = False,
    channel: Annotated[Channel, typer.Option(help="Need-to-know channel.")] = Channel.ASSISTANCE,
    as_json: Json = False,
) -> None:
    """Tell who was listed in the registry that a message names, when it was sent.

    Exit code 1 means that the desk was not listed then, or that nobody was competent and reachable.

    Example: trm-registry listed AL --phase return --pin 12:SHA256 --sent-at 2026-03-01T22:30
    --repository registry
    """
    history, at = RegistryHistory(repository), parse_moment(sent_at)
    version, sha256 = _parse_pin(pin)
    if phase is None:
        desk = parse_authority_id(who)
        directory = history.load_pinned(version, sha256, sent_at=at)
        authority = find_listed_authority(directory, desk, at=at)
        data = describe_listed_authority(authority, directory)
        lines = list(format_listed_authority(authority, directory, desk))
        found = authority is not None
    else:
        code = parse_participant_code(who)
        directory = history.load_pinned(version, sha256, sent_at=at)
        listed = find_listed(
            directory, participant=code, phase=phase, at=at, child=child, channel=channel
        )
        data = describe_listed(listed, directory)
        lines = [
            f"In version {version}, at {show_moment(at)}:",
            *format_resolution(listed.desk, directory, code, phase),
        ]
        found = isinstance(listed.desk, Desk)
    if as_json:
        _print_json(data)
    else:
        _print(lines)
    if not found:
        raise typer.Exit(_NEEDS_A_PERSON)


def _parse_pin(text: str) -> tuple[int, str]:
    match = _PIN.fullmatch(text)
    if match is None:
        raise RegistryError(
            "Write --pin as the message has it: the version, a colon, and the SHA-256 in 64 small "
            "hexadecimal digits."
        )
    return int(match["version"]), match["sha256"]


def parse_as_of(text: str, *, now: datetime) -> int | datetime:
    """Read a version or a moment that is not to come.

    Raises :class:`~contact_registry.errors.RegistryError`.
    """
    if text.isascii() and text.isdigit() and len(text) <= len("999999999"):
        return int(text)
    moment = parse_moment(text)
    if moment > now:
        raise RegistryError(
            f"{show_moment(moment)} is still to come: nobody knows what the registry will say. "
            "Ask for a moment that has passed."
        )
    return moment


def parse_moment(text: str) -> datetime:
    """Read a day (noon) or a moment, in UTC; raises ``RegistryError``."""
    text = text.removesuffix("Z")
    try:
        return datetime.strptime(f"{text}T12:00", _MOMENT_FORMS[0]).replace(tzinfo=UTC)
    except ValueError:
        pass
    for form in _MOMENT_FORMS:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise RegistryError(_HOW)


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _print(lines: Iterable[str]) -> None:
    typer.echo("\n".join(lines))


def _print_json(answer: Mapping[str, object]) -> None:
    typer.echo(json.dumps(answer, ensure_ascii=False))
