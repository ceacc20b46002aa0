"""What an import noticed: one finding for each imperfection, with its row."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a finding matters."""

    BLOCKS = "blocks"
    """Something could not be taken over as it stands: settle it before publishing."""
    FIX_SOON = "fix_soon"
    """Taken over, but it may fail somebody who relies on it."""
    NOTE = "note"
    """Taken over; said so that nobody is surprised."""


class FindingCode(StrEnum):
    """What was noticed, for programs."""

    NOBODY_REACHABLE = "nobody_reachable"
    MIXED_PREFIXES = "mixed_prefixes"
    FOREIGN_PREFIX = "foreign_prefix"
    MIXED_STYLES = "mixed_styles"
    NATIONAL_FORMAT = "national_format"
    NATIONAL_ONLY = "national_only"
    INVALID_NUMBER = "invalid_number"
    EXTENSION_KEPT = "extension_kept"
    SEVERAL_NUMBERS = "several_numbers"
    FAX_IN_NOTE = "fax_in_note"
    PUBLIC_WEBMAIL = "public_webmail"
    INVALID_MAILBOX = "invalid_mailbox"
    MEASURE_MAPPED = "measure_mapped"
    UNKNOWN_MEASURE = "unknown_measure"
    UNKNOWN_PARTICIPANT = "unknown_participant"
    UNKNOWN_HEADING = "unknown_heading"
    UNKNOWN_VALUE = "unknown_value"
    MERGED_AUTHORITY = "merged_authority"
    REPEATED_ROW = "repeated_row"
    CHANNEL_TO_CONFIRM = "channel_to_confirm"
    UNREADABLE_CHARACTERS = "unreadable_characters"
    ROW_HELD_BACK = "row_held_back"
    FORMULA = "formula"
    ABOVE_HEADINGS = "above_headings"
    HEADING_MAPPED = "heading_mapped"
    COLUMN_LEFT_OUT = "column_left_out"
    PARTICIPANT_MAPPED = "participant_mapped"
    SPELLING_KEPT = "spelling_kept"
    MATCHED_BY_ALIAS = "matched_by_alias"
    POST_CHANGED = "post_changed"
    AMBIGUOUS_DESK = "ambiguous_desk"
    ENDED_DESK = "ended_desk"
    VALUE_KEPT = "value_kept"
    COMPETENCE_VANISHED = "competence_vanished"
    DESK_VANISHED = "desk_vanished"
    PARTICIPANT_NOT_LISTED = "participant_not_listed"


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One imperfection. ``row`` counts as a spreadsheet does: the headings are row 1."""

    row: int
    code: FindingCode
    severity: Severity
    message: str
