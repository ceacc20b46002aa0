"""Make or refresh the project's environment: .tools/ (uv) and .venv/ (locked dependencies).

Started by ``scripts/bootstrap``, with any Python 3.11 or newer and the standard library alone. ::

    lock -> is .venv already what is asked for? -> uv -> empty .venv -> locked packages -> stamp

Every package is checked against a hash that is kept in ``requirements/*.lock``. The stamp is
written last and removed first, so an environment that an interruption left half-made is never
taken for a whole one: it is made anew. Where packages come from is the machine's affair: the index
is the one that pip or uv is configured for, and none is named here.
"""

import argparse
import ast
import contextlib
import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PROFILES: Mapping[str, tuple[str, ...]] = {"run": ("run", "dev"), "dev": ("dev",)}
"""What is asked for -> the profiles that satisfy it: dev.lock holds all of run.lock."""

STAMP = "trm-environment.json"

UV_SETTINGS: Mapping[str, str] = {
    "index-url": "UV_DEFAULT_INDEX",
    "cert": "SSL_CERT_FILE",
    "timeout": "UV_HTTP_TIMEOUT",
    "default-timeout": "UV_HTTP_TIMEOUT",
}
"""pip's settings that uv needs too -> the variable by which uv is told."""


class BootstrapError(Exception):
    """The environment cannot be made. The message says what to do next."""


@dataclass(frozen=True)
class Layout:
    """Where things are, from the root of the checkout."""

    root: Path

    @property
    def tools(self) -> Path:
        """Hold what makes the environment; nothing of it is imported by the product."""
        return self.root / ".tools"

    @property
    def uv(self) -> Path:
        """Name the pinned uv."""
        return self.tools / "env" / "bin" / "uv"

    @property
    def venv(self) -> Path:
        """Name the environment that every command of the Makefile runs in."""
        return self.root / ".venv"

    @property
    def python(self) -> Path:
        """Name the interpreter of .venv."""
        return self.venv / "bin" / "python"

    def lock_file(self, name: str) -> Path:
        """Name the list of packages and hashes called ``run``, ``dev`` or ``tools``."""
        return self.root / "requirements" / f"{name}.lock"


def say(sentence: str) -> None:
    """Tell a person what goes on; on stderr, since stdout belongs to the command that follows."""
    print(f"bootstrap: {sentence}", file=sys.stderr, flush=True)


def run(*command: str | Path, env: Mapping[str, str], hint: str) -> None:
    """Run a program with its output on stderr.

    Raises:
        BootstrapError: it failed; the message is the hint.
    """
    done = subprocess.run(
        command, env=env, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False
    )
    if done.returncode != 0:
        named = " ".join(str(word) for word in command)
        message = f"this command failed with exit code {done.returncode}: {named}\n{hint}"
        raise BootstrapError(message)


