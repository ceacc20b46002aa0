"""Attacks by whoever answers for the registry host, without any key: the network, or the host."""

import gzip
import itertools
from functools import cache
from typing import Final

from contact_registry.trust.fetcher import LARGEST_FILE
from tests.support.registry_attack_table import (
    FILES,
    Family,
    Outcome,
    attack,
    attack_on_files,
    find_file,
)
from tests.support.registry_forge import Forge
from tests.support.registry_stage import Reply

_AFTER_ROOT: Final = tuple(file for file in FILES if file != "root")
_BELOW_TIMESTAMP: Final = tuple(file for file in FILES if file not in {"root", "timestamp"})
_KINDS: Final = ("timestamp", "AL's metadata", "AL's contacts")
#: More than any file may have and than the sockets on the way hold: a client that reads on to the
#: end of it shows that by what the server could send.
ENDLESS: Final = 32 * LARGEST_FILE
_PIECE: Final = b" " * 65_536
#: Bytes that come one by one.
_DRIPS: Final = 40


@cache
def _make_bomb() -> bytes:
    return gzip.compress(b" " * ENDLESS)


@attack_on_files(Family.ARBITRARY, Outcome.REFUSED)
def one_byte_is_changed(forge: Forge, name: str) -> None:
    """Change one byte in the middle of the file."""
    data = bytearray(forge.bytes_of(name))
    data[len(data) // 2] ^= 1
    forge.show(name, bytes(data))


@attack_on_files(Family.PARSERS, Outcome.REFUSED)
def nothing_is_in_it(forge: Forge, name: str) -> None:
    """Answer with an empty file."""
    forge.show(name, b"")


@attack_on_files(Family.PARSERS, Outcome.REFUSED)
def it_ends_in_the_middle(forge: Forge, name: str) -> None:
    """Answer with the first half of the file, as if it were whole."""
    data = forge.bytes_of(name)
    forge.show(name, data[: len(data) // 2])


@attack_on_files(Family.PARSERS, Outcome.REFUSED)
def it_is_another_json(forge: Forge, name: str) -> None:
    """Answer with well-formed JSON of no use."""
    forge.show(name, b'{"signed": {}, "signatures": []}')


@attack_on_files(Family.PARSERS, Outcome.REFUSED)
def it_is_nested_deeply(forge: Forge, name: str) -> None:
    """Answer with ten thousand opening brackets."""
    forge.show(name, b"[" * 10_000)


@attack_on_files(Family.PARSERS, Outcome.REFUSED, "root", "timestamp", "AL's metadata")
def it_is_no_text(forge: Forge, name: str) -> None:
    """Answer with bytes that are no UTF-8."""
    forge.show(name, b"\xff\xfe" * 100)


@attack_on_files(Family.PARSERS, Outcome.REFUSED, "root", "timestamp", says="does not verify")
def it_has_a_number_of_ten_thousand_digits(forge: Forge, name: str) -> None:
    """Put a number of ten thousand digits where the version stands."""
    data = forge.bytes_of(name)
    version = data[data.index(b'"version":') :].split(b",")[0].split(b"}")[0]
    forge.show(name, data.replace(version, b'"version":' + b"9" * 10_000))


@attack_on_files(Family.PARSERS, Outcome.REFUSED, "root", "timestamp", says="sign")
def it_has_two_signed_parts(forge: Forge, name: str) -> None:
    """Put a changed signed part behind the honest one, under the same name."""
    data = forge.bytes_of(name)
    signed = data[data.index(b'"signed":') : data.rindex(b"}")]
    changed = signed.replace(b'"spec_version":"1.0.', b'"spec_version":"1.0.9')
    forge.show(name, data[: data.rindex(b"}")] + b"," + changed + b"}")


@attack_on_files(Family.ENDLESS, Outcome.REFUSED, says="more than it may")
def it_goes_on_for_long(forge: Forge, name: str) -> None:
    """Follow the file by white space, beyond the bytes that it may have."""
    forge.show(name, forge.bytes_of(name) + b" " * 100_000)


@attack_on_files(Family.ENDLESS, Outcome.REFUSED, says="more than it may")
def it_never_ends(forge: Forge, name: str) -> None:
    """Let the answer never end; the client has to hang up at the limit."""
    forge.show(name, Reply(itertools.repeat(_PIECE, ENDLESS // len(_PIECE))))


@attack_on_files(Family.ENDLESS, Outcome.REFUSED, *_KINDS)
def it_is_a_compressed_bomb(forge: Forge, name: str) -> None:
    """Claim that the answer is compressed; it would grow to thirty times the largest file."""
    bomb = _make_bomb()
    forge.show(name, Reply((bomb,), headers=(("Content-Encoding", "gzip"),), length=len(bomb)))


@attack_on_files(Family.MIRRORS, Outcome.UNAVAILABLE, *_AFTER_ROOT)
def it_is_not_there(forge: Forge, name: str) -> None:
    """Answer that a file is not there, though another one names it."""
    del forge.files[name]


@attack_on_files(Family.MIRRORS, Outcome.UNAVAILABLE)
def the_host_fails(forge: Forge, name: str) -> None:
    """Answer with an error of the host's own."""
    forge.show(name, Reply((b"{}",), status=503, length=2))


@attack_on_files(Family.MIRRORS, Outcome.UNAVAILABLE)
def the_client_is_sent_elsewhere(forge: Forge, name: str) -> None:
    """Redirect to another place, where the very file lies."""
    place = f"{forge.stage.origin}/known/registry/{name}"
    forge.show(name, Reply(status=302, headers=(("Location", place),), length=0))


@attack_on_files(Family.MIRRORS, Outcome.UNAVAILABLE)
def the_connection_breaks(forge: Forge, name: str) -> None:
    """End the connection before as many bytes came as were announced."""
    data = forge.bytes_of(name)
    forge.show(name, Reply((data[:50],), length=len(data)))


@attack(
    Family.MIRRORS,
    Outcome.NOTHING_NEW,
    limit="an honest timestamp of an earlier hour is good for the rest of its day; then the view "
    "counts as stale",
)
def yesterdays_host_goes_on(forge: Forge) -> None:
    """Show what the client has verified already, as long as its timestamp holds."""
    forge.files = dict(forge.moments.known)


@attack(
    Family.MIRRORS,
    Outcome.WITHOUT_EFFECT,
    note="keys that a new root withdraws stay good for whoever is not shown it, until the root "
    "that is known runs out (365 days); what new keys sign does not verify without it",
)
def the_new_root_is_withheld(forge: Forge) -> None:
    """Say that there is no newer root, and show everything else."""
    del forge.files[find_file(forge, "root")]


@attack_on_files(Family.SLOW, Outcome.UNAVAILABLE, says="took more than")
def it_drips(forge: Forge, name: str) -> None:
    """Send byte by byte, each in time; one file may take a minute at most."""
    data = forge.bytes_of(name)
    pieces = [*(data[i : i + 1] for i in range(_DRIPS)), data[_DRIPS:]]
    forge.show(name, Reply(pieces, length=len(data), drips=True))


@attack_on_files(Family.SLOW, Outcome.UNAVAILABLE, *_KINDS, says="did not begin", beginning=0.1)
def the_head_of_the_answer_drips(forge: Forge, name: str) -> None:
    """Send one header byte by byte, each in time, that never ends."""
    forge.show(
        name, Reply(instead=itertools.chain([b"HTTP/1.1 200 OK\r\nA: "], itertools.repeat(b"a")))
    )


@attack_on_files(Family.SLOW, Outcome.UNAVAILABLE, "timestamp", says="did not begin", beginning=0.1)
def interim_answers_never_end(forge: Forge, name: str) -> None:
    """Say again and again that the answer is about to come."""
    forge.show(name, Reply(instead=itertools.repeat(b"HTTP/1.1 103 Early Hints\r\n\r\n")))


@attack_on_files(
    Family.SLOW, Outcome.UNAVAILABLE, "timestamp", "AL's contacts", says="in time", silence=0.2
)
def the_host_is_silent(forge: Forge, name: str) -> None:
    """Take the question and never answer."""
    forge.show(name, Reply(silent=True))


@attack_on_files(Family.MIX, Outcome.REFUSED, *_BELOW_TIMESTAMP)
def an_earlier_one_stands_there(forge: Forge, name: str) -> None:
    """Answer with the version that was honest before, where the newest one is named."""
    folder, _, file = name.rpartition("/")
    if name.startswith("targets/"):
        kind = file.split(".", 1)[1]
        earlier = next(
            data
            for other, data in forge.moments.known.items()
            if other.startswith(f"{folder}/") and other.endswith(kind) and other != name
        )
    else:
        role = file.split(".")[1]
        known = Forge(forge.stage, frozenset(), forge.scratch)
        known.files = dict(forge.moments.known)
        earlier = known.bytes_of(known.name_of(role))
    forge.show(name, earlier)


@attack(Family.MIX, Outcome.REFUSED, says="root")
def the_first_root_stands_as_the_second(forge: Forge) -> None:
    """Show the root that the client has as its own successor."""
    forge.show("metadata/2.root.json", forge.bytes_of("metadata/1.root.json"))


_SWAPPED: Final = {
    "timestamp": "snapshot",
    "snapshot": "timestamp",
    "targets": "AL's metadata",
    "AL's metadata": "targets",
    "AL's node's metadata": "AL's metadata",
    "AL's contacts": "AL's node's keys",
    "AL's node's keys": "AL's contacts",
    "list of Participants": "AL's contacts",
    "root": "targets",
}


def _swap(file: str, other: str) -> None:
    @attack(Family.WRONG, Outcome.REFUSED, file=file)
    def another_signed_file_stands_there(forge: Forge) -> None:
        """Answer with the honestly signed file of another role."""
        forge.show(find_file(forge, file), forge.bytes_of(find_file(forge, other)))


for _file, _other in _SWAPPED.items():
    _swap(_file, _other)


@attack_on_files(Family.WRONG, Outcome.REFUSED, "AL's metadata", "AL's contacts")
def the_file_of_another_participant(forge: Forge, name: str) -> None:
    """Answer with MK's file of the same kind, honestly signed by MK."""
    other = forge.document_name("MK") if name.startswith("targets/") else forge.name_of("MK")
    forge.show(name, forge.bytes_of(other))
