"""What comes in: the inbox, the message, the decision, and the case."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest

from node.service.composing import handle_send
from node.service.deciding import DecisionDraft, handle_decide
from node.service.dispatching import seal_for
from node.service.followers import follow_all
from node.service.opening import Arrival
from node.service.reading import get_message, list_items
from protocol.envelope import Consignment, SignedPayload
from protocol.identifiers import ParticipantCode, make_message_id
from protocol.messages.general import DeclineReason, Outcome
from protocol.subjects import TrafficClass, parse_account_id
from tests.support.node import NOTIFICATION_BODY, Carried, make_draft
from tests.support.node_console import PageReader, Pair
from tests.support.people import STAFF, acting

HOSTILE = '<script>alert("x")</script> & <img src=x onerror=alert(1)> {{ 7*7 }}'


def notify(pair: Pair, **changes: Any) -> str:
    """Send a notification from AL to XK, and let it arrive."""
    sent = handle_send(pair.al.context, make_draft(**changes), who=acting("api:test"))
    pair.network.settle()
    return sent.message_id


async def test_the_inbox_lists_what_waits_by_deadline(pair: Pair, xk: PageReader) -> None:
    """The nearest deadline stands first, with what to do; the count stands in the navigation."""
    later = notify(pair)
    sooner = notify(pair, urgency="immediate")
    await xk.open("/")
    rows = re.findall(r'href="/message/([0-9a-f]{32})">Notification', xk.page.text)
    assert rows == [sooner, later]
    assert "The most urgent stands first." in xk.page.text
    assert '<span class="count">2</span>' in xk.page.text
    assert "Albania" in xk.page.text


async def test_opening_tells_the_sender_once(pair: Pair, xk: PageReader, al: PageReader) -> None:
    """The first look sends the signed receipt "opened"; the sender's page then says so."""
    message = notify(pair)
    await xk.open(f"/message/{message}")
    assert "Presumed victim" in xk.page.text
    assert "Forced labour or services" in xk.page.text
    assert "Signature valid" in xk.page.text
    await xk.open(f"/message/{message}")
    pair.network.settle()
    await al.open(f"/sent/{message}")
    assert "Opened" in al.page.text
    await al.open(f"/live/sent/{message}")
    assert "<html" not in al.page.text
    assert "Somebody there has opened it" in al.page.text


async def test_accepting_leads_to_the_next_item(pair: Pair, xk: PageReader, al: PageReader) -> None:
    """Accept with the prefilled case manager; the next item is offered; the sender learns it."""
    first, second = notify(pair, urgency="immediate"), notify(pair)
    await xk.open(f"/decide/{first}")
    form = xk.find_form("/decide/")
    assert "Anti-Trafficking Coordination Office" in form.fields["post"][0]
    assert form.fields["telephone"] == ["+38340000001"]
    await xk.send("/decide/", outcome="accepted")
    assert xk.path == f"/done/{first}"
    assert f"/message/{second}" in xk.page.text
    pair.network.settle()
    await al.open("/")
    assert "Decision" in al.page.text
    await al.open("/sent")
    assert "Accepted" in al.page.text


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "Choose your decision."),
        ({"outcome": "accepted", "post": ""}, "Say which post of yours coordinates the case."),
        ({"outcome": "declined"}, "Choose the reason."),
        ({"outcome": "more_information_needed"}, "Say what you need to know"),
        ({"outcome": "forwarded", "forwarded_to": "AL-desk"}, "Choose the authority"),
        (
            {"outcome": "declined", "decline_reason": "other", "procedure_note": "x" * 501},
            "Shorten",
        ),
    ],
)
async def test_an_incomplete_decision_is_not_sent(
    pair: Pair, xk: PageReader, fields: dict[str, str], sentence: str
) -> None:
    """What a decision lacks is said at the top and at its field; nothing is sent."""
    message = notify(pair)
    await xk.open(f"/decide/{message}")
    answer = await xk.send("/decide/", **fields)
    assert answer.status_code == 422
    assert sentence in xk.page.text
    assert not list_items(pair.xk.context, direction="out", who=STAFF)


