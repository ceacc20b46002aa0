"""The pages of a case: who is in it, what is noted, how it ends, and what of it is erased."""

from datetime import timedelta

from sqlmodel import select

from node.domain.audit import Act
from node.service.cases.linking import list_links
from node.service.cases.notes import list_notes
from node.service.cases.viewing import load_overview
from node.service.consent.circumstances import get_circumstances
from node.service.erasing import handle_erase_message
from node.service.people import list_accounts
from node.service.reading import list_items
from node.store.audit_tables import AuditDueRow, AuditRow
from node.store.case_tables import CaseStrandRow
from protocol.identifiers import Channel
from protocol.messages.general import ErasureGround
from tests.support import shared_pair
from tests.support.case_pages import Case, begin_case, open_part_one
from tests.support.case_steps import settle
from tests.support.node_console import PageReader, Pair
from tests.support.people import STAFF

pair, next_code, case = shared_pair.pair, shared_pair.next_code, shared_pair.case


async def test_a_note_is_written_once_changed_and_deleted(
    pair: Pair, al: PageReader, case: Case
) -> None:
    """A double click writes one note, a stale page overwrites none, and a deleted text is gone."""
    notes = f"{case.address}/notes"
    await al.open(notes)
    form = al.find_form(notes)
    typed = {**form.fields, "text": "Ask the shelter on Monday."}
    await al.post(notes, typed)
    await al.post(notes, typed)
    (note,) = list_notes(pair.al.context, case.case_id, who=STAFF, limit=9)
    assert note.text == "Ask the shelter on Monday."
    assert (await al.send(notes, text="")).status_code == 422

    page = f"{notes}/{note.note_id}"
    await al.open(page)
    stale = al.find_form(page)
    await al.send(page, text="Ask on Tuesday.")
    answer = await al.post(page, {**stale.fields, "text": "Ask on Friday."})
    assert answer.status_code == 409
    assert "Ask on Friday." in answer.text  # what was typed is kept
    await al.send(page, act="delete")
    assert "Ask on Tuesday." not in (await al.open(notes)).text
    assert "deleted" in al.page.text


async def test_who_the_person_is_and_who_acts_for_a_child(
    pair: Pair, al: PageReader, case: Case
) -> None:
    """Status, child, guardian and shelter are recorded, and the policy goes by them."""
    page = f"{case.address}/person"
    await al.open(page)
    assert (await al.send(page, act="person", status="", person_group="")).status_code == 422
    await al.send(page, act="person", status="formally_identified", person_group="child")
    await al.send(page, act="guardian", situation="appointed", post="")
    assert al.page.status_code == 422
    named = {"situation": "appointed", "post": "Office for guardians", "telephone": "+355 4 1"}
    await al.send(page, act="guardian", **named)
    await al.send(page, act="circumstances", in_shelter="yes")
    known = get_circumstances(pair.al.context, case.case_id, who=STAFF).circumstances
    assert (known.treated_as_child, known.guardian_appointed, known.in_shelter) == (True,) * 3
    text = (await al.open(case.address)).text
    assert "Formally identified victim" in text
    assert "The rules for children apply." in text


async def test_a_case_is_handed_over_and_linked(pair: Pair, al: PageReader, case: Case) -> None:
    """A colleague becomes case manager and is told; a second case of the person is linked."""
    page = f"{case.address}/manager"
    await al.open(page)
    assert al.find_form(page).fields["post"] != [""]
    second = next(
        str(each.id) for each in list_accounts(pair.al.context) if each.sign_in_name == "second"
    )
    await al.send(page, account_id=second)
    assert al.path == case.address, al.page.text
    assert "Second officer" in al.page.text
    other = begin_case(pair)
    links = f"{case.address}/links"
    await al.open(links)
    assert (await al.send(links, reference=str(case.sent.case_reference))).status_code == 422
    await al.send(links, reference=str(other.sent.case_reference).lower())
    with pair.al.context.database.reading() as session:
        assert [each.case_id for each in list_links(session, case.case_id, who=STAFF)] == [
            other.case_id
        ]
    await al.send(links, unlink=other.case_id)
    assert str(other.sent.case_reference) not in al.page.text


async def test_a_case_is_closed_and_taken_up_again(
    pair: Pair, al: PageReader, xk: PageReader, case: Case
) -> None:
    """What waits is shown before a case is closed; the others are told; it opens with a reason."""
    theirs = list_items(pair.xk.context, direction="in", who=STAFF)[0].case_id
    page = f"/case/{theirs}/end"
    await xk.open(page)
    closing = {"outcome": "objectives_reached", "tell": "yes", "recipient_may_go_on": "yes"}
    answer = await xk.send(page, **closing)
    assert answer.status_code == 422
    assert "still waits for you" in answer.text
    await xk.send(page, **closing, despite_open="yes")
    assert xk.path == f"/case/{theirs}"
    assert "Closed" in xk.page.text
    settle(pair.network)
    told = list_items(pair.al.context, direction="in", who=STAFF)[0]
    assert (told.type, told.case_id) == ("general.case_closed", case.case_id)
    await xk.open(page)
    assert (await xk.send(page, reason="")).status_code == 422
    await xk.send(page, reason="new_facts")
    overview = load_overview(pair.xk.context, str(theirs), who=STAFF)
    assert overview.state == "open"


