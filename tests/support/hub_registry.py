"""A registry for the operators' pages: the six founding Participants, the list of 2022, a past.

Versions: 1 the founding; 2 to 6 the lists of AL, BA, XK, ME, MK as the operators typed them in (RS
has published nothing); 7 AL, which now holds its directory key itself, confirms two desks, and says
who answers at night; 8 the keys of AL's node. An hour lies between two of them, and the last is as
old as the clock is asked to stand after it.
"""

from datetime import date, timedelta
from functools import cache
from importlib import resources
from pathlib import Path
from shutil import copytree
from tempfile import mkdtemp

from contact_registry.founding import FOUNDING_PARTICIPANTS
from contact_registry.importing.importer import ImportDefaults, import_contact_list
from contact_registry.models import (
    Authority,
    Competence,
    ContactsDocument,
    ListedBy,
    PersonGroup,
    Route,
    Telephone,
)
from contact_registry.schedules import Holiday, Schedule, Weekday, WorkCalendar
from contact_registry.trust.repository import NewParticipant
from contact_registry.trust.submitting import build_contacts_submission
from protocol.identifiers import AuthorityId, ParticipantCode, Phase
from protocol.signing import SigningKey
from tests.support.console_face import NOON
from tests.support.registry import AL, RegistryWorld, Timepiece, make_signer

HOUR = timedelta(hours=1)
_WEEK = tuple(Weekday)[:5]


def read_real_list() -> dict[ParticipantCode, ContactsDocument]:
    """Import the contact list of 2022."""
    data = resources.files("contact_registry") / "data" / "trm_contacts_2022.csv"
    defaults = ImportDefaults(valid_from=date(2022, 1, 1), source="TRM contact list 2022")
    return dict(import_contact_list(data.read_text(encoding="utf-8"), defaults=defaults).contacts)


def confirm(document: ContactsDocument) -> ContactsDocument:
    """Let a Participant confirm its first desks, and add one for children, open by day."""
    first, second, *rest = document.authorities
    children = Authority(
        id=AuthorityId("AL-child-protection-unit"),
        name="Child Protection Unit",
        city="Tirana",
        post="Duty officer",
        competences=tuple(
            Competence(phase=phase, person_group=PersonGroup.CHILD)
            for phase in (Phase.IDENTIFICATION, Phase.FIRST_ASSISTANCE)
        ),
        telephones=(Telephone(as_listed="+355 44541900", e164="+35544541900"),),
        mailboxes=("children@coordination.example",),
        schedules=(Schedule(byday=_WEEK, opens_at="08:00", closes_at="16:00"),),
        out_of_hours=Route(authority=first.id, note="Ask for the duty officer."),
        languages=("sq", "en"),
        time_zone="Europe/Tirane",
        valid_from=date(2026, 1, 1),
        last_confirmed=date(2026, 11, 20),
        review_due=date(2027, 5, 1),
    )
    reachable = {
        "telephones": (Telephone(as_listed="+355 44541821", e164="+35544541821"),),
        "available_24_7": True,
        "last_confirmed": date(2026, 11, 21),
    }
    return document.model_copy(
        update={
            "listed_by": ListedBy.PARTICIPANT,
            "calendar": WorkCalendar(
                holidays=(Holiday(day=date(2026, 11, 28), name="Independence Day"),)
            ),
            "authorities": (
                first.model_copy(update=reachable),
                second.model_copy(update={"last_confirmed": date(2026, 1, 10)}),
                *rest,
                children,
            ),
        }
    )


def _publish(world: RegistryWorld, document: ContactsDocument, *, days: int) -> None:
    code = document.participant
    world.publish(
        build_contacts_submission(
            document,
            previous_version=world.repository.role_status(code).version,
            signers=[world.directory_keys[code]],
            expires=world.clock() + timedelta(days=days),
            node_keys=[world.node_keys[code].verify_key] if code in world.node_keys else [],
        )
    )
    world.clock.move(HOUR)


@cache
def _build_once() -> RegistryWorld:
    """Publish the registry once for all tests of this process: they take copies of its folder."""
    folder = Path(mkdtemp(prefix="trm-hub-registry-"))
    world = RegistryWorld(folder / "registry", clock=Timepiece(NOON - 9 * HOUR))
    codes = [entry.code for entry in FOUNDING_PARTICIPANTS]
    world.directory_keys = {code: make_signer() for code in codes}
    world.node_keys = {AL: make_signer()}
    world.message_keys = {AL: SigningKey.generate()}
    held = dict.fromkeys(codes, ListedBy.OPERATOR) | {AL: ListedBy.PARTICIPANT}
    world.repository.create(
        root_signers=world.operators,
        root_threshold=2,
        targets_signers=world.operators,
        targets_threshold=2,
        online=world.online,
        participants=[
            NewParticipant(
                entry.model_copy(update={"directory_key_held_by": held[entry.code]}),
                (world.directory_keys[entry.code].verify_key,),
            )
            for entry in FOUNDING_PARTICIPANTS
        ],
    )
    world.clock.move(HOUR)
    documents = read_real_list()
    for code in ("AL", "BA", "XK", "ME", "MK"):
        document = documents[ParticipantCode(code)]
        _publish(world, document, days=12 if code == "ME" else 90)
    _publish(world, confirm(documents[AL]), days=90)
    world.publish(world.keys_submission(AL))
    world.clock.now = NOON
    return world


def make_hub_registry(folder: Path) -> RegistryWorld:
    """Return a copy of the registry, whose clock stands at ``NOON``."""
    original = _build_once()
    copytree(original.folder, folder / "registry")
    world = RegistryWorld(folder / "registry", clock=Timepiece(NOON))
    for name in ("operators", "online", "directory_keys", "node_keys", "message_keys"):
        setattr(world, name, getattr(original, name))
    return world
