"""The verification of a bundle: bytes and a trusted root in, a verdict out. No network, no clock.

The plan, in the order of the code:

1. The file is a bundle in its one form; its members are those that the manifest lists, each with
   its hash; the manifest is as it was signed. Any changed byte ends it here.
2. The roots of the registry follow from the trusted root, one from the other.
3. The maker of the bundle signed it, with a key that the registry lists.
4. Each message: its payload says the same as its consignment; the registry version that it names
   lists the signing key for its sender, at the time that it claims; the signature verifies.
5. Each receipt: the same, and it was signed by the recipient of what it names, for its sender. A
   step is proved if the receipt names the very digest of the message.
6. Signed things that cannot both be true: two messages at one place of a link, a predecessor that
   is another one, two registries of one version.
7. What is missing: a receipt, a registry file.

Times are claims of whoever signed. What is proved about time is an order: a message was signed
after the registry version that it names by hash existed, and before a receipt that names it by
digest.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final

from contact_registry.errors import RegistryError, RegistryRefusedError
from contact_registry.evidence.container import unpack_members
from contact_registry.evidence.errors import RegistryFileMissingError
from contact_registry.evidence.presenting import name_participant
from contact_registry.evidence.registry_proof import PastRegistry
from contact_registry.evidence.verdict import (
    Judgement,
    MessageVerdict,
    Outcome,
    Problem,
    Proof,
    Signer,
    Verdict,
)
from contact_registry.trust.verification import verify_root_chain
from protocol.envelope import SignedPayload
from protocol.errors import MalformedError, RejectionCode, RemoteProtocolError
from protocol.evidence.bundle import BundleContents, EvidenceBundle, name_signed, parse_bundle
from protocol.evidence.head import EvidenceHead, parse_evidence_head
from protocol.evidence.manifest import CoversCase, CoversMessage, EventClaim
from protocol.evidence.steps import Step, find_proved_step
from protocol.identifiers import ParticipantCode
from protocol.messages.catalogue import parse_payload
from protocol.messages.head import RegistryPin
from protocol.messages.system import Receipt
from protocol.signing import KeyId


def verify_bundle(data: bytes, *, trusted_root: bytes) -> Verdict:
    """Verify a bundle; what is wrong with it is in the verdict.

    Raises :class:`~contact_registry.errors.RegistryRefusedError` if the trusted root is none.
    """
    verify_root_chain(trusted_root, ())
    try:
        bundle = parse_bundle(unpack_members(data))
        bundle.verify_manifest()
    except RemoteProtocolError as error:
        return _end(Problem(Outcome.ALTERED, str(error)))
    contents, manifest = bundle.contents, bundle.manifest
    try:
        registry = PastRegistry(
            trusted_root=trusted_root, roots=contents.roots, find_object=contents.objects.get
        )
    except RegistryError as error:
        return _end(Problem(Outcome.UNTRUSTED, str(error)), bundle)
    maker, problems = _judge_maker(bundle, registry)
    judgement = judge_contents(contents, registry)
    names = set(contents.messages)
    return Verdict(
        covers=manifest.covers,
        made_by=ParticipantCode(manifest.made_by),
        made_at=manifest.made_at,
        maker=maker,
        judgement=judgement,
        problems=(*problems, *_judge_coverage(manifest.covers, judgement)),
        claims=tuple(it for it in contents.events.events if it.message not in names),
    )


def _end(problem: Problem, bundle: EvidenceBundle | None = None) -> Verdict:
    """Return the verdict of a bundle of which nothing was proved."""
    manifest = bundle.manifest if bundle else None
    return Verdict(
        covers=manifest.covers if manifest else None,
        made_by=ParticipantCode(manifest.made_by) if manifest else None,
        made_at=manifest.made_at if manifest else None,
        maker=None,
        judgement=Judgement(messages=(), problems=()),
        problems=(problem,),
        claims=(),
    )


# ------------------------------------------------------------------ who signed


@dataclass(frozen=True, slots=True)
class _Signature:
    """Who is said to have signed, with which key, resting on which registry, and when."""

    participant: ParticipantCode
    key_id: KeyId
    registry: RegistryPin
    at: datetime


class _UnconfirmedError(Exception):
    """The registry does not confirm a signer."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.text)
        self.problem = problem


