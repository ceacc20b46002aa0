"""How a registry file travels: as it is, or made small in a way that the client offers.

``zstd`` for what a client has nothing like; ``dcz`` (RFC 9842) where it names a version that it has
of the same file and that we published: then little more than the difference travels. The client
offers by name and hash, and it is taken at its word only if both fit a published file.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from typing import Final

from contact_registry.trust.compression import DICTIONARY_ZSTD, ZSTD, Dictionary, encode
from contact_registry.trust.layout import METADATA_URL, TARGETS_URL, name_in_set

ReadPublished = Callable[[str], bytes | None]
"""Returns a published file by its name, or None."""

#: Below this nothing is won.
_SMALLEST: Final = 200
_DIGEST: Final = re.compile(r":([A-Za-z0-9+/]{43}=):")
_NAME: Final = re.compile(r'"([A-Za-z0-9./-]{1,120})"')
_VARY: Final = "Accept-Encoding, Available-Dictionary, Dictionary-ID"


def encode_answer(
    name: str, data: bytes, *, request: Mapping[str, str], read: ReadPublished
) -> tuple[bytes, dict[str, str]]:
    """Return the body of an answer and the headers that say what it is.

    ``name`` is the published name of ``data``, ``request`` the headers of the request.
    """
    headers = {"Vary": _VARY, **_offer_as_dictionary(name)}
    offered = _read_codings(request.get("accept-encoding", ""))
    if len(data) < _SMALLEST or ZSTD not in offered:
        return data, headers
    dictionary = _find_dictionary(name, request, read) if DICTIONARY_ZSTD in offered else None
    coding = ZSTD if dictionary is None else DICTIONARY_ZSTD
    return encode(data, dictionary), headers | {"Content-Encoding": coding}


def _offer_as_dictionary(name: str) -> dict[str, str]:
    """Say that a client may name this version when it asks for the next (RFC 9842, section 2.1)."""
    in_set = name_in_set(name)
    if in_set is None or name == f"{in_set}.json":
        return {}  # the timestamp has no name of its own in each version
    folder, slash, last = in_set.rpartition("/")
    if name[0].isdecimal() and not slash and not last.endswith(".json"):
        match = f"/{METADATA_URL}*.{last}.json"
    else:
        match = f"/{TARGETS_URL}{folder}{slash}*.{last}"
    return {"Use-As-Dictionary": f'match="{match}", id="{name}"'}


def _find_dictionary(
    name: str, request: Mapping[str, str], read: ReadPublished
) -> Dictionary | None:
    digest = _DIGEST.fullmatch(request.get("available-dictionary", ""))
    named = _NAME.fullmatch(request.get("dictionary-id", ""))
    if digest is None or named is None or name_in_set(named[1]) != name_in_set(name):
        return None
    data = read(named[1])
    if data is None:
        return None
    dictionary = Dictionary(named[1], data)
    return dictionary if dictionary.digest == _decode(digest[1]) else None


def _decode(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return None


def _read_codings(header: str) -> frozenset[str]:
    """Return the codings that a client takes; what it weighs with 0 it does not take."""
    parts = (part.strip().lower().partition(";") for part in header.split(","))
    return frozenset(
        name.strip() for name, _, weight in parts if weight.replace(" ", "") not in _NEVER
    )


_NEVER: Final = frozenset({"q=0", "q=0.0", "q=0.00", "q=0.000"})
