"""Numbers as people type them, brought into the form that can be dialled from anywhere."""

from collections.abc import Mapping, Sequence

from console.i18n import Message, msg
from contact_registry.importing.telephones import read_telephones
from contact_registry.models import Authority, Telephone, TelephoneKind
from directory_pages.entry_form import Values
from protocol.identifiers import ParticipantCode

_GROUPS = ("telephones", "reserve.telephones", "out_of_hours.telephones")


def complete_numbers(
    values: Values, *, participant: ParticipantCode, entry: Authority | None
) -> dict[str, Message]:
    """Fill in what can be dialled from abroad (``e164``) for each number; return what is wrong.

    A number that stands in the entry already is left as it is listed, dialable or not.
    """
    errors: dict[str, Message] = {}
    kept = _list_kept(entry)
    for group in _GROUPS:
        for number in range(len(values)):
            row = f"{group}.{number}"
            listed = values.get(f"{row}.as_listed")
            if not listed:
                break
            if not _complete(values, row, listed[0], participant=participant, kept=kept):
                errors[f"{row}.as_listed"] = msg(
                    "This is not a number that can be dialled from abroad: type it with its "
                    "country code, or mark it as working inside this Participant only."
                )
    return errors


def _complete(
    values: Values,
    row: str,
    text: str,
    *,
    participant: ParticipantCode,
    kept: Mapping[str, Telephone],
) -> bool:
    if values.get(f"{row}.national_only") == ["yes"]:
        return True
    known = kept.get(text)
    if known is not None and not known.national_only:
        if known.e164 is not None:
            values[f"{row}.e164"] = [known.e164]
        return True
    found = _read(text, participant)
    if found is None:
        return False
    if found.national_only:
        values[f"{row}.national_only"] = ["yes"]
        values[f"{row}.kind"] = [TelephoneKind.TOLL_FREE]
    elif found.e164 is not None:
        values[f"{row}.e164"] = [found.e164]
    if found.extension and f"{row}.extension" not in values:
        values[f"{row}.extension"] = [found.extension]
    return True


def _read(text: str, participant: ParticipantCode) -> Telephone | None:
    numbers, _ = read_telephones(text, "", participant=participant, row=0)
    if len(numbers) != 1:
        return None
    telephone = numbers[0].telephone
    return telephone if telephone.e164 is not None or telephone.national_only else None


def _list_kept(entry: Authority | None) -> dict[str, Telephone]:
    if entry is None:
        return {}
    routes = [route for route in (entry.reserve, entry.out_of_hours) if route is not None]
    listed: Sequence[Telephone] = (*entry.telephones, *(t for r in routes for t in r.telephones))
    return {telephone.as_listed: telephone for telephone in listed}
