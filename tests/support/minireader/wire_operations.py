"""What is done in the operations of the vectors that are about objects of the wire."""

import base64
import datetime as dt
import hashlib
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.support.minireader import (
    attachments,
    case_reference,
    cbor,
    envelope,
    identifiers,
    keys,
    padding,
    payload,
    receiving,
    schemas,
    sealing,
    signature,
)
from tests.support.minireader.rejection import malformed
from tests.support.minireader.texts import parse_moment, write_moment

Input = dict[str, Any]
Operation = Callable[[Input, Input], Any]


def _take(items: list[Any]) -> list[Any]:
    return [bytes.fromhex(one["bytes"]) if isinstance(one, dict) else one for one in items]


def _give(items: list[Any]) -> list[Any]:
    return [{"bytes": one.hex()} if isinstance(one, bytes) else one for one in items]


def _decode(given: Input, _shared: Input) -> list[Any]:
    items = cbor.take_fields(bytes.fromhex(given["bytes"]), count=given["length"])
    for item in items:
        if not isinstance(item, bytes | str) and not (
            isinstance(item, int) and not isinstance(item, bool) and 0 <= item < 2**64
        ):
            raise malformed("an item of another kind")
    return _give(items)


def _tell_consignment(one: envelope.Consignment) -> Input:
    return {
        "message_id": one.message_id.hex(),
        "sender": one.sender,
        "recipient": one.recipient,
        "expires_at": write_moment(dt.datetime.fromtimestamp(one.expires_at, dt.UTC)),
    }


def _write_consignment(given: Input) -> bytes:
    return cbor.encode(
        [
            1,
            bytes.fromhex(given["message_id"]),
            given["sender"],
            given["recipient"],
            int(parse_moment(given["expires_at"]).timestamp()),
        ]
    )


def _statement(given: Input) -> bytes:
    return signature.make_statement(given["context"], *map(bytes.fromhex, given["parts"]))


def _sign(seed: str, statement: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed)).sign(statement)


def _verify(given: Input, _shared: Input) -> str:
    signature.verify_ed25519(
        bytes.fromhex(given["public"]), _statement(given), bytes.fromhex(given["signature"])
    )
    return "verified"


def _tell_signed(signed: envelope.SignedPayload) -> Input:
    return {
        "consignment": _tell_consignment(signed.consignment),
        "payload": signed.payload.hex(),
        "payload_sha256": hashlib.sha256(signed.payload).hexdigest(),
        "signer_key_id": signed.signer_key_id.hex(),
        "signature": signed.signature.hex(),
    }


def _write_signed(given: Input, _shared: Input) -> str:
    consignment, content = _write_consignment(given["consignment"]), bytes.fromhex(given["payload"])
    private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(given["seed"]))
    statement = signature.make_statement("payload", consignment, content)
    key_id = keys.derive_key_id(private.public_key().public_bytes_raw())
    return cbor.encode(["TRM1-signed", consignment, content, key_id, private.sign(statement)]).hex()


def _verify_signed(given: Input, _shared: Input) -> str:
    signed = envelope.read_signed_payload(bytes.fromhex(given["bytes"]))
    envelope.verify_signed_payload(signed, bytes.fromhex(given["public"]))
    return "verified"


def _tell_envelope(given: Input, _shared: Input) -> Input:
    read = envelope.read_envelope(bytes.fromhex(given["envelope"]))
    return {
        "consignment": read.consignment_bytes.hex(),
        "suite": 1,
        "recipient_key_id": read.recipient_key_id.hex(),
        "sealed": read.sealed.hex(),
    }


def _open_envelope(given: Input, shared: Input) -> Input:
    read = envelope.read_envelope(bytes.fromhex(given["envelope"]))
    private = bytes.fromhex(shared["keys"][given["key"]]["private"])
    return _tell_signed(envelope.open_with(read, private))


def _tell_public(given: Input, _shared: Input) -> Input:
    public = sealing.derive_public(bytes.fromhex(given["private"]))
    return {"public": public.hex(), "key_id": keys.derive_key_id(public).hex()}


