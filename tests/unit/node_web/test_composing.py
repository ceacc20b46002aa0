"""Writing, sending and following a message, as a browser without scripts does it."""

import re

import pytest
from sqlmodel import select

from node.service.reading import get_message, list_items
from node.store.draft_tables import DraftRow
from protocol.messages.head import CaseMessage
from tests.support.node_console import FACTS, LINK_SCREEN, PageReader, Pair, write_notification
from tests.support.people import STAFF


def sent_items(pair: Pair) -> list[str]:
    """List what AL has sent."""
    return [item.message_id for item in list_items(pair.al.context, direction="out", who=STAFF)]


async def test_a_notification_takes_five_screens(pair: Pair, al: PageReader) -> None:
    """From an empty form to the signed receipt of the other side, without a script."""
    await al.open("/new/begin")
    assert "Step 1 of 5" in al.page.text
    await al.send("/new/", **LINK_SCREEN)
    assert "Who receives it?" in al.page.text
    assert "Anti-Trafficking Coordination Office" in al.page.text
    await al.send("/new/")
    assert "Safe facts" in al.page.text
    await al.send("/new/", **FACTS)
    assert "Legal basis" in al.page.text
    await al.send("/new/", basis="no_personal_data")
    assert "Check and send" in al.page.text
    assert "May be sent" in al.page.text
    await al.send("/send/")
    assert re.fullmatch(r"/sent/[0-9a-f]{32}", al.path)
    assert "Waiting to leave" in al.page.text
    pair.network.settle()
    await al.open(al.path)
    assert "Delivered, receipt signed" in al.page.text
    assert len(list_items(pair.xk.context, direction="in", who=STAFF)) == 1


async def test_a_double_click_sends_once(pair: Pair, al: PageReader) -> None:
    """The second of two clicks leads to the same sent message; so does a step back after it."""
    await write_notification(al)
    form = al.find_form("/send/")
    check = al.path
    first = (await al.post(form.action, form.fields)).url.path
    second = (await al.post(form.action, form.fields)).url.path
    back = (await al.open(check)).url.path
    assert first == second == back
    assert len(sent_items(pair)) == 1


async def test_only_what_was_checked_is_sent(pair: Pair, al: PageReader) -> None:
    """A draft that another window changes after the check stops; checked again, it is sent."""
    await write_notification(al)
    checked = al.find_form("/send/")
    await al.open(al.path.replace("/check", "/facts"))
    facts = al.find_form("/new/")
    changed = {**facts.fields, "case_manager-post": "Night desk"}
    await al.post(facts.action.replace("/new/", "/keep/"), changed)
    answer = await al.post(checked.action, checked.fields)
    assert answer.status_code == 409
    assert "Nothing was sent: check it again." in al.page.text
    assert "Night desk" in al.page.text
    assert sent_items(pair) == []
    await al.send("/send/")
    message = get_message(pair.al.context, sent_items(pair)[0], who=STAFF).message
    assert isinstance(message, CaseMessage)
    assert message.body.model_dump()["case_manager"]["post"] == "Night desk"


async def test_a_form_that_does_not_say_what_was_checked_sends_nothing(
    pair: Pair, al: PageReader
) -> None:
    """Without the field that names the checked draft, the check is shown again."""
    await write_notification(al)
    form = al.find_form("/send/")
    answer = await al.post(form.action, {"form_token": form.fields["form_token"]})
    assert answer.status_code == 409
    assert "Check and send" in al.page.text
    assert sent_items(pair) == []


async def test_what_was_typed_is_kept_when_it_is_wrong(al: PageReader) -> None:
    """An incomplete screen comes back with what is missing and with every answer given."""
    await al.open("/new/begin")
    await al.send("/new/", **LINK_SCREEN)
    await al.send("/new/")
    answer = await al.send("/new/", status="presumed", **{"case_manager-post": "Night desk"})
    assert answer.status_code == 422
    assert al.title.startswith("Error:")
    assert "There is a problem" in al.page.text
    assert "Choose an answer: Sex." in al.page.text
    form = al.find_form("/new/")
    assert form.fields["status"] == ["presumed"]
    assert form.fields["case_manager-post"] == ["Night desk"]


async def test_a_date_that_does_not_exist_is_explained(al: PageReader) -> None:
    """The thirtieth of February is refused with a sentence about the date."""
    await al.open("/new/begin")
    await al.send("/new/", **LINK_SCREEN)
    await al.send("/new/")
    await al.send("/new/", **{**FACTS, "found_on_day": "30", "found_on_month": "2"})
    assert "There is no such day" in al.page.text


