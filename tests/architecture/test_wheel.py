"""The wheel holds the whole product: what works from the checkout works where it is installed."""

import os
import subprocess
import sys
import tomllib
import zipfile
from email import message_from_string
from pathlib import Path

import pytest

from tests.support.checkout import PACKAGES, ROOT, list_files

CODE = {".py", ".pyc"}
DATA_FOLDERS = {"templates", "static", "locales", "migrations", "data"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel, with the build tool that is installed and no network."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=ROOT,
        env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000"},
        capture_output=True,
        text=True,
        check=True,
    )
    (built,) = folder.glob("*.whl")
    return built


def product_files() -> set[str]:
    """List every file of the packages in the checkout, templates and data included."""
    names = (file.relative_to(ROOT).as_posix() for file in list_files())
    return {name for name in names if name.split("/")[0] in PACKAGES}


def test_the_wheel_holds_every_file_of_the_packages(wheel: Path) -> None:
    """Code, templates, static files, migrations, message catalogues and the contact list."""
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert packed == product_files()


def test_what_is_no_code_stands_in_folders_that_say_so() -> None:
    """Templates, static files, catalogues, migrations and data are found by the folder's name."""
    elsewhere = [
        name
        for name in product_files()
        if Path(name).suffix not in CODE
        and not DATA_FOLDERS & set(Path(name).parts)
        and Path(name).name not in {"py.typed", "README.md", "SPEC.md", "MESSAGES.md"}
        and not {"vectors", "schemas"} & set(Path(name).parts)
        and not name.startswith("deploy/")  # configuration files of broker, services, hosts
    ]
    assert elsewhere == []


def test_the_wheel_carries_licence_and_commands(wheel: Path) -> None:
    """Licence text, SPDX name, and the commands of pyproject.toml are in the metadata."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    with zipfile.ZipFile(wheel) as archive:
        (folder,) = {n.split("/")[0] for n in archive.namelist() if ".dist-info/" in n}
        metadata = message_from_string(archive.read(f"{folder}/METADATA").decode())
        commands = archive.read(f"{folder}/entry_points.txt").decode()
        licence = archive.read(f"{folder}/licenses/LICENSE")
    assert metadata["License-Expression"] == project["license"]
    assert licence == (ROOT / "LICENSE").read_bytes()
    for name, target in project["scripts"].items():
        assert f"{name} = {target}" in commands


def test_the_installed_wheel_imports_from_itself(wheel: Path, tmp_path: Path) -> None:
    """Unpacked away from the checkout, every module imports, and none of them from the checkout."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)  # what an installer does with a wheel of pure Python
    program = (
        "import importlib, pkgutil, sys\n"
        "for package in sys.argv[2:]:\n"
        "    root = importlib.import_module(package)\n"
        "    found = pkgutil.walk_packages(root.__path__, package + '.')\n"
        "    skipped = ('.__main__', '.migrations')\n"
        "    names = [m.name for m in found if not any(s in m.name for s in skipped)]\n"
        "    for name in [package, *names]:\n"
        "        origin = importlib.import_module(name).__file__\n"
        "        assert origin.startswith(sys.argv[1]), (name, origin)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-P", "-c", program, str(tmp_path), *PACKAGES],
        cwd="/",
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
