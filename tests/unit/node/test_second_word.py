"""Access to content waits for a second person: when, for whose word, and how it ends."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from itertools import product
from threading import Barrier

import pytest
from sqlmodel import select

from console.accounts.models import AccountId, hash_token, parse_token
from node.domain.access import ABOUT_CONTENT, Permission, Principal
from node.domain.standing import STEPS, WAITS_FOR, Access, AccessEvent, AccessStepError, step
from node.service.accounts import open_accounts, open_sessions, open_setting_up
from node.service.audit import list_audit
from node.service.context import NodeContext, NotFoundError, StaleError
from node.service.people import (
    NewPerson,
    Standing,
    handle_add_account,
    handle_change_standing,
    handle_let_in,
    handle_make_sign_in_link,
    handle_shut_out,
    load_person,
)
from node.service.permitting import ForbiddenError
from node.service.principals import load_people
from node.service.second_word import (
    SomebodyCanError,
    handle_confirm,
    handle_confirm_locally,
    handle_refuse,
    lapse_waiting,
    list_waiting,
)
from node.service.tokens import TokenWish, find_caller, handle_make_token
from node.service.unasked_access import Why, handle_told, list_unasked
from node.store.account_tables import HeldRow
from node.store.accounts import SqlFailures
from node.web.kept_forms import open_kept_forms
from node.workers.access_rounds import AccessRounds
from protocol.identifiers import Channel
from protocol.policy.facts import Role
from tests.support.node import FakeClock, Network, make_network
from tests.support.people import LOCAL, acting
from tests.support.setting_up import set_up_account

ADMIN = acting("chief", Role.NODE_ADMIN)


@pytest.fixture
def network(url_of: Callable[[str], str]) -> Iterator[Network]:
    """One node, on each database."""
    made = make_network(["AL"], url_of=url_of)
    yield made
    made.close()


@pytest.fixture
def al(network: Network) -> NodeContext:
    """One node."""
    return network.node("AL")


@pytest.fixture
def clock(network: Network) -> FakeClock:
    """Its time."""
    return network.clock


def _standing(
    *channels: Channel, confidential: bool = False, role: Role = Role.FOCAL_POINT
) -> Standing:
    return Standing(
        roles=frozenset({role}), channels=frozenset(channels), confidential=confidential
    )


def _add(al: NodeContext, name: str, standing: Standing, who: Principal = ADMIN) -> AccountId:
    person = NewPerson(sign_in_name=name, display_name=name, standing=standing)
    return handle_add_account(al, person, who=who)


def _follow(al: NodeContext, name: str, who: Principal = ADMIN) -> None:
    """Follow a link of the administrator's, and set password and second factor."""
    _finish(al, _begin(al, name, who))


def _begin(al: NodeContext, name: str, who: Principal = ADMIN) -> AccountId:
    token = parse_token(handle_make_sign_in_link(al, name, who=who))
    assert token is not None
    link = open_accounts(al).consume_link(hash_token(token), at=al.clock())
    assert link is not None
    return link.account_id


def _finish(al: NodeContext, account_id: AccountId) -> None:
    set_up_account(open_setting_up(al), open_sessions(al), account_id, at=al.clock())


def _who(al: NodeContext, account_id: str) -> Principal:
    with al.database.reading() as session:
        return load_people(session, [account_id])[account_id]


def _reads(al: NodeContext, account_id: str) -> bool:
    """Tell whether they may read anything; what may nothing of content has no channel either."""
    who = _who(al, account_id)
    if not who.permissions & ABOUT_CONTENT:
        assert not who.channels
        return False
    return True


def _version(al: NodeContext, account_id: AccountId) -> int:
    return load_person(al, account_id, who=ADMIN).row_version


def _set_up(al: NodeContext, name: str, standing: Standing) -> AccountId:
    """Add the first person of a node, on its machine, who comes in at once."""
    account_id = _add(al, name, standing, LOCAL)
    _follow(al, name, LOCAL)
    assert _reads(al, account_id)
    return account_id


def test_what_follows_what_is_a_table() -> None:
    """Whatever shows more asks again; only what waits is confirmed, refused, or lapses."""
    for state, event in product(Access, AccessEvent):
        if (state, event) in STEPS:
            assert step(state, event) is STEPS[state, event]
        else:
            with pytest.raises(AccessStepError):
                step(state, event)
    settles = {event for (state, event) in STEPS if state is Access.CONFIRMED}
    assert settles == {AccessEvent.GRANTED, AccessEvent.LINK_FOLLOWED, AccessEvent.LET_IN}
    assert {found for (_, event), found in STEPS.items() if event in settles} == {Access.WAITING}
    assert {key for key, found in STEPS.items() if found is Access.CONFIRMED} == {
        (Access.WAITING, AccessEvent.CONFIRMED),
        (Access.WAITING, AccessEvent.FIRST),
    }


