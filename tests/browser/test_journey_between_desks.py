"""Journeys between two real nodes in Chromium: answer, child, return, withdrawal, follow-up.

Each shows no more screens than the design counts, and that the other side gets what was meant.
"""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import expect

from node.service.composing import Sent, handle_send
from tests.browser.walks import returning
from tests.browser.walks.desks import AT_A_DESK, ON_A_PHONE, Desks, Window, open_desks
from tests.browser.walks.screens import Screens, Typed
from tests.support.case_pages import open_part_one
from tests.support.chromium import Visit
from tests.support.console_face import PASSWORD
from tests.support.examples import list_good
from tests.support.node import make_draft
from tests.support.people import STAFF
from tests.support.stories import find_officer


@pytest.fixture(scope="module")
def desks(
    tmp_path_factory: pytest.TempPathFactory, shared_node_url_of: Callable[[str], str]
) -> Iterator[Desks]:
    """Serve two desks to all tests here; each works on a case of its own."""
    with open_desks(tmp_path_factory.mktemp("journeys"), shared_node_url_of) as opened:
        yield opened


# ------------------------------------------------------------------ answer

QUESTION = "social_inclusion.service_contacts"
PROVIDER = {
    "completeness": "partial",
    "rest_expected_on_day": "30",
    "rest_expected_on_month": "3",
    "rest_expected_on_year": "2026",
    "answer-providers-0-name": "An invented association",
    "answer-providers-0-kind": "ngo",
    "answer-providers-0-services": ["legal_advice"],
    "answer-providers-0-telephone": "+383 38 000 002",
    "answer-providers-0-cost": "free",
    "answer-providers-0-capacity": "available",
    "basis": "no_personal_data",
}


def ask_for_providers(desks: Desks) -> Sent:
    """AL asks XK which providers there are."""
    fields = list_good(QUESTION)[0][1]
    kept = {name: fields[name] for name in ("type", "phase", "kind", "legal_basis", "body")}
    sent = handle_send(desks.pair.al.context, make_draft(**kept), who=STAFF)
    desks.settle()
    return sent


@pytest.mark.parametrize("window", [AT_A_DESK, ON_A_PHONE], ids=["desk", "phone"])
def test_a_request_is_answered(visit: Visit, desks: Desks, window: Window) -> None:
    """Message, Answer, Check, Sent; whoever asked reads the answer beside the case."""
    question = ask_for_providers(desks)
    xk = desks.sign_in(visit, "XK", window=window)
    xk.press(xk.page.locator(f'table.inbox a[href$="/message/{question.message_id}"]').first)
    xk.press("Answer")
    expect(xk.page.locator(".question")).to_contain_text("What is asked")
    xk.go_on(PROVIDER)
    expect(xk.page.locator("main")).to_contain_text("May be sent")
    xk.press("Send")
    assert xk.since("/message/…") == ["/message/…", "/answer/…", "/answer/…/check", "/sent/…"]
    desks.settle()
    al = desks.sign_in(visit, "AL", window=window)
    al.press(al.page.locator("table.inbox a:has-text('Answer')").first)
    expect(al.page.locator("main")).to_contain_text("An invented association")
    al.press("Show what it answers")
    expect(al.page.locator(".tags").first).to_contain_text("Answered in part")


# ------------------------------------------------------------------ child

CHILD_LINK = {
    "purpose": "notification",
    "participant": "XK",
    "ties": ["national_of"],
    "possibly_under_18": "unknown",
    "danger_now": "no",
}
GUARDIAN = {
    "child-guardian": "not_yet_appointed",
    "child-child_informed": "yes",
    "best_interest": "done",
}
CHILD_FACTS = {
    "status": "presumed",
    "sex": "female",
    "exploitation_forms": ["begging"],
    "interpreter_needed": "yes",
    "found_on_day": "3",
    "found_on_month": "3",
    "found_on_year": "2026",
    "immediate_needs": ["safe_accommodation"],
}
BEST_INTEREST = {
    "basis": "exception",
    "ground": "best_interest_of_the_child",
    "justification": "It was assessed: the aunt in the other place has to be found tonight.",
    "person_told": "yes",
}


