"""Targets: the registry's documents, its signed metadata, submissions, and contact lists."""

import io
import json
import zipfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from contact_registry.agreed import list_agreements
from contact_registry.coverage import CoverageState, list_coverage
from contact_registry.errors import (
    ContactListError,
    DocumentError,
    RegistryRefusedError,
    SubmissionRefusedError,
)
from contact_registry.exporting.tables import export_xlsx
from contact_registry.importing.importer import (
    ImportDefaults,
    import_contact_file,
    import_contact_list,
)
from contact_registry.importing.reconciling import ChangeKind
from contact_registry.importing.vocabulary import parse_mapping
from contact_registry.models import (
    AnyDocument,
    ContactsDocument,
    KeysDocument,
    ParticipantsDocument,
    parse_contacts,
    parse_keys,
    parse_participants,
    serialize_document,
)
from contact_registry.tabulating import format_agreements, format_coverage
from contact_registry.terms import load_agreements, load_calendar
from contact_registry.trust.acceptance import Published, check_sizes, check_submission
from contact_registry.trust.cache import VerifiedCache
from contact_registry.trust.compression import (
    DICTIONARY_ZSTD,
    ZSTD,
    CodingError,
    Dictionary,
    decode,
    encode,
)
from contact_registry.trust.layout import RoleKind
from contact_registry.trust.proven import NamedFile
from contact_registry.trust.submitting import Submission, parse_submission
from contact_registry.trust.verification import TopLevelFiles, verify_top_level
from contact_registry.trust.view import verify_directory
from tests.fuzz.registry_universe import (
    AL,
    AT,
    DOCUMENTS,
    UNIVERSE,
    Universe,
    make_delegator,
    publish_tree,
    sign_tree,
)
from tests.fuzz.target import LONGEST_REFUSAL, Target, read_text, require
from tests.fuzz.trees import TreeMutator, list_words
from tests.support.checkout import ROOT
from tests.support.printed_lists import DAY, make_full_directory
from tests.support.registry import make_entry
from tests.support.registry_content import FULL_CONTACTS, make_view

_DICTIONARY: Final = Dictionary("1.AL.json", json.dumps(FULL_CONTACTS).encode())
_WORDS: Final = list_words(ParticipantsDocument, ContactsDocument, KeysDocument)
_LISTS: Final = ROOT / "contact_registry" / "data"
_SHEET: Final = "xl/worksheets/sheet1.xml"
_HEADING: Final = "participant,trm_measure,authority,unit,city,post,phone,email,available_24_7,note"


def check_documents(data: bytes) -> None:
    """Read it as each kind of document: what is read reads back from what is published of it."""
    parsers: tuple[Callable[[bytes], AnyDocument], ...] = (
        parse_participants,
        parse_contacts,
        parse_keys,
    )
    read = [parse for parse in parsers if _is_document(parse, data)]
    if not read:
        raise DocumentError("It is a document of no kind.")
    for parse in read:
        document = parse(data)
        require(held=parse(serialize_document(document)) == document, what="it reads back changed")
    require(held=len(read) <= 1, what="it is a document of two kinds")


def _is_document(parse: Callable[[bytes], AnyDocument], data: bytes) -> bool:
    try:
        parse(data)
    except DocumentError as error:
        # Looked at here and not kept: a kept error holds its frames, and they hold the document.
        require(held=len(str(error)) <= LONGEST_REFUSAL, what="a refusal grows with the document")
        return False
    return True


def check_top_level_bytes(data: bytes) -> None:
    """Put what follows the first byte in the place of one file, beside the right others."""
    real = publish_tree(UNIVERSE)
    which, rest = (data[0] % 5, data[1:]) if data else (0, b"")
    files = [*real.roots, real.timestamp, real.snapshot, real.targets]
    files[which % len(files)] = rest
    root = rest if which == len(files) else real.trusted_root
    verify_top_level(
        TopLevelFiles(roots=files[:1], timestamp=files[1], snapshot=files[2], targets=files[3]),
        trusted_root=root,
        reference_time=AT,
    )


def check_universe(data: bytes) -> None:
    """Let those who hold keys sign anything at all: it is a directory or refused."""
    published = publish_tree(_read_tree(data))
    top = verify_top_level(
        TopLevelFiles(
            roots=published.roots,
            timestamp=published.timestamp,
            snapshot=published.snapshot,
            targets=published.targets,
        ),
        trusted_root=published.trusted_root,
        reference_time=AT,
    )
    directory = verify_directory(top, published, verified_at=AT)
    for code, keys in directory.keys.items():
        require(held=keys.participant == code, what="keys stand under another's name")
        directory.newest_encryption_key(code, AT)
        for entry in keys.signing_keys:
            require(held=directory.signing_key(code, entry.key_id) is not None, what="a lost key")
    for code, contacts in directory.contacts.items():
        require(held=contacts.participant == code, what="contacts stand under another's name")