def test_the_first_people_of_a_node_come_in_without_a_word(al: NodeContext) -> None:
    """Nobody ever had anything: there is nobody to ask. Once somebody can sign in, it is over."""
    first = _add(al, "first", _standing(*Channel), LOCAL)
    second = _add(al, "second", _standing(*Channel), LOCAL)
    assert _reads(al, first)
    assert _reads(al, second)
    _follow(al, "first", LOCAL)
    assert _reads(al, first)
    with al.database.reading() as session:
        assert set(session.exec(select(HeldRow.name))) >= set(Channel)
    third = _add(al, "third", _standing(Channel.TREND))
    assert not _reads(al, third)
    _follow(al, "second", LOCAL)
    assert not _reads(al, second)
    assert [each.sign_in_name for each in list_waiting(al, who=_who(al, first))] == [
        "second",
        "third",
    ]
    handle_shut_out(al, first, who=ADMIN)  # what was ever held is kept, though nobody has it now
    assert not _reads(al, _add(al, "fourth", _standing(Channel.TREND)))


def test_a_colleague_with_the_same_access_confirms_what_they_saw(al: NodeContext) -> None:
    """Not the one who waits, not who gave it, not one of another channel, and not blindly."""
    whole = _set_up(al, "whole", _standing(*Channel, confidential=True))
    fresh = _add(al, "fresh", _standing(Channel.POLICE))
    seen = _version(al, fresh)
    colleague = _who(al, whole)
    for other in (
        acting(fresh, channels=Channel),
        acting("care", channels=[Channel.ASSISTANCE]),
        acting("chief", channels=Channel),
        LOCAL,
    ):
        with pytest.raises((NotFoundError, ForbiddenError)):
            handle_confirm(al, fresh, who=other, row_version=seen)
    with pytest.raises(StaleError):
        handle_confirm(al, fresh, who=colleague, row_version=seen + 1)
    assert not _reads(al, fresh)
    handle_confirm(al, fresh, who=colleague, row_version=seen)
    assert _who(al, fresh).channels == {Channel.POLICE}
    with pytest.raises(NotFoundError):
        handle_confirm(al, fresh, who=colleague, row_version=_version(al, fresh))
    # more waits again, the same and less do not
    handle_change_standing(al, fresh, _standing(Channel.POLICE), who=ADMIN)
    assert _reads(al, fresh)
    handle_change_standing(al, fresh, _standing(Channel.POLICE, confidential=True), who=ADMIN)
    assert not _reads(al, fresh)
    with pytest.raises(NotFoundError):  # who confirms has the confidential part as well
        handle_confirm(
            al, fresh, who=acting("plain", channels=Channel), row_version=_version(al, fresh)
        )
    handle_confirm(al, fresh, who=colleague, row_version=_version(al, fresh))
    assert _who(al, fresh).may(Permission.READ_CONFIDENTIAL)
    auditor = acting("auditor", Role.AUDITOR)
    told = [each for each in list_audit(al, who=auditor) if each.action == "access_confirmed"]
    assert {(each.actor, each.subject) for each in told} == {
        ("system", str(whole)),  # the first of the node
        (str(whole), str(fresh)),
    }


def test_a_word_is_for_whoever_has_set_the_account_up(al: NodeContext) -> None:
    """Confirmed before: who finishes the set-up then waits, and what was seen before is stale."""
    colleague = _who(al, _set_up(al, "whole", _standing(*Channel)))
    fresh = _add(al, "fresh", _standing(Channel.POLICE))
    handle_confirm(al, fresh, who=colleague, row_version=_version(al, fresh))
    _follow(al, "fresh")  # by whoever: the administrator made the link
    assert not _reads(al, fresh)
    seen = _version(al, fresh)
    _follow(al, "fresh")
    with pytest.raises(StaleError):
        handle_confirm(al, fresh, who=colleague, row_version=seen)
    handle_confirm(al, fresh, who=colleague, row_version=_version(al, fresh))
    assert _reads(al, fresh)


def test_the_word_between_a_link_and_its_set_up_is_spent(al: NodeContext) -> None:
    """The administrator follows the link up to the password, lets a colleague confirm, goes on."""
    colleague = _who(al, _set_up(al, "whole", _standing(*Channel)))
    fresh = _add(al, "fresh", _standing(Channel.POLICE))
    _begin(al, "fresh")
    handle_confirm(al, fresh, who=colleague, row_version=_version(al, fresh))
    _finish(al, fresh)
    assert not _reads(al, fresh)


