"""Puts drills and reminders of a running hub together."""

from datetime import timedelta
from pathlib import Path
from typing import Final

from fastapi import APIRouter

from console.face import is_loopback
from console.process.tasks import BackgroundTasks
from contact_registry.fields import is_mailbox
from hub.context import HubContext
from hub.drills.desk import DrillDesk
from hub.drills.mail_security import MailSecurity
from hub.drills.mailing import SmtpMailer
from hub.drills.rounds import make_drill_round, make_reminder_round
from hub.drills.router import create_drill_router
from hub.settings import HubSettings

#: Pause between two looks at what the schedule says, and at what is to be reminded of.
_ASK_EVERY: Final = timedelta(minutes=15)
_REMIND_EVERY: Final = timedelta(hours=1)


class MailSetupError(Exception):
    """Mail cannot be sent as it is set up; the message says what to set."""


def add_drills(tasks: BackgroundTasks, context: HubContext, settings: HubSettings) -> APIRouter:
    """Add the rounds that the settings ask for, and return the routes for nodes.

    Raises :class:`MailSetupError`.
    """
    desk = DrillDesk(context)
    if settings.drills_by_schedule:
        tasks.add_round("drills", make_drill_round(desk), every=_ASK_EVERY)
    mailer = build_mailer(settings)
    if mailer is not None:
        tasks.add_round("reminders", make_reminder_round(desk, mailer), every=_REMIND_EVERY)
    return create_drill_router(desk)


def build_mailer(settings: HubSettings) -> SmtpMailer | None:
    """Return what sends reminders, or None if no mail server is set; that is the default."""
    if settings.mail_host is None:
        return None
    if settings.mail_from is None:
        raise MailSetupError("Set TRM_HUB_MAIL_FROM: the mailbox that reminders come from.")
    if not is_mailbox(settings.mail_from):
        raise MailSetupError(
            "TRM_HUB_MAIL_FROM is no mailbox: give an address alone, as in hub@operator.example."
        )
    if settings.mail_security is MailSecurity.NONE and not is_loopback(settings.mail_host):
        raise MailSetupError(
            "Set TRM_HUB_MAIL_SECURITY to starttls or tls: without protection mail goes to a "
            "server on this machine only."
        )
    if (settings.mail_user is None) != (settings.mail_password_file is None):
        raise MailSetupError(
            "Set both TRM_HUB_MAIL_USER and TRM_HUB_MAIL_PASSWORD_FILE, or neither."
        )
    password = _read_password(settings.mail_password_file) if settings.mail_password_file else None
    return SmtpMailer(
        host=settings.mail_host,
        port=settings.mail_port,
        sender=settings.mail_from,
        security=settings.mail_security,
        user=settings.mail_user,
        password=password,
    )


def _read_password(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise MailSetupError(f"{path} cannot be read: check TRM_HUB_MAIL_PASSWORD_FILE.") from error
