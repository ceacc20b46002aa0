"""On which terms a message leaves: sooner answers, passing on, what is noted of a child."""

from datetime import timedelta
from zoneinfo import ZoneInfo

from node.domain.hooks import KINDS
from node.service.consent.circumstances import get_circumstances
from node.service.drafts import OpenDraft
from node.service.onward_answers import list_onward_answers
from node.service.reading import get_message, list_items
from node.web.admin.program_words import list_hook_kinds
from node.web.around import Surroundings
from node.web.composition import Composition
from node.web.terms import PassableMessage
from protocol.identifiers import ParticipantCode
from protocol.messages.head import CaseMessage, OnwardScope
from tests.support import shared_pair
from tests.support.case_pages import Case
from tests.support.console_face import PASSWORD
from tests.support.node_console import (
    FACTS,
    LINK_SCREEN,
    PageReader,
    Pair,
    write_notification,
)
from tests.support.page_reader import Values, read_forms
from tests.support.people import STAFF

CONSENT: Values = {
    "basis": "consent",
    "given_by": "person",
    "given_at_day": "1",
    "given_at_month": "3",
    "given_at_year": "2026",
    "given_at_time": "9:00",
    "explained_in": "sq",
    "classes": ["protection"],
}
CHILD: Values = {**LINK_SCREEN, "possibly_under_18": "yes"}


pair, next_code, case = shared_pair.pair, shared_pair.next_code, shared_pair.case


def newest_sent(pair: Pair) -> CaseMessage:
    """Return what AL sent last."""
    item = list_items(pair.al.context, direction="out", who=STAFF)[0]
    message = get_message(pair.al.context, item.message_id, who=STAFF).message
    assert isinstance(message, CaseMessage)
    return message


def write_moment(pair: Pair, **later: int) -> Values:
    """Write a moment as a form does, in the time that AL's people read."""
    moment = (pair.network.clock() + timedelta(**later)).astimezone(pair.al.console.face.zone)
    return {
        "answer_by_day": str(moment.day),
        "answer_by_month": str(moment.month),
        "answer_by_year": str(moment.year),
        "answer_by_time": f"{moment:%H:%M}",
    }


async def test_an_answer_can_be_asked_for_sooner_and_never_later(
    pair: Pair, al: PageReader
) -> None:
    """What is sooner than the rules is sent as typed; the past and what is later are refused."""
    await al.open("/new/begin")
    await al.send("/new/", **LINK_SCREEN)
    assert "Sooner than that?" in al.page.text
    for wrong in (write_moment(pair, days=400), write_moment(pair, hours=-1)):
        assert (await al.send("/new/", **wrong)).status_code == 422
    assert "An answer is due in the future" in al.page.text
    soon = write_moment(pair, hours=3)
    await al.send("/new/", **soon)
    await al.send("/new/", **FACTS)
    await al.send("/new/", basis="no_personal_data")
    await al.send("/send/")
    due = newest_sent(pair).answer_by
    assert due is not None
    assert due - pair.network.clock() <= timedelta(hours=3)
    assert newest_sent(pair).onward.scope is OnwardScope.ASK_FIRST


async def test_what_may_be_passed_on_leaves_with_the_message(
    pair: Pair, al: PageReader, xk: PageReader
) -> None:
    """The desks that were ticked are named in it, on the check page, and on XK's page of it."""
    await al.open("/new/begin")
    await al.send("/new/", **LINK_SCREEN)
    await al.send("/new/")
    await al.send("/new/", **FACTS)
    asked = {**CONSENT, "note": "Asked for a room of her own.", "onward": "listed_authorities"}
    assert (await al.send("/new/", **asked)).status_code == 422
    assert "Tick at least one desk" in al.page.text
    desk = al.page.text.split('name="onward_authorities" value="')[1].split('"')[0]
    await al.send("/new/", **asked, onward_authorities=[desk])
    assert "May be passed on" in al.page.text
    pair.network.clock.advance(seconds=1)  # after what other tests sent
    await al.send("/send/")
    rule = newest_sent(pair).onward
    assert (rule.scope, rule.authorities) == (OnwardScope.LISTED_AUTHORITIES, (desk,))
    pair.network.settle()
    sent = list_items(pair.al.context, direction="out", who=STAFF)[0]
    assert "Only to these desks" in (await xk.open(f"/message/{sent.message_id}")).text


async def test_an_answer_about_passing_on_is_written_down(
    pair: Pair, xk: PageReader, case: Case
) -> None:
    """It is kept once however often it is sent, and an old page overturns no newer answer."""
    received = list_items(pair.xk.context, direction="in", who=STAFF)[0]
    page = f"/onward/{received.message_id}"
    await xk.open(page)
    assert "Only after asking the sender" in xk.page.text
    assert (await xk.send(page, target="", allowed="")).status_code == 422
    form = xk.find_form(page)
    desk = xk.page.text.split('<option value="XK-')[1].split('"')[0]
    typed = {**form.fields, "target": f"XK-{desk}", "allowed": "yes"}
    await xk.open(page)
    old_page = {**xk.find_form(page).fields, "target": f"XK-{desk}", "allowed": "no"}
    await xk.post(page, typed)
    await xk.post(page, typed)
    assert (await xk.post(page, old_page)).status_code == 422
    assert "Somebody changed this while your page was open" in xk.page.text
    (kept,) = list_onward_answers(pair.xk.context, received.message_id, who=STAFF)
    assert (kept.target, kept.allowed) == (f"XK-{desk}", True)
    assert "Allowed" in (await xk.open(page)).text


