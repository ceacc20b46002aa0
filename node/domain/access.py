"""Who may do what: roles, the permissions they carry, and the channels somebody is cleared for.

A **permission** says which kind of thing somebody may do, a **channel** says of which messages.
Both are asked at every door: pages, interface, exports. What is not in :data:`GRANTS` nobody may.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from protocol.identifiers import Channel
from protocol.policy.facts import Role


class Permission(StrEnum):
    """One kind of thing that can be done at a node."""

    #: Cases, messages, files, timelines, evidence of the own channels.
    READ_CASES = "read_cases"
    #: Drafts, sending, deciding, answering, consent, the course of a case, claims of items.
    WORK_CASES = "work_cases"
    #: The strictly confidential part of a case. Beyond the role, it is given person by person.
    READ_CONFIDENTIAL = "read_confidential"
    #: Approving as the second person, and reading what is to be approved.
    APPROVE = "approve"
    #: Who is on duty, when, and who stands in.
    KEEP_ROSTER = "keep_roster"
    #: People, invitations, roles, clearances, tokens, sessions of others.
    ADMINISTER_PEOPLE = "administer_people"
    #: Delivery: queues, dead letters, links, workers. Metadata only.
    WATCH_DELIVERY = "watch_delivery"
    #: Webhooks, notices, settings of the node. Never what they are about.
    ADMINISTER_NODE = "administer_node"
    #: The audit log.
    READ_AUDIT = "read_audit"
    #: Numbers that identify nobody.
    READ_STATISTICS = "read_statistics"
    #: The own entries of the directory.
    KEEP_DIRECTORY = "keep_directory"


GRANTS: Final[Mapping[Role, frozenset[Permission]]] = MappingProxyType(
    {
        Role.FOCAL_POINT: frozenset(
            {Permission.READ_CASES, Permission.WORK_CASES, Permission.KEEP_ROSTER}
        ),
        Role.APPROVER: frozenset({Permission.READ_CASES, Permission.APPROVE}),
        Role.NODE_ADMIN: frozenset(
            {
                Permission.ADMINISTER_PEOPLE,
                Permission.WATCH_DELIVERY,
                Permission.ADMINISTER_NODE,
                Permission.KEEP_ROSTER,
            }
        ),
        Role.AUDITOR: frozenset({Permission.READ_AUDIT, Permission.READ_STATISTICS}),
        Role.DIRECTORY_EDITOR: frozenset({Permission.KEEP_DIRECTORY}),
    }
)
"""What each role carries."""

ABOUT_CONTENT: Final = frozenset(
    {
        Permission.READ_CASES,
        Permission.WORK_CASES,
        Permission.READ_CONFIDENTIAL,
        Permission.APPROVE,
    }
)
"""Permissions that show content: nobody who administers or audits the node ever has one."""

KEEPS_OUT: Final = frozenset({Role.NODE_ADMIN, Role.AUDITOR})
"""Roles that take every permission about content away, whatever else somebody is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Somebody who asks: a person or a program, with what they may do and see."""

    #: How they stand in timelines and in the audit log: an account, ``api:label``, ``system``.
    actor: str
    permissions: frozenset[Permission]
    channels: frozenset[Channel] = frozenset()
    roles: frozenset[Role] = frozenset()
    #: The account behind it: the person's own, or the one that a program is bound to. Rules about a
    #: second person ask for this, since a program of somebody's is not somebody else.
    person: str | None = None

    def may(self, permission: Permission) -> bool:
        """Whether they may do this kind of thing at all."""
        return permission in self.permissions

    def sees(self, channel: Channel | None) -> bool:
        """Whether they see messages of this channel.

        ``None``, a message whose channel nobody knows (it could not be read), is seen only by
        somebody who is cleared for every channel.
        """
        if channel is None:
            return self.channels >= frozenset(Channel)
        return channel in self.channels


def list_permissions(roles: Iterable[Role], *, confidential: bool = False) -> frozenset[Permission]:
    """Return what somebody with these roles may do.

    ``confidential``: they were given the strictly confidential part as well, which counts only
    beside a role that reads cases.
    """
    held = frozenset(roles)
    granted = frozenset(found for role in held for found in GRANTS[role])
    if confidential and Permission.READ_CASES in granted:
        granted |= {Permission.READ_CONFIDENTIAL}
    return granted - ABOUT_CONTENT if held & KEEPS_OUT else granted


SYSTEM: Final = Principal(
    actor="system", permissions=frozenset(Permission), channels=frozenset(Channel)
)
"""The node itself, for what its workers do. Never what a request is answered as."""
