"""``trm-registry change``: what whoever holds a directory key does with signing files."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final

import httpx
import typer

from contact_registry.ceremony.digest import is_same_digest
from contact_registry.ceremony.notebook import (
    Intent,
    check_intent,
    enter_intent,
    load_notebook,
    notebook_path,
)
from contact_registry.ceremony.options import require_new, write_new
from contact_registry.changes.errors import SigningFileError
from contact_registry.changes.over_http import HttpPublisher
from contact_registry.changes.presenting import describe_review, format_review
from contact_registry.changes.published_role import PublishedRole, read_kept_role
from contact_registry.changes.review import Review, review
from contact_registry.changes.signing_file import (
    MAX_SIGNING_FILE,
    SigningFile,
    add_signatures,
    combine,
    is_same_statement,
    make_signing_file,
    parse_signing_file,
)
from contact_registry.directory import Directory
from contact_registry.errors import RefusalCode, RegistryError, SubmissionRefusedError
from contact_registry.files import read_bounded, using
from contact_registry.models import MAX_DOCUMENT_BYTES, parse_contacts, serialize_document
from contact_registry.trust.client import RegistryClient
from contact_registry.trust.layout import LIMITS, participant_role
from contact_registry.trust.signers import RegistrySigner, load_public_key, load_signing_key
from contact_registry.trust.submitting import build_contacts_submission
from protocol.identifiers import ParticipantCode

_ROOT_NAME: Final = "1.root.json"
_SUFFIX: Final = ".trm-change"
_DONE: Final = 0
_NEEDS_A_PERSON: Final = 1
_TIMEOUT: Final = httpx.Timeout(30.0, connect=10.0)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="""Look at a change of a Participant's contacts, sign it with the directory key, send it.

The desk (a node's console, or the hub's) makes the signing file; the key stays with its holder.

\b
  trm-registry change keep held --hub https://hub.example --root 1.root.json
                                       bring the newest registry (on a machine with network)
  trm-registry change show AL-5.trm-change --registry held
  trm-registry change sign AL-5.trm-change --registry held --key AL-directory.key
                                       these two need no network
Then bring the signed file back to the page of the change, or:
  trm-registry change send AL-5.signed.trm-change --hub https://hub.example""",
)

Registry = Annotated[
    Path, typer.Option("--registry", help="Folder with the registry that you hold: see 'keep'.")
]
Hub = Annotated[str, typer.Option("--hub", help="Address of the hub, as https://hub.example.")]


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _open_client(
    folder: Path, http: httpx.Client, *, hub: str = "http://127.0.0.1"
) -> RegistryClient:
    root = read_bounded(folder / _ROOT_NAME, LIMITS.root)
    return RegistryClient(base_url=hub, cache_dir=folder, trusted_root=root, http=http, clock=_now)


def _load_held(folder: Path, code: ParticipantCode) -> tuple[PublishedRole, Directory]:
    """Return what the signer holds; verified anew, without network."""
    with httpx.Client() as http:
        client = _open_client(folder, http)
        directory = client.load_cached()
        if directory is None:
            raise RegistryError(
                f"{folder} holds no registry: bring it with 'trm-registry change keep {folder} "
                "--hub ADDRESS --root 1.root.json'."
            )
        with client.open_kept() as kept:
            return read_kept_role(kept, directory, code), directory


def _read_file(path: Path) -> SigningFile:
    return parse_signing_file(read_bounded(path, MAX_SIGNING_FILE))


@app.command()
def keep(
    folder: Annotated[Path, typer.Argument(help="Folder to keep the registry in.")],
    hub: Hub,
    root: Annotated[
        Path | None, typer.Option(help="The trusted root that you were given by hand; once.")
    ] = None,
) -> None:
    """Bring the newest registry, verify it, keep it: what signing files are compared with.

    The folder may be carried to a machine without network.

    Example: trm-registry change keep held --hub https://hub.example --root 1.root.json
    """
    with using(folder):
        folder.mkdir(parents=True, exist_ok=True)
    kept = folder / _ROOT_NAME
    if root is not None:
        data = read_bounded(root, LIMITS.root)
        if kept.exists() and read_bounded(kept, LIMITS.root) != data:
            raise RegistryError(
                f"{folder} was begun with another trusted root. Compare both with the operators; "
                "if the new one is right, begin an empty folder."
            )
        with using(kept):
            kept.write_bytes(data)
    elif not kept.exists():
        raise RegistryError("Name the trusted root that you were given by hand: add --root.")
    with httpx.Client(timeout=_TIMEOUT) as http:
        directory = _open_client(folder, http, hub=hub).refresh()
    typer.echo(f"Kept registry version {directory.version}, sha256 {directory.sha256}")


@app.command()
def prepare(
    document: Annotated[Path, typer.Argument(help="Contacts document, such as drafts/AL.json.")],
    registry: Registry,
    node_key: Annotated[
        list[Path] | None,
        typer.Option(help="Public key of the node; repeat. Left out: as published now."),
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=366, help="How long it holds.")] = 90,
    out: Annotated[Path | None, typer.Option(help="The signing file to write.")] = None,
) -> None:
    """Make a signing file from a contacts document, without any desk.

    Example: trm-registry change prepare drafts/AL.json --registry held
    """
    contacts = parse_contacts(read_bounded(document, MAX_DOCUMENT_BYTES))
    published, directory = _load_held(registry, contacts.participant)
    keys = [load_public_key(path) for path in node_key] if node_key else published.node_keys
    submission = build_contacts_submission(
        contacts,
        previous_version=published.version,
        signers=(),
        expires=_now() + timedelta(days=days),
        node_keys=keys,
    )
    file = make_signing_file(submission.metadata, serialize_document(contacts))
    seen = review(file, published, directory, now=_now())
    if seen.objection is not None:
        raise SigningFileError(seen.objection)
    path = out or Path(f"{contacts.participant}-{file.version}{_SUFFIX}")
    write_new(path, file.to_bytes())
    typer.echo(f"{path}: look at it with 'trm-registry change show {path} --registry {registry}'.")


