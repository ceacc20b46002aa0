"""Downloading many files at once, before they are verified one after the other.

A node that has no registry yet asks for hundreds of files. One after the other, each would wait for
the one before: over a line with 50 ms to the host and back, most of a minute. Nothing is believed
here: what comes is only at hand when the trusted core asks for it, by its hash, and verifies it.
No signature of a role has been looked at when it leads to its document, so it has to be the file
that the snapshot names, and leads to the one document that it may list: each that takes part costs
two roles and two documents at most.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Final

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, MetaFile, Targets

from contact_registry.models import MAX_DOCUMENT_BYTES
from contact_registry.trust.layout import (
    LIMITS,
    is_target_name,
    parse_role,
    participant_role,
    path_of_role,
    target_file_name,
)
from contact_registry.trust.verification import TopLevel
from protocol.errors import MalformedError

#: Requests that are open at a time.
_AT_ONCE: Final = 8
#: Fewer files than this are not worth the threads: an update asks for a few.
_MANY: Final = 10

Download = Callable[[str, int], bytes]
"""Returns the file at an address, of at most so many bytes. Called in several threads."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file by its published name, with its length and hash as the metadata above names them."""

    name: str
    length: int
    sha256: str


def list_roles(top: TopLevel, kept: Collection[str]) -> list[Wanted]:
    """Return the roles of those who take part of which the file is not kept."""
    delegations = top.targets.delegations
    listed = set(delegations.roles or ()) if delegations is not None else set()
    found = (
        _name_role(name.removesuffix(".json"), meta, listed)
        for name, meta in top.snapshot.meta.items()
    )
    return [wanted for wanted in found if wanted is not None and wanted.sha256 not in kept]


def _name_role(role: str, meta: MetaFile, listed: Collection[str]) -> Wanted | None:
    try:
        takes_part = participant_role(parse_role(role)[0]) in listed
    except MalformedError:
        return None  # a top-level role, or nothing that this layout has
    sha256 = (meta.hashes or {}).get("sha256", "")
    if not takes_part or not sha256 or not 0 < (meta.length or 0) <= LIMITS.delegation:
        return None
    return Wanted(f"{meta.version}.{role}.json", meta.length or 0, sha256)


def list_documents(
    roles: Iterable[Wanted], ahead: Mapping[str, bytes], kept: Collection[str]
) -> Iterator[Wanted]:
    """Yield the document of each role that came ``ahead``; what is no role is left to the core."""
    for role in roles:
        data = ahead.get(role.sha256)
        document = _name_document(role, data) if data is not None else None
        if document is not None and document.sha256 not in kept:
            yield document


def _name_document(role: Wanted, data: bytes) -> Wanted | None:
    if hashlib.sha256(data).hexdigest() != role.sha256:
        return None
    try:
        path = path_of_role(*parse_role(role.name.split(".")[1]))
        target = Metadata[Targets].from_bytes(data).signed.targets[path]
    except (RepositoryError, AttributeError, KeyError):
        return None
    sha256 = target.hashes.get("sha256", "")
    name = target_file_name(path, sha256)
    if not is_target_name(name) or target.length > MAX_DOCUMENT_BYTES:
        return None
    return Wanted(name, target.length, sha256)


def download_ahead(
    wanted: Collection[Wanted], base: str, download: Download, *, into: dict[str, bytes]
) -> None:
    """Put files ``into`` what is at hand, by the hash under which they were asked for.

    What is at hand already is not asked for; few are left for later. The first failure ends it, and
    is raised (what ``download`` raises): what had come by then stays at hand.
    """
    missing = [one for one in wanted if one.sha256 not in into]
    if len(missing) < _MANY:
        return

    def bring(one: Wanted) -> None:
        into[one.sha256] = download(base + one.name, one.length)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        asked = [pool.submit(bring, one) for one in missing]
        try:
            for answered in as_completed(asked):
                answered.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
