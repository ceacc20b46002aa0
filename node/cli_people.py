"""The commands of ``trm-node`` about people and programs, and about who did what."""

import getpass
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Final

import typer

from console.accounts.models import AccountId
from console.audit.chain import AuditBrokenError, AuditHead
from console.refusals import say_refusal
from node.adapters.keystore import Passphrase, load_keystore
from node.domain.access import SYSTEM, Principal
from node.domain.standing import Access
from node.parts import NodeParts
from node.service.audit import verify_audit
from node.service.context import NodeContext, NodeError, NotFoundError
from node.service.people import (
    LINK_PATH,
    NewPerson,
    Person,
    Standing,
    handle_add_account,
    handle_change_standing,
    handle_let_in,
    handle_make_sign_in_link,
    handle_shut_out,
    list_people,
)
from node.service.principals import describe_local, describe_person
from node.service.second_word import handle_confirm_locally
from node.service.tokens import TokenScope, TokenWish, handle_make_token, handle_revoke_tokens
from node.settings import KeyStoreSettings
from protocol.identifiers import Channel
from protocol.policy.facts import Role

UseParts = Callable[[Callable[[NodeParts], None]], None]
"""Opens the node's store for one command."""

_Name = Annotated[str, typer.Argument(help="Sign-in name.")]
_Roles = Annotated[list[Role], typer.Option("--role", help="What they may do; may be repeated.")]
_Channels = Annotated[
    list[Channel],
    typer.Option("--channel", help="Of which messages they may know; may be repeated."),
]
_Confidential = Annotated[
    bool, typer.Option("--confidential", help="Open the strictly confidential part to them.")
]

_ACCESS_WORDS: Final = {
    Access.CONFIRMED: "",
    Access.WAITING: "  waits for the word of a second person",
    Access.REFUSED: "  access refused",
}


def find_local() -> Principal:
    """Say who runs this command: the login on this machine."""
    return describe_local(getpass.getuser())


def find_reader(context: NodeContext, name: str) -> Principal:
    """Return for whom something is taken out by a command: a person, under the login's name."""
    found = _find(context, name)
    person = describe_person(context, found.account)
    return Principal(
        actor=find_local().actor,
        permissions=person.permissions if found.account.is_active else frozenset(),
        channels=person.channels,
        roles=person.roles,
        person=person.person,
    )


def _find(context: NodeContext, name: str) -> Person:
    wanted = name.strip().casefold()
    for person in list_people(context, who=find_local()):
        if person.account.sign_in_name == wanted:
            return person
    raise NotFoundError(f"There is no account {name}: 'trm-node users' lists them.")


def _say_if_waiting(context: NodeContext, name: str) -> None:
    if _find(context, name).access is Access.WAITING:
        typer.echo(
            "What they may see counts once a colleague who may see the same has confirmed it in "
            "the console. Nobody left who could: trm-node confirm-access NAME"
        )


def mount_people(app: typer.Typer, use_parts: UseParts) -> None:
    """Add the commands."""
    _mount_adding(app, use_parts)
    _mount_changing(app, use_parts)
    _mount_confirming(app, use_parts)
    _mount_tokens(app, use_parts)
    _mount_audit(app, use_parts)


def _mount_adding(app: typer.Typer, use_parts: UseParts) -> None:
    @app.command()
    def add_user(
        name: _Name,
        role: _Roles,
        channel: _Channels = [Channel.ASSISTANCE],  # noqa: B006 - typer reads it, nobody changes it
        display_name: Annotated[str, typer.Option(help="How the person is shown.")] = "",
        *,
        confidential: _Confidential = False,
    ) -> None:
        """Add a person. They get in by 'trm-node sign-in-link NAME' the first time."""

        def use(parts: NodeParts) -> None:
            standing = Standing(
                roles=frozenset(role), channels=frozenset(channel), confidential=confidential
            )
            person = NewPerson(
                sign_in_name=name, display_name=display_name or name, standing=standing
            )
            handle_add_account(parts.context, person, who=find_local())
            typer.echo(f"Added {name}. Next: trm-node sign-in-link {name}")
            _say_if_waiting(parts.context, name)

        use_parts(use)

    @app.command()
    def sign_in_link(
        name: _Name,
        hours: Annotated[float, typer.Option(min=0.1, max=72, help="How long it works.")] = 1,
    ) -> None:
        """Make a one-time sign-in: for a first sign-in, or after a lost password or second factor.

        It works once. Hand it over in person or by telephone, never by e-mail together with the
        name.
        """

        def use(parts: NodeParts) -> None:
            lifetime = timedelta(hours=hours)
            one_time = handle_make_sign_in_link(parts.context, name, lifetime, who=find_local())
            typer.echo(parts.settings.effective_public_url.rstrip("/") + LINK_PATH + one_time)

        use_parts(use)

    @app.command()
    def users() -> None:
        """List the people: sign-in name, whether they may sign in, roles, and channels."""
        use_parts(_print_people)


def _print_people(parts: NodeParts) -> None:
    people = list_people(parts.context, who=find_local())
    width = max((len(person.account.sign_in_name) for person in people), default=0)
    for person in people:
        state = "active" if person.account.is_active else "not active"
        roles = ", ".join(sorted(person.account.roles))
        channels = ", ".join(sorted(person.standing.channels))
        marked = f"  [{channels}]" if channels else ""
        marked += "  confidential part" if person.standing.confidential else ""
        marked += _ACCESS_WORDS[person.access]
        typer.echo(f"{person.account.sign_in_name:{width}}  {state:10}  {roles}{marked}")
    if not people:
        typer.echo("Nobody yet: add the first person with 'trm-node add-user NAME --role ...'.")


