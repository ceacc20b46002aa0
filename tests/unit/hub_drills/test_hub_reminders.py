"""Reminders: each once, without content, and what becomes of those that cannot be sent."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from contact_registry.models import ContactsDocument, ListedBy
from contact_registry.reminders import Reminder, ReminderKind
from contact_registry.trust.submitting import build_contacts_submission
from hub.drills.desk import DrillDesk
from hub.drills.mail_security import MailSecurity
from hub.drills.mailing import (
    MailboxRefusedError,
    MailboxWaitsError,
    MailUnavailableError,
    SmtpMailer,
)
from hub.drills.reminding import ReminderOutcome, RemindersWaitError, Reminding
from hub.drills.wiring import MailSetupError, build_mailer
from hub.settings import HubSettings
from protocol.identifiers import AuthorityId
from tests.support.console_face import NOON
from tests.support.hub_console import Hub, HubReader, build_hub
from tests.support.mail_server import MailServer, serve_mail
from tests.support.registry import AL, MK, RegistryWorld, Timepiece, make_authority

AL_DESK, MK_DESK = AuthorityId("AL-desk"), AuthorityId("MK-desk")
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
        assert reminding.send_waiting(make_mailer(server)) == 2
        (mail,) = server.mails
        text = mail.as_string()
        assert mail["To"] == AT_AL
        assert mail["Auto-Submitted"] == "auto-generated"
        assert "sign in to your node" in text
        for secret in ("identification", "AL-desk", "Desk desk", desk.list_current()[0].drill_id):
            assert secret not in text
        server.answers[AT_MK] = "550 no such mailbox"
        assert reminding.send_waiting(make_mailer(server)) == 0  # nobody is tried again so soon
        assert len(reminding.list_waiting()) == 1
        hub.clock.now += timedelta(hours=1)
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


@dataclass
class Postman:
    """A mailer that keeps what it was given; some mailboxes answer with an error."""

    errors: dict[str, Exception] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)

    def send(self, mailbox: str) -> None:
        """Keep it, or fail."""
        if mailbox in self.errors:
            raise self.errors[mailbox]
        self.sent.append(mailbox)


def test_a_round_that_fails_writes_to_nobody_again(
    hub: Hub, desk: DrillDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rounds that fail begin again within seconds: a server that is away gets one try in each.

    A desk that was written to gets no second mail, even if nothing could be written down.
    """
    directory = hub.context.registry.current()
    pairs = [(desk_id, directory.authority(desk_id)) for desk_id in (AL_DESK, MK_DESK)]
    reminding, postman = Reminding(hub.context, desk), Postman()
    waiting = [
        Reminder(
            ReminderKind.REVIEW_OVERDUE,
            f"key {number}",
            AL,
            authority.model_copy(update={"mailboxes": mailboxes}),
        )
        for number, ((_, authority), mailboxes) in enumerate(
            zip(pairs, ((AT_AL, "full@duty.example"), (AT_MK,)), strict=True)
        )
        if authority is not None
    ]
    monkeypatch.setattr(Reminding, "list_waiting", lambda _self: tuple(waiting))
    postman.errors = {
        "full@duty.example": MailboxWaitsError(),
        AT_MK: MailUnavailableError("The mail server is away."),
    }
    with pytest.raises(RemindersWaitError, match="away"):
        reminding.send_waiting(postman)
    assert postman.sent == [AT_AL]
    assert [each.outcome for each in reminding.list_sent(AL)] == [ReminderOutcome.SENT]
    with pytest.raises(RemindersWaitError):
        reminding.send_waiting(postman)
    assert postman.sent == [AT_AL]


def test_a_mail_server_that_is_away_or_without_tls_gets_nothing() -> None:
    """Nothing leaves unprotected unless that was asked for, and errors name what to check."""
    with serve_mail() as server:
        mailer = make_mailer(server)
        protected = SmtpMailer(host="127.0.0.1", port=server.port, sender="hub@operator.example")
        with pytest.raises(MailUnavailableError, match="TRM_HUB_MAIL_HOST"):
            protected.send(AT_AL)
        for answer, error in (
            ("550 5.1.1 no such mailbox", MailboxRefusedError),
            ("550 5.7.1 we relay nothing for you", MailboxWaitsError),
            ("452 mailbox full", MailboxWaitsError),
            ("530 5.7.0 sign in first", MailUnavailableError),
        ):
            server.answers[AT_AL] = answer
            with pytest.raises(error):
                mailer.send(AT_AL)
        assert server.mails == []
    with pytest.raises(MailUnavailableError):
        mailer.send(AT_AL)


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"mail_from": None}, "TRM_HUB_MAIL_FROM"),
        ({"mail_from": "hub@operator.example\nBcc: all@operator.example"}, "no mailbox"),
        ({"mail_security": "none"}, "TRM_HUB_MAIL_SECURITY"),
        ({"mail_user": "hub"}, "TRM_HUB_MAIL_PASSWORD_FILE"),
        ({"mail_user": "hub", "mail_password_file": "no-such-file"}, "cannot be read"),
    ],
)
def test_mail_that_is_set_up_wrongly_is_refused_at_the_start(
    settings: dict[str, str | None], word: str
) -> None:
    """Each error names the setting to put right; without a mail server there is no mailer."""
    good = {"mail_host": "mail.operator.example", "mail_from": "hub@operator.example"}

    def build(**changes: str | None) -> SmtpMailer | None:
        return build_mailer(HubSettings.model_validate({"data_dir": "unused", **good, **changes}))

    assert build(mail_host=None) is None
    assert build() is not None
    with pytest.raises(MailSetupError, match=word):
        build(**settings)
