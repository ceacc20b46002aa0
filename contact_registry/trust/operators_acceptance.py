"""Decide what a ceremony's parts mean and who must sign them: pure, over bytes from outside.

The registry host asks it before it publishes, and each signer's own tool before it shows or signs
anything, against the registry that the signer holds. So nobody can be shown a change other than the
one that would be published, and what no client would accept is refused before anybody signs it.

Order: each part by itself (shape, keys, thresholds, expiry), then its version, then all of them as
one registry: every Participant's published files must verify under the keys as they would be.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from securesystemslib.signer import Key
from tuf.api.metadata import Metadata, Root, Targets

from contact_registry.errors import DocumentError, RefusalCode, SubmissionRefusedError
from contact_registry.models import (
    MAX_DOCUMENT_BYTES,
    ContactsDocument,
    KeysDocument,
    ParticipantEntry,
    parse_contacts,
    parse_keys,
)
from contact_registry.trust.acceptance import Published, check_statement
from contact_registry.trust.layout import (
    PARTICIPANTS_PATH,
    ExpiryPeriods,
    RoleKind,
    contacts_path,
    keys_path,
    node_role,
    parse_role,
    participant_role,
)
from contact_registry.trust.operators import OperatorsChange, Standing, order_roles, path_of
from contact_registry.trust.operators_parts import (
    check_holders,
    check_keys_named,
    check_root,
    check_target,
    check_targets,
    check_version,
    is_same_statement,
    online_key_ids,
    read_role_part,
    refuse,
)
from contact_registry.trust.operators_signatures import (
    Delegators,
    Requirement,
    check_no_other_signature,
    is_signed_under,
    list_requirements,
)
from contact_registry.trust.submitting import Submission
from contact_registry.trust.verification import check_contacts, check_keys
from protocol.identifiers import ParticipantCode

#: Most parts of one ceremony: 30 Participants who change their keys at once.
MOST_PARTS: Final = 64
MOST_BYTES: Final = 4_000_000
_LONGEST: Final[timedelta] = ExpiryPeriods().longest_delegation


@dataclass(frozen=True)
class Examined:
    """What a change means. ``root``, ``targets``, ``roles`` and so on are as they would be after.

    ``changed`` names the parts that are new, in their order; a part that is published already (a
    publication that was interrupted) is not among them.
    """

    changed: tuple[str, ...]
    parts: Mapping[str, Metadata[Root] | Metadata[Targets]]
    root: Root
    targets: Targets
    entries: tuple[ParticipantEntry, ...]
    roles: Mapping[str, Targets]
    contacts: Mapping[ParticipantCode, ContactsDocument]
    keys: Mapping[ParticipantCode, KeysDocument]
    documents: Mapping[str, bytes]
    requirements: tuple[Requirement, ...]
    unchecked: tuple[str, ...]

    @property
    def is_complete(self) -> bool:
        """Whether every part has its signatures."""
        return not any(requirement.missing for requirement in self.requirements)


def examine_change(
    change: OperatorsChange, standing: Standing | None, *, now: datetime
) -> Examined:
    """Return what a change means, or raise the reason why it must not be signed or published.

    ``standing`` is None for the founding of a registry. Signatures may be missing; one that is
    there must be good and wanted. Raises :class:`~contact_registry.errors.SubmissionRefusedError`.
    """
    _check_bounds(change)
    return _Examination(change, standing, now).run()


def read_parts(change: OperatorsChange) -> dict[str, Metadata[Root] | Metadata[Targets]]:
    """Return the metadata of all parts in their order, each canonical and no more examined.

    Raises :class:`~contact_registry.errors.SubmissionRefusedError`.
    """
    return {role: read_role_part(role, change.parts[role]) for role in order_roles(change.parts)}


def _check_bounds(change: OperatorsChange) -> None:
    size = sum(map(len, (*change.parts.values(), *change.documents.values())))
    if not 1 <= len(change.parts) <= MOST_PARTS or size > MOST_BYTES:
        raise refuse(
            f"A ceremony has 1 to {MOST_PARTS} parts and at most {MOST_BYTES} bytes: divide it.",
            RefusalCode.TOO_LARGE,
        )
    if change.needs_operators is None:
        raise refuse(
            "A ceremony changes the root or the list of Participants, or replaces a Participant's "
            "node key together with its keys. What a Participant signs alone is sent as its own "
            "change: trm-registry publish-contacts, or from its node."
        )
    if any(len(data) > MAX_DOCUMENT_BYTES for data in change.documents.values()):
        raise refuse(
            f"A document has at most {MAX_DOCUMENT_BYTES} bytes: shorten notes.",
            RefusalCode.TOO_LARGE,
        )


class _Examination:
    """One run over one change."""

    def __init__(self, change: OperatorsChange, standing: Standing | None, now: datetime) -> None:
        self._standing = standing
        self._now = now
        self._parts = read_parts(change)
        self._documents = dict(change.documents)
        self._changed = tuple(r for r in self._parts if not self._is_published(r))
        self._unchecked: list[str] = []

    def run(self) -> Examined:
        """Examine root, targets, Participants, and then signatures."""
        self._check_documents_named()
        root = self._take_root()
        targets, entries = self._take_targets(root)
        roles, contacts, keys = self._take_roles(root, targets, entries)
        before = self._standing.top.root if self._standing is not None else None
        delegators = Delegators(before, root, targets, roles)
        signed = {role: self._parts[role] for role in self._changed}
        requirements = list_requirements(signed, delegators)
        check_no_other_signature(signed, requirements)
        return Examined(
            changed=self._changed,
            parts=MappingProxyType(self._parts),
            root=root,
            targets=targets,
            entries=entries,
            roles=MappingProxyType(roles),
            contacts=MappingProxyType(contacts),
            keys=MappingProxyType(keys),
            documents=MappingProxyType(self._documents),
            requirements=requirements,
            unchecked=tuple(self._unchecked),
        )

    # ------------------------------------------------------------------ what the file holds

    def _is_published(self, role: str) -> bool:
        """Whether this very statement is published, with whichever signatures."""
        published = self._standing.file_of(role) if self._standing is not None else None
        return published is not None and is_same_statement(published, self._parts[role])

    def _check_documents_named(self) -> None:
        named = {path for role in self._parts if (path := path_of(role)) is not None}
        if set(self._documents) - named:
            raise refuse(
                "The file holds a document that none of its parts names: have it prepared again.",
                RefusalCode.PATH_NOT_ALLOWED,
            )
        for role, part in self._parts.items():
            # Of a part that is published already nothing is published, so nothing else looks at
            # its document; shown to a signer, another one would be an effect that there is not.
            path = path_of(role) or ""
            if role in self._changed or path not in self._documents:
                continue
            if isinstance(part.signed, Targets):
                check_target(part.signed, path, self._documents[path])

    def _document(self, path: str) -> bytes:
        held = self._standing.documents.get(path, b"") if self._standing is not None else b""
        return self._documents.get(path, held)

    def _check_version(self, role: str) -> None:
        before = self._standing.version_of(role) if self._standing is not None else 0
        check_version(role, self._parts[role].signed.version, before=before)

    # ------------------------------------------------------------------ the operators' parts

    def _take_root(self) -> Root:
        part = self._parts.get(Root.type)
        if part is None or not isinstance(part.signed, Root):
            if self._standing is None:
                raise refuse("A founding begins with a root: have the file prepared again.")
            return self._standing.top.root
        if Root.type in self._changed:
            self._check_version(Root.type)
            check_root(part.signed, now=self._now)
        return part.signed

    def _take_targets(self, root: Root) -> tuple[Targets, tuple[ParticipantEntry, ...]]:
        part = self._parts.get(Targets.type)
        if (
            part is None
            or Targets.type not in self._changed
            or not isinstance(part.signed, Targets)
        ):
            return self._keep_targets(root)
        data = self._document(PARTICIPANTS_PATH)
        self._check_version(Targets.type)
        listed = check_targets(part.signed, data, root, now=self._now)
        return part.signed, listed.participants

    def _keep_targets(self, root: Root) -> tuple[Targets, tuple[ParticipantEntry, ...]]:
        standing = self._standing
        if standing is None:
            raise refuse("A founding needs the operators' targets: have the file prepared again.")
        if not is_signed_under(root, Targets.type, standing.targets_file):
            raise refuse(
                "Under the new root the list of Participants would not be signed any more, and "
                "every node would refuse the registry: the file must bring the operators' targets, "
                "signed anew. Have it prepared again.",
                RefusalCode.NOT_SIGNED,
            )
        if online_key_ids(root) & set((standing.top.targets.delegations or _NONE).keys):
            raise refuse("An online key is a Participant's directory key: do not sign.")
        return standing.top.targets, standing.entries

    # ------------------------------------------------------------------ the Participants' parts

    def _take_roles(
        self, root: Root, targets: Targets, entries: Iterable[ParticipantEntry]
    ) -> tuple[
        dict[str, Targets], dict[ParticipantCode, ContactsDocument],
        dict[ParticipantCode, KeysDocument],
    ]:  # fmt: skip
        listed = {entry.code: entry for entry in entries}
        self._check_roles_listed(listed)
        roles: dict[str, Targets] = {}
        contacts: dict[ParticipantCode, ContactsDocument] = {}
        keys: dict[ParticipantCode, KeysDocument] = {}
        for code, entry in listed.items():
            own = self._take_role(entry, RoleKind.PARTICIPANT, targets)
            if own is None:
                continue
            if participant_role(code) in self._changed:
                # Of what is published already a Participant could make one that stops all others.
                self._check_node_keys(root, targets, own)
            roles[participant_role(code)] = own
            contacts[code] = parse_contacts(self._document(contacts_path(code)))
            node = self._take_role(entry, RoleKind.NODE, own)
            if node is not None:
                roles[node_role(code)] = node
                keys[code] = parse_keys(self._document(keys_path(code)))
        return roles, contacts, keys

    def _check_roles_listed(self, listed: Iterable[ParticipantCode]) -> None:
        known = set(listed)
        for role in self._parts:
            if role not in {Root.type, Targets.type} and parse_role(role)[0] not in known:
                raise refuse(
                    f"The file signs for {role}, which does not take part: have it prepared again.",
                    RefusalCode.UNKNOWN_ROLE,
                )

    def _take_role(
        self, entry: ParticipantEntry, kind: RoleKind, delegator: Targets
    ) -> Targets | None:
        role = (participant_role if kind is RoleKind.PARTICIPANT else node_role)(entry.code)
        part = self._parts.get(role)
        if part is not None and role in self._changed and isinstance(part.signed, Targets):
            self._check_part(role, part.signed, entry, delegator)
            return part.signed
        return self._keep_role(role, entry, kind, delegator)

    def _check_part(
        self, role: str, statement: Targets, entry: ParticipantEntry, delegator: Targets
    ) -> None:
        code, kind = parse_role(role)
        self._check_version(role)
        if kind is RoleKind.NODE and node_role(code) not in (
            (delegator.delegations or _NONE).roles or {}
        ):
            raise refuse(
                f"{code} does not delegate to a node: have the file prepared again.",
                RefusalCode.UNKNOWN_ROLE,
            )
        standing = self._standing
        path = path_of(role) or ""
        published = Published(
            entry=entry,
            kind=kind,
            delegator=delegator,
            version=standing.version_of(role) if standing is not None else 0,
            expires_at=None,
            documents=standing.documents if standing is not None else {},
        )
        documents = {path: self._documents[path]} if path in self._documents else {}
        check_statement(
            statement, Submission(role, b"", documents), published, now=self._now, longest=_LONGEST
        )

    def _keep_role(
        self, role: str, entry: ParticipantEntry, kind: RoleKind, delegator: Targets
    ) -> Targets | None:
        """Return a role that the file does not hold; it has to go on being verifiable."""
        standing = self._standing
        if standing is None or not standing.version_of(role):
            return None
        if kind is RoleKind.NODE and delegator.delegations is None:
            return None  # its people signed that it has no node
        data = standing.roles.get(role)
        if data is None:
            if kind is RoleKind.PARTICIPANT:
                raise _needs_part(role, "It took part before, and its old files would come back.")
            self._unchecked.append(role)
            return None
        if not is_signed_under(delegator, role, data):
            raise _needs_part(role, "What it published is signed by a key that would not count.")
        try:
            if kind is RoleKind.PARTICIPANT:
                check_contacts(standing.documents[contacts_path(entry.code)], entry)
            else:
                check_keys(standing.documents[keys_path(entry.code)], entry.code)
        except DocumentError as error:
            raise refuse(str(error), RefusalCode.INVALID_DOCUMENT) from error
        return Metadata[Targets].from_bytes(data).signed

    def _check_node_keys(self, root: Root, targets: Targets, own: Targets) -> None:
        """Refuse a node's key, which lies on a machine in a network, that is anything else too."""
        if own.delegations is None:
            return
        nodes = list((own.delegations.roles or {}).values())
        check_keys_named("a Participant's role", own.delegations.keys, nodes)
        for node in nodes:
            check_holders("a Participant's node", node)
        others = {*root.keys, *(targets.delegations or _NONE).keys}
        if others & set(own.delegations.keys):
            raise refuse(
                "A node's key is also an operator's, a directory or an online key: each of these "
                "has one purpose. Do not sign; have the file prepared with the node's own key.",
                RefusalCode.DELEGATION_NOT_ALLOWED,
            )


class _Nothing:
    """Stands for delegations that are not there."""

    keys: Mapping[str, Key] = MappingProxyType({})
    roles: Mapping[str, object] = MappingProxyType({})


_NONE: Final = _Nothing()


def _needs_part(role: str, why: str) -> SubmissionRefusedError:
    return refuse(
        f"{why} The file must bring {role} signed anew, or every node would refuse the registry: "
        "have it prepared with that part.",
        RefusalCode.DELEGATION_NOT_ALLOWED,
    )
