"""The scripts around the code: quick when nothing changed, plain when something is missing."""

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import make_environment
from scripts.make_environment import Layout, is_current, parse_pip_settings, save_stamp, stamp_for
from tests.support.checkout import ROOT

BOOTSTRAP = ROOT / "scripts" / "bootstrap"


def put_program(folder: Path, name: str, text: str) -> None:
    """Write an executable shell script."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def only(tmp_path: Path, *programs: str) -> dict[str, str]:
    """Make an environment in which nothing but the named programs can be found."""
    folder = tmp_path / "bin"
    folder.mkdir(exist_ok=True)
    for name in programs:
        found = shutil.which(name)
        assert found is not None
        (folder / name).symlink_to(found)
    return {"PATH": str(folder), "HOME": str(tmp_path)}


def test_without_a_new_python_the_script_says_what_to_install(tmp_path: Path) -> None:
    """A machine with an old Python, or with none, gets a sentence and not a traceback."""
    environment = only(tmp_path, "sh", "dirname", "cat")
    put_program(tmp_path / "bin", "python3", "exit 1")  # as an old one answers the version test
    done = subprocess.run(
        [BOOTSTRAP, "run"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "no Python 3.11 or newer was found on PATH" in done.stderr
    assert "apt-get install python3" in done.stderr


def test_the_first_new_enough_python_is_taken(tmp_path: Path) -> None:
    """An old python3 is passed over for a newer one by another name."""
    environment = only(tmp_path, "sh", "dirname", "cat")
    put_program(tmp_path / "bin", "python3", "exit 1")
    put_program(tmp_path / "bin", "python3.11", 'test "$1" = -c || echo "taken: $*"')
    done = subprocess.run(
        [BOOTSTRAP, "run"], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("taken: -I ")
    assert done.stdout.endswith("make_environment.py run\n")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """Make a checkout that has requirement files and an interpreter, and nothing installed."""
    (tmp_path / "requirements").mkdir()
    for name in ("run", "dev", "tools"):
        (tmp_path / "requirements" / f"{name}.lock").write_text(f"{name}\n")
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(sys.executable)
    return Layout(tmp_path)


def test_a_finished_environment_is_current_until_something_changes(layout: Layout) -> None:
    """The stamp answers for requirement file, settings, folder and interpreter."""
    assert not is_current(layout, "run")
    save_stamp(layout.venv, stamp_for(layout, "run"))
    assert is_current(layout, "run")
    assert not is_current(layout, "dev")
    layout.lock_file("run").write_text("run, newer\n")
    assert not is_current(layout, "run")


def test_the_larger_environment_serves_for_the_smaller(layout: Layout) -> None:
    """After "make test", "make demo" installs nothing."""
    save_stamp(layout.venv, stamp_for(layout, "dev"))
    assert is_current(layout, "dev")
    assert is_current(layout, "run")


@pytest.mark.parametrize("damage", ["moved", "interpreter-gone", "stamp-torn", "stamp-of-another"])
def test_a_damaged_environment_is_not_current(layout: Layout, damage: str) -> None:
    """A moved folder, a removed interpreter or a torn stamp never passes for a whole one."""
    save_stamp(layout.venv, stamp_for(layout, "dev"))
    stamp = layout.venv / make_environment.STAMP
    match damage:
        case "moved":
            fields = json.loads(stamp.read_text())
            stamp.write_text(json.dumps({**fields, "root": "/elsewhere"}))
        case "interpreter-gone":
            layout.python.unlink()
        case "stamp-torn":
            stamp.write_text(stamp.read_text()[:20])
        case _:
            stamp.write_text("[]")
    assert not is_current(layout, "dev")


FAKE_UV = """
for last; do :; done
if test "$1" = venv; then mkdir -p "$last/bin"; ln -s {python} "$last/bin/python"; fi
echo "$1 $2" >> {log}
{then}
"""


def put_uv(layout: Layout, *, then: str = "exit 0") -> Path:
    """Put a program in uv's place that writes down what it is asked; the file it writes to."""
    log = layout.root / "asked"
    folder = layout.tools / "env" / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    put_program(folder, "uv", FAKE_UV.format(python=sys.executable, log=log, then=then))
    return log


