"""What the hub's checks found and what the broker said, in the reader's language."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from console.i18n import Message, msg, nmsg
from console.phrasebook import Phrasebook
from console.refusals import join_sentences
from hub.web.check_words import CHECK_NAMES

CHECK_PHRASES: Final = Phrasebook(
    (
        msg("A check did not come to an end."),
        msg("Down since %(time)s: %(error)s"),
        msg("Its timestamp runs out at %(time)s: see why nobody renews it."),
        msg("No round of admission was completed since the hub started."),
        msg("The last complete round of admission was at %(time)s."),
        msg("The hub's database does not answer (%(error)s): look at it."),
        msg(
            "The broker could not write to its disk (%(servers)s): until it is restarted, it takes "
            "nothing into some mailboxes. Make room, then restart it. Nothing is lost, and nodes "
            "keep what they send."
        ),
        msg(
            "The broker could not write to its disk (%(servers)s): until it is restarted, it takes "
            "nothing into some mailboxes. Make room: when %(size)s MiB are free, the hub restarts "
            "it by itself within a minute. Nothing is lost, and nodes keep what they send."
        ),
        msg("The copies of mailboxes were not looked at yet."),
        msg(
            "Of the broker's %(count)s servers more than half must run, and they do not agree on a "
            "leader (%(error)s): start those that are away. Until then nothing is taken in or "
            "handed out, nothing is lost, and nodes keep what they send."
        ),
        msg(
            "%(lost)s of %(all)s mailboxes take nothing, because too few of their servers run: "
            "start these servers. Nothing is lost. (%(mailboxes)s)"
        ),
    )
)
"""The sentences of ``hub.monitoring``."""

TASK_PHRASES: Final = Phrasebook(
    (
        nmsg(
            "%(task)s: failed %(count)s time in a row: %(error)s",
            "%(task)s: failed %(count)s times in a row: %(error)s",
            1,
        ),
        msg("%(task)s: no finished round for %(seconds)s s"),
        msg("%(task)s: nobody runs it any more: restart this program"),
    )
)
"""The sentences of ``console.process.tasks``."""

BROKER_PHRASES: Final = Phrasebook(
    (
        msg("Its account belongs to %(participant)s."),
        msg("One account is claimed by %(participants)s."),
        msg("It claims an account of the operators."),
        msg("There is no connection to the broker as %(role)s: wait until it is back."),
        msg("The broker did not answer %(question)s (%(error)s): trying again later."),
        msg("The broker's answer cannot be read: check its version."),
        msg("The broker did not list its accounts: check its version."),
        msg("The broker lists a strange account: %(error)s"),
        msg("The broker did not take an account: %(error)s"),
        msg("A server did not describe itself: check its version."),
        msg("A server did not list its accounts: check its version."),
        msg(
            "The broker refused %(what)s: its store has no room for one more mailbox. Raise "
            "TRM_HUB_BROKER_MAX_STORE_BYTES or lower TRM_HUB_MAILBOX_BYTES, then restart it."
        ),
        msg("The broker refused %(what)s (%(error)s): look at its log and its disk."),
    )
)
"""The sentences of ``hub.broker`` and ``hub.network``."""


TASK_NAMES: Final[Mapping[str, Message]] = {
    "embedded_broker": msg("Keeps the hub's own broker running"),
    "broker_disk": msg("Looks at the broker's disk"),
    "mailbox_copies": msg("Looks at the copies of mailboxes"),
    "registry_timestamp": msg("Renews the registry's timestamp"),
    "network_look": msg("Looks at the broker's servers and mailboxes"),
    "failed_sign_ins": msg("Clears failed sign-ins of long ago away"),
    "audit_publications": msg("Writes publications into the audit log"),
    "directory_changes": msg("Publishes signed changes of entries"),
    "network_events": msg("Keeps what happens in the network"),
    "certificates": msg("Reads the certificates"),
    "drills": msg("Asks desks in drills"),
    "reminders": msg("Sends reminders"),
}
"""The background tasks of the hub that are no checks as well."""


#: Between what several tasks or Participants are said of.
_BETWEEN: Final = "; "
#: What ``AdmissionIncompleteError`` says of one Participant.
_OF_ONE: Final = re.compile(r"([A-Z0-9]{2,8}): (?P<reason>.+)", re.DOTALL)


def say_found(check: str, detail: str) -> Message | str:
    """Say what a check found, if anything: in words of the check, of the broker, or of a task."""
    if not detail:
        return ""
    if check == "tasks":
        return join_sentences([_say_task(line) for line in detail.split(_BETWEEN)], _BETWEEN)
    found = CHECK_PHRASES.say(detail)
    error = found.params.get("error")
    if isinstance(error, str):
        return replace(found, params={**found.params, "error": BROKER_PHRASES.say(error)})
    return found


def say_broker(detail: str) -> Message | str:
    """Say what the broker, or letting nodes into it, said; of several Participants one by one."""
    if not detail:
        return ""
    return join_sentences([_say_outcome(line) for line in detail.split(_BETWEEN)], _BETWEEN)


def _say_outcome(line: str) -> Message:
    named = _OF_ONE.fullmatch(line)
    if named is None:
        return BROKER_PHRASES.say(line)
    reason = BROKER_PHRASES.say(named["reason"])
    return Message(
        msgid="%(participant)s: %(reason)s", params={"participant": named[1], "reason": reason}
    )


def _say_task(line: str) -> Message:
    said = TASK_PHRASES.say(line)
    task = str(said.params.get("task", ""))
    name = TASK_NAMES.get(task) or CHECK_NAMES.get(task)
    return said if name is None else replace(said, params={**said.params, "task": name})
