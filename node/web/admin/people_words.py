"""Roles, channels and problems with accounts, in words."""

from collections.abc import Mapping
from typing import Final

from console.accounts.models import Account
from console.i18n import Message, msg, pmsg
from console.rendering import FormErrors
from node.domain.standing import Access
from node.service.people import AccountError, AccountProblem, Person
from node.web.states import Look
from protocol.policy.facts import Role

ROLE_CHOICES: Final = (
    (
        Role.FOCAL_POINT.value,
        msg("Focal point"),
        msg("Works on cases: reads, writes, sends, decides."),
    ),
    (
        Role.APPROVER.value,
        msg("Approver"),
        msg("Reads cases and approves as the second person."),
    ),
    (
        Role.NODE_ADMIN.value,
        msg("Node administrator"),
        msg("Looks after people, delivery and the node. Never sees contents."),
    ),
    (
        Role.AUDITOR.value,
        msg("Auditor"),
        msg("Reads the audit log. Never sees contents."),
    ),
    (
        Role.DIRECTORY_EDITOR.value,
        msg("Directory editor"),
        msg("Drafts changes of our entries in the directory."),
    ),
)

PROBLEMS: Final[Mapping[AccountProblem, tuple[str, Message]]] = {
    AccountProblem.NAME_MALFORMED: (
        "name",
        msg(
            "Write a sign-in name of 2 to 119 letters a to z, digits, and . _ @ -, beginning with "
            "a letter or digit."
        ),
    ),
    AccountProblem.NAME_TAKEN: ("name", msg("This sign-in name is taken. Choose another.")),
    AccountProblem.DISPLAY_NAME_MALFORMED: (
        "display_name",
        msg("Write how the person is shown, on one line of up to 200 characters."),
    ),
    AccountProblem.ONESELF: (
        "roles",
        msg("Nobody changes or shuts out themselves. Ask another administrator."),
    ),
    AccountProblem.LAST_ADMIN: (
        "roles",
        msg("This is the last node administrator. Give somebody else the role first."),
    ),
    AccountProblem.NO_KNOWN_ROLE: ("roles", msg("Choose one role or more.")),
    AccountProblem.ROLES_APART: (
        "roles",
        msg(
            "Who administers or audits the node never sees contents. Make a second account for "
            "their work on cases."
        ),
    ),
    AccountProblem.CONFIDENTIAL_WITHOUT_CASES: (
        "confidential",
        msg("Only somebody who reads cases can be given the strictly confidential part."),
    ),
    AccountProblem.LINK_TOO_LONG: ("address", msg("A sign-in link lives 7 days at most.")),
    AccountProblem.SET_UP: (
        "address",
        msg("They have set up their way in already. Hand a new link over yourself."),
    ),
    AccountProblem.NO_ADDRESS: ("address", msg("Write a mail address that takes mail.")),
    AccountProblem.NO_MAIL: (
        "address",
        msg("The mail server does not take it now. Hand a link over yourself."),
    ),
}
"""Where on the page a problem is said, and how."""

_NOT_ACTIVE: Final = Look(pmsg("account", "Shut out"), "neutral", "ban")
_NOT_SET_UP: Final = Look(pmsg("account", "Not set up yet"), "warn", "hourglass")
_ACTIVE: Final = Look(pmsg("account", "May sign in"), "ok", "circle-check")
_ACCESS: Final = {
    Access.WAITING: Look(
        msg("Waits for the word of a colleague who may read the same"), "warn", "hourglass"
    ),
    Access.REFUSED: Look(msg("Access refused, or not confirmed in 14 days"), "danger", "ban"),
}


def look_at_account(account: Account) -> Look:
    """Say whether somebody may sign in."""
    if not account.is_active:
        return _NOT_ACTIVE
    return _NOT_SET_UP if account.password_hash is None else _ACTIVE


def look_at_access(person: Person) -> Look | None:
    """Say that what somebody may see does not count; None: it does, or there is none of it."""
    return _ACCESS.get(person.access) if person.standing.channels else None


def describe_problem(error: AccountError) -> FormErrors:
    """Say what is wrong at the field that it is about."""
    field, text = PROBLEMS[error.problem]
    return {field: text}
