"""What a verification found: who proves what, what is only claimed, what is missing or wrong."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from protocol.evidence.head import EvidenceHead
from protocol.evidence.manifest import CoversCase, CoversMessage, EventClaim
from protocol.evidence.steps import Step
from protocol.identifiers import ParticipantCode
from protocol.messages.head import RegistryPin
from protocol.signing import KeyId


class Outcome(IntEnum):
    """How it ends. The number is the exit code of ``trm-verify``.

    2 is for wrong usage, 5 for a program that could not finish.
    """

    #: Every message, its receipt, and the bundle's own signature verify.
    PROVED = 0
    #: Something was changed, forged, or is not a bundle.
    ALTERED = 1
    #: Nothing is wrong, but something is missing, or two signed things contradict each other.
    INCOMPLETE = 3
    #: The registry does not confirm a signer from the root given.
    UNTRUSTED = 4


_GRAVEST_FIRST = (Outcome.ALTERED, Outcome.UNTRUSTED, Outcome.INCOMPLETE)


@dataclass(frozen=True, slots=True)
class Problem:
    """Why something is not proved. The text says what to do where anything can be done."""

    outcome: Outcome
    text: str


@dataclass(frozen=True, slots=True)
class Signer:
    """A key whose signature verified, and the registry version that lists it for a Participant."""

    participant: ParticipantCode
    key_id: KeyId
    registry: RegistryPin
    #: The operators hold the Participant's directory key: they could have listed any key for it.
    held_by_operators: bool
    #: The root that the version verified under, if newer ones have replaced it since.
    replaced_root: int | None


@dataclass(frozen=True, slots=True)
class Proof:
    """A step that a signature proves. ``claimed_at`` is what the signer says about the time."""

    step: Step
    signer: Signer
    claimed_at: datetime
    #: The member of the bundle that holds the signature.
    path: str
    #: Why a refused message was refused.
    reason: str | None = None
    #: The recipient's node could show it to people.
    readable: bool = True


@dataclass(frozen=True, slots=True)
class MessageVerdict:
    """What is known of one message."""

    name: str
    #: None if not even the head of the message could be read.
    head: EvidenceHead | None
    digest: str
    #: As it was signed; not verified unless there is a proof of :attr:`Step.SIGNED`.
    payload: bytes
    proofs: tuple[Proof, ...]
    problems: tuple[Problem, ...]
    claims: tuple[EventClaim, ...]

    def find_proof(self, step: Step) -> Proof | None:
        """Return the earliest proof of a step."""
        found = [proof for proof in self.proofs if proof.step is step]
        return min(found, key=lambda proof: proof.claimed_at, default=None)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the signed objects of a bundle prove, by themselves."""

    messages: tuple[MessageVerdict, ...]
    #: What concerns no message alone.
    problems: tuple[Problem, ...]

    def list_problems(self) -> tuple[Problem, ...]:
        """Return every problem, those of the messages included."""
        return (*self.problems, *(it for message in self.messages for it in message.problems))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What ``trm-verify`` says of a bundle."""

    covers: CoversMessage | CoversCase | None
    made_by: ParticipantCode | None
    made_at: datetime | None
    #: Whose signature holds the bundle together; None if there is none that verified.
    maker: Signer | None
    judgement: Judgement
    #: What concerns the bundle as a whole.
    problems: tuple[Problem, ...]
    #: Entries of the log that concern no message of the bundle.
    claims: tuple[EventClaim, ...]

    @property
    def outcome(self) -> Outcome:
        """The gravest of what was found."""
        return find_gravest((*self.problems, *self.judgement.list_problems()))


def find_gravest(problems: Iterable[Problem]) -> Outcome:
    """Return the gravest outcome; ``PROVED`` if there is no problem."""
    found = {problem.outcome for problem in problems}
    return next((outcome for outcome in _GRAVEST_FIRST if outcome in found), Outcome.PROVED)