def check_signed_submission(data: bytes) -> None:
    """Let a Participant sign anything at all: it is published as it stands or refused."""
    tree = _read_tree(data)
    kind = RoleKind.NODE if tree.get("role") == "AL-node" else RoleKind.PARTICIPANT
    delegator = make_delegator(kind)
    documents = tree.get("documents")
    targets = {
        str(path): json.dumps(document, indent=1).encode() + b"\n"
        if isinstance(document, dict | list)
        else str(document).encode("utf-8", "replace")
        for path, document in (documents if isinstance(documents, dict) else {}).items()
    }
    submission = Submission("AL-node" if kind is RoleKind.NODE else "AL",
                            sign_tree(tree.get("metadata"), targets), targets)  # fmt: skip
    check_sizes(submission)
    accepted = check_submission(
        submission,
        Published(make_entry(AL), kind, delegator, version=0, expires_at=None, documents={}),
        now=AT,
        longest=timedelta(days=366),
    )
    require(held=set(accepted.values()) <= set(targets.values()), what="other bytes are published")


def check_submission_body(data: bytes) -> None:
    """Read the body of a request: it is a submission or refused."""
    check_sizes(parse_submission(data))


def check_kept_registry(data: bytes) -> None:
    """Read the file of the last verified registry, or count it as damaged."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "verified.sqlite"
        path.write_bytes(data)
        VerifiedCache(path).load()


def check_transfer_coding(data: bytes) -> None:
    """Decode it in both ways: pieces stay small, and as many as the caller takes, or it is refused.

    What we code ourselves comes back as it was.
    """
    for coding, dictionary in ((ZSTD, None), (DICTIONARY_ZSTD, _DICTIONARY)):
        chunks = [data[:7], data[7:]] if len(data) % 2 else [data]
        with suppress(CodingError):
            for number, piece in enumerate(decode(chunks, coding, dictionary)):
                require(held=len(piece) <= 65_536, what="a piece is large")
                if number > 32:
                    break
        coded = encode(data, dictionary)
        require(
            held=b"".join(decode([coded], coding, dictionary)) == data,
            what="what was coded comes back changed",
        )


def check_contact_list(data: bytes) -> None:
    """Import a list: no row is lost, and every document made of it can be published."""
    defaults = ImportDefaults(valid_from=date(2022, 1, 1), source="list")
    result = import_contact_list(read_text(data), defaults=defaults)
    require(
        held=result.rows_imported + len(result.held_back) == result.rows_read, what="a row is lost"
    )
    for document in result.contacts.values():
        require(held=parse_contacts(serialize_document(document)) == document, what="it changes")


def check_answers(data: bytes) -> None:
    """Ask a list that a Participant signed, however odd: every question has an answer."""
    document = parse_contacts(data)
    directory = make_view(document)
    coverage = list_coverage(directory, AT)
    for cell in coverage.cells:
        require(
            held=(cell.state is CoverageState.GAP) == (cell.authority is None),
            what="a gap with a desk, or a desk that is none",
        )
    text = [*format_coverage(coverage, directory)]
    standings = list_agreements(directory)
    text += format_agreements(standings, directory, at=AT)
    require(held=all(line.isprintable() for line in text), what="a line that is more than one")
    require(
        held=len(load_agreements(directory)) == sum(standing.counts for standing in standings),
        what="an agreement that one party alone states",
    )
    for authority in document.authorities:
        load_calendar(directory, authority.id)


def check_contact_file(data: bytes) -> None:
    """Import a file, workbook or text: no row is lost, and importing it again changes nothing."""
    defaults = ImportDefaults(valid_from=date(2022, 1, 1), source="list")
    result = import_contact_file(data, defaults=defaults)
    require(
        held=result.rows_imported + len(result.held_back) == result.rows_read, what="a row is lost"
    )
    again = import_contact_file(data, defaults=defaults, onto=result.contacts)
    require(
        held=all(change.kind is not ChangeKind.VANISHED for change in again.changes),
        what="a desk is not found again",
    )


def check_sheet(data: bytes) -> None:
    """Import a workbook whose sheet is these bytes."""
    check_contact_file(_put_sheet(data))


def check_heading_map(data: bytes) -> None:
    """Read a mapping file: it is one or refused."""
    parse_mapping(data)


def _put_sheet(sheet: bytes) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(_workbook())) as before, zipfile.ZipFile(written, "w") as after:
        for part in before.namelist():
            after.writestr(part, sheet if part == _SHEET else before.read(part))
    return written.getvalue()


@cache
def _workbook() -> bytes:
    """Return the invented registry as a workbook."""
    return export_xlsx(make_full_directory(), day=DAY)


def _read_tree(data: bytes) -> Universe:
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return tree if isinstance(tree, dict) else {}


@cache
def _submissions() -> tuple[Any, ...]:
    return (
        {
            "role": "AL",
            "metadata": UNIVERSE["roles"]["AL"],
            "documents": {path: DOCUMENTS[path] for path in ("participants/AL/contacts.json",)},
        },
        {
            "role": "AL-node",
            "metadata": UNIVERSE["roles"]["AL-node"],
            "documents": {path: DOCUMENTS[path] for path in ("participants/AL/keys.json",)},
        },
    )


def _dump(*trees: Any) -> list[bytes]:
    return [json.dumps(tree).encode() for tree in trees]


def _list_seeds() -> Iterable[bytes]:
    regional = min(_LISTS.glob("*.csv")).read_bytes().splitlines(keepends=True)
    row = 'AL,Return,"Desk, North",,Tirana,Head,+355 44541821 ext. 12;0800 100 388,a@b.example,yes,'
    return [b"".join(regional[:6]), f"{_HEADING}\n{row}\n".encode(), f"\ufeff{_HEADING}".encode()]


def _file_seeds() -> Iterable[bytes]:
    return [_workbook(), *_list_seeds()]


def _sheet_seeds() -> Iterable[bytes]:
    with zipfile.ZipFile(io.BytesIO(_workbook())) as archive:
        return [archive.read(_SHEET)]


def _bytes_seeds() -> Iterable[bytes]:
    real = publish_tree(UNIVERSE)
    files = (real.roots[0], real.timestamp, real.snapshot, real.targets, real.trusted_root)
    return [bytes([which]) + data for which, data in enumerate(files)]


def _body_seeds() -> Iterable[bytes]:
    submission = Submission("AL", b"{}", {"participants/AL/contacts.json": b"{}"})
    return _dump(submission.to_json())


def _kept_seeds() -> Iterable[bytes]:
    real = publish_tree(UNIVERSE)
    top = TopLevelFiles(real.roots, real.timestamp, real.snapshot, real.targets)
    below = [NamedFile("AL", "1.AL.json", sha256(b"{}").hexdigest())]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "verified.sqlite"
        cache = VerifiedCache(path)
        cache.save(datetime(2026, 3, 1, tzinfo=UTC), top, below=below, contents={})
        return [path.read_bytes()]


def _coding_seeds() -> Iterable[bytes]:
    return [encode(_DICTIONARY.data[:500]), encode(_DICTIONARY.data[:-9] + b"x", _DICTIONARY)]


_REFUSED: Final = (RegistryRefusedError,)
_NOT_PUBLISHED: Final = (SubmissionRefusedError,)
REGISTRY_TARGETS: Final = (
    Target(
        "documents",
        check_documents,
        lambda: _dump(*DOCUMENTS.values(), FULL_CONTACTS),
        (DocumentError,),
        mutate=TreeMutator(words=_WORDS, donors=[*DOCUMENTS.values(), FULL_CONTACTS]),
        longest=20_000,
    ),
    Target("registry_files", check_top_level_bytes, _bytes_seeds, _REFUSED),
    Target(
        "signed_registry",
        check_universe,
        lambda: _dump(UNIVERSE),
        _REFUSED,
        mutate=TreeMutator(words=_WORDS, donors=[UNIVERSE]),
        longest=40_000,
    ),
    Target(
        "signed_submission",
        check_signed_submission,
        lambda: _dump(*_submissions()),
        _NOT_PUBLISHED,
        mutate=TreeMutator(words=_WORDS, donors=_submissions()),
        longest=20_000,
    ),
    Target(
        "submission_body", check_submission_body, _body_seeds, _NOT_PUBLISHED, mutate=TreeMutator()
    ),
    Target(
        "kept_registry",
        check_kept_registry,
        _kept_seeds,
        (),
        longest=80_000,
    ),
    Target("transfer_coding", check_transfer_coding, _coding_seeds, ()),
    Target("contact_list", check_contact_list, _list_seeds, (ContactListError,)),
    Target("contact_file", check_contact_file, _file_seeds, (ContactListError,), longest=20_000),
    Target("workbook_sheet", check_sheet, _sheet_seeds, (ContactListError,), longest=20_000),
    Target(
        "heading_map",
        check_heading_map,
        lambda: _dump({"headings": {"Zyra": "unit"}, "measures": {"Kthimi": "return"}}),
        (ContactListError,),
        mutate=TreeMutator(),
    ),
    Target(
        "registry_answers",
        check_answers,
        lambda: _dump(FULL_CONTACTS),
        (DocumentError,),
        mutate=TreeMutator(words=_WORDS, donors=[FULL_CONTACTS]),
        longest=20_000,
    ),
)