def test_a_child_is_notified_with_a_second_person(visit: Visit, desks: Desks) -> None:
    """One screen more than for an adult, urgent without a choice, and somebody else lets it out."""
    al = desks.sign_in(visit, "AL")
    al.open("/new/begin")
    al.begin()
    al.go_on(CHILD_LINK)
    expect(al.page.locator("h1")).to_have_text("The child")
    expect(al.page.locator(".locked")).to_contain_text("At least urgent")
    al.go_on(GUARDIAN)
    expect(al.page.locator(".locked")).to_contain_text("This cannot be lowered")
    expect(al.page.locator('[name="urgency"][value="standard"]')).to_have_count(0)
    al.go_on()
    al.go_on(CHILD_FACTS)
    al.go_on(BEST_INTEREST)
    expect(al.page.locator("main")).to_contain_text("Needs a second person")
    al.fill({"why": "The aunt leaves tomorrow."})
    al.press("Ask a second person")
    assert al.seen == [
        "/new/begin", "/new/…/person", "/new/…/desk", "/new/…/facts", "/new/…/basis",
        "/new/…/check", "/approval/…",
    ]  # fmt: skip
    second = desks.sign_in(visit, "AL", "approver")
    second.open("/approvals")
    second.press(second.page.locator("main a[href^='/approval/']").first)
    expect(second.page.locator("main")).to_contain_text("The aunt leaves tomorrow.")
    second.fill({"post": "Head of office"})
    second.press("Approve and send")
    expect(second.page.locator(".banner")).to_contain_text("Approved and sent")
    desks.settle()
    al.page.reload()
    al.press("Follow what was sent")
    expect(al.page.locator("#state")).to_contain_text("Delivered, receipt signed")
    xk = desks.sign_in(visit, "XK")
    xk.press(xk.page.locator("table.inbox a:has-text('Notification')").first)
    expect(xk.page.locator(".page-head .tags")).to_contain_text("Child")
    expect(xk.page.locator("main")).to_contain_text("No guardian yet")


# ------------------------------------------------------------------ withdrawal


def test_a_withdrawn_consent_reaches_whoever_holds_data(visit: Visit, desks: Desks) -> None:
    """Two screens and the tracking; the other side deletes, confirms, and that is shown."""
    case = desks.begin_case()
    al = desks.sign_in(visit, "AL")
    al.open(case.address)
    al.press(al.page.locator(f"main a[href='{case.address}/basis']"))
    al.press("Consent is withdrawn")
    al.begin()
    al.press("Stop sending now")
    expect(al.page.locator(".banner")).to_contain_text("Sending has stopped")
    expect(al.page.locator("main")).to_contain_text("Notification of a presumed victim")
    al.press("Tell them now")
    assert al.seen == ["/case/…/stop", "/case/…/stop/…", "/case/…/told"]
    expect(al.page.locator("main")).to_contain_text("Asked, not confirmed yet")
    desks.settle()
    desks.wait(minutes=6)  # whoever erases says anew who they are
    xk = desks.sign_in(visit, "XK")
    desks.wait(minutes=6)
    xk.press(xk.page.locator("table.inbox a[href^='/owed/']").first)
    xk.fill({"others_told": "yes", "confirm_password": PASSWORD})
    xk.press("Delete and send the confirmation")
    desks.settle()
    al.page.reload()
    expect(al.page.locator("main")).to_contain_text("Deleted")


# ------------------------------------------------------------------ return

WRITTEN = ["/new/…/desk", "/new/…/basis", "/new/…/content", "/new/…/check", "/sent/…"]
"""The screens of a message that is begun in a case."""
STEP = ["/case/…/steps", "/new/…/content", "/new/…/check", "/sent/…"]
"""The list of a return, and the two screens of a step that is a message."""


def rest_on_file(window: Screens) -> None:
    """Choose the consent that is on file, on the screen of the legal basis."""
    window.fill({"basis": "consent"})
    window.page.locator("main [name='consent_record']").first.check()


def write_for_gate(desks: Desks, window: Screens, answers: Typed) -> None:
    """Write the message that a step of the return asks for: desk and consent are chosen."""
    window.go_on(answers)
    expect(window.page.locator("main")).to_contain_text("May be sent")
    window.press("Send")
    desks.settle()


def answer_from_inbox(desks: Desks, window: Screens, what: str, answers: Typed) -> None:
    """Answer a request that stands in the inbox."""
    window.open("/")
    window.press(window.page.locator(f"table.inbox a:has-text('{what}')").first)
    window.press("Answer")
    window.fill(answers)
    rest_on_file(window)
    window.press("Continue")
    window.press("Send")
    desks.settle()


