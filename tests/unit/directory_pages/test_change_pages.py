"""The journey of a change through the pages, and what happens where it does not go well."""

import re
from datetime import date

import pytest

from contact_registry.changes.states import ChangeState
from contact_registry.models import Telephone
from contact_registry.particulars import LocalName
from directory_pages.site import make_entry_key
from tests.support.change_reader import (
    GROUNDS,
    begin,
    bring_file,
    edit,
    read_text,
    sign_and_publish,
    take_step,
)
from tests.support.change_site import AL, CHILDREN, OFFICE, ChangeSite
from tests.support.page_reader import PageReader


async def test_from_a_form_to_the_registry(site: ChangeSite, editor: PageReader) -> None:
    """A desk is edited, findings and differences are shown, it is signed elsewhere, published."""
    change = await begin(editor)
    await edit(
        editor, change, OFFICE,
        **{"telephones.1.as_listed": "04 4541 822", "telephones.1.extension": "12",
           "valid_to_day": "31", "valid_to_month": "12", "valid_to_year": "2027"},
    )  # fmt: skip
    text = read_text(editor.page.text)
    assert "Telephone +35544541822, extension 12" in text
    assert "Last day nothing 31 December 2027 Added" in text
    assert "Reason: A letter of 3 March" in text
    await take_step(editor, change, "prepare")
    view = site.desk.look(site.desk.list_changes().changes[0].id)
    assert view.digest is not None
    assert view.digest in read_text(editor.page.text)
    file = await editor.http.get(f"{change}/signing-file")
    assert file.headers["content-disposition"] == 'attachment; filename="AL-3.trm-change"'
    await bring_file(editor, change, site.sign_file(file.content))
    assert "Everybody has signed who must" in editor.page.text
    await take_step(editor, change, "publish")
    assert "It is version 3 of this contact list." in editor.page.text
    published = site.world.repository.load_directory().contacts[AL].authorities
    desk = next(entry for entry in published if entry.id == OFFICE)
    assert desk.telephones[1] == Telephone(
        as_listed="04 4541 822", e164="+35544541822", extension="12"
    )
    assert desk.valid_to == date(2027, 12, 31)
    await editor.open("/changes/closed")
    assert "Published" in read_text(editor.page.text)


async def test_what_was_typed_stays_where_something_is_wrong(
    site: ChangeSite, editor: PageReader
) -> None:
    """Each error stands at its field, says what to type, and everything typed is still there."""
    change = await begin(editor)
    answer = await edit(
        editor, change, OFFICE,
        **{"name": "New name", "telephones.1.as_listed": "12", "mailboxes": "no mailbox",
           "valid_to_day": "31", "valid_to_month": "2", "valid_to_year": "2027",
           "available_24_7": "yes", "schedules.0.byday": ["MO"], "schedules.0.opens_at": "8",
           "schedules.0.closes_at": "16:00", "grounds-reason": ""},
    )  # fmt: skip
    assert answer.status_code == 422
    for where, what in {
        "telephones.1.as_listed": "type it with its country code",
        "mailboxes": "A mailbox is one address such as desk@authority.example.",
        "valid_to": "There is no such day.",
        "schedules.0.opens_at": "A time of day is written as 08:00",
        "grounds-reason": "Say why, in a few words",
    }.items():
        assert f'href="#{where}"' in answer.text, where
        assert f'id="{where}"' in answer.text, where
        assert what in answer.text, what
    for typed in ('value="New name"', 'value="12"', ">no mailbox<", 'value="31"', 'value="8"'):
        assert typed in answer.text, typed
    assert site.desk.list_changes().changes[0].row_version == 1
    answer = await editor.send(
        f"{change}/desk/",
        **{"telephones.1.as_listed": "", "mailboxes": "", "valid_to_month": "3",
           "schedules.0.opens_at": "08:00", **GROUNDS},
    )  # fmt: skip
    assert "A desk answers around the clock or has hours: leave one out." in answer.text


async def test_a_form_that_is_sent_twice_begins_one_change(
    site: ChangeSite, editor: PageReader
) -> None:
    """Who presses the button again, or sends the form once more, goes on with the same draft."""
    assert await begin(editor) == await begin(editor)
    other = await begin(editor, "Another change")
    await edit(editor, other, OFFICE, name="New name")
    assert await begin(editor, "Another change") != other
    assert len(site.desk.list_changes().changes) == 3


