"""What the history commands print: plain sentences for people, JSON for programs."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

from contact_registry.directory import Directory
from contact_registry.history.comparing import Difference, describe_content
from contact_registry.history.listed import Listed
from contact_registry.history.naming import Names
from contact_registry.history.versions import (
    HistoricVersion,
    Holder,
    InterruptedVersion,
    RoleChange,
    SignedFile,
)
from contact_registry.history.wording import word_difference
from contact_registry.models import Authority
from contact_registry.presenting import describe_resolution
from contact_registry.trust.layout import RoleKind, parse_role
from protocol.identifiers import AuthorityId, get_participant_of

#: Whose word the moments are; stands below every list of them.
MOMENT_CLAIM: Final = (
    "Moments are the registry host's claim, reckoned from when its online signatures run out."
)
_TOP_LEVEL: Final = frozenset({"root", "targets", "snapshot", "timestamp"})


def show_moment(moment: datetime) -> str:
    """Return a moment for people, in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


# ---------------------------------------------------------------------- versions


def describe_history(
    versions: Iterable[HistoricVersion], interrupted: Iterable[InterruptedVersion]
) -> dict[str, object]:
    """Return the list of versions as data, in the order given."""
    return {
        "moments_claimed_by": Holder.REGISTRY_HOST,
        "versions": [_describe_version(version) for version in versions],
        "never_in_force": [{"version": i.version, "sha256": i.sha256} for i in interrupted],
    }


def _describe_version(version: HistoricVersion) -> dict[str, object]:
    return {
        "version": version.version,
        "sha256": version.sha256,
        "published_at": version.published_at.isoformat(),
        "is_moment_certain": version.is_moment_certain,
        "root_version": version.root_version,
        "joined": [entry.code for entry in version.joined],
        "left": [entry.code for entry in version.left],
        "changes": [
            {"role": c.role, "old_version": c.old_version, "new_version": c.new_version}
            for c in version.changes
        ],
        "signed": [describe_signed(file) for file in version.signed],
    }


def describe_signed(file: SignedFile) -> dict[str, object]:
    """Return who signed a file, as data."""
    return {
        "role": file.role,
        "version": file.version,
        "held_by": file.held_by,
        "participant": file.entry.code if file.entry else None,
        "signed_by": list(file.signed_by),
        "could_sign": list(file.could_sign),
        "threshold": file.threshold,
        "is_threshold_met": file.is_threshold_met,
        "expires_at": file.expires_at.isoformat(),
    }


def format_history(
    versions: Iterable[HistoricVersion], interrupted: Iterable[InterruptedVersion]
) -> Iterator[str]:
    """Yield the list of versions as lines of text, in the order given."""
    listed = list(versions)
    entries = (file.entry for version in listed for file in version.signed if file.entry)
    movers = (entry for version in listed for entry in (*version.joined, *version.left))
    names = Names((*entries, *movers))
    for version in listed:
        yield from _format_version(version, names)
    for lost in interrupted:
        yield f"Version {lost.version} was signed and never in force: sha256 {lost.sha256}"
    yield MOMENT_CLAIM
    yield from names.footnotes()


def _format_version(version: HistoricVersion, names: Names) -> Iterator[str]:
    doubt = "" if version.is_moment_certain else " (UNCERTAIN: its signatures do not agree)"
    yield f"Version {version.version}, {show_moment(version.published_at)}{doubt}"
    yield f"  sha256 {version.sha256}"
    yield from (f"  {names.show(entry.code)} takes part" for entry in version.joined)
    yield from (f"  {names.show(entry.code)} no longer takes part" for entry in version.left)
    if version.is_under_new_root:
        yield f"  under another root: version {version.root_version}, by the operators"
    yield from (f"  {_word_change(change, names)}" for change in version.changes)
    if version.is_renewal:
        yield "  nothing changed: the registry host renewed its signatures"
    yield from (f"  signed: {format_signed(file, names)}" for file in version.signed)


def _word_change(change: RoleChange, names: Names) -> str:
    what = _name_role(change.role, names)
    if change.old_version is None:
        return f"{what} published"
    if change.new_version is None:
        return f"{what} let go"
    return f"{what} changed, version {change.old_version} to {change.new_version}"


