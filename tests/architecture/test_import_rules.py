"""Each import rule of pyproject.toml really catches what it forbids.

The packages are copied aside, one forbidden import is put in, and the linter must name the rule
that it breaks. A rule that stopped watching, by a renamed module or a wrong wildcard, fails here.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.checkout import PACKAGES, ROOT, load_settings


@dataclass(frozen=True)
class Violation:
    """A forbidden import: what is written into which modules, and the rule that must object."""

    rule: str
    sources: dict[str, str]

    def __str__(self) -> str:
        steps = "; ".join(f"{module}: {line}" for module, line in self.sources.items())
        return f"{self.rule} [{steps}]"


def one(rule: str, module: str, line: str) -> Violation:
    """Describe a forbidden import in one module."""
    return Violation(rule, {module: line})


VIOLATIONS = (
    one("directions", "protocol.intruder", "import contact_registry"),
    one("directions", "protocol.intruder", "import hub"),
    one("directions", "contact_registry.intruder", "import node"),
    one("directions", "contact_registry.intruder", "import hub"),
    one("directions", "hub.intruder", "import deploy"),
    one("directions", "node.intruder", "import deploy"),
    one("faces", "hub.intruder", "import node"),
    one("faces", "node.intruder", "import hub"),
    Violation("faces", {"node.intruder": "from hub import intruder", "hub.intruder": ""}),
    Violation(
        "faces", {"hub.intruder": "import console.intruder", "console.intruder": "import node"}
    ),
    one("console-alone", "console.intruder", "import protocol"),
    one("console-alone", "console.intruder", "import contact_registry"),
    one("console-alone", "console.intruder", "import node"),
    one("registry-faceless", "contact_registry.intruder", "import console"),
    one("registry-faceless", "protocol.intruder", "import console"),
    one("blind-hub", "hub.intruder", "import protocol.sealing"),
    one("blind-hub", "hub.intruder", "from protocol import messages"),
    one("blind-hub", "hub.intruder", "from protocol.sealing import *"),
    Violation(
        "blind-hub",
        {
            "hub.intruder": "import contact_registry.intruder",
            "contact_registry.intruder": "import protocol.messages",
        },
    ),
    Violation(
        "blind-hub",
        {
            "hub.intruder": "import protocol.intruder",
            "protocol.intruder": "if __debug__:\n    import protocol.other",
            "protocol.other": "def open_it():\n    from protocol import sealing\n",
        },
    ),
    one("directions", "directory_pages.intruder", "import node"),
    one("directory-pages", "directory_pages.intruder", "from protocol import messages"),
    one("directory-pages-storeless", "directory_pages.intruder", "import sqlmodel"),
    one("client-alone", "node.client.intruder", "from node.service import tokens"),
    one("client-alone", "node.client.intruder", "import contact_registry"),
    one("pure-protocol", "protocol.intruder", "import os"),
    one("pure-protocol", "protocol.intruder", "from time import time"),
    one("pure-protocol", "protocol.messages.intruder", "import logging"),
    one("pure-protocol", "protocol.intruder", "import structlog"),
    one("pure-protocol", "protocol.intruder", "import urllib.request"),
    one("pure-protocol", "protocol.intruder", "from sqlalchemy import orm"),
    one("crypto-in-few-places", "protocol.intruder", "import nacl.signing"),
    one("crypto-in-few-places", "contact_registry.intruder", "import nacl.signing"),
    one(
        "crypto-in-few-places",
        "node.intruder",
        "from cryptography.hazmat.primitives import hashes",
    ),
    one("crypto-in-few-places", "node.adapters.intruder", "import nacl.secret"),
    one("crypto-in-few-places", "hub.intruder", "import nkeys"),
    one("crypto-in-few-places", "console.intruder", "import cryptography.fernet"),
    one("crypto-in-few-places", "console.storage.intruder", "import nacl.secret"),
    one("crypto-in-few-places", "deploy.intruder", "import nacl.utils"),
    one("node-layers", "node.domain.intruder", "import node.store"),
    one("node-layers", "node.store.intruder", "import node.service"),
    one("node-layers", "node.service.intruder", "import node.adapters"),
    one("node-layers", "node.service.intruder", "import node.web"),
    one("node-layers", "node.workers.intruder", "import node.api"),
    one("node-layers", "node.adapters.intruder", "import node.bootstrap"),
    one("node-layers", "node.api.intruder", "import node.web"),
)

LAYERS_OF_NODE = ("api", "web", "workers", "adapters", "service", "store", "domain")


def _write_missing(path: Path, text: str) -> None:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the packages and the rules; a module that a rule names and nobody wrote yet is added."""
    folder = tmp_path_factory.mktemp("packages")
    shutil.copy(ROOT / "pyproject.toml", folder)
    for package in PACKAGES:
        if (ROOT / package).is_dir():
            shutil.copytree(
                ROOT / package,
                folder / package,
                ignore=lambda at, names: {
                    name
                    for name in names
                    if not name.endswith(".py") and not (Path(at) / name).is_dir()
                },
            )
        _write_missing(folder / package / "__init__.py", '"""Not written yet."""\n')
    for module, line in {
        "protocol.sealing": "import cryptography",
        "protocol.attachment": "",
        "node.adapters.keystore": "import nacl",
        "node.bootstrap": "",
        "node.cli": "",
    }.items():
        path = folder / Path(*module.split("."))
        if not path.is_dir():
            _write_missing(path.with_suffix(".py"), line)
    for name in LAYERS_OF_NODE:
        _write_missing(folder / "node" / name / "__init__.py", "")
    _write_missing(folder / "protocol" / "messages" / "__init__.py", "")
    return folder


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the linter on the packages in the folder."""
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--no-logo"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "300", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def rules() -> list[dict[str, Any]]:
    """List the import rules of pyproject.toml."""
    found: list[dict[str, Any]] = load_settings()["tool"]["importlinter"]["contracts"]
    return found


def test_the_packages_keep_every_rule(packages: Path) -> None:
    """With nothing put in, no rule objects: a violation below is the one that was put in."""
    done = lint(packages)
    assert done.returncode == 0, done.stdout + done.stderr
    for rule in rules():
        assert f"{rule['name']} KEPT" in done.stdout


@pytest.mark.parametrize("violation", VIOLATIONS, ids=str)
def test_a_forbidden_import_is_caught(packages: Path, tmp_path: Path, violation: Violation) -> None:
    """The linter fails, and names the rule that the import breaks."""
    folder = tmp_path / "packages"
    shutil.copytree(packages, folder)
    for module, line in violation.sources.items():
        path = folder / Path(*module.split(".")).with_suffix(".py")
        _write_missing(path, "")
        path.write_text(f"{path.read_text(encoding='utf-8')}\n{line}\n", encoding="utf-8")
    done = lint(folder)
    name = {rule["id"]: rule["name"] for rule in rules()}[violation.rule]
    assert done.returncode != 0
    assert f"{name} BROKEN" in done.stdout, done.stdout + done.stderr


def test_every_rule_has_a_violation() -> None:
    """A rule without a proof that it catches something is no rule."""
    assert {rule["id"] for rule in rules()} == {violation.rule for violation in VIOLATIONS}
