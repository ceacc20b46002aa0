"""The network at a glance: what administrators see, alerts that they take, and what runs out."""

from dataclasses import replace
from datetime import timedelta
from html import unescape

from console.process.tasks import TaskState
from hub.audit.actions import Action
from hub.broker.connection import BrokerUnavailableError
from hub.delivery import DeliveryReport
from hub.network.records import NetworkRecords
from hub.web.network.broker_pages import TASK_NAMES
from tests.support.console_face import NOON
from tests.support.hub_console import Hub, HubReader
from tests.support.hub_network import QUIET, TROUBLED, keep_a_day
from tests.support.page_reader import OWN


def prepare(hub: Hub) -> None:
    """Let the hub have seen a day that ends badly."""
    keep_a_day(NetworkRecords(hub.context.database), samples=8)
    hub.network.last = TROUBLED


async def open_text(reader: HubReader, path: str) -> str:
    """Open a page and give its text as it is read."""
    return unescape((await reader.open(path)).text)


async def test_nobody_has_looked_yet(hub: Hub, reader: HubReader) -> None:
    """Right after the start every page says that nobody has looked, and none fails."""
    await reader.sign_in("admin")
    for path in ("/network", "/network/broker", "/network/of/AL", "/admission", "/endings"):
        assert "Nobody has looked yet" in await open_text(reader, path), path


async def test_a_glance_tells_what_is_wrong(hub: Hub, reader: HubReader) -> None:
    """Alerts, nodes, what waits, and charts with their table; no sender is paired with anybody."""
    prepare(hub)
    await reader.sign_in("admin")
    assert "Alerts that nobody looks after" in unescape(reader.page.text)
    page = await open_text(reader, "/network")
    for shown in ("1 of 2", "2 of 3", "Nobody fetches from a mailbox",
                  "A server of the broker is away", "broker-3", "Taken: 85 %.",
                  "A certificate ends soon", "Time left: 5 days",
                  "Not connected", "Connected", "What waits, over the last day", "Show as a table",
                  '<path class="line"', "Its account belongs to AL."):  # fmt: skip
        assert shown in page, shown
    assert len(page) < 100_000
    live = (await reader.open("/live/network")).text
    assert "<html" not in live
    assert "broker-3" in live


async def test_an_old_look_says_so(hub: Hub, reader: HubReader) -> None:
    """When nobody looks any more, the page does not pretend to know."""
    hub.network.last = replace(QUIET, at=NOON - timedelta(minutes=10))
    await reader.sign_in("admin")
    page = await open_text(reader, "/network")
    assert "This is old" in page
    assert "The hub has stopped looking at the network" in page


async def test_an_alert_is_taken_by_one(hub: Hub, reader: HubReader) -> None:
    """Whoever takes an alert looks after it until it is given back; both are in the audit log."""
    prepare(hub)
    await reader.sign_in("admin")
    await reader.open("/network")
    action = reader.find_form("/network/alerts/").action
    assert action.endswith("/take")
    await reader.send(action)
    assert "Admin of the hub looks after it" in reader.page.text
    async with HubReader(hub) as other:
        await other.sign_in("everything")
        token = other.find_form("/hide").fields["form_token"][0]
        answer = await other.http.request("POST", action, data={"form_token": token}, headers=OWN)
        assert answer.status_code == 409
        assert "Somebody else looks after this alert" in answer.text
    await reader.send(action.replace("/take", "/give-back"))
    assert "looks after it" not in reader.page.text
    acts = [entry.action for entry in hub.context.audit.list_entries()]
    assert acts.index(Action.ALERT_GIVEN_BACK) < acts.index(Action.ALERT_TAKEN)
    hub.network.last = QUIET
    over = await reader.http.request(
        "POST",
        action,
        data={"form_token": reader.find_form("/hide").fields["form_token"][0]},
        headers=OWN,
    )
    assert over.status_code == 404
    assert "This alert is over" in over.text


async def test_one_participant(hub: Hub, reader: HubReader) -> None:
    """Mailboxes by class, three charts, and what happened to this node and no other."""
    prepare(hub)
    await reader.sign_in("admin")
    page = await open_text(reader, "/network/of/AL")
    for shown in ("Albania", "Messages", "Pieces of files", "Node went away", "Let in", "last seen",
                  "Bytes that wait, over the last day"):  # fmt: skip
        assert shown in page, shown
    assert "leads the mailbox" not in page
    assert (await reader.http.get("/network/of/ZZ")).status_code == 404


async def test_the_broker_and_the_hubs_work(hub: Hub, reader: HubReader) -> None:
    """Servers with state, store and version, what they reported, tasks by name, the database."""
    prepare(hub)
    hub.delivery.report = DeliveryReport(
        at=NOON, tasks=[TaskState(name, last_success=NOON) for name in TASK_NAMES]
    )
    await reader.sign_in("admin")
    page = await open_text(reader, "/network/broker")
    for shown in ("Runs, leads the others", "Away", "2.15.1", "17 GiB of 20 GiB",
                  "Connection refused",
                  "Server stopped", "North Macedonia", "Renews the registry's online signatures",
                  "SQLite", "512 MiB", "Taking nothing: 0"):  # fmt: skip
        assert shown in page, shown


async def test_admission_traces_each_step(hub: Hub, reader: HubReader) -> None:
    """Both roles see who is let in and which step is missing, and let the two be compared now."""
    prepare(hub)
    await reader.sign_in("operator")
    page = await open_text(reader, "/admission")
    for shown in ("Admit a node", "The broker lets it in", "Refused", "trm-node publish-keys",
                  "1 account that nobody claims",
                  "trm-registry ceremony prepare admit"):  # fmt: skip
        assert shown in page, shown
    await reader.send("/admission/compare")
    assert hub.network.compared == 1
    assert hub.context.audit.list_entries()[0].action == Action.ADMISSION_COMPARED
    hub.network.trouble = BrokerUnavailableError("The broker is away: wait.")
    await reader.send("/admission/compare")
    assert "The broker is away: wait." in reader.page.text


async def test_what_runs_out(hub: Hub, reader: HubReader) -> None:
    """Certificates and signatures, with who renews them."""
    prepare(hub)
    await reader.sign_in("operator")
    page = await open_text(reader, "/endings")
    for shown in ("Replace it now", "Cannot be checked", "self-signed",
                  "Registry and console (HTTPS)", "Signatures of the registry"):  # fmt: skip
        assert shown in page, shown
