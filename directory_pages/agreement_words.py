"""An agreement in words: what it covers, whether it counts, and whose word is missing."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

from console.i18n import msg, pmsg
from contact_registry.agreed import AgreementStanding, compute_last_day
from directory_pages.codes import Words, join_words, say
from directory_pages.looks import Look
from directory_pages.site import make_entry_key
from directory_pages.wording import Names, group_hash, say_day, word_times
from protocol.identifiers import ParticipantCode

_FEWEST: Final = 2  # parties of which an agreement still consists


@dataclass(frozen=True)
class ShownAgreement:
    """One wording of an agreement, ready to be shown."""

    key: str
    standing: AgreementStanding
    look: Look
    parties: Words
    covers: Words
    phases: Words
    times: tuple[Words, ...]
    missing: tuple[Words, ...]
    notices: tuple[Words, ...]
    digest: str
    may_state: tuple[ParticipantCode, ...]
    """The parties whose word this desk could draft and that have not stated it."""
    may_end: tuple[ParticipantCode, ...]
    """The parties for which this desk could list a notice or an end."""


def show_agreement(
    standing: AgreementStanding, names: Names, *, own: ParticipantCode | None, today: date
) -> ShownAgreement:
    """Put one agreement in words; ``own`` is the Participant of this desk, None at the hub."""
    terms = standing.terms
    mine = tuple(party for party in terms.parties if own in {None, party})
    not_stated = {p for p, why in standing.shortcomings.items() if why.value == "not_stated"}
    return ShownAgreement(
        key=key_of(standing),
        standing=standing,
        look=_look(standing, today),
        parties=join_words(names.participant(party) for party in terms.parties),
        covers=join_words(say(each) for each in terms.sensitivity_classes)
        or msg("No personal data"),
        phases=join_words(say(phase) for phase in terms.phases),
        times=tuple(word_times(row.model_dump(mode="json"), names) for row in terms.deadlines),
        missing=tuple(_say_missing(standing, names)),
        notices=tuple(_say_notices(standing, names)),
        digest=group_hash(terms.sha256),
        may_state=tuple(party for party in mine if party in not_stated),
        may_end=tuple(party for party in mine if party in standing.statements),
    )


def key_of(standing: AgreementStanding) -> str:
    """Return what stands for one wording in addresses."""
    return make_entry_key(f"{standing.terms.id} {standing.terms.sha256}")


def _look(standing: AgreementStanding, today: date) -> Look:
    if not standing.counts:
        return Look(pmsg("agreement", "Does not count yet"), "warn", "hourglass")
    if today < standing.terms.valid_from:
        begins = say_day(standing.terms.valid_from)
        return Look(pmsg("agreement", "Counts from %(day)s", day=begins), "info", "clock")
    ends = [compute_last_day(standing, party) for party in standing.terms.parties]
    holding = [last for last in ends if last is None or today <= last]
    if len(holding) < _FEWEST:
        return Look(pmsg("agreement", "Has ended"), "neutral", "ban")
    known = [last for last in holding if last is not None]
    if len(known) == len(holding):
        last = say_day(max(known))
        return Look(pmsg("agreement", "Counts until %(day)s", day=last), "ok", "circle-check")
    return Look(pmsg("agreement", "Counts"), "ok", "circle-check")


def _say_missing(standing: AgreementStanding, names: Names) -> Iterator[Words]:
    for party, why in standing.shortcomings.items():
        yield pmsg("agreement", "%(participant)s %(why)s",
                   participant=names.participant(party), why=say(why))  # fmt: skip


def _say_notices(standing: AgreementStanding, names: Names) -> Iterator[Words]:
    for notice in standing.notices:
        last = compute_last_day(standing, notice.given_by)
        yield msg("Notice of %(participant)s, received on %(day)s; its last day is %(last)s",
                  participant=names.participant(notice.given_by),
                  day=say_day(notice.received_on),
                  last=say_day(last) if last else "")  # fmt: skip