@contextlib.contextmanager
def locked(layout: Layout) -> Iterator[None]:
    """Hold the only right to change .tools/ and .venv/; wait while another process holds it."""
    layout.tools.mkdir(exist_ok=True)
    with (layout.tools / "lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another bootstrap is at work in this folder; waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


# ---------------------------------------------------------------------------- stamps


def _digest(*files: Path) -> str:
    joined = hashlib.sha256()
    for file in files:
        joined.update(hashlib.sha256(file.read_bytes()).digest())
    return joined.hexdigest()


def stamp_for(layout: Layout, profile: str) -> dict[str, str]:
    """Describe the environment that a profile asks for: equal stamps mean nothing is to be done."""
    return {
        "profile": profile,
        "root": str(layout.root),
        "inputs": _digest(
            layout.lock_file(profile), layout.root / "pyproject.toml", Path(__file__).resolve()
        ),
        "interpreter": os.path.realpath(layout.python),
    }


def load_stamp(folder: Path) -> dict[str, str] | None:
    """Read what was last finished in the folder; None if nothing was, or it cannot be read."""
    try:
        stamp = json.loads((folder / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return stamp if isinstance(stamp, dict) else None


def save_stamp(folder: Path, stamp: Mapping[str, str]) -> None:
    """Record, in one step, that the folder is complete."""
    aside = folder / f"{STAMP}.new"
    aside.write_text(json.dumps(stamp, indent=2) + "\n", encoding="utf-8")
    aside.replace(folder / STAMP)


def is_current(layout: Layout, profile: str) -> bool:
    """Tell whether .venv holds what the profile asks for."""
    stamp = load_stamp(layout.venv)
    return layout.python.exists() and any(
        stamp == stamp_for(layout, satisfying) for satisfying in PROFILES[profile]
    )


# ---------------------------------------------------------------------------- uv


def _install_venv_module() -> None:
    """Get ensurepip where a distribution ships Python without it, or say how to get it."""
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        message = (
            f"{sys.executable} has neither ensurepip nor pip, so it can install nothing.\n"
            f"Debian, Ubuntu:  sudo apt-get install {package}\n"
            "elsewhere:       install the package with Python's 'venv' and 'ensurepip' modules\n"
            "Then run the command again."
        )
        raise BootstrapError(message)
    say(f"this Python has no ensurepip: installing the system package {package}")
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    hint = f"Install the system package {package} by hand, then run the command again."
    run(apt, "update", "-qq", env=env, hint=hint)
    run(apt, "install", "-y", "-qq", "--no-install-recommends", package, env=env, hint=hint)
    importlib.invalidate_caches()


def install_uv(layout: Layout) -> None:
    """Install the pinned uv into .tools/env, with a Python environment of its own around it."""
    env_folder = layout.tools / "env"
    lock_file = layout.lock_file("tools")
    stamp = {"inputs": _digest(lock_file), "root": str(layout.root)}
    if load_stamp(env_folder) == stamp and layout.uv.exists():
        return
    say("installing uv into .tools")
    shutil.rmtree(env_folder, ignore_errors=True)
    # A user's pip settings stand, but for those that would send uv elsewhere than .tools.
    env = {
        **{
            key: text for key, text in os.environ.items() if key not in {"PIP_TARGET", "PIP_PREFIX"}
        },
        "PIP_USER": "0",
        "PIP_REQUIRE_VIRTUALENV": "0",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    hint = (
        "If this machine reaches packages through a mirror or a proxy, configure pip for it\n"
        "(pip config set global.index-url ..., HTTPS_PROXY), then run the command again."
    )
    options = ["--quiet", "--no-input", "--no-deps", "--only-binary=:all:", "--require-hashes"]
    if importlib.util.find_spec("ensurepip") is None and importlib.util.find_spec("pip") is None:
        _install_venv_module()
    if importlib.util.find_spec("ensurepip") is not None:
        run(sys.executable, "-m", "venv", env_folder, env=env, hint=hint)
        installer: list[str | Path] = [env_folder / "bin" / "python", "-m", "pip", "install"]
    else:
        installer = [sys.executable, "-m", "pip", "install", "--target", env_folder]
    run(*installer, *options, "-r", lock_file, env=env, hint=hint)
    save_stamp(env_folder, stamp)


def _has_uv_configuration() -> bool:
    if any(name in os.environ for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_CONFIG_FILE")):
        return True
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path("~/.config").expanduser())
    return any((folder / "uv" / "uv.toml").exists() for folder in (home, Path("/etc")))


def parse_pip_settings(listing: str) -> dict[str, str]:
    """Read the output of ``pip config list``; what stands nearer to the command wins, as in pip."""
    ranks = {"global": 0, "install": 1, ":env:": 2}
    found: dict[str, tuple[int, str]] = {}
    for line in listing.splitlines():
        key, _, quoted = line.partition("=")
        section, _, name = key.rpartition(".")
        if section not in ranks or (name in found and found[name][0] > ranks[section]):
            continue
        with contextlib.suppress(ValueError, SyntaxError):  # a line of another form is no setting
            found[name] = (ranks[section], str(ast.literal_eval(quoted)))
    return {name: text for name, (_, text) in found.items()}


def uv_environment(layout: Layout) -> dict[str, str]:
    """Give uv this machine's settings: its own where there are any, otherwise those of pip."""
    env = {**os.environ, "UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1"}
    if not _has_uv_configuration():
        own = layout.tools / "env" / "bin" / "python"
        python = str(own) if own.exists() else sys.executable
        listing = subprocess.run(
            [python, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
        )
        for name, text in parse_pip_settings(listing.stdout).items():
            if name in UV_SETTINGS:
                env.setdefault(UV_SETTINGS[name], text)
    if ssl.get_default_verify_paths().cafile:
        # an authority that the machine's owner added, say for an inspecting proxy, counts
        env.setdefault("UV_SYSTEM_CERTS", "true")
    return env


# ---------------------------------------------------------------------------- .venv


def make_venv(layout: Layout, profile: str) -> None:
    """Bring .venv to exactly the locked packages of the profile, and this project on top."""
    before = load_stamp(layout.venv)
    (layout.venv / STAMP).unlink(missing_ok=True)
    env = uv_environment(layout)
    env.pop("VIRTUAL_ENV", None)
    hint = (
        "If this machine reaches packages through a mirror or a proxy, configure pip or uv for it\n"
        "(pip config set global.index-url ..., UV_DEFAULT_INDEX, HTTPS_PROXY), then run the\n"
        "command again. 'make clean' first makes it start from nothing."
    )
    whole = (
        before is not None
        and before.get("root") == str(layout.root)
        and before.get("interpreter") == os.path.realpath(layout.python)
        and layout.python.exists()
    )
    if not whole:
        shutil.rmtree(layout.venv, ignore_errors=True)
        options = ["-q", "--no-project", "--python", sys.executable]
        run(layout.uv, "venv", *options, layout.venv, env=env, hint=hint)
    say(f"installing the packages of requirements/{profile}.lock into .venv")
    target: list[str | Path] = ["-q", "--python", layout.python]
    hashed: list[str | Path] = ["--require-hashes", layout.lock_file(profile)]
    run(layout.uv, "pip", "sync", *target, *hashed, env=env, hint=hint)
    own = ["--offline", "--no-deps", "--no-build-isolation", "--editable"]
    run(layout.uv, "pip", "install", *target, *own, layout.root, env=env, hint=hint)
    save_stamp(layout.venv, stamp_for(layout, profile))


def main(arguments: Sequence[str]) -> int:
    """Make the environment of the profile named on the command line; the exit code."""
    parser = argparse.ArgumentParser(prog="bootstrap", description="Make .tools and .venv.")
    parser.add_argument("profile", choices=sorted(PROFILES))
    profile: str = parser.parse_args(arguments).profile
    layout = Layout(Path(__file__).resolve().parent.parent)
    try:
        if not is_current(layout, profile):
            with locked(layout):
                if not is_current(layout, profile):  # another process may just have made it
                    install_uv(layout)
                    make_venv(layout, profile)
    except BootstrapError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("interrupted; the next run starts again from what is whole")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
