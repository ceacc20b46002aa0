"""What a page says of somebody's age, where the age group alone would mislead."""

import pytest

from node.web.showing import show_body, sort_facts
from protocol.messages.catalogue import CATALOGUE
from protocol.messages.head import CaseMessage
from tests.support.examples import list_good, read_as

TAG = "identification.presumed_victim_notification"
CHILD = {"guardian": "not_yet_appointed", "child_informed": "no"}


@pytest.mark.parametrize(
    ("age_group", "possibly", "is_shown"),
    [
        ("18_22", "yes", True),
        ("18_22", "no", False),
        ("under_18", "yes", False),
        ("unknown", "unknown", True),
        ("unknown", "no", True),
    ],
)
def test_a_doubt_about_the_age_is_shown(age_group: str, possibly: str, *, is_shown: bool) -> None:
    """Whoever reads an age group sees the doubt that makes the person a child in law."""
    _, fields = list_good(TAG)[0]
    fields["body"] |= {"age_group": age_group, "possibly_under_18": possibly}
    if possibly != "no":
        fields |= {"urgency": "urgent"}
        fields["body"]["child"] = CHILD
    message = read_as(CATALOGUE[TAG].model, fields)
    assert isinstance(message, CaseMessage)
    names = {fact.name for fact in sort_facts(show_body(message.body))}
    assert ("possibly_under_18" in names) is is_shown