def test_of_two_who_are_the_first_at_once_one_is(al: NodeContext) -> None:
    """Two set-ups of the machine's making meet: one counts, the other waits for that one's word."""
    pair = [_add(al, name, _standing(*Channel), LOCAL) for name in ("one", "two")]
    for name in ("one", "two"):
        _begin(al, name, LOCAL)
    start = Barrier(2)

    def set_up(account_id: AccountId) -> None:
        start.wait(30)
        _finish(al, account_id)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(set_up, pair))
    assert sorted(_reads(al, each) for each in pair) == [False, True]
    first, second = sorted(pair, key=lambda each: not _reads(al, each))
    handle_confirm(al, second, who=_who(al, first), row_version=_version(al, second))
    assert _reads(al, second)


def test_a_set_up_ends_what_was_left_to_come_back(al: NodeContext) -> None:
    """A token that an old session made, and a form that it left to be sent at the next sign-in."""
    first = _who(al, _set_up(al, "whole", _standing(*Channel)))
    second = _add(al, "second", _standing(Channel.ASSISTANCE))
    _follow(al, "second")
    handle_confirm(al, second, who=first, row_version=_version(al, second))
    wish = TokenWish(label="mine", lifetime=timedelta(days=300))
    token = handle_make_token(al, wish, who=_who(al, second))
    open_kept_forms(al).keep(second, "/drafts/x/send", [("to", "somebody")])
    assert find_caller(al, token) is not None
    _follow(al, "second")
    handle_confirm(al, second, who=first, row_version=_version(al, second))
    assert _reads(al, second)
    assert find_caller(al, token) is None
    assert open_kept_forms(al).find(second) is None


def test_what_takes_the_place_of_somebody_waits(al: NodeContext) -> None:
    """A link that was followed, and an account opened again, wait; a link nobody followed not."""
    whole = _set_up(al, "whole", _standing(*Channel))
    officer = _add(al, "officer", _standing(Channel.POLICE))
    _follow(al, "officer")
    handle_confirm(al, officer, who=_who(al, whole), row_version=_version(al, officer))
    handle_make_sign_in_link(al, "officer", who=ADMIN)
    assert _reads(al, officer)
    _follow(al, "officer")
    assert not _reads(al, officer)
    handle_refuse(al, officer, who=_who(al, whole), row_version=_version(al, officer))
    assert load_person(al, officer, who=ADMIN).access is Access.REFUSED
    handle_change_standing(al, officer, _standing(Channel.POLICE), who=ADMIN)  # the same again
    assert not _reads(al, officer)
    handle_change_standing(al, officer, _standing(role=Role.AUDITOR), who=ADMIN)
    handle_change_standing(al, officer, _standing(Channel.POLICE), who=ADMIN)
    assert [each.account_id for each in list_waiting(al, who=_who(al, whole))] == [officer]
    handle_confirm(al, officer, who=_who(al, whole), row_version=_version(al, officer))
    handle_shut_out(al, officer, who=ADMIN)
    handle_let_in(al, officer, who=ADMIN)
    assert not _reads(al, officer)


async def test_what_waits_for_too_long_is_refused(al: NodeContext, clock: FakeClock) -> None:
    """Also before the round has come that says so; it has to be given anew."""
    whole = _set_up(al, "whole", _standing(*Channel))
    fresh = _add(al, "fresh", _standing(Channel.POLICE))
    clock.advance(days=WAITS_FOR.days)
    with pytest.raises(NotFoundError):
        handle_confirm(al, fresh, who=_who(al, whole), row_version=_version(al, fresh))
    assert list_waiting(al, who=_who(al, whole)) == []
    failures, now = SqlFailures(al.database), al.clock()
    failures.record_failure("old", at=now - timedelta(days=2), forget_before=now)
    failures.record_failure("new", at=now, forget_before=now)
    await AccessRounds(al).run_round()
    assert [failures.load_failures(key).count for key in ("old", "new")] == [0, 1]
    assert lapse_waiting(al) == 0
    assert load_person(al, fresh, who=ADMIN).access is Access.REFUSED
    with pytest.raises(NotFoundError):
        handle_confirm_locally(al, fresh, who=LOCAL)


def test_the_machine_confirms_only_what_nobody_else_can(al: NodeContext) -> None:
    """It names whom to ask while there is one; an administrator in a browser is refused."""
    whole = _set_up(al, "whole", _standing(*Channel))
    fresh = _add(al, "fresh", _standing(Channel.POLICE))
    with pytest.raises(SomebodyCanError, match="whole"):
        handle_confirm_locally(al, fresh, who=LOCAL)
    handle_shut_out(al, whole, who=ADMIN)
    with pytest.raises(NotFoundError):
        handle_confirm_locally(al, fresh, who=ADMIN)
    handle_confirm_locally(al, fresh, who=LOCAL)
    assert _reads(al, fresh)


