"""Agreements through the pages: proposed, stated by the other party, and ended by notice."""

from contact_registry.agreed import list_agreements
from contact_registry.agreements import AgreementStatement
from directory_pages.agreement_form import make_agreement_id
from directory_pages.wording import group_hash
from tests.support.change_reader import GROUNDS, read_text, sign_and_publish
from tests.support.change_site import AL, MK, ChangeSite
from tests.support.page_reader import PageReader

TERMS = {
    "instrument": "Memorandum of 1 February 2026",
    "parties": ["MK", "AL"],
    "phases": ["return", "identification"],
    "sensitivity_classes": ["contact", "identity"],
    "deadlines.0.between": ["MK", "AL"],
    "deadlines.0.working_days": "5",
    "deadlines.0.urgent_minutes": "120",
    "valid_from_day": "1",
    "valid_from_month": "2",
    "valid_from_year": "2026",
    "notice_rule": "six_months",
    **GROUNDS,
}


async def propose(site: ChangeSite, editor: PageReader) -> AgreementStatement:
    """Let AL propose the terms, and publish them."""
    await editor.open("/agreements/new")
    form = editor.find_form("/agreements/new")
    await editor.send("/agreements/new", **TERMS)
    drafted = editor.path
    await editor.post(form.action, {**form.fields, **TERMS})  # the button was pressed twice
    assert editor.path == drafted
    await sign_and_publish(editor, editor.path, site.sign_file)
    site.refresh()
    return site.directory.directory.contacts[AL].agreements[0]


def state_at_other_party(site: ChangeSite, statement: AgreementStatement) -> None:
    """Let MK publish the same terms."""
    contacts = site.world.repository.load_directory().contacts[MK]
    site.publish(contacts.model_copy(update={"agreements": (statement,)}))


async def test_proposed_stated_and_ended(site: ChangeSite, editor: PageReader) -> None:
    """An agreement counts once both state the same terms, and a notice says when it ends."""
    statement = await propose(site, editor)
    terms = statement.terms
    assert terms.id == "memorandum-of-1-february-2026-2026-02-01"
    assert [phase.value for phase in terms.phases] == ["identification", "return"]
    assert terms.deadlines[0].urgent_minutes == 120
    await editor.open("/agreements")
    text = read_text(editor.page.text)
    assert "Does not count yet" in text
    assert "North Macedonia has not stated it yet" in text
    assert group_hash(terms.sha256) in text
    assert "Albania, North Macedonia, 5 working days, urgent: 2 hours" in text
    state_at_other_party(site, statement)
    await editor.open("/agreements")
    assert "Does not count yet" not in read_text(editor.page.text)
    key = editor.page.text.split("/agreements/")[2].split("/end")[0]
    await editor.open(f"/agreements/{key}/end")
    refused = await editor.send(f"/agreements/{key}/end", how="notice")
    assert refused.status_code == 422
    await editor.send(
        f"/agreements/{key}/end", how="notice", given_by="MK",
        day_day="10", day_month="3", day_year="2026", **GROUNDS,
    )  # fmt: skip
    assert "North Macedonia, received on 10 March 2026" in read_text(editor.page.text)
    await sign_and_publish(editor, editor.path, site.sign_file)
    site.refresh()
    (standing,) = list_agreements(site.directory.directory)
    assert [notice.given_by for notice in standing.notices] == [MK]
    await editor.open("/agreements")
    text = read_text(editor.page.text)
    assert "Notice of North Macedonia, received on 10 March 2026" in text
    assert "its last day is 9 September 2026" in text


async def test_the_same_terms_are_stated_after_the_hash_was_compared(
    site: ChangeSite, editor: PageReader
) -> None:
    """What another party proposed is stated unchanged, by who says that it was compared."""
    statement = await propose(site, editor)
    state_at_other_party(site, statement)
    own = site.directory.directory.contacts[AL]
    site.publish(own.model_copy(update={"agreements": ()}))
    await editor.open("/agreements")
    key = editor.page.text.split("/agreements/")[2].split("/state")[0]
    await editor.open(f"/agreements/{key}/state")
    refused = await editor.send(f"/agreements/{key}/state", **GROUNDS)
    assert "Compare the hash with the other parties first." in refused.text
    await editor.send(f"/agreements/{key}/state", compared="yes", **GROUNDS)
    await sign_and_publish(editor, editor.path, site.sign_file)
    site.refresh()
    (standing,) = list_agreements(site.directory.directory)
    assert standing.counts
    assert standing.statements[AL] == statement


async def test_terms_that_cannot_stand_are_named(editor: PageReader) -> None:
    """Too few parties, no phase, a stranger's pair and a wrong day are each said at their place."""
    await editor.open("/agreements/new")
    answer = await editor.send(
        "/agreements/new",
        **{**TERMS, "instrument": "", "parties": ["AL"], "phases": [],
           "deadlines.0.between": ["AL"], "deadlines.0.working_days": "many",
           "valid_from_month": ""},
    )  # fmt: skip
    assert answer.status_code == 422
    for field in (
        "instrument", "parties", "phases", "deadlines.0.between", "deadlines.0.working_days",
        "valid_from",
    ):  # fmt: skip
        assert f'href="#{field}"' in answer.text, field
    assert 'value="many"' in answer.text


async def test_a_node_states_only_what_it_is_a_party_of(editor: PageReader) -> None:
    """An agreement of others is not drafted at this Participant's desk."""
    await editor.open("/agreements/new")
    answer = await editor.send("/agreements/new", **{**TERMS, "parties": ["MK", "XX"]})
    assert answer.status_code == 422


def test_the_name_of_an_agreement_is_made_of_what_it_is() -> None:
    """Two who type the same instrument and day get the same name, in any script."""
    made = make_agreement_id("Меморандум, Skopje", "2026-02-01")
    assert made == make_agreement_id("Меморандум  Skopje", "2026-02-01")
    assert made == "memorandum-skopje-2026-02-01"
    assert len(make_agreement_id("x" * 400, "2026-02-01")) == 80
    assert make_agreement_id("???", "") == "agreement"
