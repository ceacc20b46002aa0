"""The packages are ours, small, and free of hidden doors."""

import ast
import importlib.util
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from tests.support.checkout import PACKAGES, ROOT, list_modules, load_settings

MOST_LINES = 450
LONGER_FILES: dict[str, str] = {}
"""Files that may be longer -> why nobody would read them better in two parts."""

SHAPELESS_NAMES = {"utils", "util", "helpers", "helper", "manager", "base", "misc", "common"}
PYTHON_FILES = [file.relative_to(ROOT).as_posix() for file in list_modules()]
PRODUCT_FILES = [name for name in PYTHON_FILES if name.split("/")[0] in PACKAGES]
INIT_FILES = [name for name in PRODUCT_FILES if name.endswith("__init__.py")]


def test_the_product_ships_the_packages_of_the_rules() -> None:
    """The wheel, the linter and the coverage speak of the same packages."""
    tool = load_settings()["tool"]
    assert set(tool["hatch"]["build"]["targets"]["wheel"]["packages"]) == set(PACKAGES)
    assert set(tool["importlinter"]["root_packages"]) == set(PACKAGES)
    assert set(tool["coverage"]["run"]["source"]) == set(PACKAGES)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_is_ours(package: str) -> None:
    """Of the names hub, node, protocol others exist on the public index: what imports is ours."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", f"import {package}; print({package}.__file__)"],
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(done.stdout.strip()) == ROOT / package / "__init__.py"


def test_no_dependency_brings_a_package_of_our_name() -> None:
    """Nothing that is locked installs a folder or file called like a package of ours."""
    origin = importlib.util.find_spec("pytest")
    assert origin is not None
    assert origin.origin is not None
    site_packages = Path(origin.origin).parents[1]
    for package in (*PACKAGES, "tests", "scripts"):
        assert not (site_packages / package).exists()
        assert not (site_packages / f"{package}.py").exists()


@pytest.mark.parametrize("name", INIT_FILES)
def test_an_init_file_holds_a_docstring_only(name: str) -> None:
    """A re-export there would be an import that the import rules cannot see."""
    body = ast.parse((ROOT / name).read_text(encoding="utf-8")).body
    assert len(body) == 1, f"{name}: move the code into a module of its own"
    assert isinstance(body[0], ast.Expr)
    assert isinstance(body[0].value, ast.Constant)
    assert isinstance(body[0].value.value, str)


def test_every_folder_with_code_is_a_package() -> None:
    """A folder without __init__.py is invisible to the import rules and to the type checker."""
    folders = {Path(name).parent for name in PRODUCT_FILES if "/migrations/" not in name}
    missing = [str(folder) for folder in folders if not (ROOT / folder / "__init__.py").exists()]
    assert missing == []


def test_no_module_has_a_name_without_meaning() -> None:
    """A module called utils or base collects what nobody thought about."""
    parts = {(name, part) for name in PRODUCT_FILES for part in Path(name).with_suffix("").parts}
    assert sorted(name for name, part in parts if part in SHAPELESS_NAMES) == []


def test_no_file_is_too_long_to_read() -> None:
    """A file fits in the head, or its reason is written down here."""
    lengths = {name: len((ROOT / name).read_bytes().splitlines()) for name in PYTHON_FILES}
    long = {name: lines for name, lines in lengths.items() if lines > MOST_LINES}
    assert set(long) == set(LONGER_FILES), f"split these, or say why not: {long}"


@pytest.mark.parametrize("command", sorted(load_settings()["project"]["scripts"]))
def test_a_command_exists(command: str) -> None:
    """Each command that the project promises is installed, and its function is there to run."""
    declared = load_settings()["project"]["scripts"][command]
    (found,) = entry_points(group="console_scripts", name=command)
    assert found.value == declared
    assert callable(found.load())
    assert Path(sys.executable).with_name(command).exists()