def _confirm(registry: PastRegistry, said: _Signature, signed: SignedPayload | None) -> Signer:
    """Return the signer of ``signed``; raises ``_UnconfirmedError`` or ``RemoteProtocolError``."""
    try:
        listed = registry.find_signing_key(said.registry, said.participant, said.key_id, at=said.at)
    except RegistryFileMissingError as error:
        raise _UnconfirmedError(
            Problem(
                Outcome.INCOMPLETE,
                f"{error} Without it nobody can say which keys "
                f"{name_participant(said.participant)} had: ask the maker for a bundle that has "
                "it.",
            )
        ) from error
    except RegistryRefusedError as error:
        raise _UnconfirmedError(Problem(Outcome.UNTRUSTED, str(error))) from error
    if signed is not None:
        signed.verify(listed.key)
    return Signer(
        participant=said.participant,
        key_id=said.key_id,
        registry=said.registry,
        held_by_operators=listed.held_by_operators,
        replaced_root=listed.root_version
        if listed.root_version != listed.newest_root_version
        else None,
    )


def _judge_maker(
    bundle: EvidenceBundle, registry: PastRegistry
) -> tuple[Signer | None, tuple[Problem, ...]]:
    manifest = bundle.manifest
    if manifest.signer is None:
        unsigned = (
            "Nobody signed this bundle as a whole. Its messages and receipts stand by their own "
            "signatures; its log and report may say anything, and parts may have been left out."
        )
        return None, (Problem(Outcome.INCOMPLETE, unsigned),)
    said = _Signature(
        participant=ParticipantCode(manifest.made_by),
        key_id=KeyId(manifest.signer),
        registry=manifest.registry,
        at=manifest.made_at,
    )
    try:
        return _confirm(registry, said, None), ()
    except _UnconfirmedError as error:
        text = f"Who made this bundle is not proved. {error.problem.text}"
        return None, (Problem(error.problem.outcome, text),)


def _confirm_signed(registry: PastRegistry, signed: SignedPayload) -> tuple[EvidenceHead, Signer]:
    head = parse_evidence_head(signed)
    said = _Signature(
        participant=ParticipantCode(head.sender),
        key_id=signed.signer,
        registry=head.registry,
        at=head.composed_at,
    )
    return head, _confirm(registry, said, signed)


# ------------------------------------------------------------------ what is proved


def judge_contents(contents: BundleContents, registry: PastRegistry) -> Judgement:
    """Say what the signed objects prove, without regard to who put them together."""
    steps: dict[str, list[Proof]] = defaultdict(list)
    claims: dict[str | None, list[EventClaim]] = defaultdict(list)
    for event in contents.events.events:
        claims[event.message].append(event)
    problems: list[Problem] = []
    by_name = contents.messages
    for name, signed in contents.receipts.items():
        try:
            proved, denied = _judge_receipt(signed, registry, by_name)
            for about, proof in proved:
                steps[about].append(proof)
            problems += denied
        except RemoteProtocolError as error:
            problems.append(Problem(Outcome.ALTERED, f"Receipt {name}: {error}"))
        except _UnconfirmedError as error:
            problems.append(Problem(error.problem.outcome, f"Receipt {name}: {error.problem.text}"))
    messages = tuple(
        _judge_message(signed, registry, steps[name], claims[name])
        for name, signed in by_name.items()
    )
    problems += _find_forks(registry) + _find_contradictions(messages)
    return Judgement(messages=messages, problems=tuple(problems))


def _judge_message(
    signed: SignedPayload,
    registry: PastRegistry,
    receipts: Iterable[Proof],
    claims: Iterable[EventClaim],
) -> MessageVerdict:
    name = name_signed(signed)
    head: EvidenceHead | None = None
    proofs: list[Proof] = []
    problems: list[Problem] = []
    try:
        head = parse_evidence_head(signed)
        head, signer = _confirm_signed(registry, signed)
    except RemoteProtocolError as error:
        problems.append(Problem(Outcome.ALTERED, str(error)))
    except _UnconfirmedError as error:
        problems.append(error.problem)
    else:
        path = f"messages/{name}.signed"
        proofs.append(Proof(Step.SIGNED, signer, head.composed_at, path))
    proofs += sorted(receipts, key=lambda proof: (proof.claimed_at, proof.step))
    if all(proof.step is Step.SIGNED for proof in proofs):
        problems.append(
            Problem(
                Outcome.INCOMPLETE,
                "There is no receipt of the recipient: that the message arrived is not proved.",
            )
        )
    return MessageVerdict(
        name=name,
        head=head,
        digest=signed.digest,
        payload=signed.payload,
        proofs=tuple(proofs),
        problems=tuple(problems),
        claims=tuple(claims),
    )


#: The one type that stands among the receipts, of whatever version.
_RECEIPT_TYPE: Final = "system.receipt"

