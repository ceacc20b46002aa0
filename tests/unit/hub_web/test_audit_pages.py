"""The audit log on the page: in words, in pages, and checked."""

import pytest
from sqlalchemy import text

from hub.audit.actions import Action
from hub.web.audit_words import ACTION_WORDS
from tests.support.hub_console import Hub, HubReader


def test_every_act_has_its_words() -> None:
    """No act is shown by its code: a new one needs words beside the others."""
    assert {action for action in Action if action not in ACTION_WORDS} == set()


async def test_the_log_is_read_in_words_and_pages(hub: Hub, reader: HubReader) -> None:
    """Who, what, and to whom, by names of today; older entries follow on the next page."""
    duty = hub.account("operator")
    actors = {"local:root": "Command line, as root", "program:registry": "The hub by itself",
              "participant:AL": "Albania", "f" * 32: "f" * 32}  # fmt: skip
    for number in range(55):
        actor = list(actors)[number % len(actors)]
        with hub.context.audit.acting(
            actor, Action.ROLES_CHANGED, duty.id, was="observer", now="hub_admin observer"
        ):
            pass
    await reader.sign_in("observer")
    await reader.open("/audit")
    for shown in (
        *actors.values(),
        "Roles changed",
        "Operator of the hub",
        "was: Observer; now: Hub administrator, Observer",
    ):
        assert shown in reader.page.text
    assert 'rel="prev"' not in reader.page.text
    assert reader.page.text.count("<tr><td") == 50
    older = reader.page.text.split('rel="next"')[0].rpartition('href="')[2].split('"')[0]
    await reader.open(older.replace("&amp;", "&"))
    assert 'rel="next"' not in reader.page.text
    assert "Operator added" in reader.page.text
    await reader.open("/audit?action=signed_in")
    assert reader.page.text.count("<tr><td") == 1
    await reader.open("/audit?action=nothing-known")
    assert reader.page.text.count("<tr><td") == 50


@pytest.mark.parametrize(
    "address", ["/audit?before=0", "/audit?before=x", "/audit?before=99999999999"]
)
async def test_a_mistyped_page_is_refused(reader: HubReader, address: str) -> None:
    """What is no number of an entry is a mistake in the address, not a failure."""
    await reader.sign_in("observer")
    assert (await reader.open(address)).status_code == 422


async def test_a_log_that_was_touched_says_so(hub: Hub, reader: HubReader) -> None:
    """The page that checks shows the end of the log, and afterwards what does not fit."""
    await reader.sign_in("observer")
    whole = await reader.open("/audit/check")
    assert "Every entry follows from the one before" in whole.text
    assert hub.context.audit.read_head().entry_hash in whole.text
    with hub.context.database.transaction() as session:
        session.execute(text("DROP TRIGGER audit_entry_no_update"))
        session.execute(text("UPDATE audit_entry SET actor = 'local:nobody' WHERE sequence = 2"))
    broken = await reader.open("/audit/check")
    assert "The log does not hold" in broken.text
    assert "Entry 2 does not follow from entry 1" in broken.text