async def test_a_draft_outlives_the_session(pair: Pair, al: PageReader) -> None:
    """What was saved is offered again after signing in anew, and to nobody else."""
    await al.open("/new/begin")
    await al.send("/new/", **LINK_SCREEN)
    draft = al.path
    async with PageReader(pair.al) as second:
        await second.sign_in("second")
        assert (await second.open(draft)).status_code == 404
    pair.network.clock.advance(hours=13)
    async with PageReader(pair.al) as again:
        await again.sign_in()
        await again.open("/new")
        assert "Go on with a draft" in again.page.text
        assert (await again.open(draft)).status_code == 200


async def test_a_draft_is_sealed(pair: Pair, al: PageReader) -> None:
    """Nothing of what is being written stands readable in the database."""
    await al.open("/new/begin")
    await al.send("/new/", **LINK_SCREEN)
    await al.send("/new/")
    await al.send("/new/", **{"case_manager-post": "A post nobody should read"})
    with pair.al.context.database.reading() as session:
        rows = session.exec(select(DraftRow)).all()
    assert rows
    assert all(b"nobody should read" not in row.content_sealed for row in rows)


async def test_typing_is_kept_without_pressing_continue(al: PageReader) -> None:
    """What the page keeps by itself is there again, though nothing was pressed."""
    await al.open("/new/begin")
    await al.send("/new/", **LINK_SCREEN)
    await al.send("/new/")
    form = al.find_form("/new/")
    action = form.action.replace("/new/", "/keep/")
    answer = await al.post(action, {**form.fields, "case_manager-post": "Half a sent"})
    assert answer.status_code == 204
    await al.open(form.action)
    assert al.find_form("/new/").fields["case_manager-post"] == ["Half a sent"]


@pytest.mark.parametrize("age", ["yes", "unknown"])
async def test_a_child_is_at_least_urgent(al: PageReader, age: str) -> None:
    """Under 18, or possibly so: the floor is shown and locked, and the child's part is asked."""
    await al.open("/new/begin")
    await al.send("/new/", **{**LINK_SCREEN, "possibly_under_18": age})
    assert "Step 2 of 6" in al.page.text
    assert "This cannot be lowered" in al.page.text
    answer = await al.send("/new/", **{"child-guardian": "appointed"})
    assert answer.status_code == 422
    assert "Choose an answer: The child has been informed." in al.page.text
    await al.send("/new/", **{"child-child_informed": "no", "best_interest": "begun"})
    assert "Child Protection Unit" in al.page.text
    assert "This cannot be lowered" in al.page.text
    assert al.find_form("/new/").choices["urgency"] == ["immediate", "urgent"]
    await al.send("/new/", urgency="standard")
    form = al.find_form("/new/")
    assert "child-guardian" not in form.choices
    assert "age_group" not in form.choices
    await al.send("/new/", **FACTS)
    await al.send("/new/", basis="no_personal_data")
    assert "Treated as a child" in al.page.text
    assert "Urgent" in al.page.text
    assert (await al.send("/send/")).url.path.startswith("/sent/")


async def test_danger_asks_for_an_immediate_answer(al: PageReader) -> None:
    """In danger now, the answer is proposed within four hours; another choice stays possible."""
    await al.open("/new/begin")
    await al.send("/new/", **{**LINK_SCREEN, "danger_now": "yes"})
    assert al.find_form("/new/").fields["urgency"] == ["immediate"]


async def test_sensitive_parts_need_the_consent_that_covers_them(
    pair: Pair, al: PageReader
) -> None:
    """A text of a class that the consent does not name stops; with the class it is sent."""
    await write_notification(al)
    await al.open(al.path.replace("/check", "/basis"))
    consent = {
        "basis": "consent",
        "given_by": "person",
        "given_at_day": "3",
        "given_at_month": "3",
        "given_at_year": "2026",
        "given_at_time": "14:30",
        "explained_in": "sq",
        "classes": ["protection"],
        "needs_note": "Insulin, every day",
        "note": "Ask for the desk, not for the person",
    }
    answer = await al.send("/new/", **consent)
    assert answer.status_code == 422
    assert "The consent does not cover this" in al.page.text
    await al.send("/new/", **{**consent, "classes": ["protection", "health"]})
    assert "Insulin, every day" in al.page.text
    await al.send("/send/")
    pair.network.settle()
    message = list_items(pair.xk.context, direction="in", who=STAFF)[0]
    assert message.readable


