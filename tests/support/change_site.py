"""A node's console with its pages of changes, beside a real registry that its keys can sign for.

The registry is a folder of signed files; its host is called directly. The directory key is in the
test's hands, as it is in those of people: :func:`sign_file` does what their own tool does.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from fastapi import FastAPI

from console.i18n import Catalogues
from contact_registry.changes.desk import ChangeDesk
from contact_registry.changes.direct import RepositoryPublisher, RepositorySource
from contact_registry.changes.signing_file import add_signatures, parse_signing_file
from contact_registry.changes.sql_store import SqlChangeStore
from contact_registry.models import (
    Authority,
    Competence,
    ContactsDocument,
    ListedBy,
    PersonGroup,
    Telephone,
)
from contact_registry.trust.submitting import build_contacts_submission
from node.service.context import NodeContext
from node.store.change_tables import CHANGES
from node.web.face import build_console
from node.web.router import create_web_router
from protocol.identifiers import AuthorityId, ParticipantCode, Phase
from protocol.policy.facts import Role
from tests.support.console_face import CHEAP
from tests.support.node import (
    NOON,
    FakeClock,
    FixedDirectory,
    make_context,
    make_directory,
    make_keystore,
)
from tests.support.node_console import add_person
from tests.support.page_reader import ORIGIN
from tests.support.registry import AL, MK, RegistryWorld, Timepiece

OFFICE = AuthorityId("AL-coordination-office")
CHILDREN = AuthorityId("AL-child-protection-unit")


def make_desk(identifier: AuthorityId, name: str, *phases: Phase, **changes: object) -> Authority:
    """Return an invented desk of AL."""
    fields: dict[str, object] = {
        "id": identifier,
        "name": name,
        "city": "Tirana",
        "post": "Duty officer",
        "competences": tuple(Competence(phase=phase) for phase in phases),
        "telephones": (Telephone(as_listed="+355 44000001", e164="+35544000001"),),
        "mailboxes": ("desk@coordination.example",),
        "languages": ("sq", "en"),
        "time_zone": "Europe/Tirane",
        "valid_from": date(2022, 1, 1),
        "last_confirmed": date(2026, 2, 1),
    }
    return Authority.model_validate(fields | changes)


def list_desks() -> tuple[Authority, ...]:
    """Return what AL has published when a test begins."""
    for_children = Competence(phase=Phase.IDENTIFICATION, person_group=PersonGroup.CHILD)
    return (
        make_desk(OFFICE, "Coordination Office", *Phase),
        make_desk(CHILDREN, "Child Protection Unit", competences=(for_children,), mailboxes=()),
    )


@dataclass
class ChangeSite:
    """A node of AL: its console, its desk of changes, and the registry behind both."""

    world: RegistryWorld
    context: NodeContext
    desk: ChangeDesk
    directory: FixedDirectory
    app: FastAPI
    clock: FakeClock

    def refresh(self) -> None:
        """Let the node's other pages see what is published now."""
        self.directory.directory = self.world.repository.load_directory()

    def publish(self, document: ContactsDocument) -> None:
        """Publish contacts past the desk, as another holder of the directory key can."""
        code = document.participant
        self.world.publish(
            build_contacts_submission(
                document,
                previous_version=self.world.repository.role_status(code).version,
                signers=[self.world.directory_keys[code]],
                expires=self.world.clock().replace(year=2027),
                node_keys=[self.world.node_keys[code].verify_key],
            )
        )
        self.refresh()

    def sign_file(self, data: bytes, code: ParticipantCode = AL) -> bytes:
        """Sign a signing file with the directory key of a Participant."""
        signed = add_signatures(parse_signing_file(data), [self.world.directory_keys[code]])
        return signed.to_bytes()


@contextmanager
def build_change_site(
    folder: Path,
    url_of: Callable[[str], str],
    *,
    catalogues: Catalogues | None = None,
    now: datetime = NOON,
) -> Iterator[ChangeSite]:
    """Build the node of AL with an editor ("editor") and a focal point ("officer")."""
    clock = FakeClock(now)
    world = RegistryWorld(folder / "registry", clock=Timepiece(clock.now))
    world.publish_all()
    store = make_keystore(AL)
    directory = FixedDirectory(make_directory([store]))
    context = make_context(store, directory, database_url=url_of(AL), clock=clock)
    desk = ChangeDesk(
        store=SqlChangeStore(CHANGES, context.database),
        registry=RepositorySource(world.repository),
        publisher=RepositoryPublisher(world.repository, world.online),
        clock=clock,
        random=context.random,
        participant=AL,
    )
    add_person(context, "editor", Role.DIRECTORY_EDITOR, display_name="Editor")
    add_person(context, "officer", Role.FOCAL_POINT, display_name="Duty officer")
    console = build_console(
        context, public_url=ORIGIN, version="0.1.0", hasher=CHEAP,
        catalogues=catalogues or Catalogues({}),
    )  # fmt: skip
    app = console.build_app([create_web_router(context, console, changes=desk)])
    site = ChangeSite(world, context, desk, directory, app, clock)
    site.publish(
        ContactsDocument(participant=AL, listed_by=ListedBy.PARTICIPANT, authorities=list_desks())
    )
    try:
        yield site
    finally:
        context.database.close()


__all__ = ["AL", "CHILDREN", "MK", "OFFICE", "ChangeSite", "build_change_site", "make_desk"]