@pytest.mark.parametrize(
    "fields",
    [
        {"outcome": "declined", "decline_reason": "no_capacity"},
        {"outcome": "more_information_needed", "procedure_note": "Which languages?"},
        {"outcome": "forwarded", "forwarded_to": "XK-centre-for-social-work"},
    ],
)
async def test_every_decision_travels(
    pair: Pair, xk: PageReader, al: PageReader, fields: dict[str, str]
) -> None:
    """Declining, asking and forwarding reach the sender as a decision that can be read."""
    message = notify(pair)
    await xk.open(f"/decide/{message}")
    await xk.send("/decide/", **fields)
    assert xk.path == f"/done/{message}"
    pair.network.settle()
    decision = list_items(pair.al.context, direction="in", who=STAFF)[0]
    await al.open(f"/message/{decision.message_id}")
    said = {
        "declined": "We have no capacity now",
        "more_information_needed": "Which languages?",
        "forwarded": "Centre for Social Work",
    }
    assert said[fields["outcome"]] in al.page.text


async def test_a_double_click_decides_once(pair: Pair, xk: PageReader) -> None:
    """The same form sent twice is one decision, and both clicks end on the same page."""
    message = notify(pair)
    await xk.open(f"/decide/{message}")
    form = xk.find_form("/decide/")
    data = {**form.fields, "outcome": "accepted"}
    first = await xk.post(form.action, data)
    second = await xk.post(form.action, data)
    assert first.url.path == second.url.path == f"/done/{message}"
    assert len(list_items(pair.xk.context, direction="out", who=STAFF)) == 1


async def test_a_stale_decision_says_what_changed(pair: Pair, xk: PageReader) -> None:
    """Decided by somebody else meanwhile: nothing is sent, who and what is said, text is kept."""
    message = notify(pair)
    await xk.open(f"/decide/{message}")
    view = get_message(pair.xk.context, message, who=STAFF)
    handle_decide(
        pair.xk.context,
        message,
        DecisionDraft(outcome=Outcome.DECLINED, decline_reason=DeclineReason.NO_CAPACITY),
        who=acting("api:case-system"),
        row_version=view.item.row_version,
    )
    answer = await xk.send("/decide/", outcome="accepted", procedure_note="A place is free")
    assert answer.status_code == 409
    assert "Something changed while your page was open" in xk.page.text
    assert "The program case-system" in xk.page.text
    assert "A place is free" in xk.page.text
    assert len(list_items(pair.xk.context, direction="out", who=STAFF)) == 1


async def test_a_case_shows_everything_with_its_proofs(
    pair: Pair, xk: PageReader, al: PageReader
) -> None:
    """The timeline has each step, newest first, with the signed receipts under it."""
    message = notify(pair)
    await xk.open(f"/message/{message}")
    pair.network.settle()
    await xk.open(f"/decide/{message}")
    await xk.send("/decide/", outcome="accepted")
    pair.network.settle()
    case = list_items(pair.al.context, direction="out", who=STAFF)[0]
    await al.open(f"/case/{case.case_id}")
    text = al.page.text
    assert '<ol class="timeline" role="list">' in text
    order = ["Accepted", "opened by the other side", "delivered, receipt signed", "Case opened"]
    places = [text.index(words) for words in order]
    assert places == sorted(places)
    assert "Receipt signed by Kosovo*" in text
    assert "without prejudice to positions on status" in text


async def test_a_case_is_found_by_its_reference(pair: Pair, al: PageReader) -> None:
    """Read out over the telephone, in any spelling, a reference opens its case."""
    notify(pair)
    case = list_items(pair.al.context, direction="out", who=STAFF)[0]
    assert case.case_reference
    follow_all(pair.al.context)
    await al.open("/cases")
    assert case.case_reference in al.page.text
    await al.send("/cases", reference=case.case_reference.lower().replace("-", " "))
    assert al.path == f"/case/{case.case_id}"
    await al.open("/cases")
    assert (await al.send("/cases", reference="TRM-00000")).status_code == 422


