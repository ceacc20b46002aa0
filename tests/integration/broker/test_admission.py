"""The broker follows the registry."""

from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest

from hub.broker.admission import AdmissionAction, AdmissionReport
from hub.broker.connection import BrokerUnavailableError
from hub.broker.mailbox_plan import MailboxLimits
from hub.broker.mailboxes import Mailboxes
from protocol.identifiers import ParticipantCode
from protocol.nkeys import Nkey, NkeyKind
from protocol.subjects import TrafficClass, mailbox_stream
from tests.support.broker import (
    BrokerPlace,
    Hub,
    LinkedNode,
    TestParticipant,
    connected_hub,
    make_directory,
    read_clock,
)

Pair = tuple[TestParticipant, TestParticipant]


def summarize(report: AdmissionReport) -> dict[str | None, str]:
    """Return what became of each Participant."""
    return {outcome.participant: outcome.action.value for outcome in report.outcomes}


async def test_a_second_round_changes_nothing(hub: Hub, pair: Pair) -> None:
    """Reconciling the same registry again leaves the broker as it is."""
    report = await hub.admission.reconcile(make_directory(pair, version=7))

    assert summarize(report) == {"AA": "unchanged", "BB": "unchanged"}
    assert report.registry_version == 7
    assert report.is_complete


async def test_a_new_hub_process_finds_everything_in_place(
    place: BrokerPlace, hub: Hub, pair: Pair
) -> None:
    """The record is the broker's own: a hub that starts anew changes nothing."""
    del hub
    async with connected_hub(place) as restarted:
        report = await restarted.admission.reconcile(make_directory(pair))

    assert summarize(report) == {"AA": "unchanged", "BB": "unchanged"}


async def test_changed_limits_are_brought_to_existing_mailboxes(
    place: BrokerPlace, hub: Hub, pair: Pair
) -> None:
    """A mailbox made under other limits is updated, without losing what lies in it."""
    first, second = pair
    async with LinkedNode(place, first) as sender:
        await sender.put(second, b"kept")
    wider = Mailboxes(
        hub.mailbox_admin,
        limits=MailboxLimits(messages_per_sender_and_class=9, total_bytes=900 * 1024**2),
    )

    assert await wider.ensure(second.account) is True
    assert await wider.ensure(second.account) is False
    found = await wider.count(second.account)
    assert found is not None
    assert found.stored == 1


async def test_who_left_is_removed_and_its_empty_mailbox_after_it(hub: Hub, pair: Pair) -> None:
    """The account goes at once; the mailbox with the next round, because nothing waits in it."""
    first, second = pair

    left = await hub.admission.reconcile(make_directory([first]))
    await hub.admission.reconcile(make_directory([first]))

    assert summarize(left) == {"AA": "unchanged", "BB": "removed"}
    assert second.account not in await hub.mailboxes.list_names()
    assert first.account in await hub.mailboxes.list_names()
    back = await hub.admission.reconcile(make_directory(pair))
    assert summarize(back) == {"AA": "unchanged", "BB": "admitted"}


async def test_who_comes_back_within_a_second_is_let_in(
    place: BrokerPlace, hub: Hub, pair: Pair
) -> None:
    """Tokens carry whole seconds; the broker must not take the new one for one it has put out."""
    del hub
    first, second = pair
    second_long = read_clock().replace(microsecond=0)
    moments = (second_long + timedelta(microseconds=number) for number in count())
    async with (
        connected_hub(place, clock=lambda: next(moments)) as quick,
        LinkedNode(place, second) as node,
    ):
        await quick.admission.reconcile(make_directory([first]))
        await quick.admission.reconcile(make_directory(pair))
        await node.wait_until_up()
        await quick.admission.reconcile(make_directory([first]))
        await node.wait_for(lambda link: not link.is_up)
        await quick.admission.reconcile(make_directory(pair))
        await node.wait_until_up()
        await node.put(first, b"back")
        assert node.link.is_up


async def test_a_participant_whose_keys_ran_out_keeps_its_place(
    place: BrokerPlace, hub: Hub, pair: Pair
) -> None:
    """A listed Participant without a valid keys document is not cut off."""
    first, second = pair
    async with LinkedNode(place, second) as node:
        await node.wait_until_up()
        report = await hub.admission.reconcile(make_directory([first], without_keys=["BB"]))
        await node.put(first, b"still here")

    assert summarize(report) == {"AA": "unchanged", "BB": "without_keys"}


async def test_nobody_takes_over_anothers_mailbox(hub: Hub, pair: Pair) -> None:
    """Who lists another's account as its own is refused; the owner is not touched."""
    first, second = pair
    thief = replace(TestParticipant(ParticipantCode("CC")), account_key=second.account_key)

    report = await hub.admission.reconcile(make_directory([first, thief, second]))

    assert summarize(report) == {"AA": "unchanged", "BB": "unchanged", "CC": "refused"}
    (refusal,) = report.having(AdmissionAction.REFUSED)
    assert "BB" in refusal.detail


async def test_a_refused_claim_keeps_no_account_alive(hub: Hub, pair: Pair) -> None:
    """Who left or changed its account loses the old one, whoever else claims it."""
    first, second = pair
    renewed = TestParticipant(first.code)
    heirs = [
        replace(TestParticipant(ParticipantCode(code)), account_key=member.account_key)
        for code, member in (("CC", first), ("DD", second))
    ]

    report = await hub.admission.reconcile(make_directory([renewed, *heirs]))

    removed = {outcome.account for outcome in report.having(AdmissionAction.REMOVED)}
    assert removed == {first.account, second.account}
    refused = {outcome.participant for outcome in report.having(AdmissionAction.REFUSED)}
    assert refused == {"CC", "DD"}
    recorded = await hub.admission._load_recorded()
    assert renewed.account in recorded
    assert not removed & recorded.keys()