async def test_a_case_is_erased_by_its_reference(pair: Pair, al: PageReader, case: Case) -> None:
    """Erasing asks for a reason and the reference; then nothing that was said is shown."""
    page = f"{case.address}/remove"
    await al.open(page)
    assert (await al.send(page, ground="retention_over", reference="")).status_code == 422
    await al.send(page, ground="retention_over", reference=str(case.sent.case_reference))
    assert al.path == case.address
    assert "Erased" in al.page.text
    assert "Put on paper" not in al.page.text
    for part in ("notes", "basis", "steps", "person"):
        assert (await al.open(f"{case.address}/{part}")).status_code == 404


async def test_a_case_is_opened_before_its_first_message(pair: Pair, al: PageReader) -> None:
    """A case without a message stands in the list, found by who has it and how it stands."""
    await al.open("/cases")
    form = al.find_form("/cases/open")
    await al.post("/cases/open", form.fields)
    address = al.path
    await al.post("/cases/open", form.fields)
    assert al.path == address  # a double click opens one case
    assert "Nothing was sent or received yet." in al.page.text
    case_id = address.removeprefix("/case/")
    reference = str(load_overview(pair.al.context, case_id, who=STAFF).reference)
    assert reference in (await al.open("/cases?view=open")).text
    assert reference not in (await al.open("/cases?view=closed")).text
    assert reference not in (await al.open("/cases?view=mine")).text
    await al.open(f"{address}/manager")
    await al.send(f"{address}/manager")
    assert reference in (await al.open("/cases?view=mine")).text


async def test_part_one_is_opened_by_name_and_noted(pair: Pair, al: PageReader, case: Case) -> None:
    """Nobody reads Part I without being cleared by name; each look stands in the audit log."""
    page = f"{case.address}/sealed"
    assert (await al.open(page)).status_code == 403
    officer = next(a for a in list_accounts(pair.al.context) if a.sign_in_name == "officer")
    open_part_one(pair, str(officer.id))
    await al.open(page)
    assert (await al.send(page, **{"identity-family_name": ""})).status_code == 422
    await al.send(page, **{"identity-given_names": "Invented", "identity-family_name": "Person"})
    assert al.path == f"{case.address}/form"
    assert "Person" in (await al.open(page)).text
    assert str(officer.id) in _list_actors(pair, Act.CONFIDENTIAL_SEEN)
    assert "Invented" not in (await al.open(case.address)).text


def _list_actors(pair: Pair, act: Act) -> set[str]:
    with pair.al.context.database.reading() as session:
        rows = [*session.exec(select(AuditDueRow)), *session.exec(select(AuditRow))]
        return {row.actor for row in rows if row.action == act.value}


async def test_a_message_begins_at_a_desk_of_the_directory(al: PageReader) -> None:
    """From its card a desk is written to: Participant and desk are chosen already."""
    await al.open("/directory/XK")
    form = al.find_form("/directory/write")
    await al.send("/directory/write")
    assert al.path.startswith("/new/")
    assert al.find_form("/new/").fields["participant"] == ["XK"]
    refused = await al.post("/directory/write", {**form.fields, "authority": "AL-nobody"})
    assert refused.status_code == 404


async def test_a_message_begins_in_a_case_whose_newest_message_was_erased(
    pair: Pair, al: PageReader, case: Case
) -> None:
    """What an erased message no longer says is asked again; nobody is kept from writing."""
    ground = ErasureGround.RETENTION_OVER
    handle_erase_message(pair.al.context, case.sent.message_id, who=STAFF, ground=ground)
    for form, chosen in (
        ("begin", {"what": "first_assistance.needs_assessment"}),
        ("go-on", {"purpose": "referral"}),
    ):
        await al.open(case.address)
        await al.send(f"{case.address}/{form}", **chosen)
        assert al.path.startswith("/new/"), form


async def test_what_was_typed_for_one_channel_is_never_kept_in_another(
    pair: Pair, al: PageReader, case: Case
) -> None:
    """Channels are counted in addresses: if the count changed since, nothing is written."""
    notes = f"{case.address}/notes"
    await al.open(notes)
    form = al.find_form(notes)
    with pair.al.context.database.transaction() as session:
        was = session.exec(select(CaseStrandRow).where(CaseStrandRow.case_id == case.case_id)).one()
        moment = was.opened_at - timedelta(minutes=1)
        assert was.channel != Channel.WITNESS_PROTECTION
        session.add(
            CaseStrandRow(
                case_id=case.case_id,
                channel=Channel.WITNESS_PROTECTION,
                opened_at=moment,
                touched_at=moment,
            )
        )
    answer = await al.post(notes, {**form.fields, "text": "Not for the police."})
    assert answer.status_code == 409
    assert "Not for the police." in answer.text
    assert list_notes(pair.al.context, case.case_id, who=STAFF, limit=9) == []
