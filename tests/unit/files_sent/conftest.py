"""Two nodes that take files, on either database: tests take turns."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from node.domain.files import FileRules
from node.service.context import NodeContext
from tests.support.node import Network, make_network


@pytest.fixture
def rules() -> FileRules:
    """Take the product's bounds, without a reserve: the disk of a test may be small."""
    return FileRules(reserve=0)


@pytest.fixture
def network(
    tmp_path: Path, node_url_of: Callable[[str], str], rules: FileRules
) -> Iterator[Network]:
    """AL and XK, who know each other."""
    made = make_network(["AL", "XK"], url_of=node_url_of, files=tmp_path)
    for code, node in made.nodes.items():
        made.nodes[code] = replace(node, file_rules=rules)
    yield made
    made.close()


@pytest.fixture
def node(network: Network) -> NodeContext:
    """AL's node."""
    return network.node("AL")
