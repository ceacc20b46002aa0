"""Consent and its withdrawal, the return step by step, and a case on paper: their pages."""

from io import BytesIO

from pypdf import PdfReader
from sqlmodel import select

from node.domain.audit import Act
from node.domain.returns import ForeignCheck
from node.service.cases.strands import touch_strand
from node.service.composing import handle_send
from node.service.consent.circumstances import get_circumstances
from node.service.consent.records import list_consents
from node.service.deletions import list_deletions
from node.service.reading import list_items
from node.service.recalling import list_untold, tell_untold
from node.service.returns import get_return
from node.service.telling import HELD_BACK_FOR
from node.store.audit_tables import AuditDueRow, AuditRow
from protocol.identifiers import Channel
from tests.support import shared_pair
from tests.support.case_pages import CONSENT, NOTE, Case, make_personal_draft
from tests.support.case_steps import settle
from tests.support.node_console import PageReader, Pair, add_person
from tests.support.page_reader import OWN
from tests.support.people import STAFF

SCAN = b"%PDF-1.7\n1 0 obj << >> endobj\ntrailer << >>\n%%EOF\n"


pair, next_code, case = shared_pair.pair, shared_pair.next_code, shared_pair.case


async def test_a_consent_is_put_on_file_with_its_scan(
    pair: Pair, al: PageReader, case: Case
) -> None:
    """What a consent covers is recorded once; the signed paper is filed with it and given out."""
    page = f"{case.address}/basis/new"
    await al.open(page)
    assert al.find_form(page).fields["recipients"] == ["XK"]
    answer = await al.send(page, **{**CONSENT, "classes": [], "explained_in": ""})
    assert answer.status_code == 422
    assert al.find_form(page).fields["given_at_time"] == ["9:00"]  # what was typed is kept
    await al.send(page, **{**CONSENT, "classes": ["protection", "health"]})
    assert al.path == f"{case.address}/basis"
    assert "In force" in al.page.text
    newest = list_consents(pair.al.context, case.case_id, who=STAFF)[-1]
    assert newest.content.is_on_file

    scan = f"/case-scan/{case.case_id}/{newest.consent_id}"
    await al.open(scan)
    token = al.find_form("/case-scan-file/").fields["form_token"][0]
    sent = await al.http.post(
        f"/case-scan-file/{case.case_id}/{newest.consent_id}",
        data={"form_token": token},
        files={"file": ("consent.pdf", SCAN, "application/pdf")},
        headers=OWN,
    )
    assert sent.status_code == 303
    copy = await al.http.get(f"{scan}/paper")
    assert copy.content == SCAN
    assert copy.headers["content-disposition"].startswith("attachment")
    assert "The scan is on file" in (await al.open(scan)).text


async def test_a_scan_goes_up_in_pieces(pair: Pair, al: PageReader, case: Case) -> None:
    """The script's way: announced, sent, and filed as soon as all of it is there."""
    consent = list_consents(pair.al.context, case.case_id, who=STAFF)[0]
    scan = f"/case-scan/{case.case_id}/{consent.consent_id}"
    await al.open(scan)
    token = al.find_form("/case-scan-file/").fields["form_token"][0]
    head = {**OWN, "X-Form-Token": token}
    told = {"form_token": token, "name": "c.pdf", "size": str(len(SCAN)), "edition": "1"}
    file = (await al.http.post(f"{scan}/begin", data=told, headers=head)).json()
    address = f"{scan}/{file['file_id']}"
    assert (await al.http.get(address)).json()["received"] == 0
    done = await al.http.post(address, content=SCAN, headers={**head, "Upload-Offset": "0"})
    assert done.json()["complete"]
    assert list_consents(pair.al.context, case.case_id, who=STAFF)[0].document_id


