"""``trm-registry ceremony``: what operators and Participants sign together, step by step."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import httpx
import typer

from contact_registry.ceremony.cli_prepare import prepare_app
from contact_registry.ceremony.digest import is_same_digest
from contact_registry.ceremony.effects import derive_effects
from contact_registry.ceremony.held import load_held
from contact_registry.ceremony.notebook import (
    check_intent,
    enter_intent,
    load_notebook,
    notebook_path,
)
from contact_registry.ceremony.options import (
    Known,
    MaybeRegistry,
    MaybeRoot,
    Registry,
    TrustedRoot,
    load_standing,
    require_new,
    write_new,
)
from contact_registry.ceremony.sending import send_signing_file
from contact_registry.ceremony.signing import (
    combine_changes,
    list_wanted,
    make_intent,
    sign_change,
)
from contact_registry.ceremony.signing_file import (
    MOST_FILE_BYTES,
    digest_change,
    digest_of,
    parse_signing_file,
    serialize_signing_file,
)
from contact_registry.ceremony.wording import (
    KeyNames,
    format_digest,
    format_file,
    format_roles,
    list_roles,
)
from contact_registry.errors import RegistryError
from contact_registry.files import read_bounded
from contact_registry.trust.online import OnlineKeyring, list_key_files
from contact_registry.trust.operated import OperatedRepository
from contact_registry.trust.operators import OperatorsChange, Standing
from contact_registry.trust.operators_acceptance import Examined, examine_change
from contact_registry.trust.signers import RegistrySigner, load_public_key, load_signing_key

_NEEDS_A_PERSON: Final = 1

ceremony_app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="""Change who may change the registry: operators, Participants, directory keys, the
registry host's key. Several people sign, each on an own machine, best one without a network.

\b
  1. somebody prepares a signing file:    trm-registry ceremony prepare ... --out change.json
  2. each signer looks at what it does:   trm-registry ceremony show change.json ...
  3. all read the digest to each other by telephone
  4. each signer signs:                   trm-registry ceremony sign change.json --key ...
  5. the signed files are joined:         trm-registry ceremony combine ... --out complete.json
  6. the complete file is published:      trm-registry ceremony publish complete.json --hub ...
