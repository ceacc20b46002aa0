"""The program ``trm-node``: its command line, without what only draws.

The library of the command line brings ``rich`` and ``pygments``, which structlog and httpx take in
where they find them: four megabytes of a node, which draws nothing.
"""

from importlib import import_module

from console.process.sparing import leaving_out


def main() -> None:
    """Run the command line."""
    with leaving_out("rich", "pygments"):
        command_line = import_module("node.cli")
    command_line.main()
