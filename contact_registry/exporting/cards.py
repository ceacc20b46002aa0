"""The desks as contact cards: vCard 4.0 (RFC 6350), one card for each desk."""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Final

from contact_registry.directory import Directory
from contact_registry.models import Authority, Telephone, TelephoneKind
from contact_registry.particulars import PostalAddress

#: Octets of a line without its end (RFC 6350, 3.2).
_LONGEST_LINE: Final = 75
_ESCAPES: Final = str.maketrans({"\\": "\\\\", ",": "\\,", ";": "\\;", "\n": "\\n"})
_TYPES: Final = {
    TelephoneKind.VOICE: "voice",
    TelephoneKind.FAX: "fax",
    TelephoneKind.VOICE_AND_FAX: '"voice,fax"',
    TelephoneKind.TOLL_FREE: "voice",
}


def export_vcards(directory: Directory, *, day: date) -> bytes:
    """Return the desks that are valid on ``day`` as cards in UTF-8, one after the other.

    A number that cannot be dialled from abroad is text, not a ``tel`` address: no program rings it
    by mistake.
    """
    cards = (
        _fold_line(line)
        for _, document in sorted(directory.contacts.items())
        for authority in document.authorities
        if authority.is_valid_on(day)
        for line in _write_card(authority)
    )
    return b"".join(cards)


def _write_card(authority: Authority) -> Iterator[str]:
    yield "BEGIN:VCARD"
    yield "VERSION:4.0"
    yield "KIND:org"
    yield f"UID;VALUE=text:{authority.id}"
    yield f"FN:{_escape(', '.join(filter(None, (authority.name, authority.unit))))}"
    yield f"ORG:{_join(filter(None, (authority.name, authority.unit)))}"
    for local in authority.alternate_names:
        language = f";LANGUAGE={local.language}" if local.language else ""
        yield f"NICKNAME{language}:{_escape(local.name)}"
    if authority.post:
        yield f"TITLE:{_escape(authority.post)}"
    yield from map(_write_telephone, authority.telephones)
    yield from (f"EMAIL;TYPE=work:{_escape(mailbox)}" for mailbox in authority.mailboxes)
    yield from map(_write_address, authority.addresses)
    if authority.city and not authority.addresses:
        yield f"ADR;TYPE=work:;;;{_escape(authority.city)};;;"
    for preference, language in enumerate(authority.languages, start=1):
        yield f"LANG;PREF={preference}:{language}"
    yield f"TZ:{_escape(authority.time_zone)}"
    phases = dict.fromkeys(competence.phase for competence in authority.competences)
    if phases:
        yield f"CATEGORIES:{','.join(map(_escape, phases))}"
    if authority.note:
        yield f"NOTE:{_escape(authority.note)}"
    yield "END:VCARD"


def _write_telephone(telephone: Telephone) -> str:
    kind = _TYPES[telephone.kind]
    if telephone.e164 is None:
        return f"TEL;VALUE=text;TYPE={kind}:{_escape(telephone.as_listed)}"
    extension = f";ext={telephone.extension}" if telephone.extension else ""
    return f"TEL;VALUE=uri;TYPE={kind}:tel:{telephone.e164}{extension}"


def _write_address(address: PostalAddress) -> str:
    # RFC 6350, 6.3.1: the post office box and the extended address stay empty.
    street = ",".join(
        map(_escape, filter(None, (address.attention, address.address_1, address.address_2)))
    )
    town = _join((address.city, address.region, address.postal_code))
    return f"ADR;TYPE=work:;;{street};{town};"


def _join(parts: Iterable[str]) -> str:
    return ";".join(map(_escape, parts))


def _escape(text: str) -> str:
    """Escape a text value (RFC 6350, 3.4)."""
    return text.translate(_ESCAPES)


def _fold_line(line: str) -> bytes:
    """Return the line in pieces of at most 75 octets that part no character (RFC 6350, 3.2)."""
    pieces: list[bytes] = [b""]
    for character in line:
        octets = character.encode()
        if len(pieces[-1]) + len(octets) > _LONGEST_LINE:
            pieces.append(b" ")
        pieces[-1] += octets
    return b"\r\n".join(pieces) + b"\r\n"