def test_nobody_who_had_a_hand_in_it_confirms(al: NodeContext) -> None:
    """Not the last one alone: who gave it and who made a link before neither, until it is over."""
    whole = _set_up(al, "whole", _standing(*Channel))
    colleague, giver, maker = _who(al, whole), acting("giver"), acting("maker")
    gave = replace(ADMIN, actor="giver", person="giver")
    made = replace(ADMIN, actor="maker", person="maker")
    fresh = _add(al, "fresh", _standing(Channel.POLICE), gave)
    _follow(al, "fresh", made)
    handle_make_sign_in_link(al, "fresh", who=LOCAL)  # the last one, and nobody's
    for hand in (giver, maker):
        assert list_waiting(al, who=hand) == []
        with pytest.raises(NotFoundError):
            handle_confirm(al, fresh, who=hand, row_version=_version(al, fresh))
    (waiting,) = list_waiting(al, who=colleague)
    assert set(waiting.hands) == {"giver", "maker", LOCAL.actor}
    # a link is out: whoever made one before has still a hand in what follows
    handle_confirm(al, fresh, who=colleague, row_version=_version(al, fresh))
    _follow(al, "fresh", LOCAL)
    assert list_waiting(al, who=maker) == []
    handle_confirm(al, fresh, who=colleague, row_version=_version(al, fresh))
    _follow(al, "fresh", LOCAL)  # nothing was out: what was before is over
    assert [each.hands for each in list_waiting(al, who=maker)] == [(LOCAL.actor,)]


@pytest.mark.parametrize(("adds", "links"), [(ADMIN, LOCAL), (LOCAL, ADMIN)])
def test_a_browser_lets_nobody_in_on_the_first_day_either(
    al: NodeContext, adds: Principal, links: Principal
) -> None:
    """An administrator's second account waits, for a word on the machine: there is nobody else."""
    own = _add(al, "own-second", _standing(*Channel), adds)
    assert _reads(al, own) is (adds is LOCAL)  # nobody can sign in yet
    _follow(al, "own-second", links)
    assert not _reads(al, own)
    with al.database.reading() as session:
        assert session.exec(select(HeldRow)).first() is None
    handle_confirm_locally(al, own, who=LOCAL)
    assert _reads(al, own)
    assert not _reads(al, _add(al, "next", _standing(Channel.TREND), LOCAL))


def test_what_counted_without_a_word_is_told_to_all_who_have_a_part_of_it(al: NodeContext) -> None:
    """The first of a node, and whom the machine confirmed: also to those who come later."""
    first = _set_up(al, "first", _standing(Channel.POLICE, Channel.TREND))
    assert list_unasked(al, who=_who(al, first)) == []  # their own
    second = _add(al, "second", _standing(Channel.POLICE))
    assert list_unasked(al, who=_who(al, second)) == []  # they wait themselves
    handle_shut_out(al, first, who=ADMIN)
    handle_confirm_locally(al, second, who=LOCAL)
    (told,) = list_unasked(al, who=_who(al, second))
    assert (told.account_id, told.why, told.given_by) == (first, Why.FIRST, LOCAL.actor)
    later = _add(al, "later", _standing(Channel.POLICE))
    handle_confirm(al, later, who=acting("any"), row_version=_version(al, later))
    news = list_unasked(al, who=_who(al, later))
    assert [(each.account_id, each.why) for each in news] == [
        (first, Why.FIRST),
        (second, Why.MACHINE),
    ]
    assert list_unasked(al, who=acting("other", channels=[Channel.ASSISTANCE])) == []
    handle_told(al, news[0].unasked_id, who=_who(al, later))
    assert list_unasked(al, who=_who(al, later)) == news[1:]
    handle_told(al, news[1].unasked_id, who=_who(al, later))
    handle_told(al, news[1].unasked_id, who=_who(al, later))  # sent twice
    assert list_unasked(al, who=_who(al, later)) == []
    assert list_unasked(al, who=acting("trend", channels=[Channel.TREND]))[0].account_id == first


def test_the_first_of_a_channel_is_told_to_those_who_get_it_later(al: NodeContext) -> None:
    """Somebody of another channel confirmed them, and cannot know; nobody else is told."""
    first = _set_up(al, "first", _standing(Channel.ASSISTANCE))
    officer = _add(al, "officer", _standing(Channel.ASSISTANCE, Channel.POLICE, confidential=True))
    _follow(al, "officer")
    handle_confirm(al, officer, who=_who(al, first), row_version=_version(al, officer))
    assert list_unasked(al, who=_who(al, first)) == []
    care, police = acting("care", channels=[Channel.ASSISTANCE]), [Channel.POLICE]
    assert [each.account_id for each in list_unasked(al, who=care)] == [first]
    (told,) = list_unasked(al, who=acting("police", channels=police))
    # Of what they have themselves: nothing of the confidential part.
    named = (told.account_id, told.channels, told.confidential)
    assert named == (officer, frozenset(police), False)
    assert told.given_by == "chief"