def take_next_step(window: Screens, case: str, title: str) -> None:
    """Open the list of the return and, from there, the step that it proposes."""
    window.open(f"{case}/steps")
    window.begin()
    window.press(f"Open: {title}")


def test_a_return_goes_from_the_decision_to_the_arrival(visit: Visit, desks: Desks) -> None:
    """A list, and a screen or two a step: two where the other side has to say something."""
    ours, theirs = desks.begin_return()
    al, xk = desks.sign_in(visit, "AL"), desks.sign_in(visit, "XK")
    for number, title, answers in (
        (1, "The person decides, knowing everything", returning.DECIDED),
        (2, "Risk assessment and the six checks", returning.CHECKED),
    ):
        take_next_step(al, ours, title)
        al.fill(answers)
        al.press("Save")
        assert al.seen == ["/case/…/steps", f"/case/…/steps/{number}", "/case/…/steps"]
    blocked = al.page.locator(".task-list li", has_text="Prior notice acknowledged")
    expect(blocked).to_contain_text("Cannot start yet: “Reception confirmed” comes first")
    expect(blocked.get_by_role("link")).to_have_count(0)

    take_next_step(al, ours, "Reception confirmed")
    write_for_gate(desks, al, returning.RECEPTION)
    assert al.seen == STEP
    answer_from_inbox(desks, xk, "Reception on arrival", returning.WE_RECEIVE)

    take_next_step(al, ours, "Prior notice acknowledged")
    write_for_gate(desks, al, returning.NOTICE)
    assert al.seen == STEP
    xk.open("/")
    xk.press(xk.page.locator("table.inbox a:has-text('Prior notice')").first)
    xk.press("Decide")
    xk.fill({"outcome": "accepted"})
    xk.press("Send the decision")
    desks.settle()

    take_next_step(al, ours, "Travel and handover")
    write_for_gate(desks, al, returning.PLAN)
    assert al.seen == STEP
    answer_from_inbox(desks, xk, "Assisted voluntary return", returning.WE_AGREE)

    xk.open(f"{theirs}/steps")
    xk.press("Arrival confirmed")
    xk.press("Write this message")
    write_for_gate(desks, xk, returning.ARRIVED)
    al.open(f"{ours}/steps")
    for title in ("Reception confirmed", "Prior notice acknowledged", "Travel and handover",
                  "Arrival confirmed"):  # fmt: skip
        expect(al.page.locator(".task-list li", has_text=title)).to_contain_text("Done")
    al.open("/owed")
    expect(al.page.locator("main")).not_to_contain_text("Arrived")


# ------------------------------------------------------------------ follow-up

PART_ONE = {"identity-family_name": "Inventedova", "identity-given_names": "Person"}
"""Who an invented person is."""
REVIEWED = {
    "reported_on_day": "4",
    "reported_on_month": "3",
    "reported_on_year": "2026",
    "took_part_in_decisions": "yes",
    "services-legal_advice-given": "yes",
}


def test_a_follow_up_keeps_part_one_here(visit: Visit, desks: Desks) -> None:
    """Part I is written and stays; the other parts leave as a message that nobody is named in."""
    case = desks.begin_case()
    open_part_one(desks.pair, find_officer(desks.pair.al.context))
    al = desks.sign_in(visit, "AL")
    al.open(case.address)
    al.press("Follow-up of the case")
    al.begin()
    al.press("Open Part I")
    al.fill(PART_ONE)
    al.press("Save Part I")
    assert al.seen == ["/case/…/form", "/case/…/sealed", "/case/…/form"]
    al.begin()
    al.press("Write the form")
    al.go_on()
    al.go_on({"basis": "no_personal_data"})
    expect(al.page.locator("main [name^='confidential']")).to_have_count(0)
    al.go_on(REVIEWED)
    expect(al.page.locator("main")).to_contain_text("May be sent")
    expect(al.page.locator("main")).not_to_contain_text("Inventedova")
    al.press("Send")
    assert al.seen == ["/case/…/form", *WRITTEN]
    desks.settle()
    xk = desks.sign_in(visit, "XK")
    xk.open("/received")
    xk.press(xk.page.locator("main a:has-text('Case follow-up')").first)
    expect(xk.page.locator("main")).to_contain_text("Legal advice")
    expect(xk.page.locator("main")).not_to_contain_text("Inventedova")
    al.open(f"{case.address}/sealed")
    expect(al.page.locator("#identity-family_name")).to_have_value("Inventedova")