async def test_a_withdrawal_stops_first_and_then_tells(
    pair: Pair, al: PageReader, xk: PageReader, case: Case
) -> None:
    """Two screens: saving the first stops what waits; the second tells; then each answer shows."""
    another = make_personal_draft(case=case.sent.case_reference)
    waiting = handle_send(pair.al.context, another, who=STAFF)
    page = f"{case.address}/stop"
    await al.open(page)
    assert al.find_form(page).fields["scope"] == ["all"]
    form = al.find_form(page)
    await al.send(page)
    second = al.path
    assert second.startswith(f"{page}/")
    assert "Sending has stopped" in al.page.text
    assert "If nobody does it, the node tells them by itself" in al.page.text
    item = next(
        each
        for each in list_items(pair.al.context, direction="out", who=STAFF)
        if each.message_id == waiting.message_id
    )
    assert item.dispatch == "cancelled"
    await al.post(page, form.fields)  # clicked twice: the same withdrawal
    assert al.path == second
    assert list_deletions(pair.al.context, who=STAFF, case_id=case.case_id) == []

    chosen = list_consents(pair.al.context, case.case_id, who=STAFF)[-1].consent_id
    some = {**form.fields, "scope": "some", "consents": chosen, "key": "0" * 32}
    assert (await al.post(page, some)).status_code == 422  # another form: nothing of it is left

    await al.open(second)
    await al.send(second)
    assert al.path == f"{case.address}/told"
    assert "Asked, not confirmed yet" in al.page.text
    settle(pair.network)
    theirs = list_deletions(pair.xk.context, who=STAFF)[0]
    await xk.open(f"/case/{theirs.case_id}")
    assert f"/owed/{theirs.message_id}" in xk.page.text  # the next step of their case
    assert "Nobody else holds data" in (await al.open(second)).text


async def test_a_part_that_is_withdrawn_by_two_clicks_is_withdrawn_once(
    pair: Pair, al: PageReader, case: Case
) -> None:
    """The second click finds the consent withdrawn, and leads to where the first one led."""
    (consent,) = [
        each for each in list_consents(pair.al.context, case.case_id, who=STAFF)
        if each.withdrawn_at is None
    ][:1]  # fmt: skip
    page = f"{case.address}/stop"
    await al.open(page)
    typed = {**al.find_form(page).fields, "scope": "some", "consents": consent.consent_id}
    places = [(await al.post(page, typed), al.path)[1] for _click in range(2)]
    assert places[0] == places[1]
    assert places[0].startswith(f"{page}/")
    await al.open(places[0])
    await al.send(places[0])  # nobody is left to be told


async def test_who_goes_away_between_the_screens_leaves_nothing_undone(
    pair: Pair, al: PageReader, case: Case
) -> None:
    """A withdrawal that nobody went on with is told by the node itself, and stands as next step."""
    await al.open(f"{case.address}/stop")
    await al.send(f"{case.address}/stop")
    assert "1 desk holds data that has to go" in (await al.open(case.address)).text
    assert tell_untold(pair.al.context) == 0
    pair.network.clock.advance(seconds=HELD_BACK_FOR.total_seconds())
    assert tell_untold(pair.al.context) == 1
    untold = [each for each in list_untold(pair.al.context, who=STAFF)
              if each.case_id == case.case_id]  # fmt: skip
    assert untold == []


async def test_others_are_asked_to_delete_without_a_withdrawal(
    pair: Pair, al: PageReader, case: Case
) -> None:
    """A ground and a scope are needed; the desk that has the data stands in the tracking."""
    page = f"{case.address}/ask"
    await al.open(page)
    assert (await al.send(page, scope="some", ground="")).status_code == 422
    await al.send(page, scope="all", ground="retention_over")
    assert al.path == f"{case.address}/told"
    assert "Asked, not confirmed yet" in al.page.text


async def test_a_return_goes_step_by_step(pair: Pair, al: PageReader, case: Case) -> None:
    """A blocked step says what comes first; what is saved opens the next, and stays."""
    steps = f"{case.address}/steps"
    text = (await al.open(steps)).text
    assert "comes first" in text
    assert f'href="{steps}/7"' not in text
    await al.open(f"{steps}/1")
    stale = al.find_form(f"{steps}/1")
    assert (await al.send(f"{steps}/1", is_voluntary="yes")).status_code == 422
    decided = {"decision_recorded": "yes", "is_voluntary": "yes", "informed_of": "risks_of_return"}
    await al.send(f"{steps}/1", **decided, explained_in="sq")
    assert al.path == steps
    assert (await al.post(f"{steps}/1", {**stale.fields, **decided})).status_code == 409
    await al.open(f"{steps}/2")
    checks = [check.value for check in ForeignCheck]
    await al.send(f"{steps}/2", risk_assessed="yes", is_foreign_person="yes", checks=checks)
    journey = get_return(pair.al.context, case.case_id, who=STAFF).journey
    assert (journey.is_voluntary, journey.risk_assessed, len(journey.checks)) == (True, True, 6)
    await al.open(f"{steps}/6")
    await al.send(f"{case.address}/begin")
    begun = al.path
    assert begun.startswith("/new/")
    await al.open(f"{steps}/6")
    await al.send(f"{case.address}/begin")
    assert al.path == begun  # it goes on, and no second one lies about
    await al.open(f"{steps}/6")
    await al.send(f"{steps}/6", reception_confirmed="yes")
    assert f'href="{steps}/7"' in al.page.text
    assert (await al.open(f"{steps}/10")).status_code == 404
    assert "done" in (await al.open(case.address)).text


