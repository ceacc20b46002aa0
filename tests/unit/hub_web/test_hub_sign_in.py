"""Operators sign in at the hub, and every step of it stands in the audit log."""

import pytest

from tests.support.hub_console import PEOPLE, HubReader


@pytest.mark.parametrize("name", PEOPLE)
async def test_each_operator_signs_in_and_sees_what_is_theirs(reader: HubReader, name: str) -> None:
    """The overview opens after password and code; the navigation holds what the roles allow."""
    answer = await reader.sign_in(name)
    assert answer.status_code == 200
    assert reader.path == "/"
    assert "What needs you now" in answer.text
    assert ('href="/network"' in answer.text) is (name in {"admin", "everything"})
    (entry,) = reader.hub.context.audit.list_entries(limit=1)
    assert (entry.action, entry.actor) == ("signed_in", reader.hub.account(name).id)
