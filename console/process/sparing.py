"""Keeping packages out of a process's memory that libraries take in wherever they find them."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import cast


@contextmanager
def leaving_out(*packages: str) -> Iterator[None]:
    """Let what is imported meanwhile do without these packages, as if they were not installed.

    For packages that a library uses if they are there. One that was imported before stays.
    ``None`` in ``sys.modules`` is how an import is refused (Python's reference, 5.3.1).
    """
    modules = cast("dict[str, ModuleType | None]", sys.modules)
    refused = [package for package in packages if package not in modules]
    modules.update(dict.fromkeys(refused))
    try:
        yield
    finally:
        for package in refused:
            del modules[package]
