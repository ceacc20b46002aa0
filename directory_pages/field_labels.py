"""What the fields of the directory's documents are called, on forms and in comparisons."""

from collections.abc import Mapping
from typing import Final

from console.i18n import Message, msg, pmsg
from directory_pages.codes import Words

FIELD_LABELS: Final[Mapping[str, Message]] = {
    # A Participant
    "code": msg("Code"),
    "name": msg("Name"),
    "display_name": msg("Name as shown"),
    "footnote": msg("Footnote"),
    "names": msg("Names in the working languages"),
    "footnotes": msg("Footnotes in the working languages"),
    "directory_key_held_by": msg("Who holds the directory key"),
    # A contact list
    "listed_by": msg("Who answers for the entries"),
    "authorities": msg("Desks"),
    "agreements": msg("Agreements"),
    "node_keys": msg("Keys that speak for the node"),
    "calendar": msg("Working days and holidays"),
    "weekend": msg("Weekend"),
    "holidays": msg("Holidays"),
    # An authority
    "id": msg("Identifier"),
    "alternate_names": msg("Other names"),
    "type": msg("Kind of authority"),
    "unit": msg("Unit"),
    "city": pmsg("address", "City"),
    "post": msg("Post that answers"),
    "competences": msg("Competent for"),
    "telephones": msg("Telephones"),
    "mailboxes": msg("Mailboxes"),
    "addresses": msg("Postal addresses"),
    "available_24_7": msg("Answers around the clock"),
    "schedules": msg("Hours"),
    "open_on_holidays": msg("Open on holidays"),
    "reserve": msg("If nobody answers"),
    "out_of_hours": msg("Out of hours"),
    "authority": msg("Authority"),
    "languages": msg("Languages"),
    "time_zone": msg("Time zone"),
    "valid_from": msg("Valid from"),
    "valid_to": msg("Last day"),
    "last_confirmed": msg("Last confirmed"),
    "review_due": msg("Review due"),
    "appointment_decision": msg("Decision of appointment"),
    "reference": msg("Reference"),
    "issued_by": msg("Issued by"),
    "issued_on": msg("Issued on"),
    "licenses": msg("Licences"),
    "note": msg("Note"),
    "source": msg("Source"),
    # An agreement
    "terms": msg("Terms"),
    "instrument": msg("Instrument"),
    "parties": msg("Parties"),
    "phases": msg("Phases"),
    "sensitivity_classes": msg("Kinds of personal data"),
    "deadlines": msg("Agreed times to answer"),
    "notice_rule": msg("How notice ends it"),
    "terminated_on": msg("First day without it"),
    "notices": msg("Notices given"),
    # Keys and signatures
    "issued_at": msg("Issued"),
    "signing_keys": msg("Signing keys"),
    "encryption_keys": msg("Encryption keys"),
    "key_id": msg("Key"),
    "suite": msg("Suite"),
    "broker": msg("Broker account"),
    "account": msg("Account"),
    "account_signing_keys": msg("Account signing keys"),
    "protocol_versions": msg("Versions of the protocol"),
    "max_envelope_bytes": msg("Largest envelope, in bytes"),
    "max_attachment_bytes": msg("Largest file, in bytes"),
    "attachment_types": msg("Kinds of files"),
    "threshold": msg("How many must sign"),
    "key_ids": msg("Keys that may sign"),
}


def say_field(*steps: str) -> Words:
    """Say a field by its path in an entry; a name that is not known here as it is."""
    words: Words = FIELD_LABELS.get(steps[0], steps[0].replace("_", " "))
    for step in steps[1:]:
        part = FIELD_LABELS.get(step, step.replace("_", " "))
        words = pmsg("field", "%(whole)s: %(part)s", whole=words, part=part)
    return words


_PLACES: Final = {name: place for place, name in enumerate(FIELD_LABELS)}


def find_place(field: str) -> int:
    """Return where a field stands among the others, so that pages show them in one order."""
    return _PLACES.get(field, len(_PLACES))
