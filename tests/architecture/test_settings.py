"""The settings of the project explain themselves, and agree with the files beside them."""

import re
from pathlib import Path

import pytest

from tests.support.checkout import ROOT, load_settings

PYPROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
REQUIREMENTS = ROOT / "requirements"

PINNED = re.compile(r"^(?P<name>[a-z0-9][a-z0-9._-]*)==(?P<version>\S+)", re.MULTILINE)


def canonical(requirement: str) -> str:
    """Reduce a requirement to the normalized name of its package (PEP 503)."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0]).lower()


def locked(name: str) -> dict[str, str]:
    """Read the pinned packages of a requirement file."""
    text = (REQUIREMENTS / name).read_text(encoding="utf-8")
    return {canonical(match["name"]): match["version"] for match in PINNED.finditer(text)}


def group(name: str) -> set[str]:
    """List the packages that a dependency group names, groups inside it included."""
    names: set[str] = set()
    for item in load_settings()["dependency-groups"][name]:
        names |= {canonical(item)} if isinstance(item, str) else group(item["include-group"])
    return names


def wanted_by(lock: str) -> set[str]:
    """List what pyproject.toml names for a requirement file."""
    named = {canonical(item) for item in load_settings()["project"]["dependencies"]}
    return {
        "run.lock": named | group("build"),
        "dev.lock": named | group("dev"),
        "tools.lock": group("tools"),
    }[lock]


@pytest.mark.parametrize("lock", ["run.lock", "dev.lock", "tools.lock"])
def test_a_requirement_file_is_in_step(lock: str) -> None:
    """What pyproject.toml names is pinned, and what is pinned is named or needed by another."""
    text = (REQUIREMENTS / lock).read_text(encoding="utf-8")
    direct = set()
    for block in re.split(r"\n(?=\S)", text):
        pinned = PINNED.match(block)
        assert pinned is not None, f"{lock}: not a pinned package: {block[:60]}"
        assert "--hash=sha256:" in block, f"{lock}: no hash for {pinned['name']}"
        if re.search(r"^    #(?: via|  ) (?:trm-hub \(|pyproject\.toml:)", block, re.MULTILINE):
            direct.add(canonical(pinned["name"]))
    assert direct == wanted_by(lock), "run: make lock"


def test_the_tests_run_with_the_versions_of_the_product() -> None:
    """Every package of run.lock is in dev.lock at the same version."""
    run, dev = locked("run.lock"), locked("dev.lock")
    assert {name: dev.get(name) for name in run} == run, "run: make lock"


def test_the_tool_is_one_exact_version() -> None:
    """The installer of everything else is pinned in pyproject.toml, not only in its lock."""
    for requirement in load_settings()["dependency-groups"]["tools"]:
        assert "==" in requirement


def _tables_of_exceptions() -> list[tuple[str, str]]:
    """Cut out the lists of pyproject.toml by which a check is told to look away."""
    found = []
    heads = {
        r"^ignore = \[(.*?)^\]": "ruff ignore",
        r"^\"[^\"]+\" = \[(.*?)^\]": "ruff per-file-ignores",
        r"^DEP\d+ = \[(.*?)^\]": "deptry ignores",
    }
    for pattern, name in heads.items():
        found += [(name, body) for body in re.findall(pattern, PYPROJECT, re.MULTILINE | re.DOTALL)]
    return found


def test_every_exception_in_the_settings_has_a_comment() -> None:
    """Each line that switches a check off says why, on the same line."""
    tables = _tables_of_exceptions()
    assert {name for name, _ in tables} >= {"ruff ignore", "ruff per-file-ignores"}
    bare = [
        f"{name}: {line.strip()}"
        for name, body in tables
        for line in body.splitlines()
        if '"' in line and not re.search(r"#\s*\w.{8,}", line)
    ]
    assert bare == []


def test_the_checks_stay_strict() -> None:
    """All of ruff, mypy strict, warnings as errors, unknown markers refused, a coverage floor."""
    tool = load_settings()["tool"]
    assert tool["ruff"]["lint"]["select"] == ["ALL"]
    assert tool["mypy"]["strict"] is True
    assert tool["pytest"]["ini_options"]["filterwarnings"][0] == "error"
    assert {"--strict-markers", "--strict-config"} <= set(tool["pytest"]["ini_options"]["addopts"])
    assert tool["coverage"]["report"]["fail_under"] >= 85


def test_an_allowed_warning_has_a_comment() -> None:
    """After "error", each filter names one warning of one library, and the reason beside it."""
    body = re.search(r"^filterwarnings = \[(.*?)\]$", PYPROJECT, re.MULTILINE | re.DOTALL)
    assert body is not None
    lines = [line for line in body[1].splitlines() if '"' in line and '"error"' not in line]
    assert [line for line in lines if "#" not in line] == []


def test_the_licence_is_there_and_named() -> None:
    """The SPDX name in pyproject.toml and the full text of the licence agree."""
    project = load_settings()["project"]
    assert project["license"] == "EUPL-1.2"
    for name in project["license-files"]:
        text = (ROOT / name).read_text(encoding="utf-8")
        assert text.startswith("EUROPEAN UNION PUBLIC LICENCE v. 1.2\n")
        assert "15.Applicable Law" in text
        assert text.rstrip().endswith("require the production of a new EUPL version.")


def test_this_distribution_cannot_be_uploaded_by_mistake() -> None:
    """The public index refuses a distribution with this classifier."""
    assert "Private :: Do Not Upload" in load_settings()["project"]["classifiers"]


def test_continuous_integration_runs_the_commands_of_the_readme() -> None:
    """What the README tells a newcomer to type is what is run for every change."""
    readme = Path(ROOT / "README.md").read_text(encoding="utf-8")
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    typed = set(re.findall(r"\bmake (demo|test|check)\b", readme))
    assert {"demo", "test"} <= typed
    for command in typed:
        assert re.search(rf"^\s*make {command}\b", script, re.MULTILINE), command