async def test_what_the_recipient_sent_itself_is_not_passed_on(
    pair: Pair, xk: PageReader, case: Case
) -> None:
    """Writing to AL in the case offers nothing of AL's own; nobody else has sent anything."""
    received = list_items(pair.xk.context, direction="in", who=STAFF)[0]
    await xk.open(f"/case/{received.case_id}")
    form = xk.find_form(f"/case/{received.case_id}/go-on")
    await xk.post(form.action, {**form.fields, "purpose": "message"})
    assert "Message in this case" in xk.page.text
    assert 'name="onward"' in xk.page.text
    assert 'name="passes_on"' not in xk.page.text


def test_a_message_names_the_one_whose_data_it_passes_on() -> None:
    """Only what came in the case from somebody else, and only on a basis that may speak of it."""
    came = PassableMessage("a" * 32, "identification.initial_referral", "MK")
    around = Surroundings(
        participant=ParticipantCode("AL"),
        zone=ZoneInfo("Europe/Tirane"),
        who=STAFF,
        passable=(came,),
    )

    def build(basis: str, chosen: str) -> str | None:
        answers = {
            "participant": ("XK",),
            "phase": ("identification",),
            "basis": (basis,),
            "ground": ("vital_interest",),
            "justification": ("A danger to life.",),
            "text": ("Said in the other case.",),
            "passes_on": (chosen,),
        }
        draft = OpenDraft("d" * 32, "message", "TRM-4Q7KD-9XW2M-H", answers)
        return Composition(draft, around).build(our_desk="AL-desk").passes_on

    assert build("exception", came.message_id) == came.message_id
    assert build("exception", "b" * 32) is None
    assert build("no_personal_data", came.message_id) is None


async def test_that_the_best_interest_was_assessed_is_noted_in_the_case(
    pair: Pair, al: PageReader
) -> None:
    """A yes on the child's screen stays with the case, is shown there, and can be taken back."""
    await al.open("/new/begin")
    await al.send("/new/", **CHILD)
    await al.send("/new/", best_interest="done", **{
        "child-guardian": "not_yet_appointed", "child-child_informed": "yes",
    })  # fmt: skip
    await al.send("/new/")
    await al.send("/new/", **{**FACTS, "age_group": "under_18"})
    await al.send("/new/", basis="no_personal_data")
    await al.send("/send/")
    item = list_items(pair.al.context, direction="out", who=STAFF)[0]
    assert item.case_id is not None
    page = f"/case/{item.case_id}/person"
    await al.open(page)
    assert "It was assessed, and that is written down" in al.page.text
    known = get_circumstances(pair.al.context, item.case_id, who=STAFF).circumstances
    assert known.best_interest_assessed
    form = next(f for f in read_forms(al.page.text) if f.fields.get("act") == ["circumstances"])
    await al.post(page, {**form.fields, "best_interest_assessed": ""})
    known = get_circumstances(pair.al.context, item.case_id, who=STAFF).circumstances
    assert (known.best_interest_assessed, known.treated_as_child) == (False, True)


async def test_a_shelter_gets_one_code(al: PageReader) -> None:
    """It is drawn once however often the form is sent, and the page lists it with its name."""
    await al.open("/shelters")
    assert "No shelter has a code yet" in al.page.text
    assert (await al.send("/shelters", name="")).status_code == 422
    form = al.find_form("/shelters")
    typed = {**form.fields, "name": "House by the river"}
    first = await al.post("/shelters", typed)
    second = await al.post("/shelters", typed)  # the second of two clicks
    assert (first.status_code, second.status_code) == (200, 200)
    again = await al.send("/shelters", name="HOUSE by the river")
    assert (again.status_code, "This shelter has a code already" in again.text) == (422, True)
    assert (await al.open("/shelters")).text.count("House by the river") == 1
    await al.open("/new/begin")
    assert "House by the river" not in al.page.text


async def test_one_message_is_erased_for_good(pair: Pair, al: PageReader, case: Case) -> None:
    """With its ground and a proof of who is there; its page then says that it is erased."""
    sent = case.sent.message_id
    assert f"/erase/{sent}" in (await al.open(f"/message/{sent}")).text
    page = f"/erase/{sent}"
    await al.open(page)
    assert (await al.send(page, ground="")).status_code == 422
    pair.network.clock.advance(minutes=6)
    await al.send(page, ground="consent_withdrawn")
    assert "Confirm that it is you" in al.page.text
    await al.send(page, confirm_password=PASSWORD)
    assert al.path == case.address
    gone = await al.open(f"/message/{sent}")
    assert (gone.status_code, "This message is erased" in gone.text) == (410, True)
    assert "Asked for a room" not in (await al.open(case.address)).text
    assert (await al.open(page)).status_code == 404


async def test_an_approval_names_its_deadline_as_one(al: PageReader, pair: Pair) -> None:
    """Whoever has to approve reads "Decide by", and what would be allowed to the other side."""
    await write_notification(al, possibly_under_18="no")
    await al.open(al.path.replace("/check", "/basis"))
    await al.send("/new/", basis="exception", ground="vital_interest",
                  justification="A danger to life.", person_told="yes")  # fmt: skip
    await al.send("/ask/", why="It cannot wait.")
    assert "Decide by" in al.page.text
    assert "Answer by" not in al.page.text


def test_every_kind_of_event_can_be_chosen_once() -> None:
    """The groups of the page hold each kind that a webhook can ask for, and no other."""
    listed = [kind for _, kinds in list_hook_kinds() for kind in kinds]
    assert sorted(listed) == sorted(KINDS)
