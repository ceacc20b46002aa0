"""``trm-registry``: keep, change, read and verify the contact registry from the command line.

Exit codes: 0 done; 1 done, but something needs a person (rows held back, a gap, an overdue
signature); 2 not done, and nothing was changed.
"""

import logging
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final

import httpx
import structlog
import typer

from contact_registry.asking import (
    Repository,
    resolve_desk,
    show_agreements,
    show_coverage,
    show_freshness,
)
from contact_registry.ceremony.cli import ceremony_app
from contact_registry.changes.cli import app as change_app
from contact_registry.directory import Directory
from contact_registry.errors import RegistryError, SubmissionRefusedError
from contact_registry.exporting.cli import export_list
from contact_registry.files import read_bounded, using
from contact_registry.founding import make_entry
from contact_registry.history_cli import mount_history
from contact_registry.importing.cli import import_list
from contact_registry.models import (
    MAX_DOCUMENT_BYTES,
    ListedBy,
    parse_contacts,
)
from contact_registry.presenting import format_directory
from contact_registry.trust.client import RegistryClient
from contact_registry.trust.layout import ExpiryPeriods
from contact_registry.trust.repository import NewParticipant, OnlineSigners, RegistryRepository
from contact_registry.trust.signers import (
    RegistrySigner,
    load_public_key,
    load_signing_key,
    save_public_key,
    save_signing_key,
)
from contact_registry.trust.submitting import build_contacts_submission
from protocol.errors import ProtocolError
from protocol.identifiers import parse_participant_code
from protocol.signing import SigningKey

_NEEDS_A_PERSON: Final = 1
_NOT_DONE: Final = 2

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="""Keep the signed contact registry: who is competent in which Participant, how to reach
them, and which keys their nodes use.

\b
Several operators, each on an own machine, found and change a registry together:
  trm-registry ceremony --help        (and docs/ceremonies.md)
\b
A registry from nothing on one machine, to try things out:
  trm-registry keygen keys/operator-1         (each operator, on an own machine)
  trm-registry keygen keys/online             (on the hub)
  trm-registry keygen keys/AL-directory       (the Participant)
  trm-registry init registry --operator-key keys/operator-1.key --online-key keys/online.key
  trm-registry add-participant AL --name Albania --directory-key keys/AL-directory.pub \\
      --repository registry --operator-key keys/operator-1.key --online-key keys/online.key
  trm-registry import contacts.csv --out drafts
  trm-registry publish-contacts drafts/AL.json --directory-key keys/AL-directory.key \\
      --node-key keys/AL-node.pub --repository registry --online-key keys/online.key
\b
The Participant's node makes keys/AL-node.pub (trm-node registry-key). Once its contacts were
published with it, 'trm-node publish-keys' brings the node's own keys into the registry.

\b
Exit codes: 0 done; 1 done, but something needs a person; 2 not done, nothing changed.""",
)

OperatorKeys = Annotated[
    list[Path],
    typer.Option("--operator-key", help="An operator's key file; repeat for each operator."),
]
OnlineKey = Annotated[Path, typer.Option("--online-key", help="The hub's online key file.")]


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _open(repository: Path) -> RegistryRepository:
    return RegistryRepository(repository, clock=_now)


def _load_online(path: Path) -> OnlineSigners:
    signer = RegistrySigner(load_signing_key(path))
    return OnlineSigners(snapshot=signer, timestamp=signer)


def _load_signers(paths: list[Path]) -> list[RegistrySigner]:
    return [RegistrySigner(load_signing_key(path)) for path in paths]


@app.command()
def keygen(
    name: Annotated[
        Path, typer.Argument(help="Path without ending: NAME.key and NAME.pub appear.")
    ],
) -> None:
    """Make a key pair: NAME.key stays with its holder, NAME.pub may be given to anybody.

    Example: trm-registry keygen keys/AL-directory
    """
    key = SigningKey.generate()
    with using(name.parent):
        name.parent.mkdir(parents=True, exist_ok=True)
    save_signing_key(name.with_name(f"{name.name}.key"), key)
    save_public_key(name.with_name(f"{name.name}.pub"), key.verify_key)
    typer.echo(f"{name}.key (keep it, copy it to a safe place) and {name}.pub; key id {key.key_id}")


@app.command()
def init(
    repository: Annotated[Path, typer.Argument(help="Folder for the new repository.")],
    operator_key: OperatorKeys,
    online_key: OnlineKey,
    threshold: Annotated[
        int, typer.Option(help="How many operators must sign; 2 of 3 is a good choice.")
    ] = 1,
) -> None:
    """Create an empty registry with all keys on this machine, to try things out.

    Several operators found one together: trm-registry ceremony prepare found.

    Give 1.root.json of the new folder to every Participant by a safe way: all trust begins there.

    Example: trm-registry init registry --operator-key a.key --operator-key b.key --threshold 2
    --online-key online.key
    """
    signers = _load_signers(operator_key)
    published = _open(repository).create(
        root_signers=signers,
        root_threshold=threshold,
        targets_signers=signers,
        targets_threshold=threshold,
        online=_load_online(online_key),
    )
    typer.echo(
        f"Version {published.version} written. Trusted root for nodes: "
        f"{repository / 'metadata' / '1.root.json'}"
    )