async def test_without_consent_sensitive_parts_stay_here(pair: Pair, al: PageReader) -> None:
    """A text that was typed and then lost its legal basis is marked, and does not leave."""
    await write_notification(al)
    await al.open(al.path.replace("/check", "/basis"))
    await al.send("/new/", basis="no_personal_data", note="Only for us")
    assert "Stays here" in al.page.text
    assert "Only for us" not in al.page.text
    assert (await al.send("/send/")).url.path.startswith("/sent/")


async def test_the_other_desk_must_be_one_that_is_offered(al: PageReader) -> None:
    """A desk of somewhere else, put into the form, is refused."""
    await al.open("/new/begin")
    await al.send("/new/", **LINK_SCREEN)
    answer = await al.send("/new/", to_authority="MK-child-protection-unit")
    assert answer.status_code == 422
    assert "Choose the desk to write to." in al.page.text


async def test_a_participant_without_a_node_is_not_offered(al: PageReader) -> None:
    """Serbia has no node: it is named as such, and a form that says it is refused."""
    await al.open("/new/begin")
    form = al.find_form("/new/")
    assert set(form.choices["participant"]) == {"", "XK", "MK"}
    assert "Serbia" in al.page.text
    answer = await al.send("/new/", **{**LINK_SCREEN, "participant": "RS"})
    assert answer.status_code == 422


async def test_a_discarded_draft_is_gone(al: PageReader) -> None:
    """Discarding deletes a draft, and its address then leads nowhere."""
    await al.open("/new/begin")
    await al.send("/new/", **LINK_SCREEN)
    draft = al.path
    await al.open("/new")
    await al.send("/discard/")
    assert (await al.open(draft)).status_code == 404


async def test_a_later_screen_asks_for_the_earlier_one_first(al: PageReader) -> None:
    """The check of an unfinished message lists what is missing, and sending it sends nothing."""
    await al.open("/new/begin")
    await al.send("/new/", **LINK_SCREEN)
    await al.open(al.path.replace("/desk", "/check"))
    assert "Answers are missing" in al.page.text
    assert "Cannot be decided yet" in al.page.text
    token = al.find_form("/hide").fields["form_token"]
    answer = await al.post(
        al.path.replace("/new/", "/send/").removesuffix("/check"), {"form_token": token}
    )
    assert answer.status_code == 422


async def test_another_window_overwrites_nothing_unseen(al: PageReader) -> None:
    """An old form of a screen that was changed elsewhere meanwhile is shown, and not kept."""
    await al.open("/new/begin")
    await al.send("/new/", **LINK_SCREEN)
    await al.send("/new/")
    old = al.find_form("/new/")
    await al.open(old.action)
    await al.send("/new/", **{**FACTS, "case_manager-post": "Night desk"})
    answer = await al.post(old.action, {**old.fields, "case_manager-post": "Day desk"})
    assert answer.status_code == 409
    assert "changed in another window" in al.page.text
    shown = al.find_form("/new/")
    assert shown.fields["case_manager-post"] == ["Day desk"]
    kept = await al.post(old.action.replace("/new/", "/keep/"), old.fields)
    assert kept.status_code == 409
    await al.open(old.action)
    assert al.find_form("/new/").fields["case_manager-post"] == ["Night desk"]
    await al.post(shown.action, shown.fields)  # seen by now, and kept on purpose
    await al.open(old.action)
    assert al.find_form("/new/").fields["case_manager-post"] == ["Day desk"]


async def test_a_kind_from_the_list_has_its_own_form(pair: Pair, al: PageReader) -> None:
    """Something else: the kind is chosen in words; rows are added without a script; it is sent."""
    await al.open("/new/begin")
    answer = await al.send("/new/", purpose="other", participant="XK")
    assert answer.status_code == 422
    assert "Choose what you want to do." in al.page.text
    kind = "identification.early_risk_assessment:notification"
    link = {"purpose": "other", "what": kind, "participant": "XK", "possibly_under_18": "no"}
    await al.send("/new/", **link)
    await al.send("/new/")
    assert "Legal basis" in al.page.text
    await al.send("/new/", basis="no_personal_data")
    assert "Content" in al.page.text
    assert (await al.send("/new/")).status_code == 422
    await al.send("/new/", **{"information-level": "not_yet_assessed",
                              "information-person_took_part": "unknown"})  # fmt: skip
    assert "May be sent" in al.page.text
    assert (await al.send("/send/")).url.path.startswith("/sent/")
    pair.network.settle()
    await al.open(al.path)
    await al.send("/correct/")
    assert "Who receives it?" in al.page.text
    assert re.fullmatch(r"/new/[0-9a-f]{32}/desk", al.path)
