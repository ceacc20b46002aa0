"""Versions in words: what each brought, who signed its files, and the code to compare by voice."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from console.formats import name_place
from console.i18n import Message, msg, pmsg
from contact_registry.exporting.verification_code import make_verification_code
from contact_registry.history.versions import HistoricVersion, RoleChange, SignedFile
from contact_registry.models import ParticipantEntry
from contact_registry.trust.layout import RoleKind, parse_role
from directory_pages.codes import Words
from directory_pages.looks import Look
from hub.web.registry.looks import HOLDERS
from hub.web.registry.participants import look_of_expiry

NameParticipant = Callable[[str], Words]
"""Names a Participant by its code."""

_OWN_ROLES: dict[str, Message] = {
    "root": msg("Root: whose keys count for everything else"),
    "targets": msg("List of Participants and of their directory keys"),
    "snapshot": msg("Which files belong to this version"),
    "timestamp": msg("Which version is the newest"),
}


@dataclass(frozen=True, slots=True)
class VersionRow:
    """One version of the list."""

    version: int
    sha256: str
    code: str
    published_at: datetime
    is_moment_certain: bool
    events: tuple[Words, ...]
    signed: tuple["SignedView", ...]


@dataclass(frozen=True, slots=True)
class SignedView:
    """Who signed one file, and how long that holds."""

    role: str
    what: Words
    held_by: Words
    version: int
    signed_by: tuple[str, ...]
    could_sign: tuple[str, ...]
    threshold: int
    expires_at: datetime
    is_enough: Look
    holds: Look

    @property
    def keys(self) -> int:
        """How many keys the role has."""
        return len(self.signed_by) + len(self.could_sign)


def describe_version(
    version: HistoricVersion, *, now: datetime, name: NameParticipant
) -> VersionRow:
    """Describe one version, with the files that it brought."""
    return VersionRow(
        version=version.version,
        sha256=version.sha256,
        code=make_verification_code(version.version, version.sha256),
        published_at=version.published_at,
        is_moment_certain=version.is_moment_certain,
        events=tuple(_tell(version, name)),
        signed=tuple(describe_signed(file, now=now, name=name) for file in version.signed),
    )


def _tell(version: HistoricVersion, name: NameParticipant) -> Iterator[Words]:
    for entry in version.joined:
        yield msg("%(participant)s takes part", participant=_entry_name(entry))
    for entry in version.left:
        yield msg("%(participant)s no longer takes part", participant=_entry_name(entry))
    if version.is_under_new_root and version.root_version > 1:
        yield msg("Other keys of the operators or of the registry host count from here on")
    for change in version.changes:
        yield _word_change(change, name)
    if version.is_renewal:
        yield msg("Nothing changed: the registry host renewed its signatures")


def _entry_name(entry: ParticipantEntry) -> Words:
    return name_place(entry.code, entry.display_name)


def _word_change(change: RoleChange, name: NameParticipant) -> Words:
    what = name_role(change.role, name)
    if change.old_version is None:
        return msg("%(file)s: published", file=what)
    if change.new_version is None:
        return msg("%(file)s: let go", file=what)
    return msg("%(file)s: changed", file=what)


def name_role(role: str, name: NameParticipant) -> Words:
    """Say what a role's file is."""
    if role in _OWN_ROLES:
        return _OWN_ROLES[role]
    code, kind = parse_role(role)
    if kind is RoleKind.PARTICIPANT:
        return msg("Contact list of %(participant)s", participant=name(code))
    return msg("Node keys of %(participant)s", participant=name(code))


def describe_signed(file: SignedFile, *, now: datetime, name: NameParticipant) -> SignedView:
    """Describe who signed a file, as of now."""
    enough = file.is_threshold_met
    return SignedView(
        role=file.role,
        what=name_role(file.role, name),
        held_by=HOLDERS[file.held_by],
        version=file.version,
        signed_by=file.signed_by,
        could_sign=file.could_sign,
        threshold=file.threshold,
        expires_at=file.expires_at,
        is_enough=Look(pmsg("signature", "Signed"), "ok", "shield-check")
        if enough
        else Look(pmsg("signature", "Signatures missing"), "danger", "shield-alert"),
        holds=look_of_expiry(file.expires_at, now=now, held_by=file.held_by),
    )


def describe_all_signed(
    signed: Sequence[SignedFile], *, now: datetime, name: NameParticipant
) -> list[SignedView]:
    """Describe who signed, what runs out first on top."""
    views = [describe_signed(file, now=now, name=name) for file in signed]
    return sorted(views, key=lambda view: view.expires_at)
