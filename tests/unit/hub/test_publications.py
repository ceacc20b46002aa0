"""Every published version of the registry stands in the audit log, exactly once."""

from datetime import timedelta
from pathlib import Path

from hub.audit.actions import Action
from hub.audit.log import AuditFilter
from hub.audit.publications import record_publications
from tests.support.hub_console import build_context
from tests.support.registry import AL, RegistryWorld

PUBLISHED = AuditFilter(action=Action.REGISTRY_PUBLISHED.value)


def test_no_version_is_forgotten_and_none_is_told_twice(tmp_path: Path) -> None:
    """A new log begins at the present version; then each one is named with what it changed."""
    world = RegistryWorld(tmp_path / "registry")
    world.create()
    context = build_context(tmp_path, repository=world.repository, online=world.online)
    assert record_publications(context, world.repository) == 1
    assert record_publications(context, world.repository) == 0
    world.publish(world.contacts_submission(AL))
    world.publish(world.keys_submission(AL))  # the hub was away while these came
    world.clock.move(timedelta(hours=1))
    world.repository.refresh_timestamp(world.online)
    assert record_publications(context, world.repository) == 2
    entries = context.audit.list_entries(PUBLISHED)
    assert [(entry.subject, entry.facts["roles"]) for entry in entries] == [
        ("3", "AL-node"), ("2", "AL"), ("1", "targets"),
    ]  # fmt: skip
    assert context.audit.verify().sequence == 3
    context.database.close()
