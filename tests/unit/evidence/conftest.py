"""A registry for the tests of this folder."""

from pathlib import Path

import pytest

from tests.support.evidence import EvidenceWorld


@pytest.fixture
def world(tmp_path: Path) -> EvidenceWorld:
    """AL, XK and MK in one registry."""
    return EvidenceWorld(tmp_path / "registry")
