"""The footnote of Kosovo* is one sentence, wherever it is written."""

import re

import pytest

from console.formats import KOSOVO_FOOTNOTE as CONSOLE_FOOTNOTE
from contact_registry.models import KOSOVO_FOOTNOTE
from tests.support.checkout import load_texts

QUOTED = re.compile(r"This designation is without prejudice[^.]*\.", re.DOTALL)
TEXTS = {
    str(path): text for path, text in load_texts() if path.suffix == ".md" and QUOTED.search(text)
}


def test_registry_and_console_say_the_same() -> None:
    """Neither imports the other, so that only this holds them together."""
    assert CONSOLE_FOOTNOTE.msgid == KOSOVO_FOOTNOTE
    assert "UNSCR 1244/1999" in KOSOVO_FOOTNOTE


@pytest.mark.parametrize("path", sorted(TEXTS))
def test_documents_say_the_same(path: str) -> None:
    """Wrapped or not, every document that quotes it quotes it in full."""
    wanted = KOSOVO_FOOTNOTE.removeprefix("* ")
    for quoted in QUOTED.findall(TEXTS[path]):
        assert " ".join(quoted.split()) == wanted
