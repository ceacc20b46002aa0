"""Background tasks in words: what each does, and how it does."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from console.formats import describe_duration
from console.i18n import Message, msg, pmsg
from console.process.tasks import TaskState
from node.web.states import Look

TASK_WORDS: Final[Mapping[str, Message]] = {
    "broker_link": msg("Keeps the connection to the broker"),
    "registry_refresh": msg("Looks for a newer directory"),
    "relay": msg("Hands messages to the broker"),
    "receipt_relay": msg("Hands receipts to the broker"),
    "fresh_messages_1": msg("Hands new messages to the broker at once"),
    "fresh_messages_2": msg("Hands new messages to the broker at once, beside the other"),
    "fresh_receipts": msg("Hands new receipts to the broker at once"),
    "consumer_message": msg("Takes in messages"),
    "consumer_receipt": msg("Takes in receipts"),
    "consumer_large": msg("Takes in large messages"),
    "chunk_relay": msg("Hands pieces of files to the broker"),
    "chunk_intake": msg("Takes in pieces of files"),
    "file_opening": msg("Puts received files together"),
    "file_scanning": msg("Has received files scanned for malware"),
    "file_sweep": msg("Removes files that nothing belongs to any more"),
    "clearing": msg("Removes what was kept long enough"),
    "memory_return": msg("Gives free memory back to the machine"),
    "follower": msg("Makes items and search words from messages"),
    "deadlines": msg("Watches deadlines and tells people"),
    "notices": msg("Sends mail that something waits"),
    "webhooks": msg("Tells programs what happened"),
    "access": msg("Looks after sessions, tokens and the audit log"),
    "promises": msg("Watches what others promised to delete or to answer"),
    "keys_renewal": msg("Makes, publishes and erases keys"),
    "link_repair": msg("Asks for what links are missing"),
    "drills": msg("Exchanges drills with the hub"),
    "directory_changes": msg("Publishes signed changes of our entries"),
}

LINK_STATES: Final[Mapping[str, Message]] = {
    "up": pmsg("link", "Up"),
    "down": pmsg("link", "Down"),
    "connecting": pmsg("link", "Connecting"),
}


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """A task, ready to be shown."""

    state: TaskState
    what: Message | str
    timer: Message
    look: Look


def describe_task(state: TaskState, *, now: datetime) -> TaskFacts:
    """Put a task into words."""
    return TaskFacts(
        state=state,
        what=TASK_WORDS.get(state.task, state.task),
        timer=_say_timer(state),
        look=_look_at(state, now=now),
    )


def say_trouble(trouble: Message) -> Message:
    """Say what is wrong: a task by what it does, and the link's state in words."""
    words: dict[str, Message] = {}
    task, state = trouble.params.get("task"), trouble.params.get("state")
    if isinstance(task, str) and task in TASK_WORDS:
        words["task"] = TASK_WORDS[task]
    if isinstance(state, str) and state in LINK_STATES:
        words["state"] = LINK_STATES[state]
    return replace(trouble, params={**trouble.params, **words}) if words else trouble


def _say_timer(state: TaskState) -> Message:
    if state.every is None:
        return msg("All the time")
    if not state.every:
        return msg("As soon as there is work")
    return msg("Every %(duration)s", duration=describe_duration(state.every))


def _look_at(state: TaskState, *, now: datetime) -> Look:
    if state.failures:
        return Look(pmsg("task", "Fails, is tried again"), "danger", "circle-alert")
    last, limit = state.last_success, state.overdue_after
    if last is not None and limit is not None and now - last > limit:
        return Look(pmsg("task", "Overdue"), "danger", "alarm-clock")
    if last is None and state.every is not None:
        return Look(pmsg("task", "In its first round"), "neutral", "hourglass")
    return Look(pmsg("task", "Works"), "ok", "circle-check")
