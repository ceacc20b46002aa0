"""What only draws is kept out of a process that draws nothing."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from console.process.sparing import leaving_out

_LOOK = """
import sys
from console.process.sparing import leaving_out
with leaving_out("rich", "pygments"):
    import httpx, structlog
print({"rich", "pygments"} & set(sys.modules), httpx.Client, structlog.get_logger)
"""


def test_a_package_is_refused_only_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inside, a package is not there; one that was imported before is; afterwards it is again."""
    for name in ("spared_here", "used_before"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
        (tmp_path / name / "part.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    import_module("used_before")
    with leaving_out("spared_here", "used_before"):
        with pytest.raises(ModuleNotFoundError):
            import_module("spared_here.part")
        import_module("used_before.part")
    assert import_module("spared_here.part").__name__ == "spared_here.part"
    for name in ("spared_here", "spared_here.part", "used_before", "used_before.part"):
        monkeypatch.delitem(sys.modules, name)


def test_the_libraries_of_a_node_do_without_what_draws() -> None:
    """In a new process the HTTP client and the log work, and neither has drawn anything in."""
    done = subprocess.run([sys.executable, "-c", _LOOK], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("set() ")
