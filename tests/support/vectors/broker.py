"""What the broker sees: keys in text, the proof of an account, and subjects."""

from collections.abc import Mapping
from typing import Any, Final

from protocol.account_proof import sign_account_proof, verify_account_proof
from protocol.identifiers import parse_participant_code
from protocol.nkeys import Nkey, NkeyKind, decode_public_nkey, parse_nkey_seed
from protocol.signing import SigningKey
from protocol.subjects import (
    TrafficClass,
    mailbox_subject,
    parse_account_id,
    parse_mailbox_subject,
)
from tests.support.vectors.family import Family, Json, Operation

_Given = Mapping[str, Any]

_ACCOUNT: Final = Nkey(NkeyKind.ACCOUNT, SigningKey(b"a" * 32))
_OTHER: Final = Nkey(NkeyKind.ACCOUNT, SigningKey(b"m" * 32))
_USER: Final = Nkey(NkeyKind.USER, SigningKey(b"u" * 32))


def _read_public(data: _Given, _: _Given) -> Json:
    kind, key = decode_public_nkey(data["text"])
    return {"kind": kind.name.lower(), "public": key.public.hex()}


def _read_seed(data: _Given, _: _Given) -> Json:
    key = parse_nkey_seed(data["text"])
    return {
        "kind": key.kind.name.lower(),
        "seed": key.signing_key.seed.hex(),
        "public_text": key.public,
    }


def _prove(data: _Given, _: _Given) -> str:
    key = parse_nkey_seed(data["account_seed"])
    return sign_account_proof(parse_participant_code(data["participant"]), key)


def _verify_proof(data: _Given, _: _Given) -> str:
    verify_account_proof(
        data["proof"],
        participant=parse_participant_code(data["participant"]),
        account=data["account"],
    )
    return "verified"


def _write_subject(data: _Given, _: _Given) -> str:
    return mailbox_subject(
        recipient=parse_account_id(data["recipient"]),
        sender=parse_account_id(data["sender"]),
        traffic=TrafficClass(data["class"]),
    )


def _read_subject(data: _Given, _: _Given) -> Json:
    found = parse_mailbox_subject(data["subject"])
    return {
        "recipient": found.recipient,
        "sender": found.sender,
        "class": found.traffic.value,
    }


def make_families() -> list[Family]:
    """Return the file of this family."""
    family = Family(
        name="broker",
        description="Broker keys in their text form (nkeys), the proof that a Participant holds "
        "the account that it lists, and the subjects of mailboxes. Raw keys are hexadecimal, "
        "proofs base64, everything else the text that it is. `primitives/nkeys` and "
        "`primitives/base64` have more ways to be wrong.",
        spec=("11", "12"),
        operations={
            "read_public": Operation("Read a public nkey; its kind and raw key.", _read_public),
            "read_seed": Operation(
                "Read the text form of a private nkey; its kind, raw seed, and public text form.",
                _read_seed,
            ),
            "prove": Operation("Sign the proof of an account; the proof.", _prove),
            "verify_proof": Operation('Verify the proof of an account; "verified".', _verify_proof),
            "write_subject": Operation("The subject of a mailbox.", _write_subject),
            "read_subject": Operation("Read the subject of a mailbox; its parts.", _read_subject),
        },
    )
    for kind in NkeyKind:
        key = Nkey(kind, SigningKey(bytes(range(32))))
        family.good(f"read_public: {kind.name.lower()}", "read_public", {"text": key.public})
        family.good(f"read_seed: {kind.name.lower()}", "read_seed", {"text": key.encode_seed()})
    _add_bad_keys(family)
    _add_proofs(family)
    _add_subjects(family)
    return [family]