async def test_a_referral_continues_the_case(pair: Pair, al: PageReader) -> None:
    """Begun from the case, a referral has the safe facts already and stays in the case."""
    notify(pair)
    case = list_items(pair.al.context, direction="out", who=STAFF)[0]
    await al.open(f"/case/{case.case_id}")
    await al.send(f"/case/{case.case_id}/go-on", purpose="referral")
    form = al.find_form("/new/")
    assert form.fields["participant"] == ["XK"]
    assert form.fields["purpose"] == ["referral"]
    await al.send("/new/")
    await al.send("/new/")
    form = al.find_form("/new/")
    assert form.fields["sex"] == ["female"]
    assert form.fields["case_manager-post"] == ["Duty officer"]
    await al.send(
        "/new/",
        handover="opened_with_recipient",
        reason="family_is_there",
        services_requested=["accommodation"],
        phases_concerned=["first_assistance"],
        whereabouts="with_sender",
        **{"risk-level": "low"},
    )
    await al.send("/new/", basis="no_personal_data")
    assert str(case.case_reference) in al.page.text
    await al.send("/send/")
    assert {i.case_id for i in list_items(pair.al.context, direction="out", who=STAFF)} == {
        case.case_id
    }


async def test_a_message_in_a_case_needs_consent(pair: Pair, al: PageReader) -> None:
    """Free text is written on the one screen of its legal basis, and only on consent."""
    notify(pair)
    case = list_items(pair.al.context, direction="out", who=STAFF)[0]
    await al.open(f"/case/{case.case_id}")
    await al.send(f"/case/{case.case_id}/go-on", purpose="message")
    consent = {
        "given_by": "person",
        "given_at_day": "2",
        "given_at_month": "3",
        "given_at_year": "2026",
        "given_at_time": "9:00",
        "explained_in": "sq",
        "classes": ["protection"],
    }
    assert (await al.send("/new/", **consent, text="")).status_code == 422
    await al.send("/new/", **consent, text="She arrives\nwith the evening bus.")
    await al.send("/send/")
    assert al.path.startswith("/sent/")
    assert "If no answer comes" not in al.page.text


async def test_an_unread_message_waits_in_the_inbox(
    pair: Pair, xk: PageReader, al: PageReader
) -> None:
    """A decision that came in is new until somebody has read it."""
    message = notify(pair)
    await xk.open(f"/decide/{message}")
    await xk.send("/decide/", outcome="accepted")
    pair.network.settle()
    await al.open("/")
    found = re.search(r"/message/([0-9a-f]{32})", al.page.text)
    assert found
    await al.open(f"/message/{found[1]}")
    await al.open("/")
    assert "Nothing waits for you" in al.page.text


async def test_news_are_announced_not_inserted(pair: Pair, xk: PageReader) -> None:
    """The page asks what is new since it was shown, and gets one line with a link."""
    await xk.open("/")
    address = re.search(r'hx-get="(/live/new/\d+)"', xk.page.text)
    assert address
    assert (await xk.open(address[1])).text.strip() == ""
    pair.network.clock.advance(minutes=1)
    notify(pair)
    assert "1 new item" in (await xk.open(address[1])).text


async def test_what_did_not_arrive_stands_on_top(pair: Pair, al: PageReader) -> None:
    """A message without a decision in time is a trouble, until a later one follows it."""
    notify(pair)
    pair.network.clock.advance(days=4)
    async with PageReader(pair.al) as reader:
        await reader.sign_in()
        assert "1 message of yours needs attention" in reader.page.text