#: What a recipient says only of bytes whose signature it has verified (None: it took them). Of a
#: forgery under the message's id it says something else, and that contradicts nobody.
_OF_GENUINE: Final = frozenset({None, RejectionCode.CONFLICT})


def _judge_receipt(
    signed: SignedPayload, registry: PastRegistry, messages: Mapping[str, SignedPayload]
) -> tuple[list[tuple[str, Proof]], list[Problem]]:
    """Return what a receipt proves of which message, and of which it names other bytes."""
    head, signer = _confirm_signed(registry, signed)
    if head.type != _RECEIPT_TYPE:
        raise MalformedError(
            "This is no receipt, though it stands among them: the bundle was put together wrongly."
        )
    receipt = parse_payload(signed.payload)
    if not isinstance(receipt, Receipt):
        raise _UnconfirmedError(
            Problem(
                Outcome.INCOMPLETE,
                f"This version cannot read {head.type} of version {head.version}: use a newer one.",
            )
        )
    found: list[tuple[str, Proof]] = []
    denied: list[Problem] = []
    for item in receipt.body.items:
        # Only the recipient of a message can give a receipt for it, and only to its sender.
        about = messages.get(f"{receipt.recipient}-{item.message_id}")
        if about is None or about.consignment.recipient != receipt.sender:
            continue
        step = find_proved_step(item, digest=about.digest)
        if step is not None:
            path = f"receipts/{name_signed(signed)}.signed"
            proof = Proof(step, signer, item.at, path, item.reason, item.readable)
            found.append((name_signed(about), proof))
        elif item.payload_sha256 != about.digest and item.reason in _OF_GENUINE:
            text = (
                f"Receipt {name_signed(signed)} names other bytes under the id of "
                f"{name_signed(about)} (SHA-256 {item.payload_sha256}): the sender signed two "
                "messages of one id, or the recipient a wrong receipt."
            )
            denied.append(Problem(Outcome.INCOMPLETE, text))
    return found, denied


# ------------------------------------------------------------------ what does not fit


def _find_forks(registry: PastRegistry) -> list[Problem]:
    """Find versions of the registry that say two things (SPEC 12)."""
    found = Counter(snapshot.version for snapshot in registry.list_snapshots())
    return [
        Problem(
            Outcome.INCOMPLETE,
            f"Signed objects name {count} different registries of version {version}: the "
            "registry showed different things to different Participants. Tell its operators.",
        )
        for version, count in sorted(found.items())
        if count > 1
    ]


def _find_contradictions(messages: Iterable[MessageVerdict]) -> list[Problem]:
    """Find signed statements of the parties that cannot both be true (links: SPEC 6)."""
    links: dict[tuple[str, str, int], list[tuple[int, str, str, str]]] = defaultdict(list)
    problems: list[Problem] = []
    for message in messages:
        if message.find_proof(Step.REJECTED) and (
            message.find_proof(Step.DELIVERED) or message.find_proof(Step.READ)
        ):
            text = f"The recipient of {message.name} signed both that it took and that it refused."
            problems.append(Problem(Outcome.INCOMPLETE, text))
        head = message.head
        if head is None or head.link is None or message.find_proof(Step.SIGNED) is None:
            continue
        place = (head.sender, head.recipient, head.link.generation)
        links[place].append((head.link.seq, message.digest, head.link.prev, message.name))
    for (sender, recipient, _), places in sorted(links.items()):
        for (seq, digest, _, name), (next_seq, _, prev, next_name) in pairwise(sorted(places)):
            if next_seq == seq or (next_seq == seq + 1 and prev != digest):
                text = (
                    f"{name} and {next_name} do not fit into one history of what "
                    f"{name_participant(sender)} sent to {name_participant(recipient)}: the sender "
                    "signed two."
                )
                problems.append(Problem(Outcome.INCOMPLETE, text))
    return problems


def _judge_coverage(covers: CoversMessage | CoversCase, judgement: Judgement) -> list[Problem]:
    """Say whether the bundle is about what its manifest says."""
    names = {message.name for message in judgement.messages}
    if isinstance(covers, CoversMessage):
        fits = names == {f"{covers.sender}-{covers.message_id}"}
    else:
        fits = all(it.head is None or it.head.case == covers.case for it in judgement.messages)
    if not names:
        return [Problem(Outcome.INCOMPLETE, "The bundle holds no message.")]
    if not fits:
        return [Problem(Outcome.ALTERED, "The bundle is not about what its manifest says.")]
    return []
