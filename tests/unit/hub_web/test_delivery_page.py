"""Hub administrators see how delivery stands; the overview says what needs them first."""

from dataclasses import replace
from datetime import timedelta

from console.process.tasks import TaskState
from hub.broker.admission import AdmissionAction, AdmissionOutcome, AdmissionReport
from hub.broker.mailbox_plan import MailboxLimits, plan_mailbox
from hub.broker.mailbox_snapshots import MailboxSnapshot
from hub.delivery import DeliveryReport
from hub.monitoring.mailbox_watch import Crowding, ParticipantMailbox
from hub.monitoring.readiness import CheckResult
from protocol.identifiers import ParticipantCode
from protocol.subjects import TrafficClass, parse_account_id
from tests.support.console_face import NOON
from tests.support.hub_console import Hub, HubReader
from tests.support.registry import ACCOUNT_KEY

AL, MK, XK, RS = (ParticipantCode(code) for code in ("AL", "MK", "XK", "RS"))
WAITS = MailboxSnapshot(
    account=parse_account_id(ACCOUNT_KEY.public),
    stored=12,
    stored_bytes=40_960,
    waiting=7,
    unconfirmed=5,
    redelivered=3,
    oldest_at=NOON - timedelta(hours=26),
)
REPORT = DeliveryReport(
    at=NOON,
    checks=[CheckResult("broker_registrar", is_ok=False, detail="Down since 09:00:00: gone")],
    tasks=[
        TaskState("admission", last_success=NOON, failures=0),
        TaskState("timestamp", last_failure=NOON, last_error="OSError at x.py:1", failures=4),
    ],
    admission=AdmissionReport(
        registry_version=5,
        finished_at=NOON,
        outcomes=(
            AdmissionOutcome(AdmissionAction.UNCHANGED, AL),
            AdmissionOutcome(AdmissionAction.REFUSED, MK, detail="Its account is another's."),
            AdmissionOutcome(AdmissionAction.REMOVED, None),
        ),
    ),
    mailboxes=[
        ParticipantMailbox(AL, WAITS),
        ParticipantMailbox(MK, replace(WAITS, stored=0, oldest_at=None)),
        ParticipantMailbox(XK, None),
        ParticipantMailbox(
            RS,
            replace(WAITS, oldest_at=NOON),
            (
                Crowding(TrafficClass.CHUNK, AL, stored=9, per_sender=9),
                Crowding(TrafficClass.MESSAGE, None, stored=30, per_sender=55),
            ),
        ),
    ],
    plan=plan_mailbox(MailboxLimits(), participants=57),
)  # fmt: skip


async def test_delivery_is_numbers_and_ages(hub: Hub, reader: HubReader) -> None:
    """What waits for whom, since when, who is let in, and which task fails; never content."""
    hub.delivery.report = REPORT
    await reader.sign_in("admin")
    page = (await reader.open("/delivery")).text
    for shown in ("Connection that lets nodes into the broker: Down since 09:00:00: gone",
                  "Albania", "Nobody fetches",
                  "26 hours", "3 offered again", "Refused", "Its account is another&#39;s.",
                  "Kosovo*", "without prejudice", "No mailbox",
                  "One sender fills it", "Pieces of files: 9 of 9", "waits in its outbox",
                  "A sender that left", "Messages: 30 of 55", "store is small", "36 GiB",
                  "messages 55, receipts 20, large messages 1, pieces of files 2"):  # fmt: skip
        assert shown in page, shown
    assert "TRM_HUB_MAILBOX_BYTES" not in page
    broker = (await reader.open("/network/broker")).text
    assert "Fails" in broker
    assert "OSError at x.py:1" in broker
    fixed = plan_mailbox(MailboxLimits(total_bytes=2**20, store_bytes=2**40), participants=3)
    hub.delivery.report = replace(REPORT, plan=fixed)
    assert "TRM_HUB_MAILBOX_BYTES fixes" in (await reader.open("/delivery")).text


async def test_nobody_can_say_while_the_broker_is_away(hub: Hub, reader: HubReader) -> None:
    """Without an answer of the broker the page says why, and does not fail."""
    hub.delivery.report = DeliveryReport(at=NOON, problem="The broker does not answer.")
    await reader.sign_in("admin")
    page = (await reader.open("/delivery")).text
    assert "The broker does not answer." in page
    assert "All checks are passed" in page


async def test_the_overview_names_what_fails_to_administrators(hub: Hub, reader: HubReader) -> None:
    """What makes the hub not ready stands first; others are not troubled with it."""
    hub.delivery.checks.append(CheckResult("registry", is_ok=False, detail="Its timestamp ends."))
    await reader.sign_in("admin")
    assert "The hub is not ready: Registry" in reader.page.text
    assert "Its timestamp ends." in reader.page.text
    async with HubReader(hub) as other:
        await other.sign_in("observer")
        assert "The hub is not ready" not in other.page.text
