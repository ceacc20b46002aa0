"""A large store neither holds up who writes when a node starts, nor is planned for again."""

from typing import Any

from sqlalchemy import event

from node.service.channel_filling import fill_channels
from node.store import message_lists
from tests.support.node import NOON, Network

CHANNELS = ("assistance", "police", None)


def test_looking_for_messages_without_a_channel_waits_for_nobody(network: Network) -> None:
    """While somebody writes, the look ends: nothing is missing, so it has nothing to write."""
    context = network.node("AL")
    with context.database.transaction():
        assert fill_channels(context) is None


def test_a_list_has_no_parameters_that_a_plan_could_depend_on(network: Network) -> None:
    """What an inbox asks on each page is a constant text, whose plan PostgreSQL keeps."""
    context = network.node("AL")
    asked: list[Any] = []

    def note(_connection: Any, _cursor: Any, _statement: str, values: Any, *_rest: Any) -> None:
        asked.append(values)

    with context.database.reading() as session:
        session.connection()
        event.listen(context.database.engine, "before_cursor_execute", note)
        message_lists.list_newest(session, direction="in", channels=CHANNELS, limit=5)
        message_lists.list_due(session, channels=CHANNELS, limit=5)
        message_lists.list_unread(session, channels=CHANNELS, limit=5)
        message_lists.count_open(session, channels=CHANNELS, most=5)
        message_lists.list_newest(
            session, direction="in", channels=CHANNELS, limit=5, after=(NOON, "0")
        )
        event.remove(context.database.engine, "before_cursor_execute", note)
    assert [bool(values) for values in asked] == [False, False, False, False, True]
