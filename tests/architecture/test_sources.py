"""What no file of the project may hold, and what each exception must say."""

import re

import pytest

from tests.support.checkout import ROOT, list_modules, load_texts

TEXTS = dict(load_texts())

# Put together here, so that this file does not hold what it looks for.
REGISTRY_HOSTS = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("deb", "debian", "org"),
        ("security", "debian", "org"),
        ("proxy", "golang", "org"),
        ("crates", "io"),
        ("unpkg", "com"),
        ("jsdelivr", "net"),
        ("googleapis", "com"),
    )
]

MACHINE_PATH = re.compile(r"(?<![\w.}<*-])(?<!/)/(?:work|root|home|Users|tmp)/[\w.-]+")

NOQA = re.compile(r"#\s*noqa\b(?P<rest>.*)")
TYPE_IGNORE = re.compile(r"#\s*type:\s*ignore(?P<rest>.*)")
PRAGMA = re.compile(r"#\s*pragma:\s*no (?:cover|branch)(?P<rest>.*)")
CODES_AND_REASON = re.compile(r"^(?::\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*)\s+(?:#|-)?\s*\S.{6,}")
BRACKET_AND_REASON = re.compile(r"^\[[a-z][a-z, -]+\]\s*#\s*\S.{6,}")
REASON = re.compile(r"^\s*[:#-]*\s*\S.{6,}")


def test_no_file_names_a_package_registry() -> None:
    """Where packages come from is the setting of each machine; pages load nothing from a CDN."""
    hits = [
        f"{path}: {host}" for path, text in TEXTS.items() for host in REGISTRY_HOSTS if host in text
    ]
    assert hits == []


def test_no_file_holds_a_path_of_one_machine() -> None:
    """A path that exists only where a file was written breaks on every other machine."""
    hits = [
        f"{path}: {match.group()}"
        for path, text in TEXTS.items()
        for match in MACHINE_PATH.finditer(text)
    ]
    assert hits == []


@pytest.mark.parametrize(
    ("comment", "wanted"),
    [(NOQA, CODES_AND_REASON), (TYPE_IGNORE, BRACKET_AND_REASON), (PRAGMA, REASON)],
    ids=["noqa", "type-ignore", "no-cover"],
)
def test_an_exception_is_specific_and_has_a_reason(
    comment: re.Pattern[str], wanted: re.Pattern[str]
) -> None:
    """A check is switched off for one line, by its code, with the reason beside it."""
    bare = [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()}"
        for file in list_modules()
        if file.name != "test_sources.py"
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if (match := comment.search(line)) and not wanted.match(match["rest"])
    ]
    assert bare == []


@pytest.mark.parametrize(
    ("comment", "wanted", "good", "bad"),
    [
        (
            NOQA,
            CODES_AND_REASON,
            "x = 1  # noqa: S105 # invented for a test",
            "x = 1  # noqa: S105",
        ),
        (NOQA, CODES_AND_REASON, "x = 1  # noqa: A001, B002 names of the spec", "x = 1  # noqa"),
        (
            TYPE_IGNORE,
            BRACKET_AND_REASON,
            "x = y  # type: ignore[arg-type]  # the library's stub is wrong",
            "x = y  # type: ignore[arg-type]",
        ),
        (
            TYPE_IGNORE,
            BRACKET_AND_REASON,
            "x = y  # type: ignore[a, b] # stubs lack it",
            "# type: ignore",
        ),
        (PRAGMA, REASON, "x  # pragma: no cover - only on a full disk", "x  # pragma: no cover"),
    ],
)
def test_the_rule_of_reasons_tells_good_from_bad(
    comment: re.Pattern[str], wanted: re.Pattern[str], good: str, bad: str
) -> None:
    """The pattern above accepts a reasoned exception and finds a bare one."""
    for line, verdict in ((good, True), (bad, False)):
        match = comment.search(line)
        assert match is not None
        assert bool(wanted.match(match["rest"])) is verdict


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("open('/ho" + "me/someone/key')", True),
        ("see /wo" + "rk/shared/notes", True),
        ("GET /metadata/root/1.json", False),
        ("href='{{ base }}/home/index'", False),
        ("../work/item", False),
    ],
)
def test_the_rule_of_paths_tells_good_from_bad(text: str, *, found: bool) -> None:
    """The pattern above finds a machine's path, and leaves addresses of the product alone."""
    assert bool(MACHINE_PATH.search(text)) is found


#: Files that may sleep, and why; nothing in them waits for anything that way.
SLEEPERS = {
    "tests/bench/delivery/beside_files.py": "as path.py, at a known pace",
    "tests/bench/delivery/floor.py": "a server that starts has no event; up to a number of tries",
    "tests/bench/delivery/path.py": "a node's database has no event for a receipt that was kept",
    "tests/bench/size/idle.py": "a node that is left alone is what is measured",
    "tests/bench/delivery/thin_line.py": "a slow line is slow",
    "tests/bench/delivery/transfers.py": "the same: it is looked for, at a known pace",
    "tests/chaos/files.py": "a program asks a node that is away again",
    "tests/chaos/proxy.py": "a slow link is slow",
    "tests/chaos/run.py": "moments of force are no events",
    "tests/chaos/traffic.py": "a program asks a node that is away again",
    "tests/chaos/showing.py": "the state of other processes has no event; up to a deadline",
    "tests/e2e/test_kills.py": "a crash at a random moment, which is no event to wait for",
    "tests/e2e/test_several_processes.py": "other processes' database is asked, up to a deadline",
    "tests/integration/broker/test_trm_hub.py": "asks another process again, up to a deadline",
    "tests/support/broker.py": "the same: the state of another process has no event",
    "tests/support/cluster.py": "an election among other processes has no event; up to a deadline",
    "tests/support/ledger.py": "load has a pace, and another task's commits have no event",
}


def test_no_test_sleeps() -> None:
    """A test waits for the event it needs; one that sleeps shows the machine's mood."""
    sleep = re.compile(r"(?<!\w)(?:time|asyncio|anyio)\.sleep\((?!0\))")
    hits = [
        f"{path}: {match.group()}"
        for path, text in TEXTS.items()
        if path.parts[0] == "tests" and path.suffix == ".py" and str(path) not in SLEEPERS
        for match in sleep.finditer(text)
    ]
    assert hits == []