@app.command()
def show(
    file: Annotated[Path, typer.Argument(help="A signing file.")],
    registry: Registry,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what a signing file changes, derived from its bytes and the registry that you hold.

    Ends with 1 if it must not be signed.

    Example: trm-registry change show AL-5.trm-change --registry held
    """
    seen = _review(_read_file(file), registry)
    if as_json:
        typer.echo(json.dumps(describe_review(seen), ensure_ascii=False, indent=1))
    else:
        typer.echo("\n".join(format_review(seen, now=_now())))
    raise typer.Exit(_DONE if seen.objection is None else _NEEDS_A_PERSON)


def _review(file: SigningFile, registry: Path) -> Review:
    published, directory = _load_held(registry, file.participant)
    return review(file, published, directory, now=_now())


@app.command()
def sign(
    file: Annotated[Path, typer.Argument(help="A signing file.")],
    key: Annotated[list[Path], typer.Option(help="Your directory key file; repeat.")],
    registry: Registry,
    digest: Annotated[
        str | None, typer.Option(help="The digits of the change's page; else you are asked.")
    ] = None,
    instead_of: Annotated[
        str | None, typer.Option(help="Digest of an earlier file that was given up.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The signed file to write.")] = None,
) -> None:
    """Show what a signing file changes, ask for the digest of its page, and sign it.

    The digest is not shown here: read it from the page, or have another signer read it to you.
    What a key signed is noted beside it (KEY.signed.json): keep that file with the key. So it does
    not sign two changes under one version number, unless the first was given up (--instead-of).

    Example: trm-registry change sign AL-5.trm-change --registry held --key AL-directory.key
    """
    unsigned = _read_file(file)
    seen = _review(unsigned, registry)
    typer.echo("\n".join(format_review(seen, now=_now(), with_digest=False)))
    if seen.objection is not None:
        raise SigningFileError(f"Not signed. {seen.objection}")
    signers = [_load_signer(each, seen) for each in key]
    path = out or file.with_name(f"{file.name.removesuffix(_SUFFIX)}.signed{_SUFFIX}")
    require_new(path)
    intent = Intent(
        versions=[(participant_role(seen.published.code), unsigned.version)],
        file=unsigned.sha256,
        seen=seen.directory.version,
        instead_of=instead_of,
    )
    for each in key:
        check_intent(load_notebook(notebook_path(each)), intent)
    _confirm(unsigned, digest)
    for each in key:
        enter_intent(each, intent)
    signed = add_signatures(unsigned, signers)
    write_new(path, signed.to_bytes())
    missing = max(0, seen.published.threshold - len(seen.published.find_signers(signed.metadata)))
    rest = f"{missing} more must sign" if missing else "that is enough; bring it to the desk"
    typer.echo(f"Signed: {path} ({rest}).")


def _load_signer(path: Path, seen: Review) -> RegistrySigner:
    signer = RegistrySigner(load_signing_key(path))
    if signer.public_key.keyid not in seen.published.key_ids:
        raise SigningFileError(
            f"{path} is not a key that may sign for {seen.published.code}: use the directory key "
            "that the registry lists, by its identifier above."
        )
    return signer


def _confirm(file: SigningFile, given: str | None) -> None:
    if not is_same_digest(given if given is not None else _ask(), file.sha256):
        raise SigningFileError(
            "Not signed: this is another digest than that of the file. Do not sign before you know "
            "why; get the file again from the page of the change."
        )


def _ask() -> str:
    """Ask for the digest; who stops here has signed nothing."""
    question = "If this is what you want, type the digest of the change's page"
    try:
        typed: str = typer.prompt(question, default="", show_default=False)
    except typer.Abort as error:
        raise SigningFileError("Not signed: the digest was not typed.") from error
    return typed


@app.command("combine")
def combine_files(
    files: Annotated[list[Path], typer.Argument(help="The same file, signed by several people.")],
    out: Annotated[Path, typer.Option(help="The file to write.")],
) -> None:
    """Bring the signatures of several people together in one file.

    Example: trm-registry change combine one.trm-change two.trm-change --out AL-5.all.trm-change
    """
    combined = combine([_read_file(path) for path in files])
    write_new(out, combined.to_bytes())
    count = len(combined.metadata.signatures)
    typer.echo(f"{out}: {count} signature{'' if count == 1 else 's'}.")


@app.command()
def send(file: Annotated[Path, typer.Argument(help="A signed file.")], hub: Hub) -> None:
    """Send a signed file to the registry host. Repeating it is safe: it is published once.

    Example: trm-registry change send AL-5.signed.trm-change --hub https://hub.example
    """
    signed = _read_file(file)
    submission = signed.to_submission()
    with httpx.Client(timeout=_TIMEOUT) as http:
        publisher = HttpPublisher(hub, http)
        try:
            version = publisher.send(submission).registry_version
        except SubmissionRefusedError as error:
            if error.code is not RefusalCode.WRONG_VERSION:
                raise
            found = publisher.find(submission.role, signed.version)
            if found is None or not is_same_statement(found, submission.metadata):
                raise
            typer.echo(f"It was published before: {signed.participant}, version {signed.version}.")
            return
    where = f", registry version {version}" if version else ""
    typer.echo(f"Published: {signed.participant}, version {signed.version}{where}.")
