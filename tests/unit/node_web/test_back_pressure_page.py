"""A full mailbox on the other side is seen by the sender's administrator, and nothing is lost."""

from node.domain.ports import MailboxFullError
from node.service.attention import list_outbox
from node.service.composing import handle_send
from node.service.dispatching import Attempt, claim_messages, record_attempts
from tests.support.node import make_draft
from tests.support.node_console import PageReader, Pair
from tests.support.people import acting


async def test_the_page_says_whose_mailbox_is_full_since_when_and_what_to_do(pair: Pair) -> None:
    """Who, how many, since when, and that they leave by themselves; then they do."""
    context = pair.al.context
    for _ in range(2):
        handle_send(context, make_draft(), who=acting("api:case-system"))
        pair.network.clock.advance(minutes=30)
    claimed = claim_messages(context, limit=10)
    full = str(MailboxFullError())
    record_attempts(
        context, [Attempt(each.message_id, each.transport_id, error=full) for each in claimed]
    )
    (waiting,) = list_outbox(context)
    assert (waiting.refused, waiting.refused_since) == (2, waiting.oldest_at)
    async with PageReader(pair.al) as reader:
        await reader.sign_in("admin")
        page = (await reader.open("/delivery")).text
        for shown in (
            "Kosovo*",
            "Mailbox full",
            "2 wait here, the oldest for 1 hour",
            "leave by themselves when the other side",
            "Telephone the other side.",
        ):
            assert shown in page, shown
        pair.network.clock.advance(hours=1)
        pair.network.settle()
        assert "Mailbox full" not in (await reader.open("/delivery")).text
    assert list_outbox(context) == []
