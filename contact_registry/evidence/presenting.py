"""A verdict in plain words, and as JSON for programs."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from contact_registry.evidence.verdict import (
    MessageVerdict,
    Outcome,
    Problem,
    Proof,
    Signer,
    Verdict,
)
from contact_registry.models import KOSOVO_FOOTNOTE
from protocol.evidence.manifest import CoversCase, EventClaim
from protocol.evidence.steps import EVENT_CODES, STEPS, EtsiEvent, Prover, Step

_ENDINGS: Final = {
    Outcome.PROVED: (
        "PROVED. Every message in this bundle is signed by its sender and receipted by its "
        "recipient. Whether there were other messages it does not say."
    ),
    Outcome.ALTERED: "NOT GENUINE. Something was changed or forged: do not rely on this bundle.",
    Outcome.INCOMPLETE: "GENUINE, BUT NOT EVERYTHING IS PROVED. What is missing is named above.",
    Outcome.UNTRUSTED: (
        "NOT CONFIRMED. From the root given, the registry does not confirm who signed."
    ),
}
_ABOUT_TIME: Final = (
    "Times are what the signer says. Proved is an order: a message was signed after the registry",
    "version that it names existed, and before the receipts that name it were signed.",
)


def name_participant(code: str) -> str:
    """Return how a Participant is shown."""
    return "Kosovo*" if code == "XK" else code


def show_moment(moment: datetime) -> str:
    """Return a moment as people read it, in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def describe_event(step: Step) -> str:
    """Return a step's event by the standard's name and number."""
    event = STEPS[step].event
    return "no event of ETSI EN 319 522" if event is None else _name_event(event)


def _name_event(event: EtsiEvent) -> str:
    code = EVENT_CODES.get(event)
    return f"{event.value} ({code})" if code else event.value


def mentions_kosovo(text: str) -> bool:
    """Whether a text needs the footnote."""
    return name_participant("XK") in text


def format_verdict(verdict: Verdict) -> list[str]:
    """Return the verdict as lines of text."""
    lines = list(_format_maker(verdict))
    for message in verdict.judgement.messages:
        lines += ["", *format_message(message)]
    general = (*verdict.problems, *verdict.judgement.problems)
    if general:
        lines += ["", "About the bundle as a whole", *_format_problems(general)]
    if verdict.claims:
        lines += ["", "Only claimed, about no message of this bundle"]
        lines += [f"  - {format_claim(claim)}" for claim in verdict.claims]
    lines += ["", *_ABOUT_TIME, "", _ENDINGS[verdict.outcome]]
    if any(map(mentions_kosovo, lines)):
        lines += ["", KOSOVO_FOOTNOTE]
    return lines


def _format_maker(verdict: Verdict) -> Iterator[str]:
    if verdict.covers is None or verdict.made_by is None or verdict.made_at is None:
        return
    covers = verdict.covers
    about = f"case {covers.case}" if isinstance(covers, CoversCase) else "one message"
    maker = name_participant(verdict.made_by)
    made = f"put together by {maker} on {show_moment(verdict.made_at)}"
    if verdict.maker is None:
        yield f"A bundle that calls itself evidence about {about}, {made}: that is not proved"
        return
    yield f"Evidence about {about}, {made}"
    yield f"  The bundle as a whole is signed by {maker}: {_describe_signer(verdict.maker)}."


def format_message(message: MessageVerdict) -> list[str]:
    """Return what is known of one message, as lines of text."""
    head = message.head
    if head is None:
        lines = [f"Message {message.name}"]
    else:
        parties = f"{name_participant(head.sender)} to {name_participant(head.recipient)}"
        case = f", case {head.case}" if head.case else ""
        lines = [f"Message {head.message_id}, {parties}: {head.type}, version {head.version}{case}"]
    lines.append(f"  SHA-256 of its content: {message.digest}")
    if message.proofs:
        lines.append("  Proved")
        for proof in message.proofs:
            first, *rest = format_proof(proof)
            lines += [f"  - {first}", *(f"    {line}" for line in rest)]
    if message.claims:
        lines.append("  Only claimed by the log of the node that made the bundle")
        lines += [f"  - {format_claim(claim)}" for claim in message.claims]
    if message.problems:
        lines += ["  Not proved", *(f"  - {problem.text}" for problem in message.problems)]
    return lines


