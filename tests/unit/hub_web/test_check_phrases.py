"""What the hub's checks find is said in words, in the reader's language."""

import pytest

from console.i18n import Message
from console.refusals import say_english
from hub.web.check_phrases import say_broker, say_found


@pytest.mark.parametrize(
    ("check", "detail"),
    [
        ("admission", "No round of admission was completed since the hub started."),
        ("broker_disk", "Something that a newer version found; nobody here knows it (50 %)."),
        ("broker_registrar", "Down since 12:00:00: OSError"),
    ],
)
def test_what_a_check_found_reads_as_it_was_found(check: str, detail: str) -> None:
    """In English nothing changes, known sentence or not."""
    assert say_english(say_found(check, detail)) == detail


def test_tasks_are_named_by_what_they_do() -> None:
    """Several troubles stand one after the other, each with the words for its task."""
    said = say_found(
        "tasks",
        "reminders: failed 3 times in a row: OSError at x; drills: no finished round for 9 s",
    )
    assert say_english(said) == (
        "Sends reminders: failed 3 times in a row: OSError at x; "
        "Asks desks in drills: no finished round for 9 s"
    )


def test_what_the_broker_said_is_said_of_each_participant() -> None:
    """The reason is a sentence of its own, to be translated; no reason leaves nothing to show."""
    said = say_broker("AL: Its account belongs to XK.; MK: who knows")
    assert say_english(said) == "AL: Its account belongs to XK.; MK: who knows"
    assert isinstance(said, Message)
    first = said.params["s0"]
    assert isinstance(first, Message)
    reason = first.params["reason"]
    assert isinstance(reason, Message)
    assert reason.msgid == "Its account belongs to %(participant)s."
    assert say_broker("") == ""
    assert say_found("store", "") == ""