def _read_payload(given: Input, _shared: Input) -> Input:
    content = bytes.fromhex(given["hex"]) if "hex" in given else given["text"].encode()
    message = payload.read_message(content)
    told: Input = {
        "type": message.fields["type"],
        "version": message.fields["version"],
        "readable": message.readable,
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    if not message.readable:
        outline = ("message_id", "sender", "recipient", "case", "link")
        told["outline"] = {
            name: message.fields[name] for name in outline if message.fields.get(name) is not None
        }
    return told


def _receive(given: Input, shared: Input) -> Input:
    registry = {
        code: receiving.Listed(
            account=listed["account"],
            signing_keys=tuple(map(bytes.fromhex, listed["signing_keys"])),
        )
        for code, listed in shared["registry"].items()
    }
    recipient = receiving.Recipient(
        participant=shared["participant"],
        private_key=bytes.fromhex(shared["private_key"]),
        registry=registry,
    )
    message, signed = receiving.receive(
        bytes.fromhex(given["envelope"]),
        recipient,
        account=given["account"],
        travel_class=given["class"],
        now=parse_moment(given["now"]),
    )
    return {
        "message_id": message.fields["message_id"],
        "sender": message.fields["sender"],
        "type": message.fields["type"],
        "version": message.fields["version"],
        "readable": message.readable,
        "payload": signed.payload.decode(),
        "payload_sha256": hashlib.sha256(signed.payload).hexdigest(),
    }


def _prove_account(given: Input, _shared: Input) -> str:
    _, seed = keys.read_nkey_seed(given["account_seed"])
    account = keys.write_nkey_public("account", _derive_ed25519(seed))
    claim = keys.make_account_claim(participant=given["participant"], account=account)
    return base64.b64encode(_sign(seed.hex(), claim)).decode()


def _derive_ed25519(seed: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def _tell_nkey(given: Input, _shared: Input) -> Input:
    kind, public = keys.read_nkey_public(given["text"])
    return {"kind": kind, "public": public.hex()}


def _tell_seed(given: Input, _shared: Input) -> Input:
    kind, seed = keys.read_nkey_seed(given["text"])
    text = keys.write_nkey_public(kind, _derive_ed25519(seed))
    return {"kind": kind, "seed": seed.hex(), "public_text": text}


def _verify_proof(given: Input, _shared: Input) -> str:
    keys.verify_account_proof(
        participant=given["participant"], account=given["account"], proof=given["proof"]
    )
    return "verified"


def _check_manifest(given: Input, _shared: Input) -> str:
    schema = schemas.load_definition("AttachmentManifest")
    if schemas.find_violations(given["manifest"], schema) or list(
        attachments.find_manifest_faults(given["manifest"], "")
    ):
        raise malformed("a manifest that does not hold together")
    return "accepted"


def _tell_chunk(given: Input, _shared: Input) -> Input:
    chunk = attachments.read_chunk(bytes.fromhex(given["chunk"]))
    return {
        "attachment_id": chunk.attachment_id.hex(),
        "index": chunk.index,
        "ciphertext_sha256": hashlib.sha256(chunk.ciphertext).hexdigest(),
    }


def _seal_file(given: Input, shared: Input) -> list[str]:
    manifest = shared["files"][given["file"]]["manifest"]
    content = bytes(number % 251 for number in range(manifest["size"]))
    message_id = bytes.fromhex(shared["message_id"])
    objects = attachments.seal_file(content, manifest, message_id)
    return [hashlib.sha256(one).hexdigest() for one in objects]


def _accept_chunk(given: Input, shared: Input) -> str:
    chunk = attachments.read_chunk(bytes.fromhex(shared["chunks"][given["chunk"]]))
    attachments.check_chunk(chunk, shared["files"][given["file"]]["manifest"])
    return "known" if chunk.index in given["held"] else "new"


def _open_file(given: Input, shared: Input) -> Input:
    manifest = {**shared["files"][given["file"]]["manifest"], **given.get("changes", {})}
    chunks = [
        attachments.read_chunk(bytes.fromhex(shared["chunks"][name])) for name in given["chunks"]
    ]
    content = attachments.open_file(chunks, manifest, bytes.fromhex(given["message_id"]))
    return {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _check_case(given: Input, _shared: Input) -> str | None:
    ten = given["characters"]
    check = case_reference.compute_check(ten)
    if check not in case_reference.ALPHABET:
        return None
    return f"TRM-{ten[:5]}-{ten[5:]}-{check}"


def _identifier(kind: str) -> Operation:
    return lambda given, _shared: identifiers.read_identifier(kind, given["text"])


def _tell_parts(given: Input, _shared: Input) -> Input:
    return _tell_signed(envelope.read_signed_payload(bytes.fromhex(given["bytes"])))


OPERATIONS: dict[str, dict[str, Operation]] = {
    "attachments": {
        "manifest": _check_manifest,
        "chunk_size": lambda given, _: attachments.choose_chunk_size(given["max_envelope_bytes"]),
        "read_chunk": _tell_chunk,
        "seal": _seal_file,
        "accept": _accept_chunk,
        "open": _open_file,
    },
    "broker": {
        "read_public": _tell_nkey,
        "read_seed": _tell_seed,
        "prove": _prove_account,
        "verify_proof": _verify_proof,
        "write_subject": lambda given, _: identifiers.write_subject(
            given["recipient"], given["sender"], given["class"]
        ),
        "read_subject": lambda given, _: identifiers.read_subject(given["subject"]),
    },
    "cbor": {
        "decode": _decode,
        "encode": lambda given, _: cbor.encode(_take(given["items"])).hex(),
    },
    "consignments": {
        "read": lambda given, _: _tell_consignment(
            envelope.read_consignment(bytes.fromhex(given["bytes"]))
        ),
        "write": lambda given, _: _write_consignment(given).hex(),
    },
    "envelopes": {
        "info": lambda given, _: envelope.make_info(
            bytes.fromhex(given["consignment"]), bytes.fromhex(given["recipient_key_id"])
        ).hex(),
        "public": _tell_public,
        "read": _tell_envelope,
        "open": _open_envelope,
    },
    "identifiers": {
        "participant": _identifier("participant"),
        "authority": _identifier("authority"),
        "message_id": _identifier("message_id"),
        "language": _identifier("language"),
        "case_on_the_wire": lambda given, _: case_reference.read_reference(given["text"]),
        "case_as_typed": lambda given, _: case_reference.read_typed(given["text"]),
        "case_check": _check_case,
    },
    "padding": {
        "padme": lambda given, _: padding.compute_padme(given["length"]),
        "pad": lambda given, _: padding.pad(bytes.fromhex(given["content"])).hex(),
        "unpad": lambda given, _: padding.unpad(bytes.fromhex(given["padded"])).hex(),
    },
    "payload_rules": {"read": _read_payload},
    "payloads": {"read": _read_payload},
    "receiving": {"receive": _receive},
    "signed_payloads": {"write": _write_signed, "read": _tell_parts, "verify": _verify_signed},
    "signing": {
        "key_id": lambda given, _: keys.derive_key_id(bytes.fromhex(given["public"])).hex(),
        "statement": lambda given, _: _statement(given).hex(),
        "sign": lambda given, _: _sign(given["seed"], _statement(given)).hex(),
        "verify": _verify,
    },
}
