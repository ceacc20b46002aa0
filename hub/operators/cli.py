"""The commands of ``trm-hub`` about operators and the audit log."""

import csv
import json
import os
import pwd
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Annotated, Final, NoReturn

import typer
from pydantic import ValidationError

from console.accounts.models import Account
from console.process.file_modes import ExposedFileError, verify_private_folder
from console.storage.database import Database
from console.storage.migrating import SchemaError
from console.storage.secret_box import SecretBoxError
from hub.audit.entries import AuditEntry
from hub.audit.log import AuditBrokenError, AuditFilter, AuditHead, AuditLog
from hub.clock import utc_now
from hub.context import HubError, HubRecords
from hub.opening import (
    StoreUnavailableError,
    clear_store_errors,
    make_key,
    migrate_store,
    open_database,
    open_records,
)
from hub.operators.forgetting import handle_forget_second_factors
from hub.operators.roles import Role
from hub.operators.service import (
    LINK_PATH,
    find_operator_by_name,
    handle_add_operator,
    handle_let_in,
    handle_make_sign_in_link,
    handle_set_roles,
    handle_shut_out,
    list_names,
    list_operators,
)
from hub.settings import HubSettings, describe_problems

_USAGE_ERROR: Final = 2
_BROKEN: Final = 1
_PAGE: Final = 500
#: Number of an entry, and SHA-256 in hex.
_HEAD: Final = re.compile(r"([0-9]{1,18}):([0-9a-fA-F]{64})")

_KNOWN: Final = (
    HubError,
    SchemaError,
    SecretBoxError,
    StoreUnavailableError,
    ExposedFileError,
    OSError,
)

app = typer.Typer(rich_markup_mode=None)

_Name = Annotated[str, typer.Argument(help="Sign-in name.")]
_Roles = Annotated[list[Role], typer.Option("--role", help="What they may do; may be repeated.")]


def _fail(message: object) -> NoReturn:
    typer.echo(f"trm-hub: {message}", err=True)
    raise typer.Exit(_USAGE_ERROR)


@contextmanager
def _clear_errors() -> Iterator[None]:
    """Turn what people can mend into one line and exit code 2."""
    try:
        with clear_store_errors():
            yield
    except ValidationError as error:
        _fail(f"the settings do not hold: {describe_problems(error)}")
    except _KNOWN as error:
        _fail(error)


def _load_settings() -> HubSettings:
    settings = HubSettings()
    verify_private_folder(settings.data_dir)
    return settings


def _with_records(use: Callable[[HubRecords], None], *, check_key: bool = True) -> None:
    with _clear_errors():
        records = open_records(_load_settings(), check_key=check_key)
        try:
            use(records)
        finally:
            records.database.close()


def _actor() -> str:
    """Name who runs the command, as the machine knows them."""
    try:
        login = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        login = str(os.getuid())
    return f"local:{login}"


@app.command()
def migrate() -> None:
    """Make the hub's own store, or bring it to the tables of this version.

    It holds the operators and the audit log. 'trm-hub run' does so by itself. Beside it lies
    accounts.key, which seals second factors: keep a copy of it apart from the database's backup.
    """
    with _clear_errors():
        settings = _load_settings()
        if migrate_store(settings):
            print(f"Key for second factors written to {settings.accounts_key_path}.")
        print("The database is up to date.")


@app.command("add-operator")
def add_operator(
    name: _Name,
    role: _Roles,
    display_name: Annotated[str, typer.Option(help="How the person is shown.")] = "",
) -> None:
    """Add an operator. They get in by 'trm-hub sign-in-link NAME' the first time.

    Roles: directory_operator works on the directory; hub_admin looks after accounts and sees how
    delivery stands; observer reads and changes nothing. One person may hold several.

    \b
    Example:
      trm-hub add-operator duty --role directory_operator --display-name "Registry desk"
      trm-hub sign-in-link duty
    """

    def use(records: HubRecords) -> None:
        handle_add_operator(
            records,
            actor=_actor(),
            sign_in_name=name,
            display_name=display_name or name,
            roles=role,
        )
        print(f"Added {name}. Next: trm-hub sign-in-link {name}")

    _with_records(use)


@app.command("sign-in-link")
def sign_in_link(
    name: _Name,
    hours: Annotated[float, typer.Option(min=0.1, max=72, help="How long it works.")] = 1,
) -> None:
    """Make a one-time sign-in: for a first sign-in, or after a lost password or second factor.

    It works once. Hand it over in person or by telephone, never by e-mail together with the name.
    """

    def use(records: HubRecords) -> None:
        account = find_operator_by_name(records, name)
        token = handle_make_sign_in_link(
            records, account.id, actor=_actor(), lifetime=timedelta(hours=hours)
        )
        print(_load_settings().effective_public_url.rstrip("/") + LINK_PATH + token)

    _with_records(use)


@app.command()
def operators() -> None:
    """List the operators: sign-in name, whether they may sign in, and their roles."""

    def use(records: HubRecords) -> None:
        accounts = list_operators(records)
        width = max((len(account.sign_in_name) for account in accounts), default=0)
        for account in accounts:
            roles = ", ".join(sorted(account.roles))
            print(f"{account.sign_in_name:{width}}  {_describe_state(account):14}  {roles}")
        if not accounts:
            print("Nobody yet: add the first with 'trm-hub add-operator NAME --role hub_admin'.")

    _with_records(use)


