"""``trm-registry ceremony prepare``: one command for each procedure. No key is needed for it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer
from tuf.api.metadata import Root, Targets

from contact_registry.ceremony.held import load_held
from contact_registry.ceremony.options import Out, Registry, TrustedRoot, write_new
from contact_registry.ceremony.preparing import (
    OperatorsEdit,
    OwnParts,
    Periods,
    prepare_admission,
    prepare_departure,
    prepare_directory_key,
    prepare_founding,
    prepare_node_key,
    prepare_online_key,
    prepare_operators,
    prepare_renewal,
    require_listed,
)
from contact_registry.ceremony.shapes import Holders, RootShape
from contact_registry.ceremony.signing_file import digest_change, serialize_signing_file
from contact_registry.ceremony.wording import format_digest
from contact_registry.errors import RegistryError
from contact_registry.files import read_bounded
from contact_registry.founding import make_entry
from contact_registry.models import (
    MAX_DOCUMENT_BYTES,
    ListedBy,
    ParticipantEntry,
    parse_contacts,
)
from contact_registry.trust.operators import OperatorsChange
from contact_registry.trust.signers import load_public_key
from contact_registry.trust.submitting import MAX_SUBMISSION_BYTES, parse_submission
from protocol.identifiers import parse_participant_code
from protocol.signing import VerifyKey

_BOTH: Final = frozenset({Root.type, Targets.type})

prepare_app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="""Write a signing file. Anybody may: it needs no key, and signers trust no preparer.""",
)

Code = Annotated[str, typer.Argument(help="Participant code, such as AL.")]
DirectoryKey = Annotated[
    list[Path],
    typer.Option(help="Public key file (.pub) of who signs for the Participant; repeat."),
]
Threshold = Annotated[int, typer.Option(help="How many directory keys must sign.")]
Contacts = Annotated[
    Path | None, typer.Option(help="Contacts document that the Participant signs in the same file.")
]
NodeKey = Annotated[
    list[Path] | None,
    typer.Option(help="Public key file of the Participant's node; repeat."),
]
NodeStatement = Annotated[
    Path | None,
    typer.Option("--keys", help="The node's signed keys (trm-node write-keys)."),
]
HeldByOperator = Annotated[
    bool | None,
    typer.Option(
        "--held-by-operator/--held-by-participant", help="Whose hands hold the directory key."
    ),
]


class Renewable(StrEnum):
    """What can be signed again as it is."""

    ROOT = "root"
    TARGETS = "targets"
    BOTH = "both"


class Decides(StrEnum):
    """What operators decide over."""

    ROOT = "root"
    TARGETS = "targets"
    BOTH = "both"


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


@prepare_app.command("found")
def found(
    operator_key: Annotated[list[Path], typer.Option(help="An operator's public key; repeat.")],
    online_key: Annotated[Path, typer.Option(help="The registry host's public key.")],
    out: Out,
    *,
    threshold: Annotated[int, typer.Option(help="How many operators must sign.")] = 2,
    participant: Annotated[
        list[str] | None,
        typer.Option(help="CODE=PUBLIC-KEY-FILE of a founding Participant; repeat."),
    ] = None,
) -> None:
    """Found a registry: the first root and the first list of Participants.

    Example: trm-registry ceremony prepare found --operator-key a.pub --operator-key b.pub
    --operator-key c.pub --threshold 2 --online-key online.pub --participant AL=AL.pub
    --out founding.json
    """
    operators = Holders(_load_keys(operator_key), threshold)
    online = load_public_key(online_key)
    shape = RootShape(root=operators, targets=operators, snapshot=online, timestamp=online)
    listed = [_read_founding(text) for text in participant or []]
    _write(out, prepare_founding(shape, listed, Periods(_now())))


@prepare_app.command("admit")
def admit(
    code: Code,
    directory_key: DirectoryKey,
    registry: Registry,
    root: TrustedRoot,
    out: Out,
    *,
    threshold: Threshold = 1,
    name: Annotated[str | None, typer.Option(help="Name; known for the founding six.")] = None,
    footnote: Annotated[str | None, typer.Option(help="Footnote of a name with *.")] = None,
    held_by_operator: HeldByOperator = None,
    contacts: Contacts = None,
    node_key: NodeKey = None,
    keys: NodeStatement = None,
) -> None:
    """Admit a Participant, or take one back that had left (then with --contacts).

    Example: trm-registry ceremony prepare admit ME --directory-key ME.pub
    --registry https://hub.example --root 1.root.json --out admit-ME.json
    """
    standing = load_held(registry, root, clock=_now)
    entry = _with_holder(make_entry(parse_participant_code(code), name, footnote), held_by_operator)
    holders = Holders(_load_keys(directory_key), threshold)
    own = _read_own(contacts, node_key, keys)
    _write(out, prepare_admission(standing, entry, holders, own=own, periods=Periods(_now())))


@prepare_app.command("depart")
def depart(code: Code, registry: Registry, root: TrustedRoot, out: Out) -> None:
    """Let a Participant leave. The registry's past keeps what it published.

    Example: trm-registry ceremony prepare depart ME --registry https://hub.example
    --root 1.root.json --out depart-ME.json
    """
    standing = load_held(registry, root, clock=_now)
    _write(out, prepare_departure(standing, parse_participant_code(code), Periods(_now())))


@prepare_app.command("directory-key")
def directory_key(
    code: Code,
    directory_key: DirectoryKey,
    registry: Registry,
    root: TrustedRoot,
    out: Out,
    *,
    threshold: Threshold = 1,
    held_by_operator: HeldByOperator = None,
    contacts: Contacts = None,
    node_key: NodeKey = None,
    keys: NodeStatement = None,
) -> None:
    """Replace who signs for a Participant: after a loss, a theft, or a change of people.

    Its contacts and its node's key stay as published, signed anew. After a theft bring them with
    --contacts, --node-key and, if the thief replaced the node's key, --keys.

    Example: trm-registry ceremony prepare directory-key AL --directory-key AL-new.pub
    --registry https://hub.example --root 1.root.json --out AL-key.json
    """
    standing = load_held(registry, root, clock=_now)
    entry = require_listed(standing, parse_participant_code(code))
    change = prepare_directory_key(
        standing,
        _with_holder(entry, held_by_operator),
        Holders(_load_keys(directory_key), threshold),
        own=_read_own(contacts, node_key, keys),
        periods=Periods(_now()),
    )
    _write(out, change)


@prepare_app.command("node-key")
def node_key(
    code: Code,
    *,
    node_key: Annotated[list[Path], typer.Option(help="Public key file of the new node; repeat.")],
    keys: Annotated[Path, typer.Option(help="The new node's signed keys (trm-node write-keys).")],
    registry: Registry,
    root: TrustedRoot,
    out: Out,
) -> None:
    """Replace a stolen node key in one step. The directory key signs; no operator is needed.

    A key that was not stolen is replaced without a ceremony: publish-contacts with both keys.

    Example: trm-registry ceremony prepare node-key AL --node-key AL-node-2.pub --keys AL-keys.json
    --registry https://hub.example --root 1.root.json --out AL-node.json
    """
    standing = load_held(registry, root, clock=_now)
    own = _read_own(None, node_key, keys)
    change = prepare_node_key(
        standing, parse_participant_code(code), own=own, periods=Periods(_now())
    )
    _write(out, change)


@prepare_app.command("operators")
def operators(
    registry: Registry,
    root: TrustedRoot,
    out: Out,
    *,
    add: Annotated[list[Path] | None, typer.Option(help="Public key to add; repeat.")] = None,
    remove: Annotated[
        list[str] | None, typer.Option(help="Key id (32 characters) to take away; repeat.")
    ] = None,
    threshold: Annotated[
        int | None, typer.Option(help="How many operators must sign from now on.")
    ] = None,
    over: Annotated[Decides, typer.Option(help="What they decide over.")] = Decides.BOTH,
) -> None:
    """Change who the operators are, or how many of them must sign: also after a loss or a theft.

    Example: trm-registry ceremony prepare operators --remove 5f0c... --add d.pub
    --registry https://hub.example --root 1.root.json --out operators.json
    """
    standing = load_held(registry, root, clock=_now)
    edit = OperatorsEdit(
        add=_load_keys(add or []),
        remove=frozenset(remove or []),
        threshold=threshold,
        roles=_BOTH if over is Decides.BOTH else frozenset({over.value}),
    )
    _write(out, prepare_operators(standing, edit, Periods(_now())))


@prepare_app.command("online-key")
def online_key(
    key: Annotated[Path, typer.Argument(help="Public key file of the new online key.")],
    registry: Registry,
    root: TrustedRoot,
    out: Out,
) -> None:
    """Replace the registry host's online key: as a routine, or because it is compromised.

    Make the new key on the host, beside the present one: trm-registry keygen registry-online-2

    Example: trm-registry ceremony prepare online-key registry-online-2.pub
    --registry https://hub.example --root 1.root.json --out online.json
    """
    standing = load_held(registry, root, clock=_now)
    _write(out, prepare_online_key(standing, load_public_key(key), Periods(_now())))


@prepare_app.command("renew")
def renew(
    registry: Registry,
    root: TrustedRoot,
    out: Out,
    *,
    what: Annotated[Renewable, typer.Option(help="What to sign again.")] = Renewable.BOTH,
    days: Annotated[
        int | None, typer.Option(min=1, max=366, help="How long it holds; default 365 and 180.")
    ] = None,
) -> None:
    """Sign root and list of Participants again as they are, before their signatures run out.

    Example: trm-registry ceremony prepare renew --registry https://hub.example
    --root 1.root.json --out renewal.json
    """
    standing = load_held(registry, root, clock=_now)
    now = _now()
    span = timedelta(days=days) if days is not None else None
    periods = Periods(now, root=span, targets=span) if span is not None else Periods(now)
    roles = _BOTH if what is Renewable.BOTH else frozenset({what.value})
    _write(out, prepare_renewal(standing, periods, roles=roles))


def _load_keys(paths: Sequence[Path]) -> tuple[VerifyKey, ...]:
    keys = tuple(load_public_key(path) for path in paths)
    if len({key.key_id for key in keys}) != len(keys):
        raise RegistryError("One key is named twice: give each key once.")
    return keys


def _read_founding(text: str) -> tuple[ParticipantEntry, Holders]:
    code, equals, path = text.partition("=")
    if not equals:
        raise RegistryError("Write --participant as AL=keys/AL.pub.")
    entry = make_entry(parse_participant_code(code), None, None)
    return entry, Holders((load_public_key(Path(path)),), 1)


def _with_holder(entry: ParticipantEntry, by_operator: bool | None) -> ParticipantEntry:  # noqa: FBT001 - None, too, has a meaning
    if by_operator is None:
        return entry
    holder = ListedBy.OPERATOR if by_operator else ListedBy.PARTICIPANT
    return entry.model_copy(update={"directory_key_held_by": holder})


def _read_own(
    contacts: Path | None, node_key: Sequence[Path] | None, keys: Path | None
) -> OwnParts:
    return OwnParts(
        contacts=parse_contacts(read_bounded(contacts, MAX_DOCUMENT_BYTES)) if contacts else None,
        node_keys=_load_keys(node_key) if node_key else None,
        keys=parse_submission(read_bounded(keys, MAX_SUBMISSION_BYTES)) if keys else None,
    )


def _write(out: Path, change: OperatorsChange) -> None:
    write_new(out, serialize_signing_file(change))
    typer.echo("\n".join(format_digest(digest_change(change))))
    typer.echo(f"\nWritten to {out}. Send it to the signers; each looks at it: ceremony show.")
