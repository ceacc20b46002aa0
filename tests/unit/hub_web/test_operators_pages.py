"""Hub administrators look after accounts; each act is one entry of the audit log."""

import re

from hub.operators.roles import Role
from tests.support.console_face import PASSWORD, totp_code
from tests.support.hub_console import Hub, HubReader


def last_action(hub: Hub) -> tuple[str, str, dict[str, str | int | bool | None]]:
    """Give action, subject and detail of the newest entry."""
    (entry,) = hub.context.audit.list_entries(limit=1)
    return entry.action, entry.subject, entry.facts


async def test_an_operator_is_added_and_gets_in(hub: Hub, reader: HubReader) -> None:
    """An account made on the page, a link made on the page: its owner sets up and is let in."""
    await reader.sign_in("admin")
    await reader.open("/operators/new")
    refused = await reader.send("/operators/new", name="x", display_name="Desk", roles=[])
    assert refused.status_code == 422
    assert 'value="Desk"' in refused.text
    await reader.send("/operators/new", name="Desk.Two", display_name="Registry desk 2",
                      roles=["directory_operator"])  # fmt: skip
    account = hub.account("desk.two")
    assert reader.path == f"/operators/{account.id}"
    assert "Not set up yet" in reader.page.text
    assert last_action(hub) == ("account_added", account.id, {"roles": "directory_operator"})
    again = {"name": "desk.two", "display_name": "D", "roles": "observer"}
    taken = await reader.post("/operators/new", {**reader.find_form("/hide").fields, **again})
    assert "This sign-in name is taken" in taken.text

    await reader.open(f"/operators/{account.id}")
    await reader.send(f"/operators/{account.id}/link")
    found = re.search(r"http://localhost(/link/[\w-]{43})", reader.page.text)
    assert found is not None
    assert last_action(hub)[:2] == ("link_made", account.id)
    async with HubReader(hub) as newcomer:
        await newcomer.open(found[1])
        await newcomer.send("/link")
        await newcomer.send("/set-up", password=PASSWORD, again=PASSWORD)
        secret = "".join(re.findall(r"\b[A-Z2-7]{4}\b", newcomer.page.text))[:32]
        await newcomer.send("/set-up/code", code=totp_code(hub.clock(), secret))
        assert newcomer.path == "/"
        assert "Registry desk 2" in newcomer.page.text
    actions = [entry.action for entry in hub.context.audit.list_entries(limit=3)]
    assert actions == ["signed_in", "credentials_set", "link_followed"]


async def test_roles_change_at_once_and_a_stale_page_changes_nothing(
    hub: Hub, reader: HubReader
) -> None:
    """New roles count at the next page; a page from before shows the present ones instead."""
    observer = hub.account("observer")
    await reader.sign_in("admin")
    await reader.open(f"/operators/{observer.id}")
    stale = dict(reader.find_form(f"/operators/{observer.id}/roles").fields)
    async with HubReader(hub) as other:
        await other.sign_in("observer")
        assert (await other.open("/operators")).status_code == 403
        await reader.send(f"/operators/{observer.id}/roles", roles=["hub_admin", "observer"])
        assert (await other.open("/operators")).status_code == 200
    assert last_action(hub) == (
        "roles_changed", observer.id, {"was": "observer", "now": "hub_admin observer"},
    )  # fmt: skip
    answer = await reader.post(
        f"/operators/{observer.id}/roles", {**stale, "roles": ["directory_operator"]}
    )
    assert answer.status_code == 409
    assert "Somebody changed the roles" in answer.text
    assert hub.account("observer").roles == {Role.HUB_ADMIN, Role.OBSERVER}


async def test_who_is_shut_out_is_out_at_once(hub: Hub, reader: HubReader) -> None:
    """Sessions end with the account; let in again, password and code are those of before."""
    operator = hub.account("operator")
    await reader.sign_in("admin")
    async with HubReader(hub) as other:
        await other.sign_in("operator")
        await reader.open(f"/operators/{operator.id}")
        await reader.send(f"/operators/{operator.id}/shut-out")
        assert last_action(hub)[:2] == ("shut_out", operator.id)
        assert (await other.open("/")).url.path == "/sign-in"
        refused = await other.send("/sign-in", name="operator", password=PASSWORD)
        assert "is not right" in refused.text
        await reader.open(f"/operators/{operator.id}")
        await reader.send(f"/operators/{operator.id}/let-in")
        hub.clock.advance(minutes=1)
        await other.sign_in("operator")
        assert other.path == "/"


async def test_somebody_who_lets_others_in_stays(hub: Hub, reader: HubReader) -> None:
    """Nobody shuts themselves out, and the last administrator keeps the role."""
    admin, everything = hub.account("admin"), hub.account("everything")
    await reader.sign_in("admin")
    await reader.open(f"/operators/{admin.id}")
    token = reader.find_form("/hide").fields
    answer = await reader.post(f"/operators/{admin.id}/shut-out", token)
    assert "Ask another administrator" in answer.text
    await reader.post(f"/operators/{everything.id}/shut-out", token)
    await reader.open(f"/operators/{admin.id}")
    answer = await reader.send(f"/operators/{admin.id}/roles", roles=["observer"])
    assert answer.status_code == 409
    assert "This is the last hub administrator" in answer.text
    assert hub.account("admin").roles == {Role.HUB_ADMIN}