def test_an_interrupted_installation_starts_again_from_nothing(layout: Layout) -> None:
    """A failure leaves no stamp; the next run makes the environment anew, and then is done."""
    log = put_uv(layout, then='test "$1 $2" != "pip install"')
    with pytest.raises(make_environment.BootstrapError, match="configure pip or uv"):
        make_environment.make_venv(layout, "dev")
    assert not is_current(layout, "dev")
    (layout.venv / "half-written").touch()
    log.unlink()
    put_uv(layout)
    make_environment.make_venv(layout, "dev")
    assert log.read_text().splitlines() == ["venv -q", "pip sync", "pip install"]
    assert not (layout.venv / "half-written").exists()
    assert is_current(layout, "dev")


def test_a_changed_requirement_file_updates_in_place(layout: Layout) -> None:
    """A whole environment is brought up to date without being thrown away."""
    put_uv(layout)
    make_environment.make_venv(layout, "dev")
    layout.lock_file("dev").write_text("dev, newer\n")
    log = layout.root / "asked"
    log.unlink()
    make_environment.make_venv(layout, "dev")
    assert log.read_text().splitlines() == ["pip sync", "pip install"]
    assert is_current(layout, "dev")


def test_uv_goes_where_pip_goes() -> None:
    """A mirror or an authority that pip is configured for is read; the nearer setting wins."""
    listing = (
        ":env:.index-url='https://near.example/simple'\n"
        "global.cert='/etc/authority.pem'\n"
        "global.index-url='https://far.example/simple'\n"
        "install.index-url='https://nearer.example/simple'\n"
        "not a setting\n"
        "global.broken='\n"
    )
    assert parse_pip_settings(listing) == {
        "index-url": "https://near.example/simple",
        "cert": "/etc/authority.pem",
    }


def test_missing_system_programs_are_named_and_fail(tmp_path: Path) -> None:
    """Where nothing can be installed, the script says what is missing, and never passes."""
    environment = only(tmp_path, "sh", "uname")
    put_program(tmp_path / "bin", "id", "echo 1000")
    script = (ROOT / "scripts" / "system-packages").read_text(encoding="utf-8")
    moved = tmp_path / "system-packages"
    moved.write_text(script.replace("/usr/lib/postgresql", "/nonexistent"), encoding="utf-8")
    done = subprocess.run(
        ["/bin/sh", moved], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "does not have: chromium" in done.stderr
    assert " postgresql " in done.stderr
    assert " gnupg\n" in done.stderr


def test_present_system_programs_are_left_alone() -> None:
    """On a machine that has them the script does nothing, at once."""
    done = subprocess.run(
        [ROOT / "scripts" / "system-packages"], capture_output=True, text=True, check=True
    )
    assert done.stdout + done.stderr == ""


def test_make_alone_lists_the_commands() -> None:
    """Each target of the Makefile that a person calls is explained by "make help"."""
    environment = {key: text for key, text in os.environ.items() if not key.startswith("MAKE")}
    done = subprocess.run(
        ["make", "-C", ROOT], env=environment, capture_output=True, text=True, check=True
    )
    for target in ("demo", "test", "check", "format", "messages", "lock", "wheel", "clean"):
        assert f"make {target} " in done.stdout


@pytest.mark.parametrize(("once", "arguments"), [("", ""), ("1", "--once"), ("0", "")])
@pytest.mark.parametrize("ends", [0, 3])
def test_make_demo_is_the_program_itself(
    tmp_path: Path, once: str, arguments: str, ends: int
) -> None:
    """Its output is all there is on stdout, ONCE reaches it, and its failure is a failure."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    put_program(tmp_path / "scripts", "bootstrap", "echo at work >&2")
    (tmp_path / ".venv").mkdir()
    put_program(tmp_path / ".venv" / "bin", "trm-demo", f'echo "asked: $*"; exit {ends}')
    environment = {key: text for key, text in os.environ.items() if not key.startswith("MAKE")}
    done = subprocess.run(
        ["make", "demo", f"ONCE={once}"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == f"asked: {arguments}\n"
    assert bool(done.returncode) is bool(ends)
