"""What a page says when the desk of changes refuses a step. Nothing that was typed is lost."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from console.i18n import Message, msg
from contact_registry.changes.errors import (
    ChangeError,
    DraftRefusedError,
    SigningFileError,
    StaleChangeError,
    StepNotPossibleError,
)
from contact_registry.errors import RefusalCode

_HEADS: Final[Mapping[type[ChangeError], Message]] = {
    StaleChangeError: msg(
        "Somebody changed this meanwhile, and nothing of yours was lost: look at what stands here "
        "now, then do it again."
    ),
    StepNotPossibleError: msg(
        "This cannot be done as the change stands now: look at its state and at the findings."
    ),
    DraftRefusedError: msg("This cannot stand in the directory: correct what is named here."),
    SigningFileError: msg(
        "This file was not taken: it is damaged, belongs to another change, or has no signature "
        "that counts. Sign the file that this page offers, and send that one."
    ),
}


#: Why the registry host did not take a signed change. Its own sentence stands beside these.
HOST_WORDS: Final[Mapping[RefusalCode, Message]] = {
    RefusalCode.TOO_LARGE: msg(
        "It is larger than the registry takes. Shorten remarks, or take out what ended long ago."
    ),
    RefusalCode.MALFORMED: msg(
        "The registry could not read it: this system and the hub may be of different versions. Ask "
        "your administrator."
    ),
    RefusalCode.UNKNOWN_ROLE: msg(
        "The registry does not know this Participant's list: ask the operators of the hub."
    ),
    RefusalCode.NOT_SIGNED: msg(
        "The signatures are not those that the registry asks for. The directory key may have been "
        "replaced: let the present holders sign."
    ),
    RefusalCode.WRONG_VERSION: msg(
        "Somebody else published meanwhile. Look at the change again, then let it be signed anew."
    ),
    RefusalCode.EXPIRED: msg(
        "The signature has run out, or would hold too long. Check the clock of the machine that "
        "signs, then let it be signed anew."
    ),
    RefusalCode.PATH_NOT_ALLOWED: msg(
        "It would publish something else than this Participant's list. Sign the file that this "
        "page offers."
    ),
    RefusalCode.DELEGATION_NOT_ALLOWED: msg(
        "The keys of the node that it names are not allowed: one to four keys, and those in use "
        "stay until the node has published with the new one."
    ),
    RefusalCode.CONTENT_MISMATCH: msg(
        "What arrived is not what was signed. Go back to the draft, and let it be signed anew."
    ),
    RefusalCode.INVALID_DOCUMENT: msg(
        "Something in the list cannot stand in the directory. Correct what the registry names."
    ),
    RefusalCode.TOO_OFTEN: msg(
        "This list was published too many times within an hour. Try again in an hour."
    ),
    RefusalCode.ONLINE_KEY_MISSING: msg(
        "The registry cannot publish anything now. Tell the operators of the hub."
    ),
}


def say_refusal(error: ChangeError) -> Message:
    """Say what to do next, in the reader's language."""
    return _HEADS.get(type(error), _HEADS[StepNotPossibleError])


def status_of(error: ChangeError) -> HTTPStatus:
    """Return the HTTP status of a refusal."""
    if isinstance(error, StaleChangeError | StepNotPossibleError):
        return HTTPStatus.CONFLICT
    return HTTPStatus.UNPROCESSABLE_ENTITY
