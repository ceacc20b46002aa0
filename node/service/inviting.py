"""The first way in, by mail: a one-time link to somebody who has none yet.

Mail is read by others, too. So only a first way in goes this way, it holds for a day, it works
once, and the mail names neither the person nor their sign-in name. Who lost a password or a second
factor gets a link from hand to hand: by mail, whoever reads it would take over an account.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from console.accounts.models import AccountId
from console.i18n import Message, msg
from node.domain.access import Permission, Principal
from node.domain.notices import AddressRefusedError, Letter, PostError
from node.service.context import NodeContext
from node.service.people import (
    LINK_PATH,
    AccountError,
    AccountProblem,
    handle_make_sign_in_link,
    load_person,
)
from node.service.permitting import require
from node.service.work.addresses import is_mail_address
from node.service.work.letters import name_node

INVITATION_LIFETIME: Final = timedelta(hours=24)
_LETTER_ID: Final = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """Where an invitation goes, in which language, and to which console it leads."""

    address: str
    language: str
    #: The address that people open.
    public_url: str
    #: Says a sentence in a language.
    translate: Callable[[Message, str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """The console to which invitations lead."""

    #: The address that people open.
    public_url: str
    #: Says a sentence in a language; in English in one that this version does not offer.
    translate: Callable[[Message, str], str]

    def invite(self, address: str, *, language: str) -> Invitation:
        """Return an invitation to it."""
        return Invitation(
            address=address,
            language=language,
            public_url=self.public_url,
            translate=self.translate,
        )


def handle_invite(
    context: NodeContext, account_id: AccountId, invitation: Invitation, *, who: Principal
) -> None:
    """Send somebody who never signed in their first link. Blocking: it waits for the mail server.

    The address is not kept. Raises :class:`AccountError` for somebody who is set up already, an
    address that is none, or a mail server that is not there or does not take it; ``NotFoundError``.
    """
    require(who, Permission.ADMINISTER_PEOPLE)
    person = load_person(context, account_id, who=who)
    if person.account.password_hash is not None:
        raise AccountError(
            "They are set up already: hand a new link over yourself.", AccountProblem.SET_UP
        )
    if not is_mail_address(invitation.address):
        raise AccountError("That is no mail address: check it.", AccountProblem.NO_ADDRESS)
    if context.postman is None:
        raise AccountError(
            "No mail server is set: hand the link over yourself.", AccountProblem.NO_MAIL
        )
    token = handle_make_sign_in_link(
        context, person.account.sign_in_name, INVITATION_LIFETIME, who=who
    )
    try:
        context.postman.send(_compose(context, invitation, token))
    except AddressRefusedError as error:
        raise AccountError(
            "The mail server refuses this address: check it.", AccountProblem.NO_ADDRESS
        ) from error
    except PostError as error:
        raise AccountError(
            "The mail server does not take it now: hand the link over yourself.",
            AccountProblem.NO_MAIL,
        ) from error


def _compose(context: NodeContext, invitation: Invitation, token: str) -> Letter:
    language = invitation.language
    name, footnote = name_node(context, language)
    link = f"{invitation.public_url.rstrip('/')}{LINK_PATH}{token}"
    say = invitation.translate
    lines = [
        say(msg("You have a way in."), language),
        say(msg("Node: %(name)s", name=name), language),
        say(msg("Open this address within 24 hours. It works once:"), language),
        link,
        say(
            msg(
                "Your administrator tells you your sign-in name. If you do not expect this mail, "
                "do not open the address, and tell them."
            ),
            language,
        ),
    ]
    if footnote:
        lines.append(footnote)
    return Letter(
        letter_id=hashlib.sha256(token.encode()).hexdigest()[:_LETTER_ID],
        to=invitation.address,
        subject=say(msg("You have a way in."), language),
        text="\n\n".join(lines) + "\n",
        language=language,
        urgent=False,
    )