def _mount_changing(app: typer.Typer, use_parts: UseParts) -> None:
    @app.command()
    def change_user(
        name: _Name,
        role: _Roles,
        channel: _Channels = [Channel.ASSISTANCE],  # noqa: B006 - typer reads it, nobody changes it
        *,
        confidential: _Confidential = False,
    ) -> None:
        """Give a person other roles and channels, instead of those that they have."""

        def use(parts: NodeParts) -> None:
            person = _find(parts.context, name)
            standing = Standing(
                roles=frozenset(role), channels=frozenset(channel), confidential=confidential
            )
            handle_change_standing(parts.context, person.account.id, standing, who=find_local())
            typer.echo(f"Changed {name}: it counts from their next request on.")
            _say_if_waiting(parts.context, name)

        use_parts(use)

    def act(name: str, do: Callable[[NodeContext, AccountId], None], done: str) -> None:
        def use(parts: NodeParts) -> None:
            do(parts.context, _find(parts.context, name).account.id)
            typer.echo(done)

        use_parts(use)

    @app.command()
    def deactivate_user(name: _Name) -> None:
        """Shut a person out at once: sessions end, links and bound tokens stop working."""
        act(
            name,
            lambda context, account: handle_shut_out(context, account, who=find_local()),
            f"{name} is shut out. 'trm-node reactivate-user {name}' lets them in again.",
        )

    @app.command()
    def reactivate_user(name: _Name) -> None:
        """Let a person in again, with the password and second factor of before."""
        act(
            name,
            lambda context, account: handle_let_in(context, account, who=find_local()),
            f"{name} may sign in again.",
        )


def _mount_confirming(app: typer.Typer, use_parts: UseParts) -> None:
    @app.command()
    def confirm_access(name: _Name) -> None:
        """Confirm a person's access to cases where nobody is left in the console who could.

        Access that somebody was given, or took up again by a one-time link, waits for a colleague
        who has the same. For whoever holds the passphrase of the key store, which is asked for.
        """

        def use(parts: NodeParts) -> None:
            person = _find(parts.context, name)
            _prove_passphrase(parts.settings)
            handle_confirm_locally(parts.context, person.account.id, who=find_local())
            typer.echo(
                f"Confirmed {name}: it counts from their next request on. Everybody who has a part "
                "of this access is told in the inbox, also those who get it later."
            )

        use_parts(use)


def _prove_passphrase(settings: KeyStoreSettings) -> None:
    """Ask for the passphrase; where a key file opens the key store, whoever runs this holds it."""
    if settings.unlock_key_file is None:
        typed = typer.prompt("Passphrase of the key store", hide_input=True)
        load_keystore(settings.keystore_path, unlock=Passphrase(typed))


def _mount_tokens(app: typer.Typer, use_parts: UseParts) -> None:
    @app.command()
    def token(
        label: Annotated[str, typer.Argument(help="Which program it is for, such as case-system.")],
        days: Annotated[float, typer.Option(min=0.01, max=366, help="How long it works.")] = 90,
        scope: Annotated[
            TokenScope, typer.Option(help="What it opens: messages and cases, or the directory ...")
        ] = TokenScope.MESSAGES,
        channel: _Channels = [Channel.ASSISTANCE],  # noqa: B006 - typer reads it, nobody changes it
        person: Annotated[
            str | None,
            typer.Option(help="Bind it to this account: it opens no more than they may."),
        ] = None,
    ) -> None:
        """Make a token for a program that uses the JSON interface (/api/v1). Shown once."""

        def use(parts: NodeParts) -> None:
            wish = TokenWish(
                label=label,
                lifetime=timedelta(days=days),
                scope=scope,
                channels=frozenset(channel),
                person=person,
            )
            typer.echo(handle_make_token(parts.context, wish, who=find_local()))

        use_parts(use)

    @app.command()
    def revoke_token(
        label: Annotated[str, typer.Argument(help="The label that the token was made with.")],
    ) -> None:
        """Take back every token of a label: the programs that hold one are out at once."""

        def use(parts: NodeParts) -> None:
            count = handle_revoke_tokens(parts.context, label=label, who=find_local())
            typer.echo(f"Took back {count} token{'s' if count > 1 else ''} of {label}.")

        use_parts(use)


def _mount_audit(app: typer.Typer, use_parts: UseParts) -> None:
    @app.command()
    def verify_audit_log(
        sequence: Annotated[int, typer.Option(min=0, help="An entry noted earlier.")] = 0,
        entry_hash: Annotated[str, typer.Option("--hash", help="Its hash, as noted.")] = "",
    ) -> None:
        """Compute every hash of the audit log anew; ends with 2 if one does not fit.

        With --sequence and --hash, the log must also still hold the entry that was noted earlier.
        """

        def use(parts: NodeParts) -> None:
            known = AuditHead(sequence, entry_hash) if entry_hash else None
            try:
                head = verify_audit(parts.context, who=SYSTEM, known=known)
            except AuditBrokenError as error:
                raise NodeError(say_refusal(error)) from error
            typer.echo(f"{head.sequence} entries fit. Note the last: {head.entry_hash}")

        use_parts(use)
