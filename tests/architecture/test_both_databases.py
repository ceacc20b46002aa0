"""The tests of a node run on SQLite and on PostgreSQL: none is tied to one without a reason."""

import re
from typing import Final

from tests.support.checkout import ROOT, list_modules

ON_SQLITE_ALONE: Final = {
    "tests/bench/delivery/growth.py": "a curve over Participants and cases, not over databases",
    "tests/bench/size/idle.py": "measures both, one after the other",
    "tests/bench/test_size_bench.py": "what a bench prints, not what a node does",
    "tests/browser/pictures.py": "takes pictures; nothing of a page depends on the database",
    "tests/support/ledger.py": "three servers of a broker and their loss; the nodes only fill them",
    "tests/unit/changes/test_change_crashes.py": "power cuts in a file",
    "tests/support/changes.py": "the store of the registry host; test_change_store.py has both",
    "tests/support/hub_console.py": "the hub's; its migrations and store have both",
    "tests/unit/hub/test_operators_cli.py": "refused addresses of the hub's database",
    "tests/unit/node/test_backup_folder.py": "a copy of a file that is written, and damaged copies",
    "tests/unit/node/test_commands_say_no_word.py": "the file that holds the store is searched",
    "tests/unit/node/test_looks_at_items.py": "how SQLite plans a statement; the rest is on both",
    "tests/unit/node/test_message_lists.py": "how SQLite plans a statement",
    "tests/unit/node/test_write_turns.py": "SQLite alone has one writer",
}
"""Files whose tests open a store on SQLite alone -> why."""

CHOOSES: Final = {
    "tests/architecture/test_both_databases.py",
    "tests/integration/test_hub_migrations.py",
    "tests/integration/test_node_migrations.py",
    "tests/integration/test_node_migrations_with_data.py",
    "tests/support/copied_stores.py",
    "tests/support/node.py",
    "tests/support/node_databases.py",
    "tests/support/tables.py",
    "tests/unit/changes/test_change_store.py",
    "tests/unit/node/conftest.py",
    "tests/unit/node/test_access.py",
    "tests/unit/node/test_prepared_statements.py",
    "tests/unit/node_api/conftest.py",
    "tests/unit/node_web/test_accounts_store.py",
    "tests/unit/node_web/test_setting_up_store.py",
}
"""Files that name SQLite beside PostgreSQL."""

_NAMED: Final = re.compile(r"\bsqlite_urls\(|sqlite://")


def test_no_test_of_a_node_is_tied_to_sqlite() -> None:
    """Who names SQLite names PostgreSQL, too, or stands above with the reason."""
    naming = {
        name
        for file in list_modules()
        if (name := file.relative_to(ROOT).as_posix()).startswith("tests/")
        and _NAMED.search(file.read_text(encoding="utf-8"))
    }
    known = ON_SQLITE_ALONE.keys() | CHOOSES
    assert sorted(naming - known) == [], "take the fixture node_url_of or shared_node_url_of"
    assert sorted(known - naming) == [], "these do not name it any more: take them off the list"
