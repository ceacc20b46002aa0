"""The marks of Participants' lists as lines of text and as data, for the command line."""

from collections.abc import Iterator, Sequence

from contact_registry.directory import Directory
from contact_registry.freshness import (
    Loss,
    LossReason,
    Mark,
    ParticipantScore,
    Review,
    ReviewState,
    Score,
)

#: What the registry alone can say; drills are the hub's, on its pages.
_MARKS = (Mark.FRESHNESS, Mark.COVERAGE)
_LATE = (ReviewState.OVERDUE, ReviewState.NEVER_CONFIRMED, ReviewState.DUE_SOON)

Found = tuple[ParticipantScore, Sequence[Review]]
"""A Participant's marks, and the reviews of its desks."""


def describe_freshness(found: Sequence[Found]) -> list[dict[str, object]]:
    """Return marks and reviews as data."""
    return [
        {
            "participant": score.participant,
            **{mark.value: _describe(score.scores[mark]) for mark in _MARKS},
            "reviews": [
                {
                    "authority": review.authority.id,
                    "state": review.state.value,
                    "due": review.due.isoformat() if review.due else None,
                }
                for review in reviews
            ],
        }
        for score, reviews in found
    ]


def format_freshness(found: Sequence[Found], directory: Directory) -> Iterator[str]:
    """Yield marks and reviews as lines of text, with the footnotes that names need."""
    footnotes = []
    for score, reviews in found:
        entry = directory.participant(score.participant)
        yield f"{entry.display_name if entry else score.participant} ({score.participant})"
        for mark in _MARKS:
            yield f"  {mark.value}: {_say(score.scores[mark])}"
        for review in reviews:
            if review.state in _LATE:
                yield f"  {_say_review(review)}"
        if entry is not None and entry.footnote:
            footnotes.append(entry.footnote)
    yield from dict.fromkeys(footnotes)


def needs_somebody(found: Sequence[Found]) -> bool:
    """Whether an entry must be looked at now."""
    late = (ReviewState.OVERDUE, ReviewState.NEVER_CONFIRMED)
    return any(review.state in late for _, reviews in found for review in reviews)


def _describe(score: Score) -> dict[str, object]:
    losses = {loss.reason.value: loss.count for loss in score.losses}
    return {"points": score.points, "of": score.of, "losses": losses}


def _say(score: Score) -> str:
    losses = ", ".join(_say_loss(loss) for loss in score.losses)
    return f"{score.points} of 100" + (f" ({losses})" if losses else "")


def _say_loss(loss: Loss) -> str:
    words = loss.reason.replace("_", " ")
    return words if loss.reason is LossReason.NOTHING_LISTED else f"{loss.count} {words}"


def _say_review(review: Review) -> str:
    name = review.authority.name
    if review.state is ReviewState.NEVER_CONFIRMED:
        return f"{name}: never confirmed; have the Participant look at it"
    word = "was due on" if review.state is ReviewState.OVERDUE else "is due on"
    return f"{name}: the review {word} {review.due}"