async def test_a_button_that_is_pressed_twice_does_its_work_once(
    site: ChangeSite, editor: PageReader
) -> None:
    """The second of two equal forms finds that all is done: no second desk, no alarm."""
    change = await begin(editor)
    await editor.open(f"{change}/desk/new")
    form = editor.find_form(f"{change}/desk/new")
    night = {"name": "Night desk", "mailboxes": "night@authority.example", "valid_from_day": "1",
             "valid_from_month": "3", "valid_from_year": "2026", **GROUNDS}  # fmt: skip
    for _ in range(2):
        answer = await editor.post(form.action, {**form.fields, **night})
        assert answer.status_code == 200, read_text(answer.text)
        assert editor.path == change
    await editor.open(f"{change}/calendar")
    form = editor.find_form(f"{change}/calendar")
    for _ in range(2):
        answer = await editor.post(form.action, {**form.fields, "weekend": ["SU"], **GROUNDS})
        assert (answer.status_code, editor.path) == (200, change)
    prepare = editor.find_form(f"{change}/step")
    for _ in range(2):
        answer = await editor.post(prepare.action, {**prepare.fields, "step": "prepare"})
        assert "Waiting for 1 more signature" in answer.text
        assert "Somebody changed this meanwhile" not in answer.text
    view = site.desk.look(site.desk.list_changes().changes[0].id)
    assert len(view.change.draft.authorities) == 3
    assert len(view.events) == 4


async def test_more_rows_are_given_and_nothing_is_kept(
    site: ChangeSite, editor: PageReader
) -> None:
    """The button for more rows shows them with everything that was typed, and saves nothing."""
    change = await begin(editor)
    answer = await edit(editor, change, OFFICE, name="Other", more="telephones")
    assert answer.status_code == 200
    assert 'name="telephones.4.as_listed"' in answer.text
    assert 'value="Other"' in answer.text
    assert site.desk.list_changes().changes[0].row_version == 1


async def test_a_stale_tab_loses_nothing(site: ChangeSite, editor: PageReader) -> None:
    """A form of an older state is refused, shows what was typed, and can be saved on top."""
    change = await begin(editor)
    form = f"{change}/desk/{make_entry_key(OFFICE)}"
    await editor.open(form)
    stale = editor.find_form(form).fields
    await edit(editor, change, CHILDREN, name="Somebody else's work")
    answer = await editor.post(form, {**stale, "name": "Mine", **GROUNDS})
    assert answer.status_code == 409
    assert "Somebody changed this meanwhile" in answer.text
    assert 'value="Mine"' in answer.text
    await editor.send(form)
    draft = site.desk.look(site.desk.list_changes().changes[0].id).change.draft
    assert [desk.name for desk in draft.authorities] == ["Mine", "Somebody else's work"]


@pytest.mark.parametrize("mistake", [{"grounds-reason": ""}, {"more": "telephones", **GROUNDS}])
async def test_a_stale_tab_with_a_mistake_overwrites_nobody(
    site: ChangeSite, editor: PageReader, mistake: dict[str, str]
) -> None:
    """What somebody else did is shown before it is replaced, though the form came back first."""
    change = await begin(editor)
    form = f"{change}/desk/{make_entry_key(OFFICE)}"
    await editor.open(form)
    stale = editor.find_form(form).fields
    await edit(editor, change, OFFICE, post="Another post")
    await editor.post(form, {**stale, "name": "Mine", **mistake})
    answer = await editor.send(form, **GROUNDS)
    assert answer.status_code == 409
    text = read_text(answer.text)
    assert "What saving again changes of what stands now" in text
    assert "Post that answers Another post Duty officer Changed" in text
    (office, _) = site.desk.look(site.desk.list_changes().changes[0].id).change.draft.authorities
    assert (office.name, office.post) == ("Coordination Office", "Another post")
    await editor.send(form)
    assert editor.path == change


async def test_ends_and_decisions_that_are_not_taken_stay_on_the_page(
    site: ChangeSite, editor: PageReader
) -> None:
    """A last day typed on a stale page, and what was decided of a conflict so far, are kept."""
    change = await begin(editor)
    end = f"{change}/end/{make_entry_key(OFFICE)}"
    await editor.open(end)
    stale = editor.find_form(end).fields
    await edit(editor, change, OFFICE, name="Ours", city="Our city")
    typed = {"how": "end", "last_day_day": "31", "last_day_month": "5", "last_day_year": "2031"}
    answer = await editor.post(end, {**stale, **typed, **GROUNDS})
    assert answer.status_code == 409
    for kept in ('value="31"', 'value="2031"', GROUNDS["grounds-reason"]):
        assert kept in answer.text, kept
    document = site.world.repository.load_directory().contacts[AL]
    office, other = document.authorities
    theirs = office.model_copy(update={"name": "Theirs", "city": "Their city"})
    site.publish(document.model_copy(update={"authorities": (theirs, other)}))
    await editor.open(change)
    await editor.send(f"{change}/choose", **{"conflict-0": "theirs"})
    assert editor.page.status_code == 422
    assert re.search(r'name="conflict-0" value="theirs" checked', editor.page.text)


