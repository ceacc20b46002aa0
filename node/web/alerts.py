"""What the inbox does when something new comes, beside saying it: what its reader asked for."""

from dataclasses import dataclass
from typing import Final

from console.accounts.models import SignedIn
from console.i18n import Message, msg
from node.service.work.alert_wishes import read_alert_wish
from node.web.site import Site

#: What a notice of the browser says. It stands on screens that others see.
NOTICE_TEXT: Final = msg("You have a new item")


@dataclass(frozen=True, slots=True)
class Alerts:
    """What a page makes beside words, and the only text that a notice has."""

    has_sound: bool
    has_notice: bool
    title: Message


def describe_alerts(site: Site, who: SignedIn) -> Alerts | None:
    """Say what somebody asked for; None: nothing."""
    wish = read_alert_wish(site.context, str(who.account.id))
    if not wish.has_sound and not wish.has_notice:
        return None
    return Alerts(wish.has_sound, wish.has_notice, NOTICE_TEXT)
