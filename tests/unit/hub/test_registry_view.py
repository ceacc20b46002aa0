"""What the hub's pages see of the registry follows what is published."""

from datetime import timedelta
from pathlib import Path

import pytest

from contact_registry.errors import RegistryUnavailableError
from contact_registry.trust.repository import RegistryRepository
from hub.registry_view import RegistryView
from tests.support.registry import AL, RegistryWorld


def test_the_view_is_kept_until_something_new_is_published(tmp_path: Path) -> None:
    """The same object is given until a version or a renewal; then the new one."""
    world = RegistryWorld(tmp_path)
    world.create()
    view = RegistryView(world.repository)
    first = view.current()
    assert view.current() is first
    world.clock.move(timedelta(hours=12))
    world.repository.refresh_timestamp(world.online)
    renewed = view.current()
    assert (renewed.version, renewed.expires_at > first.expires_at) == (first.version, True)
    world.publish(world.contacts_submission(AL))
    assert view.current().version == first.version + 1
    assert AL in view.current().contacts


def test_a_registry_that_is_not_there_says_so(tmp_path: Path) -> None:
    """None yet, or one that cannot be read: one kind of error, which says what to do."""
    world = RegistryWorld(tmp_path)
    view = RegistryView(RegistryRepository(tmp_path, clock=world.clock))
    with pytest.raises(RegistryUnavailableError, match="holds no registry yet"):
        view.current()
    world.create()
    (tmp_path / "metadata" / "timestamp.json").write_bytes(b"{")
    with pytest.raises(RegistryUnavailableError, match="look at the hub's readiness"):
        view.current()