async def test_the_follow_up_form_begins_from_the_case(al: PageReader, case: Case) -> None:
    """Its other parts are written as the typed message of the catalogue."""
    await al.open(f"{case.address}/form")
    assert "ask a node administrator" in al.page.text
    await al.send(f"{case.address}/begin")
    assert al.path.startswith("/new/")


async def test_a_case_goes_on_paper_without_names(pair: Pair, al: PageReader, case: Case) -> None:
    """Texts and names are off unless asked for; each page says whose it is and when it goes."""
    page = f"{case.address}/paper"
    await al.open(page)
    assert al.find_form(page).fields.get("more") is None
    assert (await al.send(page, destroy_by_year="2020")).status_code == 422
    await al.open(page)
    answer = await al.send(page)
    assert answer.headers["content-type"] == "application/pdf"
    assert str(case.sent.case_reference) not in answer.headers["content-disposition"]
    reader = PdfReader(BytesIO(answer.content))
    text = "\n".join(each.extract_text() for each in reader.pages)
    assert str(case.sent.case_reference) in text
    assert "Destroy by" in text
    assert "Duty officer" in text  # who printed it
    assert "(not printed)" in text
    assert NOTE not in text
    assert "without prejudice" in text  # Kosovo* has its footnote
    assert case.sent.case_reference not in str(reader.metadata)
    for number, each in enumerate(reader.pages, start=1):
        assert f"Page {number} of {len(reader.pages)}" in each.extract_text()

    await al.open(page)
    named = PdfReader(BytesIO((await al.send(page, more=["names"])).content))
    assert NOTE in "\n".join(each.extract_text() for each in named.pages)
    assert _count_acts(pair, Act.CASE_PRINTED, case.case_id) == 2


def _count_acts(pair: Pair, act: Act, subject: str) -> int:
    with pair.al.context.database.reading() as session:
        rows = [*session.exec(select(AuditDueRow)), *session.exec(select(AuditRow))]
        return sum((row.action, row.subject) == (act.value, subject) for row in rows)


async def test_a_stranger_to_a_channel_sees_no_part_of_a_case(al: PageReader) -> None:
    """Parts of a case that is not there for somebody are not there, whatever the address."""
    for part in ("notes", "basis", "stop", "told", "steps", "paper", "end", "remove", "manager"):
        assert (await al.open(f"/case/{'0' * 32}/{part}")).status_code == 404, part


async def test_what_another_channel_recorded_is_not_on_the_page(pair: Pair, case: Case) -> None:
    """Assistance sees a consent of the police without its note, and no tick of protection."""
    context = pair.al.context
    add_person(context, "police", channels=[Channel.POLICE])
    add_person(context, "care", channels=[Channel.ASSISTANCE])
    context.transact(
        lambda session: touch_strand(session, case.case_id, Channel.POLICE, at=context.clock())
    )
    async with PageReader(pair.al) as police:
        await police.sign_in("police")
        await police.open(f"{case.address}/basis/new")
        await police.send(f"{case.address}/basis/new", **CONSENT, note="He waits at her door.")
        person = f"{case.address}/person"
        await police.open(person)
        assert "not shown here again" in police.page.text
        await police.send(person, act="circumstances", in_witness_protection="yes")
        assert "in_witness_protection" not in police.find_form(person).fields
    known = get_circumstances(context, case.case_id, who=STAFF).circumstances
    assert known.in_witness_protection
    async with PageReader(pair.al) as care:
        await care.sign_in("care")
        await care.open(f"{case.address}/basis")
        assert "Not shown to you" in care.page.text
        assert "He waits" not in care.page.text
