"""Every type that people send can be written on the pages, from its example, screen by screen."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from console.cookies import Cookies
from contact_registry.routing import Desk
from node.service.building import Draft
from node.service.drafts import OpenDraft
from node.web.around import Surroundings
from node.web.checking import find_errors
from node.web.composition import Composition, Screen
from node.web.forms.filled import FormSetting
from node.web.forms.spreading import spread
from node.web.policy_remedies import POLICY_REMEDIES
from node.web.policy_sentences import POLICY_SENTENCES
from node.web.purposes import (
    ELSEWHERE,
    PLANS,
    Plan,
    Purpose,
    Shape,
    find_plan,
    list_choices_in_case,
    list_purposes,
    needs_personal_data,
    parse_choice,
)
from node.web.screens import ComposingPages
from node.web.site import Site
from node.web.surroundings import surround
from protocol.errors import LocalProtocolError
from protocol.identifiers import ParticipantCode
from protocol.messages.catalogue import CATALOGUE
from protocol.messages.fields import Sensitivity, TriState
from protocol.messages.head import CaseMessage, ExceptionGround
from protocol.policy.deciding import RULES
from protocol.policy.facts import IDENTIFYING
from tests.support.examples import compose, load_examples
from tests.support.node_console import NodeSite, Pair, build_pair
from tests.support.people import STAFF

BEGUN = [plan for _, plans in list_purposes() for plan in plans]
ALL = [PLANS[Purpose.NOTIFICATION], PLANS[Purpose.REFERRAL], *BEGUN]


@pytest.fixture(scope="module")
def pages(
    tmp_path_factory: pytest.TempPathFactory, shared_node_url_of: Callable[[str], str]
) -> Iterator[tuple[NodeSite, ComposingPages]]:
    """Build AL's node once: nothing is written to it."""
    pair: Pair = build_pair(tmp_path_factory.mktemp("purposes"), url_of=shared_node_url_of)
    node = pair.al
    site = Site(
        context=node.context,
        renderer=node.console.renderer,
        face=node.console.face,
        cookies=Cookies(node.console.settings),
    )
    yield node, ComposingPages(site)
    pair.network.close()


def find_example(plan: Plan) -> dict[str, Any]:
    """Return an example message of this kind, about whomever it is."""
    for example in load_examples(plan.tag)["good"]:
        message = compose(plan.tag, example)
        if message["kind"] == (plan.kind or plan.entry.kinds[0]):
            return message
    raise AssertionError(f"{plan.value} has no example")


def is_child(body: dict[str, Any]) -> bool:
    """Say whether a body is about a child."""
    return body.get("person_group") == "child" or body.get("child") is not None


def write(pages: ComposingPages, plan: Plan, message: dict[str, Any]) -> Composition:
    """Type an example into the screens, on a consent that covers all that no agreement bars."""
    body = message["body"]
    setting = FormSetting(zone=pages.site.zone, leave_out=plan.left_out)
    answers = spread(plan.body, plan.body.model_validate_json(json.dumps(body)), setting)
    age = TriState.YES if is_child(body) else TriState.NO
    classes = [m.value for m in Sensitivity if m not in {Sensitivity.NONE, *IDENTIFYING}]
    answers |= {
        "participant": ("XK",),
        "possibly_under_18": (body.get("possibly_under_18", age.value),),
        "phase": (message["phase"],),
        "basis": ("consent",),
        "given_by": ("guardian",),
        "given_at_day": ("3",),
        "given_at_month": ("3",),
        "given_at_year": ("2026",),
        "given_at_time": ("10:00",),
        "explained_in": ("sq",),
        "classes": tuple(classes),
        "formality": (message["formality"],),
        "instrument": ("Convention on mutual assistance, article 7",),
    }
    draft = OpenDraft("a" * 32, plan.value, None, answers)
    return surround(pages.site, draft, who=STAFF)


@pytest.mark.parametrize("plan", ALL, ids=lambda plan: plan.value)
def test_an_example_goes_through_the_screens(
    pages: tuple[NodeSite, ComposingPages], plan: Plan
) -> None:
    """What is typed comes out as a draft of its type; what no agreement allows stays here."""
    node, composing = pages
    message = find_example(plan)
    composition = write(composing, plan, message)
    directory, now = node.context.directory.current(), node.context.clock()
    if Screen.DESK in composition.screens:
        answer = composition.resolve_desk(directory, at=now)
        # The invented registry has no desk for trends; what is typed is the same without one.
        chosen = str(answer.authority.id) if isinstance(answer, Desk) else ""
        assert chosen or plan.tag == "general.trend_alert"
        answers = {**composition.draft.answers, "to_authority": (chosen,)}
        composition = surround(
            composing.site, replace(composition.draft, answers=answers), who=STAFF
        )
    found = {
        screen: errors
        for screen in composition.screens
        if screen is not Screen.DESK
        and (errors := find_errors(composition, screen, directory=directory, now=now))
    }
    held = {mark for leaf in composition.withheld() if (mark := leaf.sensitivity)}
    if held & IDENTIFYING:
        assert set(found) <= {Screen.CONTENT, Screen.BASIS}
        return
    assert found == {}
    draft = composition.build(our_desk="AL-anti-trafficking-coordination-office")
    assert isinstance(draft, Draft)
    assert (draft.type, draft.kind) == (plan.tag, plan.kind)
    again = plan.body.model_validate_json(json.dumps(draft.body))
    assert type(again) is plan.body


