"""Whose signatures the parts of a ceremony need, have, and must not have."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from securesystemslib.exceptions import Error as SecureSystemsError
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Targets

from contact_registry.errors import RefusalCode
from contact_registry.trust.layout import RoleKind, parse_role, participant_role
from contact_registry.trust.operators import OperatorsChange, order_roles
from contact_registry.trust.operators_parts import read_role_part, refuse

Part = Metadata[Root] | Metadata[Targets]


@dataclass(frozen=True, slots=True)
class Requirement:
    """Whose signatures a part needs, and has: ``needed`` of ``holders``.

    ``of_before`` marks the second signature of a new root: by the holders of the root before it.
    """

    role: str
    holders: tuple[str, ...]
    needed: int
    signed: frozenset[str]
    of_before: bool = False

    @property
    def missing(self) -> int:
        """How many signatures are still to come."""
        return max(self.needed - len(self.signed), 0)


@dataclass(frozen=True, slots=True)
class Delegators:
    """Who says whose signatures count: the root before (None at a founding), and all as after."""

    before: Root | None
    root: Root
    targets: Targets
    roles: Mapping[str, Targets]


def list_requirements(parts: Mapping[str, Part], delegators: Delegators) -> tuple[Requirement, ...]:
    """Return what each part needs; raises ``SubmissionRefusedError`` if that cannot be told."""
    return tuple(
        requirement
        for role, part in parts.items()
        for requirement in _list_of_part(role, part, delegators)
    )


def _list_of_part(role: str, part: Part, delegators: Delegators) -> Iterable[Requirement]:
    if role == Root.type:
        after = _require(delegators.root, role, part)
        if delegators.before is None:
            return (after,)
        before = replace(_require(delegators.before, role, part), of_before=True)
        is_same = set(before.holders) == set(after.holders) and before.needed == after.needed
        return (after,) if is_same else (before, after)
    if role == Targets.type:
        return (_require(delegators.root, role, part),)
    code, kind = parse_role(role)
    delegator = (
        delegators.targets
        if kind is RoleKind.PARTICIPANT
        else delegators.roles[participant_role(code)]
    )
    return (_require(delegator, role, part),)


def check_no_other_signature(
    parts: Mapping[str, Part], requirements: Iterable[Requirement]
) -> None:
    """Refuse a signature that is not good, or that nobody asked for."""
    good: dict[str, set[str]] = {}
    for requirement in requirements:
        good.setdefault(requirement.role, set()).update(requirement.signed)
    for role, part in parts.items():
        if set(part.signatures) - good.get(role, set()):
            raise refuse(
                f"{role} carries a signature that is not good, or by a key that has no say in it: "
                "take the file of the signer before, and tell the others.",
                RefusalCode.NOT_SIGNED,
            )


def require_a_holder(change: OperatorsChange, root: Root, targets: Targets) -> None:
    """Refuse what nobody signed who may, before anything is looked at more closely.

    That is a present operator or, for a Participant's own ceremony, one who signs for it now.

    Anybody may send a file to the registry host; examining one costs more than sending it.
    Raises :class:`~contact_registry.errors.SubmissionRefusedError`.
    """
    if change.needs_operators is None:
        raise refuse("This is no ceremony: look at it with trm-registry ceremony show.")
    own = order_roles(change.parts)[0]
    deciding = {Root.type, Targets.type} if change.needs_operators else {own}
    delegator = root if change.needs_operators else targets
    for role in deciding & set(change.parts):
        if _require(delegator, role, read_role_part(role, change.parts[role])).signed:
            return
    raise refuse(
        "Nobody who decides over it has signed this file: have an operator sign it first (for a "
        "node key alone: the Participant's directory key), then combine the copies.",
        RefusalCode.NOT_SIGNED,
    )


def is_signed_under(delegator: Root | Targets, role: str, data: bytes) -> bool:
    """Whether published metadata would still have its signatures under this delegator."""
    metadata = Metadata[Targets].from_bytes(data)
    try:
        delegator.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
    except (RepositoryError, SecureSystemsError, ValueError):
        return False
    return True


def _require(delegator: Root | Targets, role: str, part: Part) -> Requirement:
    try:
        wanted = delegator.get_delegated_role(role)
        result = delegator.get_verification_result(role, part.signed_bytes, part.signatures)
    except (RepositoryError, SecureSystemsError, ValueError) as error:
        raise refuse(
            f"The signatures of {role} cannot be checked: have the file prepared again.",
            RefusalCode.NOT_SIGNED,
        ) from error
    return Requirement(
        role=role,
        holders=tuple(wanted.keyids),
        needed=wanted.threshold,
        signed=frozenset(result.signed),
    )
