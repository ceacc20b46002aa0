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


def say_refusal(error: ChangeError) -> Message:
    """Say what to do next, in the reader's language."""
    return _HEADS.get(type(error), _HEADS[StepNotPossibleError])


def status_of(error: ChangeError) -> HTTPStatus:
    """Return the HTTP status of a refusal."""
    if isinstance(error, StaleChangeError | StepNotPossibleError):
        return HTTPStatus.CONFLICT
    return HTTPStatus.UNPROCESSABLE_ENTITY