def _name_role(role: str, names: Names) -> str:
    if role in _TOP_LEVEL:
        return "list of Participants" if role == "targets" else role
    code, kind = parse_role(role)
    what = "contact list" if kind is RoleKind.PARTICIPANT else "node keys"
    return f"{what} of {names.show(code)}"


def format_signed(file: SignedFile, names: Names) -> str:
    """Return who signed a file, in one line."""
    who = {
        Holder.OPERATORS: "the operators",
        Holder.REGISTRY_HOST: "the registry host",
        Holder.PARTICIPANT: "the Participant",
        Holder.NODE: "the Participant's node",
    }[file.held_by]
    keys = ", ".join(file.signed_by)
    met = "enough" if file.is_threshold_met else "NOT ENOUGH"
    return (
        f"{_name_role(file.role, names)}, version {file.version}, by {who}: {keys} "
        f"({len(file.signed_by)} signed, {file.threshold} needed: {met})"
    )


# ---------------------------------------------------------------------- one version


def describe_version_content(
    directory: Directory, signed: Iterable[SignedFile]
) -> dict[str, object]:
    """Return one version as data: what it says, and who signed which file."""
    return {
        "version": directory.version,
        "sha256": directory.sha256,
        "as_of": directory.verified_at.isoformat(),
        "expires_at": directory.expires_at.isoformat(),
        "overdue": {role: since.isoformat() for role, since in directory.overdue.items()},
        "content": describe_content(directory),
        "signed": [describe_signed(file) for file in signed],
    }


def format_signatures(directory: Directory, signed: Iterable[SignedFile]) -> Iterator[str]:
    """Yield who signed which file of a version, as lines of text."""
    names = Names(directory.participants)
    yield from (f"signed: {format_signed(file, names)}" for file in signed)
    yield MOMENT_CLAIM


# ---------------------------------------------------------------------- difference


def describe_difference(difference: Difference) -> dict[str, object]:
    """Return a difference as data, with its sentences."""
    return {
        "old": _describe_end(difference.old),
        "new": _describe_end(difference.new),
        "changes": [
            {"change": c.kind, "path": list(c.path), "old": c.old, "new": c.new}
            for c in difference.changes
        ],
        "words": word_difference(difference),
    }


def _describe_end(directory: Directory) -> dict[str, object]:
    return {
        "version": directory.version,
        "sha256": directory.sha256,
        "as_of": directory.verified_at.isoformat(),
    }


def format_difference(difference: Difference) -> Iterator[str]:
    """Yield a difference as lines of text."""
    old, new = difference.old, difference.new
    yield (
        f"From version {old.version} ({show_moment(old.verified_at)}) to version {new.version} "
        f"({show_moment(new.verified_at)}):"
    )
    yield from word_difference(difference)


# ---------------------------------------------------------------------- who was listed


def describe_listed(listed: Listed, directory: Directory) -> dict[str, Any]:
    """Return who was listed for a phase, as data."""
    return {
        **_describe_end(directory),
        "competent": [authority.model_dump(mode="json") for authority in listed.competent],
        "desk": describe_resolution(listed.desk),
    }


def describe_listed_authority(
    authority: Authority | None, directory: Directory
) -> dict[str, object]:
    """Return how an authority was listed, as data."""
    return {
        **_describe_end(directory),
        "listed": authority is not None,
        "authority": authority.model_dump(mode="json") if authority else None,
    }


def format_listed_authority(
    authority: Authority | None, directory: Directory, asked: AuthorityId
) -> Iterator[str]:
    """Yield how an authority was listed, as lines of text."""
    names, code = Names(directory.participants), get_participant_of(asked)
    when = f"version {directory.version}, at {show_moment(directory.verified_at)}"
    if authority is None:
        yield f"{names.show(code)}: {asked} was not listed, or its entry not valid ({when})."
    else:
        until = f" to {authority.valid_to}" if authority.valid_to else ""
        yield f"{names.show(code)}: {authority.name} ({asked}) was listed ({when})."
        yield f"  its entry was valid from {authority.valid_from}{until}"
    yield from names.footnotes()