async def test_an_unreadable_message_is_shown_raw(pair: Pair, xk: PageReader) -> None:
    """A message of a newer version is kept, announced as such, and shown as it came, escaped."""
    message = send_unknown(pair)
    await xk.open(f"/message/{message}")
    assert xk.page.text.count("Cannot be read by this version") >= 2
    assert "&lt;script&gt;" in xk.page.text
    assert "<script>alert" not in xk.page.text
    await xk.open("/received")
    assert "Cannot be read by this version" in xk.page.text
    assert (await xk.open(f"/decide/{message}")).url.path == f"/message/{message}"


def send_unknown(pair: Pair) -> str:
    """Let AL send a message of a type that this version does not have; its text is hostile."""
    context, network = pair.al.context, pair.network
    message_id = make_message_id(context.random)
    payload = {
        "type": "return.travel_documents",
        "version": 3,
        "message_id": message_id,
        "sender": "AL",
        "recipient": "XK",
        "body": {"note": HOSTILE},
    }
    signed = SignedPayload.sign(
        json.dumps(payload).encode(),
        consignment=Consignment(
            message_id=message_id,
            sender=ParticipantCode("AL"),
            recipient=ParticipantCode("XK"),
            expires_at=network.clock() + timedelta(days=1),
        ),
        key=context.keys.signing_key,
    )
    directory = context.directory.current()
    xk = ParticipantCode("XK")
    sealed = seal_for(directory, peer=xk, signed=signed, at=network.clock())
    arrival = Arrival(
        sender=parse_account_id(directory.keys[context.participant].broker.account),
        recipient=sealed.recipient,
        traffic=TrafficClass.MESSAGE,
        envelope=sealed.envelope,
    )
    network.deliver(Carried(to=xk, arrival=arrival))
    return message_id


async def test_hostile_text_stays_text(pair: Pair, xk: PageReader) -> None:
    """What a sender writes is shown as written, and is never part of the page."""
    body = dict(NOTIFICATION_BODY)
    body["case_manager"] = {"post": HOSTILE, "authority": "AL-child-protection-unit"}
    message = notify(pair, body=body)
    for path in (f"/message/{message}", "/", f"/decide/{message}"):
        await xk.open(path)
        assert "<script>alert" not in xk.page.text
        assert "onerror=alert(1)>" not in xk.page.text.replace("&gt;", "")
    await xk.open(f"/message/{message}")
    assert "&lt;script&gt;" in xk.page.text
    assert "{{ 7*7 }}" in xk.page.text


async def test_going_on_again_keeps_what_is_being_written(pair: Pair, al: PageReader) -> None:
    """The case's form posted again leads to its draft as typed, and after sending to what went."""
    notify(pair)
    case = list_items(pair.al.context, direction="out", who=STAFF)[0]
    await al.open(f"/case/{case.case_id}")
    form = al.find_form(f"/case/{case.case_id}/go-on")
    begin = {**form.fields, "purpose": "message"}
    await al.post(form.action, begin)
    screen = al.path
    consent = {
        "given_by": "person",
        "given_at_day": "2",
        "given_at_month": "3",
        "given_at_year": "2026",
        "given_at_time": "9:00",
        "explained_in": "sq",
        "classes": ["protection"],
    }
    text = "Typed for an hour"
    await al.send("/new/", basis="consent", **consent, text=text)
    await al.post(form.action, begin)
    assert al.path == screen
    assert al.find_form("/new/").fields["text"] == [text]
    await al.send("/new/")
    sent = (await al.send("/send/")).url.path
    assert (await al.post(form.action, begin)).url.path == sent
    assert sent.startswith("/sent/")


@pytest.mark.parametrize("since", ["9" * 30, "-1", "4102444800000001"])
async def test_news_since_an_impossible_moment_is_refused(al: PageReader, since: str) -> None:
    """A moment outside the years that are asked for is a page that says so, never a fault."""
    assert (await al.open(f"/live/new/{since}")).status_code == 422
    assert (await al.open("/live/new/4102444800000000")).status_code == 200