def format_proof(proof: Proof) -> list[str]:
    """Return who proves which step, and when by its own word."""
    facts, signer = STEPS[proof.step], proof.signer
    who = name_participant(signer.participant)
    text = f"{describe_event(proof.step)}: the message {facts.meaning}"
    if proof.reason:
        text += f" (reason: {proof.reason.replace('_', ' ')})"
    if not proof.readable:
        text += ", which could not show it to people"
    lines = [
        f"{text}.",
        f"By whom: {who}, {_describe_signer(signer)}.",
        f"When: {who} says {show_moment(proof.claimed_at)}.",
    ]
    if signer.held_by_operators:
        lines.append(
            f"Mind: the registry's operators hold the directory key of {who}, so this rests on "
            "their word for whose key it is."
        )
    if signer.replaced_root is not None:
        lines.append(
            f"Mind: the registry version rests on root {signer.replaced_root}, which a newer one "
            "has replaced since. If the hub's keys were stolen, ask the operators when."
        )
    return lines


def _describe_signer(signer: Signer) -> str:
    return f"key {signer.key_id}, listed by version {signer.registry.version} of the registry"


def format_claim(claim: EventClaim) -> str:
    """Return an entry of the log."""
    event = f", {_name_event(claim.event)}" if claim.event else ""
    code = f" [{claim.code}]" if claim.code else ""
    kind = claim.kind.replace("_", " ")
    return f"{show_moment(claim.at)}: {kind}{event}; by {name_participant(claim.actor)}{code}"


def _format_problems(problems: tuple[Problem, ...]) -> list[str]:
    return [f"  - {problem.text}" for problem in problems]


# ------------------------------------------------------------------ for programs


def describe_verdict(verdict: Verdict) -> dict[str, Any]:
    """Return the verdict as JSON-ready values."""
    return {
        "format": "trm-verification/1",
        "outcome": verdict.outcome.name.lower(),
        "exit_code": int(verdict.outcome),
        "covers": verdict.covers.model_dump() if verdict.covers else None,
        "made_by": verdict.made_by,
        "made_at": verdict.made_at.isoformat() if verdict.made_at else None,
        "maker": _describe_signer_fully(verdict.maker) if verdict.maker else None,
        "messages": [_describe_message(message) for message in verdict.judgement.messages],
        "problems": [_describe_problem(it) for it in verdict.problems],
        "contradictions": [_describe_problem(it) for it in verdict.judgement.problems],
        "claims": [claim.model_dump(mode="json") for claim in verdict.claims],
    }


def _describe_message(message: MessageVerdict) -> dict[str, Any]:
    head = message.head
    return {
        "name": message.name,
        "head": head.model_dump(mode="json") if head else None,
        "payload_sha256": message.digest,
        "proved": [_describe_proof(proof) for proof in message.proofs],
        "claimed": [claim.model_dump(mode="json") for claim in message.claims],
        "not_proved": [_describe_problem(it) for it in message.problems],
    }


def _describe_proof(proof: Proof) -> dict[str, Any]:
    facts = STEPS[proof.step]
    return {
        "step": proof.step,
        "event": facts.event,
        "event_uri": facts.event.uri if facts.event else None,
        "by": "the sender" if facts.prover is Prover.SENDER else "the recipient",
        "signer": _describe_signer_fully(proof.signer),
        "claimed_at": proof.claimed_at.isoformat(),
        "file": proof.path,
        "reason": proof.reason,
        "readable": proof.readable,
    }


def _describe_signer_fully(signer: Signer) -> dict[str, Any]:
    return {
        "participant": signer.participant,
        "key_id": signer.key_id,
        "registry": signer.registry.model_dump(),
        "directory_key_held_by_operators": signer.held_by_operators,
        "replaced_root": signer.replaced_root,
    }


def _describe_problem(problem: Problem) -> dict[str, str]:
    return {"outcome": problem.outcome.name.lower(), "text": problem.text}