\b
What a file does is read from its bytes and compared with the registry that you hold, verified from
the trusted root that you were given: nothing that a file or its sender says about it is believed.
See docs/ceremonies.md for each procedure.""",
)
ceremony_app.add_typer(prepare_app, name="prepare")

SigningFile = Annotated[Path, typer.Argument(help="The signing file.")]
Founding = Annotated[
    bool, typer.Option("--founding", help="There is no registry yet: compare with nothing.")
]


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


@ceremony_app.command("key-id")
def show_key_id(
    files: Annotated[list[Path], typer.Argument(help="Key files: NAME.pub, or your own NAME.key.")],
) -> None:
    """Show the key id of key files: what a holder reads to the others over the telephone.

    Example: trm-registry ceremony key-id op-4.pub
    """
    for file in files:
        own = file.suffix == ".key"
        key = load_signing_key(file).verify_key if own else load_public_key(file)
        typer.echo(f"{key.key_id}  {file}")


@ceremony_app.command("keys")
def show_keys(registry: Registry, root: TrustedRoot, known: Known = None) -> None:
    """Show whose signatures count for what, and when they run out.

    Exit code 1 means that signatures run out within 30 days: renew them.

    Example: trm-registry ceremony keys --registry https://hub.example --root 1.root.json
    """
    now = _now()
    standing = load_held(registry, root, clock=_now)
    _print(format_roles(standing, now=now), KeyNames.load(known))
    if any(line.is_due(now) for line in list_roles(standing)):
        raise typer.Exit(_NEEDS_A_PERSON)


@ceremony_app.command("show")
def show_file(
    file: SigningFile,
    *,
    registry: MaybeRegistry = None,
    root: MaybeRoot = None,
    founding: Founding = False,
    known: Known = None,
) -> None:
    """Show what a signing file does, who has signed it, and its digest. Changes nothing.

    Exit code 1 means that there are warnings: each needs a person's answer before anybody signs.

    Example: trm-registry ceremony show change.json --registry copy/registry --root 1.root.json
    """
    standing = load_standing(registry, root, founding=founding, clock=_now)
    _, examined = _examine(file, standing)
    has_warnings = _show(examined, standing, KeyNames.load(known))
    _print(format_digest(digest_of(examined)), KeyNames())
    if has_warnings:
        raise typer.Exit(_NEEDS_A_PERSON)


@ceremony_app.command("sign")
def sign_file(
    file: SigningFile,
    *,
    key: Annotated[Path, typer.Option(help="Your key file.")],
    registry: MaybeRegistry = None,
    root: MaybeRoot = None,
    founding: Founding = False,
    known: Known = None,
    digest: Annotated[
        str | None,
        typer.Option(help="The digest as another signer read it to you; asked for if left out."),
    ] = None,
    instead_of: Annotated[
        str | None, typer.Option(help="Digest of an earlier file that all signers gave up.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where to write; default: FILE with the key's name in it.")
    ] = None,
) -> None:
    """Show what a signing file does, ask for the digest, and sign every part that wants this key.

    The digest itself is not shown here: have another signer read it to you from 'ceremony show'.
    What the key signed is noted beside it (KEY.signed.json): keep that file with the key.

    Example: trm-registry ceremony sign change.json --key operator-1.key
    --registry copy/registry --root 1.root.json
    """
    signer = RegistrySigner(load_signing_key(key))
    standing = load_standing(registry, root, founding=founding, clock=_now)
    change, examined = _examine(file, standing)
    notebook = load_notebook(notebook_path(key))
    whole = make_intent(examined, standing, examined.changed, instead_of=instead_of)
    check_intent(notebook, whole)
    signed = sign_change(change, examined, signer)  # before anybody is asked: the key may not count
    target = out or file.with_name(f"{file.stem}.{key.stem}.json")
    require_new(target)
    _show(examined, standing, KeyNames.load(known))
    if not notebook.signed:
        typer.echo(
            f"No notebook lies beside this key ({notebook_path(key)}): as far as this machine "
            "knows, it signs for the first time. If that is not so, stop, and bring the notebook."
        )
    _ask_for_digest(digest, digest_of(examined))
    roles = list_wanted(examined, signer.public_key.keyid)
    enter_intent(key, make_intent(examined, standing, roles, instead_of=instead_of))
    write_new(target, serialize_signing_file(signed))
    typer.echo(f"\nSigned {', '.join(roles)}. Send {target} on.")


def _ask_for_digest(given: str | None, sha256: str) -> None:
    typed = given if given is not None else _prompt()
    if not is_same_digest(typed, sha256):
        raise RegistryError(
            "This is not the digest of the file. Nothing was signed. If the other signer reads "
            "another one, you were sent different files: find out why before anybody signs."
        )


def _prompt() -> str:
    """Ask for the digest; who stops here has signed nothing."""
    try:
        typed: str = typer.prompt(
            "Type the digest as another signer reads it to you over the telephone",
            default="",
            show_default=False,
        )
    except typer.Abort as error:
        raise RegistryError("Nothing was signed: the digest was not typed.") from error
    return typed


@ceremony_app.command("combine")
def combine_files(
    files: Annotated[list[Path], typer.Argument(help="Copies of one signing file, signed.")],
    out: Annotated[Path, typer.Option(help="Where to write the joined file.")],
) -> None:
    """Join the signatures of several copies of one signing file.

    Whether they are good and enough is shown by 'ceremony show', and checked before publication.

    Example: trm-registry ceremony combine change.operator-1.json change.operator-2.json
    --out complete.json
    """
    combined = combine_changes([_read(file) for file in files])
    write_new(out, serialize_signing_file(combined))
    _print(format_digest(digest_change(combined)), KeyNames())
    typer.echo(f"\nWritten to {out}.")


@ceremony_app.command("publish")
def publish_file(
    file: SigningFile,
    *,
    hub: Annotated[str | None, typer.Option(help="Address of the registry host.")] = None,
    repository: Annotated[
        Path | None, typer.Option(help="Folder of the repository, on the registry host itself.")
    ] = None,
    online_key: Annotated[
        Path | None, typer.Option(help="The host's online key file (with --repository).")
    ] = None,
    founding: Founding = False,
) -> None:
    """Publish a complete signing file. May be repeated: what is published already is passed over.

    Example: trm-registry ceremony publish complete.json --hub https://hub.example
    """
    data = read_bounded(file, MOST_FILE_BYTES)
    if hub is not None and repository is None and not founding:
        with httpx.Client() as http:
            version, sha256 = send_signing_file(hub, data, http=http)
    elif hub is None and repository is not None and online_key is not None:
        keyring = OnlineKeyring(lambda: list_key_files(online_key))
        opened = OperatedRepository(repository, clock=_now, keyring=keyring)
        change = parse_signing_file(data)
        published = opened.found(change) if founding else opened.publish_change(change)
        version, sha256 = published.version, published.sha256
    else:
        raise RegistryError(
            "Name --hub, or on the registry host itself --repository and --online-key; a founding "
            "is published there."
        )
    typer.echo(f"Published: version {version}, {sha256}")
    if founding and repository is not None:
        typer.echo(f"Trusted root for everybody: {repository / 'metadata' / '1.root.json'}")


def _read(file: Path) -> OperatorsChange:
    return parse_signing_file(read_bounded(file, MOST_FILE_BYTES))


def _examine(file: Path, standing: Standing | None) -> tuple[OperatorsChange, Examined]:
    change = _read(file)
    return change, examine_change(change, standing, now=_now())


def _show(examined: Examined, standing: Standing | None, names: KeyNames) -> bool:
    """Print what a file does; return whether there are warnings."""
    effects = derive_effects(examined, standing, now=_now())
    _print(format_file(examined, effects, standing), names)
    return bool(effects.warnings)


def _print(lines: Iterable[str], names: KeyNames) -> None:
    typer.echo("\n".join(names.show(line) for line in lines))
