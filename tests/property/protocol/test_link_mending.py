"""Both ends of a link together: it is mended, whatever the wire and the machines do."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.link_repair import (
    Fate,
    GapWatch,
    KeptMessage,
    answer_request,
    follow_gaps,
    plan_resend_request,
)
from protocol.links import (
    LinkGap,
    LinkHead,
    LinkPosition,
    LinkVerdict,
    LinkView,
    collect_ranges,
    find_gaps,
    judge_position,
    restart_link,
)

START = datetime(2026, 3, 4, 11, 0, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@dataclass(frozen=True)
class Sent:
    """A message on the wire."""

    position: LinkPosition
    digest: str


@dataclass
class Sender:
    """Keeps what it sent; can be thrown back to a backup."""

    head: LinkHead = field(default_factory=LinkHead)
    kept: dict[tuple[int, int], Sent] = field(default_factory=dict)
    erased: set[tuple[int, int]] = field(default_factory=set)
    heads: dict[int, LinkHead] = field(default_factory=dict)
    count: int = 0

    def send(self) -> Sent:
        """Give the next message its place."""
        self.count += 1
        position = self.head.next()
        message = Sent(position, f"{self.count:064x}")
        self.head = self.head.advance(position, digest=message.digest)
        self.kept[position.generation, position.seq] = message
        self.heads[position.generation] = self.head
        return message

    def find(self, gap: LinkGap, most: int) -> Iterable[tuple[int, KeptMessage]]:
        """Look up what is kept."""
        places = sorted(place for place in self.kept if gap.covers(*place))
        return [
            (
                place[1],
                KeptMessage(self.kept[place].digest, available=place not in self.erased),
            )
            for place in places
        ][:most]


@dataclass
class Recipient:
    """Holds what arrived, and what its sender said is gone."""

    held: dict[tuple[int, int], Sent] = field(default_factory=dict)
    gone: set[tuple[int, int]] = field(default_factory=set)
    known_heads: dict[int, int] = field(default_factory=dict)
    watches: tuple[GapWatch, ...] = ()
    verdicts: list[LinkVerdict] = field(default_factory=list)

    def take_in(self, message: Sent) -> None:
        """Judge and hold a message, as SPEC section 6 has it; a known one changes nothing."""
        here = message.position
        place = (here.generation, here.seq)
        if self.held.get(place) == message:
            return
        at = self.held.get(place)
        before = self.held.get((here.generation, here.seq - 1))
        after = self.held.get((here.generation, here.seq + 1))
        generation = max((g for g, _ in self.held), default=0)
        self.verdicts.append(
            judge_position(
                here,
                digest=message.digest,
                view=LinkView(
                    generation=generation,
                    highest=max((s for g, s in self.held if g == here.generation), default=0),
                    digest_before=before.digest if before else None,
                    prev_named_after=after.position.prev if after else None,
                    digest_at=at.digest if at else None,
                ),
            )
        )
        self.held[place] = message
        self.known_heads[here.generation] = max(here.seq, self.known_heads.get(here.generation, 0))

    def find_gaps(self) -> list[LinkGap]:
        """Return what is missing of every generation."""
        settled = self.held.keys() | self.gone
        return [
            gap
            for generation, highest in sorted(self.known_heads.items())
            for gap in find_gaps(
                collect_ranges(seq for g, seq in settled if g == generation),
                highest=highest,
                generation=generation,
            )
        ]


def repair(sender: Sender, recipient: Recipient, *, random: Random, loss: float) -> None:
    """Let the two mend the link over a wire that loses requests, answers, and messages."""
    now = START
    for _ in range(400):
        recipient.watches = follow_gaps(recipient.watches, recipient.find_gaps(), now=now)
        plan = plan_resend_request(recipient.watches, now=now)
        recipient.watches = plan.watches
        assert plan.given_up == ()
        if plan.look_again_at is None:
            return
        if plan.ask and random.random() >= loss:
            answer = answer_request(plan.ask, find=sender.find)
            for each in answer.again:
                if random.random() >= loss:
                    recipient.take_in(sender.kept[each.generation, each.seq])
            if random.random() >= loss:
                recipient.gone |= {
                    (each.generation, each.seq) for each in answer.known if each.fate is Fate.ERASED
                }
                recipient.gone |= {
                    (gap.generation, seq)
                    for gap in answer.unknown
                    for seq in range(gap.first, gap.last + 1)
                }
        now = max(plan.look_again_at, now + MINUTE)
    raise AssertionError("The link was not mended.")


def scatter(messages: Sequence[Sent], *, random: Random, loss: float) -> list[Sent]:
    """Lose some, double some, and change the order."""
    arriving = [each for each in messages if random.random() >= loss]
    arriving += [each for each in messages if random.random() < 0.2]
    random.shuffle(arriving)
    return arriving


@settings(max_examples=75, deadline=None)
@given(
    st.integers(0, 2**32),
    st.sampled_from([0.0, 0.15, 0.3]),
    st.lists(st.integers(0, 12), min_size=1, max_size=4),
    st.sets(st.integers(1, 40)),
)
def test_every_message_is_there_or_reported_gone_whatever_the_wire_does(
    seed: int, loss: float, bursts: list[int], erased: set[int]
) -> None:
    """Losses, doubles, any order, the sender restored between bursts, the recipient at the end."""
    random = Random(seed)
    sender, recipient = Sender(), Recipient()
    ever_sent: dict[tuple[int, int], Sent] = {}
    backup_of_recipient = Recipient()
    for number, burst in enumerate(bursts):
        backup = (sender.head, dict(sender.kept), dict(sender.heads))
        messages = [sender.send() for _ in range(burst)]
        ever_sent |= {(m.position.generation, m.position.seq): m for m in messages}
        sender.erased |= {
            place for place in sender.kept if int(sender.kept[place].digest, 16) in erased
        }
        for message in scatter(messages, random=random, loss=loss):
            recipient.take_in(message)
        if number == 0:
            backup_of_recipient = Recipient(
                held=dict(recipient.held), known_heads=dict(recipient.known_heads)
            )
        if random.random() < 0.5:  # the sender's machine is lost, and restored from its backup
            head, sender.kept, sender.heads = backup
            heard = max((g for g, _ in recipient.held), default=0)
            sender.head = restart_link(head, now=START + number * MINUTE, heard=heard)
            sender.heads[sender.head.generation] = sender.head
    for who in (recipient, backup_of_recipient):  # the second: restored, and asks for all since
        for generation, head in sender.heads.items():  # what an answer names in ``heads``
            who.known_heads[generation] = max(head.seq, who.known_heads.get(generation, 0))
        repair(sender, who, random=random, loss=loss)
        assert LinkVerdict.CONFLICT not in who.verdicts
        for place, message in who.held.items():
            assert ever_sent[place] == message
        for place, message in sender.kept.items():
            assert who.held.get(place) == message or place in who.gone
            assert place in sender.erased or place in who.held