@pytest.mark.parametrize("plan", ALL, ids=lambda plan: plan.value)
def test_a_basis_that_does_not_let_out_what_is_needed_is_refused_on_a_screen(
    pages: tuple[NodeSite, ComposingPages], plan: Plan
) -> None:
    """Whatever the ground of an exception: if no screen has an error, the body fits its type."""
    composing = pages[1]
    composition = write(composing, plan, find_example(plan))
    for ground in ExceptionGround:
        answers = {
            **composition.draft.answers,
            "basis": ("exception",),
            "ground": (ground.value,),
            "justification": ("She cannot be asked in time.",),
            "person_told": ("yes",),
        }
        narrow = replace(composition, draft=replace(composition.draft, answers=answers))
        screens = [screen for screen in narrow.screens if screen is not Screen.DESK]
        if not any(composing.find_errors(narrow, screen) for screen in screens):
            plan.body.model_validate_json(json.dumps(narrow.body()))


def test_a_consent_names_no_phase_of_a_form_that_was_left(
    pages: tuple[NodeSite, ComposingPages],
) -> None:
    """Phases that were ticked for a referral are not consented to once it is something else."""
    plan = parse_choice("first_assistance.needs_assessment")
    left = write(pages[1], plan, find_example(plan))
    answers = {**left.draft.answers, "phases_concerned": ("return",)}
    composition = replace(left, draft=replace(left.draft, answers=answers))
    draft = composition.build(our_desk="AL-anti-trafficking-coordination-office")
    assert draft.legal_basis["phases"] == ["first_assistance"]


def test_every_type_is_begun_somewhere() -> None:
    """A type that people send is in the list, or it is said where it is begun."""
    listed = {plan.tag for plan in ALL}
    sent_by_people = {
        tag for tag, entry in CATALOGUE.items() if issubclass(entry.model, CaseMessage)
    }
    assert listed | set(ELSEWHERE) == sent_by_people
    assert not listed & set(ELSEWHERE)
    for plan in BEGUN:
        assert find_plan(plan.value) == plan
    values = [value for _, choices in list_choices_in_case() for value, _ in choices]
    assert len(values) == len(set(values)) == len(BEGUN)


def test_what_is_no_purpose_is_refused() -> None:
    """A machine's type, an unknown one, and one without its kind are no purposes."""
    for named in ("system.receipt", "general.nothing", "return.risk_assessment", "", "other"):
        assert find_plan(named) is None
    with pytest.raises(LocalProtocolError):
        parse_choice("general.erasure")


def test_no_answer_of_ours_is_called_like_a_field() -> None:
    """What the screens ask beside the body has names that no body uses for something else."""
    shared = {"possibly_under_18", "danger_now", "ties"}
    around = Surroundings(
        participant=ParticipantCode("AL"), zone=ZoneInfo("Europe/Tirane"), who=STAFF
    )
    for plan in ALL:
        empty = Composition(OpenDraft("a" * 32, plan.value, None), around)
        ours = {name for screen in Screen for name in empty.names_of(screen)}
        assert not (ours - shared) & set(plan.body.model_fields), plan.value


def test_free_text_needs_a_basis() -> None:
    """A message of free text cannot be without personal data; a trend alert has none."""
    assert needs_personal_data(PLANS[Purpose.MESSAGE])
    trend = parse_choice("general.trend_alert")
    assert trend.shape is Shape.FORM
    assert not needs_personal_data(trend)


def test_the_policy_speaks_every_language() -> None:
    """Each rule has its sentence and its remedy for translators, in the rule's own words."""
    codes = {rule.code for rule in RULES}
    assert set(POLICY_SENTENCES) == set(POLICY_REMEDIES) == codes
    for rule in RULES:
        assert POLICY_SENTENCES[rule.code].msgid == rule.sentence
        assert POLICY_REMEDIES[rule.code].msgid == rule.remedy
