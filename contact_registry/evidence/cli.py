"""``trm-verify``: check an evidence bundle, offline, with nothing but a trusted registry root."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer

from contact_registry.errors import RegistryRefusedError
from contact_registry.evidence.container import LARGEST_FILE
from contact_registry.evidence.presenting import describe_verdict, format_verdict
from contact_registry.evidence.report import write_report
from contact_registry.evidence.verdict import Outcome
from contact_registry.evidence.verifying import verify_bundle
from contact_registry.trust.layout import LIMITS as REGISTRY_LIMITS

_USAGE: Final = 2
_UNFINISHED: Final = 5

app = typer.Typer(
    name="trm-verify",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.command()
def verify(
    bundle: Annotated[Path, typer.Argument(help="The evidence bundle, a zip file.")],
    root: Annotated[
        Path, typer.Option(help="Trusted root of the registry (1.root.json), received by hand.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    report: Annotated[
        Path | None, typer.Option(help="Write what was verified as a page (HTML), unless altered.")
    ] = None,
) -> None:
    """Check an evidence bundle: what is proved by whom and when, what is only claimed.

    Needs no network, no hub and no node. All trust begins with the root: take it from the
    registry's operators or from a Participant that you trust, never from whoever gave you the
    bundle.

    \b
    Example:
      trm-verify bundle.zip --root 1.root.json

    \b
    Exit codes:
      0  every message in the bundle is proved, with its receipt
      1  the bundle was altered or forged, or is none
      2  wrong usage: a file cannot be read, or the root is none
      3  genuine, but something is missing or contradicts itself (for example no receipt)
      4  the registry does not confirm the signers from this root
      5  the program could not finish: that says nothing about the bundle
    """
    if report is not None and any(_is_same(report, source) for source in (bundle, root)):
        _fail(f"{report} is what is to be checked: choose another place for the page.")
    data = _read(bundle, LARGEST_FILE + 1)
    trusted_root = _read(root, REGISTRY_LIMITS.root + 1)
    if len(trusted_root) > REGISTRY_LIMITS.root:
        _fail(f"{root} has more than {REGISTRY_LIMITS.root} bytes: it is not what is asked for.")
    try:
        verdict = verify_bundle(data, trusted_root=trusted_root)
    except RegistryRefusedError:
        _fail(f"{root} is not the root of a registry: get 1.root.json from its operators.")
    if as_json:
        _say(json.dumps(describe_verdict(verdict), indent=1))
    else:
        _say("\n".join(format_verdict(verdict)))
    if report is not None and verdict.outcome is not Outcome.ALTERED:
        page = write_report(
            verdict.judgement,
            title="Evidence, as verified",
            introduction="\n".join(format_verdict(verdict)),
        )
        try:
            _write(report, page)
        except OSError as error:
            _fail(f"{report} cannot be written ({error.strerror}): choose another place.")
    raise typer.Exit(int(verdict.outcome))


def _read(path: Path, limit: int) -> bytes:
    """Return the file, or as much of it as ``limit`` bytes."""
    try:
        with path.open("rb") as file:
            return file.read(limit)
    except OSError as error:
        _fail(f"{path} cannot be read ({error.strerror}): check the name.")


def _is_same(left: Path, right: Path) -> bool:
    try:
        return left.samefile(right)
    except OSError:
        return False  # one of them is not there: the other is told apart when it is read


def _write(path: Path, page: bytes) -> None:
    # It shows the messages in clear: a new file is for nobody but its owner.
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(page)


def _say(text: str) -> None:
    """Print; who stops reading early (``| head``) changes nothing of the exit code."""
    try:
        typer.echo(text)
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _fail(problem: str) -> NoReturn:
    """Say one line on standard error and end with 2."""
    typer.echo(f"trm-verify: {problem}", err=True)
    raise typer.Exit(_USAGE)


def main() -> None:
    """Run the command line."""
    # A report shows names in every script; an old terminal must not make that fail.
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr] # a TextIOWrapper in a program
    try:
        app()
    except Exception as error:  # noqa: BLE001 - whatever it is, it must not end with 1: forged
        typer.echo(
            f"trm-verify: could not finish ({type(error).__name__}). That says nothing about the "
            "bundle: try a computer with more memory, or tell the makers of the program.",
            err=True,
        )
        sys.exit(_UNFINISHED)
