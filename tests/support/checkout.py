"""The checkout as the architecture tests read it: its packages, its files, its settings."""

import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

PACKAGES = (
    "protocol",
    "contact_registry",
    "console",
    "directory_pages",
    "hub",
    "node",
    "deploy",
)
"""The import packages of the product, as pyproject.toml ships them."""


@cache
def load_settings() -> dict[str, Any]:
    """Read pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@cache
def list_files() -> tuple[Path, ...]:
    """List the files that belong to the project: tracked by git, or new and not ignored."""
    listing = subprocess.run(
        [
            "git",
            "-c",
            f"safe.directory={ROOT}",  # a checkout of another account is read all the same
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
            "-z",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    files = (ROOT / name for name in listing.stdout.split("\0") if name)
    return tuple(sorted(file for file in files if file.is_file()))


def load_texts() -> Iterator[tuple[Path, str]]:
    """Give path (from the root) and text of every file of the project that is text."""
    for file in list_files():
        try:
            yield file.relative_to(ROOT), file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def list_modules() -> tuple[Path, ...]:
    """List the project's Python files, tests and scripts included."""
    return tuple(file for file in list_files() if file.suffix == ".py")