app.command("import")(import_list)
app.command("export")(export_list)


@app.command()
def add_participant(
    code: Annotated[str, typer.Argument(help="Participant code, such as AL.")],
    directory_key: Annotated[
        list[Path], typer.Option(help="Public key file (.pub) of who signs its contacts; repeat.")
    ],
    repository: Repository,
    operator_key: OperatorKeys,
    online_key: OnlineKey,
    name: Annotated[str | None, typer.Option(help="Name; known for the founding six.")] = None,
    footnote: Annotated[str | None, typer.Option(help="Footnote of a name with *.")] = None,
    threshold: Annotated[int, typer.Option(help="How many directory keys must sign.")] = 1,
    held_by_operator: Annotated[
        bool, typer.Option("--held-by-operator", help="The operators hold the directory key.")
    ] = False,
) -> None:
    """Admit a Participant: the operators sign that its contacts are signed by this key.

    Example: trm-registry add-participant AL --directory-key AL.pub --repository registry
    --operator-key a.key --operator-key b.key --online-key online.key
    """
    entry = make_entry(parse_participant_code(code), name, footnote)
    if held_by_operator:
        entry = entry.model_copy(update={"directory_key_held_by": ListedBy.OPERATOR})
    keys = tuple(load_public_key(path) for path in directory_key)
    published = _open(repository).add_participants(
        [NewParticipant(entry, keys, threshold)],
        targets_signers=_load_signers(operator_key),
        online=_load_online(online_key),
    )
    typer.echo(f"{entry.display_name} takes part as of version {published.version}.")


@app.command()
def publish_contacts(
    file: Annotated[Path, typer.Argument(help="Contacts document, such as drafts/AL.json.")],
    directory_key: Annotated[list[Path], typer.Option(help="The directory key file; repeat.")],
    repository: Repository,
    online_key: OnlineKey,
    node_key: Annotated[
        list[Path] | None, typer.Option(help="Public key file of the node that may sign keys.")
    ] = None,
    days: Annotated[int, typer.Option(help="How long the signature holds.")] = 90,
) -> None:
    """Sign a Participant's contacts with its directory key and publish them.

    Example: trm-registry publish-contacts drafts/AL.json --directory-key AL.key
    --node-key AL-node.pub --repository registry --online-key online.key
    """
    document = parse_contacts(read_bounded(file, MAX_DOCUMENT_BYTES))
    opened = _open(repository)
    if not 1 <= days <= ExpiryPeriods().longest_delegation.days:
        raise RegistryError("A signature holds for 1 to 366 days: choose --days accordingly.")
    submission = build_contacts_submission(
        document,
        previous_version=opened.role_status(document.participant).version,
        signers=_load_signers(directory_key),
        expires=_now() + timedelta(days=days),
        node_keys=[load_public_key(path) for path in node_key or []],
    )
    published = opened.accept(submission, _load_online(online_key))
    typer.echo(f"{document.participant} published: version {published.version}, {published.sha256}")


mount_history(app)
app.add_typer(change_app, name="change")
app.add_typer(ceremony_app, name="ceremony")
app.command("resolve")(resolve_desk)
app.command("coverage")(show_coverage)
app.command("freshness")(show_freshness)
app.command("agreements")(show_agreements)


@app.command()
def verify(
    url: Annotated[str, typer.Argument(help="Address of the hub, such as https://hub.example.")],
    root: Annotated[Path, typer.Option(help="The trusted root that you were given by hand.")],
) -> None:
    """Download a registry and verify it as a node does, trusting nothing but the root given.

    Example: trm-registry verify https://hub.example --root 1.root.json
    """
    trusted_root = read_bounded(root, MAX_DOCUMENT_BYTES)
    with tempfile.TemporaryDirectory() as folder, httpx.Client() as http:
        client = RegistryClient(
            base_url=url,
            cache_dir=Path(folder),
            trusted_root=trusted_root,
            http=http,
            clock=_now,
        )
        _show(client.refresh())


def _show(directory: Directory) -> None:
    now = _now()
    typer.echo("\n".join(format_directory(directory, now=now)))
    if directory.overdue or directory.expires_at <= now:
        raise typer.Exit(_NEEDS_A_PERSON)


def main() -> None:
    """Run the command line; an error is one clear line and exit code 2."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    try:
        app()
    except SubmissionRefusedError as error:
        _fail(f"{error} [{error.code}]")
    except (RegistryError, ProtocolError) as error:
        _fail(str(error))


def _fail(message: str) -> None:
    typer.echo(f"trm-registry: {message}", err=True)
    raise SystemExit(_NOT_DONE)