def _describe_state(account: Account) -> str:
    if not account.is_active:
        return "shut out"
    return "active" if account.totp_secret is not None else "not set up yet"


@app.command("set-roles")
def set_roles(name: _Name, role: _Roles) -> None:
    """Give an operator these roles instead of the present ones; they count at once."""

    def use(records: HubRecords) -> None:
        account = find_operator_by_name(records, name)
        handle_set_roles(records, account.id, actor=_actor(), roles=role)
        print(f"{name}: {', '.join(sorted(role))}.")

    _with_records(use)


@app.command("shut-out")
def shut_out(name: _Name) -> None:
    """Close an operator's account at once: sessions end, links stop. The account stays listed."""

    def use(records: HubRecords) -> None:
        handle_shut_out(records, find_operator_by_name(records, name).id, actor=_actor())
        print(f"{name} is shut out. To undo: trm-hub let-in {name}")

    _with_records(use)


@app.command("let-in")
def let_in(name: _Name) -> None:
    """Open a closed account again, with the password and second factor of before."""

    def use(records: HubRecords) -> None:
        handle_let_in(records, find_operator_by_name(records, name).id, actor=_actor())
        print(f"{name} may sign in.")

    _with_records(use)


@app.command("forget-second-factors")
def forget_second_factors(
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
) -> None:
    """Forget every password and second factor and end all sessions.

    For a lost or stolen accounts.key. Stop the hub first: while it runs it goes on with the old
    key. If the key is lost, a new one is made; if it was stolen, delete the file before.
    Everybody then needs a new sign-in link; contact lists that wait on the import page are lost.
    """

    def use(records: HubRecords) -> None:
        forgotten = handle_forget_second_factors(records, actor=_actor())
        print(f"Forgotten for {len(forgotten)} operators. Next: trm-hub sign-in-link NAME for each")

    if not yes:
        typer.confirm("Everybody has to set up a new password and code. Go on?", abort=True)
    with _clear_errors():
        settings = _load_settings()
        if make_key(settings):
            print(f"Key for second factors written to {settings.accounts_key_path}.")
    _with_records(use, check_key=False)


@app.command()
def audit(
    check: Annotated[bool, typer.Option("--check", help="Verify the whole log, list nothing.")] = (
        False
    ),
    known: Annotated[
        str, typer.Option(help="NUMBER:HASH noted earlier, which the log must still hold.")
    ] = "",
    action: Annotated[str, typer.Option(help="Only this kind of act.")] = "",
    subject: Annotated[str, typer.Option(help="Only what was done to this.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """List who did what at the hub, oldest first, or check that nothing was taken away.

    \b
    Example:
      trm-hub audit --check                       # prints NUMBER:HASH of the last entry
      trm-hub audit --check --known 412:9f2c...   # later: the log still holds that entry
      trm-hub audit --action registry_published --json

    Each entry is bound to the one before by a hash. Note the last one elsewhere from time to time:
    whoever then shortens or rewrites the log is found out. Ends with 1 if it does not hold.
    """
    try:
        with _clear_errors():
            noted = _parse_head(known) if known else None
            database = open_database(_load_settings())  # a lost key keeps nobody from the log
            try:
                if check or noted is not None:
                    head = AuditLog(database, clock=utc_now).verify(noted)
                    print(f"{head.sequence}:{head.entry_hash}")
                else:
                    wanted = AuditFilter(action=action, subject=subject)
                    _list_entries(database, wanted, as_json=as_json)
            finally:
                database.close()
    except AuditBrokenError as error:
        typer.echo(f"trm-hub: {error}", err=True)
        raise typer.Exit(_BROKEN) from error


def _parse_head(text: str) -> AuditHead:
    found = _HEAD.fullmatch(text.strip())
    if found is None:
        raise HubError("Write what was noted as NUMBER:HASH, as 'trm-hub audit --check' prints it.")
    return AuditHead(int(found[1]), found[2].lower())


def _list_entries(database: Database, wanted: AuditFilter, *, as_json: bool) -> None:
    log = AuditLog(database, clock=utc_now)
    people = {name.account_id: name.sign_in_name for name in list_names(database)}
    entries: list[AuditEntry] = []
    before = None
    while page := log.list_entries(wanted, before=before, limit=_PAGE):
        entries.extend(page)
        before = page[-1].sequence
    writer = csv.writer(sys.stdout, delimiter="\t", lineterminator="\n")
    for entry in reversed(entries):
        at = entry.at.isoformat(timespec="seconds")
        actor = people.get(entry.actor, entry.actor)
        if as_json:
            print(json.dumps({"sequence": entry.sequence, "at": at, "actor": actor,
                              "action": entry.action, "subject": entry.subject,
                              "detail": entry.facts, "hash": entry.entry_hash}))  # fmt: skip
        else:
            subject = people.get(entry.subject, entry.subject)
            writer.writerow([entry.sequence, at, actor, entry.action, subject, entry.detail])