async def test_what_the_form_does_not_offer_is_kept(site: ChangeSite, editor: PageReader) -> None:
    """A name in a language and script that has no name here survives an edit of something else."""
    document = site.world.repository.load_directory().contacts[AL]
    office, other = document.authorities
    names = (LocalName(name="Канцеларија", language="sr-Cyrl"), LocalName(name="Ured"))
    named = office.model_copy(update={"alternate_names": names})
    site.publish(document.model_copy(update={"authorities": (named, other)}))
    change = await begin(editor)
    await edit(editor, change, OFFICE, post="Another post")
    (office, _) = site.desk.look(site.desk.list_changes().changes[0].id).change.draft.authorities
    assert (office.alternate_names, office.post) == (names, "Another post")


async def test_odd_forms_are_answered_with_a_page(site: ChangeSite, editor: PageReader) -> None:
    """Invisible characters and very many fields are refused or taken, never an error of ours."""
    await editor.open("/changes/new")
    answer = await editor.send("/changes/new", title="New \x00 number")
    assert answer.status_code == 422
    assert "Say in one line what is to change" in answer.text
    change = await begin(editor)
    rows = {f"schedules.{n}.{key}": "" for n in range(600) for key in ("opens_at", "closes_at")}
    await edit(editor, change, OFFICE, post="Another post", **rows)
    assert editor.path == change
    await editor.open(change)
    answer = await editor.send(f"{change}/step", step="withdraw", reason="not \x00 needed")
    assert answer.status_code == 422
    assert "One line of up to 200 characters." in answer.text
    assert site.desk.list_changes().changes[0].state is ChangeState.DRAFTED
    assert (await editor.open("/changes?page=x")).status_code == 422


async def test_a_change_that_was_overtaken_is_merged_or_both_are_shown(
    site: ChangeSite, editor: PageReader
) -> None:
    """Another field is merged by itself; the same one is shown with both, and people choose."""
    change = await begin(editor)
    await edit(editor, change, OFFICE, name="Office of ours")
    document = site.world.repository.load_directory().contacts[AL]
    desks = [
        desk.model_copy(update={"name": "Office of theirs", "city": "Durrës"})
        if desk.id == OFFICE else desk
        for desk in document.authorities
    ]  # fmt: skip
    site.publish(document.model_copy(update={"authorities": tuple(desks)}))
    await editor.open(change)
    text = read_text(editor.page.text)
    assert "Somebody published what does not go together with this change" in text
    for shown in ("Coordination Office", "Office of theirs", "Office of ours"):
        assert shown in text, shown
    refused = await editor.send(f"{change}/choose")
    assert refused.status_code == 422
    assert "Choose which of the two is to stand." in refused.text
    await editor.send(f"{change}/choose", **{"conflict-0": "ours"})
    draft = site.desk.look(site.desk.list_changes().changes[0].id).change.draft
    office = next(desk for desk in draft.authorities if desk.id == OFFICE)
    assert (office.name, office.city) == ("Office of ours", "Durrës")


async def test_a_file_that_is_not_signed_by_who_must_is_not_taken(
    site: ChangeSite, editor: PageReader
) -> None:
    """Damaged, missing, unsigned and foreign files are refused, each time with what to do."""
    change = await begin(editor)
    await edit(editor, change, OFFICE, name="New name")
    await take_step(editor, change, "prepare")
    file = (await editor.http.get(f"{change}/signing-file")).content
    for data in (b"", b"{}", file):
        await editor.open(change)
        answer = await bring_file(editor, change, data)
        assert answer.status_code == 422
        assert site.desk.list_changes().changes[0].state is ChangeState.WAITING
    assert "has no signature that counts" in editor.page.text


async def test_ending_and_taking_out(site: ChangeSite, editor: PageReader) -> None:
    """A desk ends on a day, or an entry that never was is taken out; both need a reason."""
    change = await begin(editor)
    key = editor.page.text.split(f"{change}/end/")[2].split('"')[0]
    await editor.open(f"{change}/end/{key}")
    refused = await editor.send(f"{change}/end/", how="end")
    assert refused.status_code == 422
    assert "Give the day, the month, and the year." in refused.text
    await editor.send(f"{change}/end/", how="end", last_day_day="1", last_day_month="5",
                      last_day_year="2026", **GROUNDS)  # fmt: skip
    assert "Last day nothing 1 May 2026" in read_text(editor.page.text)
    await editor.open(f"{change}/end/{key}")
    await editor.send(f"{change}/end/", how="remove", **GROUNDS)
    text = read_text(editor.page.text)
    assert "Child Protection Unit is taken out altogether" in text
    await editor.open(f"{change}/end/{key}")
    assert editor.page.status_code == 404


