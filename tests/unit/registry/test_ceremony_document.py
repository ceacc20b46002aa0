"""The commands in docs/ceremonies.md: each can be typed as it stands."""

import re
import shlex
from typing import Any

import pytest
import typer

from contact_registry.cli import app as registry_app
from node.cli import app as node_app
from tests.support.ceremony_transcript import DOCUMENT

_TOOLS = {"trm-registry": registry_app, "trm-node": node_app}
_BLOCK = re.compile(r"^ *```sh\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`(trm-\w+ [^`]+)`")
#: Named in passing, to say which command does something.
_NAMES_ALONE = {"trm-registry history", "trm-registry ceremony prepare", "trm-node registry-key"}


def list_commands() -> list[str]:
    """Return every command line outside the transcripts, which are run where they are made."""
    text = re.sub(
        r"<!-- transcript.*?<!-- end", "", DOCUMENT.read_text(encoding="utf-8"), flags=re.DOTALL
    )
    blocks = " \n".join(found[1].replace("\\\n", " ") for found in _BLOCK.finditer(text))
    inline = [" ".join(found[1].split()) for found in _INLINE.finditer(text)]
    lines = [" ".join(line.split()) for line in blocks.splitlines() if line.strip()]
    return [line for line in (*lines, *inline) if line not in _NAMES_ALONE]


@pytest.mark.parametrize("line", list_commands())
def test_a_command_is_accepted_as_it_is_printed(line: str) -> None:
    """Every option that a command needs stands in the line, and none that it does not know."""
    tool, *words = shlex.split(line)
    command: Any = typer.main.get_command(_TOOLS[tool])
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    context = command.make_context(tool, words)  # refuses what is missing, unknown or left over
    assert context.command is command
