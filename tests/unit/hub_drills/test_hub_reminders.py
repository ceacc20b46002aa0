"""Reminders: each once, without content, and what becomes of those that cannot be sent."""

from datetime import timedelta
from pathlib import Path

import pytest

from contact_registry.models import ContactsDocument, ListedBy
from contact_registry.reminders import ReminderKind
from contact_registry.trust.submitting import build_contacts_submission
from hub.drills.desk import DrillDesk
from hub.drills.mail_security import MailSecurity
from hub.drills.mailing import MailboxRefusedError, MailUnavailableError, SmtpMailer
from hub.drills.reminding import ReminderOutcome, RemindersWaitError, Reminding
from tests.support.console_face import NOON
from tests.support.hub_console import HubReader, build_hub
from tests.support.mail_server import MailServer, serve_mail
from tests.support.registry import AL, MK, RegistryWorld, Timepiece, make_authority

AT_AL, AT_MK = "desk@coordination.example", "desk@duty.example"


def make_mailer(server: MailServer) -> SmtpMailer:
    """Return a mailer that sends to a server on this machine."""
    return SmtpMailer(
        host="127.0.0.1",
        port=server.port,
        sender="hub@operator.example",
        security=MailSecurity.NONE,
    )


def publish_with_mailboxes(folder: Path) -> RegistryWorld:
    """Publish a registry whose desks have mailboxes; one desk of AL has none."""
    world = RegistryWorld(folder, clock=Timepiece(NOON))
    world.create()
    for code, mailbox in ((AL, AT_AL), (MK, AT_MK)):
        silent = [make_authority(code, "silent")] if code == AL else []
        document = ContactsDocument(
            participant=code,
            listed_by=ListedBy.PARTICIPANT,
            authorities=(make_authority(code, mailboxes=(mailbox,)), *silent),
        )
        world.publish(
            build_contacts_submission(
                document,
                previous_version=0,
                signers=[world.directory_keys[code]],
                expires=NOON + timedelta(days=90),
                node_keys=[world.node_keys[code].verify_key],
            )
        )
    return world


async def test_a_reminder_says_nothing_is_sent_once_and_waits_for_its_server(
    tmp_path: Path,
) -> None:
    """One mail a desk; a mailbox that is full waits, one that does not exist is written down."""
    hub = build_hub(tmp_path, world=publish_with_mailboxes(tmp_path / "registry"))
    desk = DrillDesk(hub.context)
    assert desk.ask_due() == 3
    reminding = Reminding(hub.context, desk)
    assert len(reminding.list_waiting()) == 3
    with serve_mail() as server:
        server.answers[AT_MK] = "452 mailbox full"
        with pytest.raises(RemindersWaitError, match="wait"):
            reminding.send_waiting(make_mailer(server))
        (mail,) = server.mails
        text = mail.as_string()
        assert mail["To"] == AT_AL
        assert mail["Auto-Submitted"] == "auto-generated"
        assert "sign in to your node" in text
        for secret in ("identification", "AL-desk", "Desk desk", desk.list_current()[0].drill_id):
            assert secret not in text
        server.answers[AT_MK] = "550 no such mailbox"
        assert reminding.send_waiting(make_mailer(server)) == 1
        assert reminding.send_waiting(make_mailer(server)) == 0
        assert len(server.mails) == 1
    sent = [*reminding.list_sent(AL), *reminding.list_sent(MK)]
    assert {each.kind for each in sent} == {ReminderKind.DRILL_ASKED}
    assert {each.authority: each.outcome for each in sent} == {
        "AL-desk": ReminderOutcome.SENT,
        "AL-silent": ReminderOutcome.NO_MAILBOX,
        "MK-desk": ReminderOutcome.REFUSED,
    }
    async with HubReader(hub) as reader:
        await reader.sign_in("observer")
        await reader.open("/drills/of/MK")
        assert "The mail server knows no such mailbox" in reader.page.text
    hub.clock.now += timedelta(days=3)
    assert {each.kind.value for each in reminding.list_waiting()} == {"drill_overdue"}
    hub.close()


def test_a_mail_server_that_is_away_or_without_tls_gets_nothing() -> None:
    """Nothing leaves unprotected unless that was asked for, and errors name what to check."""
    with serve_mail() as server:
        mailer = make_mailer(server)
        protected = SmtpMailer(host="127.0.0.1", port=server.port, sender="hub@operator.example")
        with pytest.raises(MailUnavailableError, match="TRM_HUB_MAIL_HOST"):
            protected.send(AT_AL)
        server.answers[AT_AL] = "550 no such mailbox"
        with pytest.raises(MailboxRefusedError):
            mailer.send(AT_AL)
        assert server.mails == []
    with pytest.raises(MailUnavailableError):
        mailer.send(AT_AL)