async def test_two_newcomers_with_one_account_are_both_refused(hub: Hub, pair: Pair) -> None:
    """When nobody knows whose an account is, nobody gets it."""
    first, second = pair
    one = TestParticipant(ParticipantCode("CC"))
    other = replace(TestParticipant(ParticipantCode("DD")), account_key=one.account_key)

    report = await hub.admission.reconcile(make_directory([first, second, one, other]))

    assert summarize(report)["CC"] == summarize(report)["DD"] == "refused"
    assert one.account not in await hub.mailboxes.list_names()


async def test_a_switch_to_anothers_account_costs_nobody_its_own(
    place: BrokerPlace, hub: Hub, pair: Pair
) -> None:
    """A Participant that is refused with its new keys keeps the old ones."""
    first, second = pair
    mistaken = replace(second, account_key=first.account_key)

    report = await hub.admission.reconcile(make_directory([first, mistaken]))

    assert summarize(report) == {"AA": "unchanged", "BB": "refused"}
    async with LinkedNode(place, second) as node:
        await node.put(first, b"still here")


@pytest.mark.parametrize("reserved", ["system_account", "hub_account"])
async def test_the_operators_accounts_cannot_be_claimed(
    place: BrokerPlace, hub: Hub, pair: Pair, reserved: str
) -> None:
    """A keys document that names an account of the operators is refused."""
    key = getattr(place.material, reserved)
    thief = replace(TestParticipant(ParticipantCode("CC")), account_key=key)

    report = await hub.admission.reconcile(make_directory([*pair, thief]))

    assert summarize(report) == {"AA": "unchanged", "BB": "unchanged", "CC": "refused"}


async def test_a_mistyped_account_is_refused_and_the_others_go_on(hub: Hub, pair: Pair) -> None:
    """A key with a wrong checksum is refused by name."""
    directory = make_directory([*pair, TestParticipant(ParticipantCode("CC"))])
    keys = directory.keys[ParticipantCode("CC")]
    account = keys.broker.account
    typo = account[:-1] + ("A" if account[-1] != "A" else "B")
    broken = keys.model_copy(update={"broker": keys.broker.model_copy(update={"account": typo})})
    report = await hub.admission.reconcile(
        replace(directory, keys={**directory.keys, ParticipantCode("CC"): broken})
    )

    assert summarize(report) == {"AA": "unchanged", "BB": "unchanged", "CC": "refused"}


async def test_a_failure_with_one_keeps_nobody_waiting_and_is_made_good(hub: Hub) -> None:
    """One mailbox that cannot be made is in the report; the next round makes it."""
    members = [TestParticipant(ParticipantCode(code)) for code in ("EE", "FF")]
    greedy = Mailboxes(hub.mailbox_admin, limits=MailboxLimits(total_bytes=3 * 1024**4))
    modest = hub.admission._mailboxes
    hub.admission._mailboxes = greedy

    short = await hub.admission.reconcile(make_directory(members))
    hub.admission._mailboxes = modest
    made_good = await hub.admission.reconcile(make_directory(members))

    assert summarize(short)["EE"] == "admitted"
    assert summarize(short)["FF"] == "failed"
    assert not short.is_complete
    assert "TRM_HUB_BROKER_MAX_STORE_BYTES" in short.having(AdmissionAction.FAILED)[0].detail
    assert summarize(made_good) == {"EE": "updated", "FF": "updated"}
    assert made_good.is_complete


async def test_without_a_broker_a_round_says_so(own_place: BrokerPlace) -> None:
    """A round that cannot even ask for the accounts fails as a whole, and nothing is guessed."""
    async with connected_hub(own_place) as hub:
        own_place.server.stop()
        await hub.registrar.wait_until_down()
        with pytest.raises(BrokerUnavailableError, match="registrar"):
            await hub.admission.reconcile(make_directory([TestParticipant(ParticipantCode("AA"))]))


@pytest.mark.parametrize("traffic", TrafficClass)
async def test_a_mailbox_is_what_the_design_says(
    hub: Hub, pair: Pair, traffic: TrafficClass
) -> None:
    """The settings that keep messages safe are those that the broker really has."""
    account = pair[0].account
    ask = hub.mailbox_admin.request_json
    stream = await ask(f"$JS.API.STREAM.INFO.{mailbox_stream(account, traffic)}")
    consumer = await ask(f"$JS.API.CONSUMER.INFO.{mailbox_stream(account, traffic)}.{account}")

    config = stream["config"]
    assert config["retention"] == "workqueue"
    assert (config["discard"], config["discard_new_per_subject"]) == ("new", True)
    assert (config["deny_delete"], config["deny_purge"]) == (True, True)
    assert config["storage"] == "file"
    assert config["max_age"] == 30 * 86_400 * 10**9
    assert config["subjects"] == [f"trm.mbx.{account}.*.{traffic.value}"]
    settings = consumer["config"]
    assert (settings["ack_policy"], settings["max_deliver"]) == ("explicit", -1)
    assert (settings["ack_wait"], settings["max_waiting"]) == (60 * 10**9, 16)


async def test_an_account_has_no_store_of_its_own(place: BrokerPlace, hub: Hub, pair: Pair) -> None:
    """A Participant can neither make streams nor connect more often than it needs."""
    token = (await hub.admission._load_recorded())[pair[0].account]
    assert token is not None
    limits = token.claims["limits"]
    assert (limits["conn"], limits["exports"], limits["leaf"]) == (12, 0, 0)
    assert not {"disk_storage", "mem_storage", "streams"} & limits.keys()
    assert token.issuer == place.material.signing_key.public
    assert Nkey.generate(NkeyKind.ACCOUNT).public not in token.claims["signing_keys"]
