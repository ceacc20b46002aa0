"""Notices: letters go to the mail server, and what becomes of each is recorded."""

import asyncio
from typing import Final

import structlog

from console.i18n import Catalogues, Language, Message, translate
from node.domain.notices import AddressRefusedError, PostError, Postman, ServerAwayError
from node.service.context import NodeContext
from node.service.work.mailing import (
    claim_posting,
    forget_old_notices,
    record_failed,
    record_refused,
    record_sent,
)
from node.workers.waiting import wait_for_event

log = structlog.get_logger(__name__)

#: Looks at least this often, in seconds, for letters whose pause is over.
_LONGEST_WAIT: Final = 10.0


class Notices:
    """One worker. Several processes may share one database: each notice is claimed by one."""

    def __init__(self, context: NodeContext, postman: Postman, *, catalogues: Catalogues) -> None:
        self._context = context
        self._postman = postman
        self._catalogues = catalogues
        self._wake = context.signals.notices.listen()

    async def run_round(self) -> None:
        """Send what is due; then wait until there is something, or for a short while."""
        await asyncio.to_thread(send_notices, self._context, self._postman, self._catalogues)
        await asyncio.to_thread(forget_old_notices, self._context)
        await wait_for_event(self._wake, at_most=_LONGEST_WAIT)


def send_notices(context: NodeContext, postman: Postman, catalogues: Catalogues) -> int:
    """Send every letter that is due; returns how many the mail server took. Blocking.

    A server that is away is left alone until the next round.
    """

    def say(message: Message, language: str) -> str:
        offered = {each.value: each for each in catalogues.offered}
        return translate(message, catalogues.translations(offered.get(language, Language.ENGLISH)))

    taken = 0
    while (posting := claim_posting(context, translate=say)) is not None:
        try:
            postman.send(posting.letter)
        except AddressRefusedError as error:
            record_refused(context, posting, error=str(error))
            log.warning("notice_refused", recipient=posting.recipient, code=str(error))
        except PostError as error:
            record_failed(context, posting, error=str(error))
            log.warning("notice_not_sent", recipient=posting.recipient, code=str(error))
            if isinstance(error, ServerAwayError):
                break
        else:
            record_sent(context, posting)
            taken += 1
    return taken
