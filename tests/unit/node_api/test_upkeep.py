"""What programs of administrators look after: links, backups, invitations, access that is told."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import httpx
import pytest

from console.i18n import Message
from console.refusals import say_english
from node.api.app import create_api
from node.domain.notices import Letter
from node.service.composing import handle_send
from node.service.context import NodeContext
from node.service.inviting import Entrance
from node.service.people import NewPerson, Standing, handle_add_account, list_accounts
from node.service.tokens import TokenScope
from node.service.unasked_access import Why, note_unasked
from node.store.account_tables import ClearanceRow
from protocol.identifiers import Channel
from protocol.policy.facts import Role
from tests.support.access import no_refresh
from tests.support.node import Network, make_draft, make_network
from tests.support.node_console import add_person
from tests.support.people import LOCAL, STAFF, note_all_held, token_of


@dataclass
class Postbox:
    """The mail server."""

    letters: list[Letter] = field(default_factory=list)

    def send(self, letter: Letter) -> None:
        """Take a letter."""
        self.letters.append(letter)


@pytest.fixture
def network(node_url_of: Callable[[str], str]) -> Iterator[Network]:
    """AL and XK."""
    made = make_network(["AL", "XK"], url_of=node_url_of)
    yield made
    made.close()


@asynccontextmanager
async def open_program(
    context: NodeContext, *, scope: TokenScope = TokenScope.PERSON, person: str | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    """Give a program with a token of this scope, or one that is bound to somebody."""
    entrance = Entrance(public_url="https://desk.example", translate=say)
    api = create_api(context, refresh_registry=no_refresh, entrance=entrance)
    token = token_of(context, f"{scope}-{person}", scope=scope, person=person)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(api),
        base_url="http://node",
        headers={"Authorization": f"Bearer {token}"},
    ) as client:
        yield client


def say(message: Message, _language: str) -> str:
    """Say a sentence in English."""
    return str(say_english(message))


async def test_what_waits_for_a_participant_leaves_at_once(network: Network) -> None:
    """The link says what waits; trying now makes it due, however long the pause was."""
    al = network.node("AL")
    handle_send(al, make_draft(), who=STAFF)
    assert network.collect("AL") == 1
    async with open_program(al, scope=TokenScope.DELIVERY) as program:
        (link,) = (await program.get("/delivery/links")).json()
        assert (link["peer"], link["waiting"]["count"]) == ("XK", 1)
        assert (await program.get("/delivery/links/XK")).json() == link
        unknown = await program.post("/delivery/links/ZZ/try-now")
        assert unknown.status_code == 404
        assert "look at the list" in unknown.json()["detail"]
        assert network.collect("AL") == 0
        hurried = await program.post("/delivery/links/XK/try-now")
        assert hurried.json() == {"count": 1}
    assert network.collect("AL") == 1


async def test_a_backup_is_noted_and_its_test(network: Network) -> None:
    """What is made by other means stands in the list, with what came of restoring it."""
    al = network.node("AL")
    add_person(al, "chief", Role.NODE_ADMIN, channels=[])
    async with open_program(al, person="chief") as program:
        late = {"made_at": "2019-01-01T00:00:00Z", "place": "safe"}
        refused = await program.post("/backups", json=late)
        assert refused.status_code == 422
        assert "within the last year" in refused.json()["detail"]
        made = {"made_at": al.clock().isoformat(), "place": "the safe on floor 2"}
        noted = await program.post("/backups", json=made)
        assert (noted.status_code, noted.json()["kind"]) == (201, "noted")
        backup_id = noted.json()["backup_id"]
        tested = await program.post(f"/backups/{backup_id}/test", json={"passed": True})
        assert tested.json()["test_passed"] is True
        assert (await program.get("/backups")).json() == [tested.json()]
        missing = await program.post("/backups/nothing/test", json={"passed": True})
        assert missing.status_code == 404


async def test_somebody_is_invited_by_mail_once_they_are_added(network: Network) -> None:
    """The letter names neither them nor their sign-in name; who has a way in gets none."""
    post = Postbox()
    al = replace(network.node("AL"), postman=post)
    add_person(al, "chief", Role.NODE_ADMIN, channels=[])
    account = handle_add_account(
        al,
        NewPerson(
            sign_in_name="fresh",
            display_name="Fresh",
            standing=Standing(roles=frozenset({Role.FOCAL_POINT})),
        ),
        who=LOCAL,
    )
    async with open_program(al, person="chief") as program:
        people = {each["sign_in_name"]: each for each in (await program.get("/people")).json()}
        wrong = await program.post(f"/people/{account}/invite", json={"address": "nowhere"})
        assert wrong.status_code == 422
        sent = await program.post(
            f"/people/{account}/invite", json={"address": "a@desk.example", "language": "sq"}
        )
        assert sent.status_code == 204
        again = await program.post(
            f"/people/{people['chief']['account_id']}/invite", json={"address": "a@desk.example"}
        )
        assert again.status_code == 422
    (letter,) = post.letters
    assert (letter.to, letter.language) == ("a@desk.example", "sq")
    assert "https://desk.example/link/" in letter.text
    assert "fresh" not in letter.text.casefold()


async def test_access_that_nobody_was_asked_about_is_told_until_it_is_known(
    network: Network,
) -> None:
    """Each who has a part of it reads it, and says so for themselves."""
    al = network.node("AL")
    note_all_held(al)
    for name in ("first", "reader"):
        add_person(al, name, Role.FOCAL_POINT)
    accounts = {each.sign_in_name: each.id for each in list_accounts(al)}
    async with open_program(al, person="reader") as reader:
        assert (await reader.get("/unasked-access")).json() == []
        with al.database.transaction() as session:
            row = session.get_one(ClearanceRow, accounts["first"])
            areas = frozenset({Channel.ASSISTANCE.value})
            note_unasked(al, session, row, why=Why.MACHINE, areas=areas)
        (told,) = (await reader.get("/unasked-access")).json()
        assert (told["sign_in_name"], told["why"]) == ("first", "machine")
        known = await reader.post("/unasked-access/told", json={"last": told["unasked_id"]})
        assert known.status_code == 204
        assert (await reader.get("/unasked-access")).json() == []