async def test_a_desk_is_added_with_an_identifier_of_its_own(
    site: ChangeSite, editor: PageReader
) -> None:
    """A name in any script gives a readable identifier, which the person never types."""
    change = await begin(editor)
    await editor.open(f"{change}/desk/new")
    await editor.send(
        f"{change}/desk/new", name="Qendra për Shërbime", time_zone="Europe/Tirane",
        valid_from_day="1", valid_from_month="3", valid_from_year="2026",
        **{"competences.0.phase": "return", **GROUNDS},
    )  # fmt: skip
    draft = site.desk.look(site.desk.list_changes().changes[0].id).change.draft
    assert draft.authorities[-1].id == "AL-qendra-per-sherbime"
    assert "Nobody in another Participant can reach Qendra" in read_text(editor.page.text)


async def test_holidays_are_typed_one_a_line(site: ChangeSite, editor: PageReader) -> None:
    """Lines are read, ordered and published; one that cannot be read is named by its number."""
    change = await begin(editor)
    await editor.open(f"{change}/calendar")
    wrong = await editor.send(f"{change}/calendar", holidays="2026-01-01\n28 November", **GROUNDS)
    assert "Line 2 is not read" in wrong.text
    await editor.send(
        f"{change}/calendar", weekend=["SU"],
        holidays="2026-11-28 Independence Day\r\n\r\n2026-01-01; New Year", **GROUNDS,
    )  # fmt: skip
    text = read_text(editor.page.text)
    assert "1 January 2026, New Year 28 November 2026, Independence Day" in text
    calendar = site.desk.look(site.desk.list_changes().changes[0].id).change.draft.calendar
    assert calendar is not None
    assert [day.value for day in calendar.weekend] == ["SU"]


async def test_a_blocked_change_cannot_be_signed(editor: PageReader) -> None:
    """A draft that says nothing new offers no signing, and says why."""
    change = await begin(editor)
    await editor.open(change)
    text = read_text(editor.page.text)
    assert "Blocks publication" in text
    assert "Ask for signatures" not in text
    answer = await editor.send(f"{change}/step", step="prepare")
    assert answer.status_code == 409
    await take_step(editor, change, "withdraw")
    assert "Withdrawn" in read_text(editor.page.text)


async def test_a_renewal_is_signed_without_a_change(site: ChangeSite, editor: PageReader) -> None:
    """A signature that runs out is renewed: the list says the same in its next version."""
    await editor.open("/changes/new")
    await editor.send("/changes/new", title="Renewal", renewal="yes")
    await sign_and_publish(editor, editor.path, site.sign_file)
    assert "It is version 3 of this contact list." in editor.page.text


async def test_others_look_and_change_nothing(site: ChangeSite) -> None:
    """A focal point sees a change and its story; every page that changes something is refused."""
    async with PageReader(site.app, clock=site.clock) as reader:
        await reader.sign_in("editor")
        change = await begin(reader)
        await edit(reader, change, OFFICE, name="New name")
    async with PageReader(site.app, clock=site.clock) as reader:
        await reader.sign_in("officer")
        await reader.open(change)
        assert reader.page.status_code == 200
        assert "Ask for signatures" not in reader.page.text
        assert "Withdraw" not in reader.page.text
        token = reader.find_form("/hide").fields["form_token"]
        for address in ("/changes/new", f"{change}/desks", f"{change}/calendar", "/agreements/new"):
            assert (await reader.open(address)).status_code == 403, address
        for action in ("/changes/new", "/changes/for-desk", f"{change}/step", f"{change}/signed"):
            answer = await reader.post(action, {"form_token": token})
            assert answer.status_code == 403, action


@pytest.mark.parametrize("address", ["/changes/x", f"/changes/{'0' * 32}", "/agreements/x/state"])
async def test_unknown_things_are_not_found(editor: PageReader, address: str) -> None:
    """Unknown and malformed identifiers get the page "There is no such page"."""
    answer = await editor.open(address)
    assert answer.status_code == 404
    assert "There is no such page" in answer.text


async def test_a_change_begins_at_a_desk(site: ChangeSite, editor: PageReader) -> None:
    """From a desk's page a change begins with that desk's form; of another's desk there is none."""
    site.refresh()
    await editor.open("/directory/AL")
    answer = await editor.send("/changes/for-desk")
    assert answer.status_code == 200
    assert 'value="Child Protection Unit"' in answer.text
    token = editor.find_form("/hide").fields["form_token"]
    assert OFFICE.lower() not in editor.path
    answer = await editor.post("/changes/for-desk", {"form_token": token, "authority": "MK-desk"})
    assert answer.status_code == 404
    assert len(site.desk.list_changes().changes) == 1