def _add_bad_keys(family: Family) -> None:
    public, seed = str(_ACCOUNT.public), _ACCOUNT.encode_seed()
    for operation, text in (("read_public", public), ("read_seed", seed)):
        swapped = text[:20] + text[21] + text[20] + text[22:]
        for name, bad in {
            "nothing": "",
            "in small letters": text.lower(),
            "cut by a character": text[:-1],
            "a character more": text + "A",
            "a line end behind": text + "\n",
            "padded": text + "=" * (-len(text) % 8 or 8),
            "neighbours swapped": swapped,
            "its last character changed": text[:-1] + ("A" if text[-1] != "A" else "B"),
            "the digit 1 in it": text[:10] + "1" + text[11:],
        }.items():
            family.bad(f"{operation}: {name}", operation, {"text": bad}, error="malformed")
    family.bad("read_public: a seed", "read_public", {"text": seed}, error="malformed")
    family.bad("read_seed: a public key", "read_seed", {"text": public}, error="malformed")


def _add_proofs(family: Family) -> None:
    for participant, key in (("AL", _ACCOUNT), ("EU27", _OTHER)):
        data = {"participant": participant, "account_seed": key.encode_seed()}
        family.good(f"prove: {participant}", "prove", data)
        proof = {
            "participant": participant,
            "account": key.public,
            "proof": family.cases[-1]["expected"],
        }
        family.good(f"verify_proof: {participant}", "verify_proof", proof, expected="verified")
    good = {
        "participant": "AL",
        "account": str(_ACCOUNT.public),
        "proof": sign_account_proof(parse_participant_code("AL"), _ACCOUNT),
    }
    text = good["proof"]
    for name, changes, error in (
        ("of another Participant", {"participant": "XK"}, "forged"),
        ("of another account", {"account": _OTHER.public}, "forged"),
        ("of a code that begins alike", {"participant": "AL1"}, "forged"),
        ("one bit changed", {"proof": ("A" if text[0] != "A" else "B") + text[1:]}, "forged"),
        ("63 bytes", {"proof": "A" * 84}, "forged"),
        ("nothing", {"proof": ""}, "forged"),
        ("without its padding", {"proof": text.rstrip("=")}, "malformed"),
        ("a line end behind", {"proof": text + "\n"}, "malformed"),
        ("in the URL alphabet", {"proof": "-_" + text[2:]}, "malformed"),
        ("by a key of kind user", {"account": _USER.public}, "malformed"),
        ("by what is no account", {"account": "AL"}, "malformed"),
    ):
        family.bad(f"verify_proof: {name}", "verify_proof", good | changes, error=error)


def _add_subjects(family: Family) -> None:
    recipient, sender = str(_OTHER.public), str(_ACCOUNT.public)
    for traffic in TrafficClass:
        parts = {"recipient": recipient, "sender": sender, "class": traffic.value}
        subject = f"trm.mbx.{recipient}.{sender}.{traffic.value}"
        name = f"class {traffic.value}"
        family.good(f"write_subject: {name}", "write_subject", parts, expected=subject)
        family.good(f"read_subject: {name}", "read_subject", {"subject": subject}, expected=parts)
    for name, subject in {
        "nothing": "",
        "four tokens": f"trm.mbx.{recipient}.{sender}",
        "six tokens": f"trm.mbx.{recipient}.{sender}.m.m",
        "another root": f"trm.box.{recipient}.{sender}.m",
        "capital letters in the root": f"TRM.mbx.{recipient}.{sender}.m",
        "an unknown class": f"trm.mbx.{recipient}.{sender}.x",
        "a class in capital letters": f"trm.mbx.{recipient}.{sender}.M",
        "no class": f"trm.mbx.{recipient}.{sender}.",
        "a wildcard for the sender": f"trm.mbx.{recipient}.*.m",
        "a wildcard for the rest": f"trm.mbx.{recipient}.>",
        "a Participant for the sender": f"trm.mbx.{recipient}.AL.m",
        "a key of kind user": f"trm.mbx.{recipient}.{_USER.public}.m",
        "an account in small letters": f"trm.mbx.{recipient.lower()}.{sender}.m",
        "a blank in front": f" trm.mbx.{recipient}.{sender}.m",
        "a line end behind": f"trm.mbx.{recipient}.{sender}.m\n",
    }.items():
        data = {"subject": subject}
        family.bad(f"read_subject: {name}", "read_subject", data, error="malformed")
