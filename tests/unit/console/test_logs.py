"""The hub's log cannot carry content or secrets."""

import pytest

from hub.logs import (
    SensitiveFieldError,
    drop_sensitive_fields,
    is_sensitive,
    raise_on_sensitive_fields,
)


@pytest.mark.parametrize(
    "field",
    ["body", "payload", "name", "seed", "password", "token", "key", "content", "signing_key",
     "user_token", "Full-Name", "message", "envelope", "phone"],
)  # fmt: skip
def test_fields_that_may_carry_content_are_refused(field: str) -> None:
    """The name alone decides, in whatever style it is written."""
    assert is_sensitive(field)


@pytest.mark.parametrize(
    "field", ["event", "participant", "account", "error", "stream_sequence", "registry_version"]
)
def test_identifiers_are_not(field: str) -> None:
    """What the hub does log passes."""
    assert not is_sensitive(field)


def test_in_tests_a_sensitive_field_raises() -> None:
    """A programmer finds out at once."""
    with pytest.raises(SensitiveFieldError, match="body"):
        raise_on_sensitive_fields(None, "info", {"event": "x", "body": "y"})


def test_in_production_it_is_dropped_and_the_event_says_so() -> None:
    """The value is gone, the event stays."""
    event = drop_sensitive_fields(None, "info", {"event": "x", "body": "y", "count": 1})

    assert event == {"event": "x", "count": 1, "refused_fields": ["body"]}
