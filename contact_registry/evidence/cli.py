"""``trm-verify``: check an evidence bundle, offline, with nothing but a trusted registry root."""

import json
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
      0  everything is proved
      1  the bundle was altered or forged, or is none
      2  wrong usage: a file cannot be read, or the root is none
      3  genuine, but something is missing or contradicts itself (for example no receipt)
      4  the registry does not confirm the signers from this root
    """
    data = _read(bundle, LARGEST_FILE)
    trusted_root = _read(root, REGISTRY_LIMITS.root)
    try:
        verdict = verify_bundle(data, trusted_root=trusted_root)
    except RegistryRefusedError:
        _fail(f"{root} is not the root of a registry: get 1.root.json from its operators.")
    if as_json:
        typer.echo(json.dumps(describe_verdict(verdict), indent=1))
    else:
        typer.echo("\n".join(format_verdict(verdict)))
    if report is not None and verdict.outcome is not Outcome.ALTERED:
        page = write_report(
            verdict.judgement,
            title="Evidence, as verified",
            introduction="\n".join(format_verdict(verdict)),
        )
        try:
            report.write_bytes(page)
        except OSError as error:
            _fail(f"{report} cannot be written ({error.strerror}): choose another place.")
    raise typer.Exit(int(verdict.outcome))


def _read(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        _fail(f"{path} cannot be read ({error.strerror}): check the name.")
    if len(data) > limit:
        _fail(f"{path} has more than {limit} bytes: it is not what is asked for.")
    return data


def _fail(problem: str) -> NoReturn:
    """Say one line on standard error and end with 2."""
    typer.echo(f"trm-verify: {problem}", err=True)
    raise typer.Exit(_USAGE)


def main() -> None:
    """Run the command line."""
    # A report shows names in every script; an old terminal must not make that fail.
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr] # a TextIOWrapper in a program
    app()
