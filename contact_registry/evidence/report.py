"""The page that people read: a judgement and the messages themselves, with no script in it.

The page in a bundle was written by whoever made the bundle and proves nothing; ``trm-verify
--report`` writes the same page from what it verified itself.
"""

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from html import escape
from typing import Any, Final

from contact_registry.evidence.presenting import (
    format_claim,
    format_proof,
    mentions_kosovo,
    name_participant,
)
from contact_registry.evidence.verdict import Judgement, MessageVerdict
from contact_registry.models import KOSOVO_FOOTNOTE
from protocol.evidence.steps import Step

_STYLE: Final = (
    "body{font:1rem/1.5 serif;max-width:52rem;margin:2rem auto;padding:0 1rem;color:#111}"
    "table{border-collapse:collapse;width:100%}"
    "td,th{border:1px solid #999;padding:.3rem .5rem;text-align:left;vertical-align:top;"
    "overflow-wrap:anywhere}h2{margin-top:2rem;border-top:2px solid #111;padding-top:1rem}"
)
_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title><style>{style}</style></head>
<body><h1>{title}</h1>
{body}
</body></html>
"""
#: Controls, directions, halves of characters, private and unassigned ones, foreign line ends.
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_PLAIN_NAME: Final = re.compile("[A-Za-z0-9_-]+")
_EXPLAINED: Final = """<p>This page is for reading. It proves nothing by itself: run
<code>trm-verify</code> on the bundle, with the root of the registry that the operators or another
Participant gave you.</p>
<p>A step is <em>proved</em> by the signature of the sender's or the recipient's node, with a key
that the signed registry lists for that Participant. Times are what the signer says. Proved is an
order: a message was signed after the registry version that it names existed, and before the
receipts that name it were signed. What is <em>only claimed</em> stands in the log of the node that
made this bundle.</p>"""


def write_report(judgement: Judgement, *, title: str, introduction: str) -> bytes:
    """Return the page, in UTF-8."""
    parts = [f"<p>{_text(introduction)}</p>", _EXPLAINED]
    parts += [f"<p><strong>{_text(it.text)}</strong></p>" for it in judgement.problems]
    for message in judgement.messages:
        parts += _write_message(message)
    footnote = _text(KOSOVO_FOOTNOTE)
    if any(map(mentions_kosovo, parts)) and not any(footnote in part for part in parts):
        parts.append(f"<hr><p>{footnote}</p>")
    page = _PAGE.format(title=_text(title), style=_STYLE, body="\n".join(parts))
    return page.encode()


def _write_message(message: MessageVerdict) -> Iterator[str]:
    head = message.head
    if head is None:
        yield f"<h2>Message {_text(message.name)}</h2>"
    else:
        parties = f"{name_participant(head.sender)} to {name_participant(head.recipient)}"
        yield f"<h2>{_text(parties)}: {_text(head.type)}</h2>"
    yield f"<p>SHA-256 of its content: <code>{message.digest}</code></p>"
    yield "<h3>Proved</h3>"
    if message.proofs:
        items = "".join(
            f"<li>{_text(chr(10).join(format_proof(proof)))}</li>" for proof in message.proofs
        )
        yield f"<ul>{items}</ul>"
    else:
        yield "<p>Nothing.</p>"
    if message.problems:
        items = "".join(f"<li>{_text(problem.text)}</li>" for problem in message.problems)
        yield f"<h3>Not proved</h3><ul>{items}</ul>"
    if message.claims:
        items = "".join(f"<li>{_text(format_claim(claim))}</li>" for claim in message.claims)
        yield f"<h3>Only claimed</h3><ul>{items}</ul>"
    if message.find_proof(Step.SIGNED):
        yield "<h3>What was signed</h3>"
    else:
        yield "<h3>What the file says: not proved to be of the sender</h3>"
    yield _write_table(("Field", "Value"), _list_fields(message.payload))


def _write_table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    cells = "".join(f"<th>{_text(cell)}</th>" for cell in head)
    lines = "".join(
        "<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><tr>{cells}</tr>{lines}</table>"


def _list_fields(payload: bytes) -> Iterator[tuple[str, str]]:
    """Yield every field of a payload with its path; of one that is no JSON, nothing."""
    try:
        tree = json.loads(payload)
    except (ValueError, RecursionError):
        return
    waiting: list[tuple[str, Any]] = [("", tree)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict) and value:
            names = ((_name(name), it) for name, it in value.items())
            pairs = [(f"{path}.{name}" if path else name, it) for name, it in names]
            waiting += reversed(pairs)
        elif isinstance(value, list) and value:
            waiting += reversed([(f"{path}[{at}]", it) for at, it in enumerate(value)])
        else:
            yield path, value if isinstance(value, str) else json.dumps(value)


def _name(name: str) -> str:
    """Return a field's name; in quotes if it could be taken for a path or for several fields."""
    return name if _PLAIN_NAME.fullmatch(name) else json.dumps(name)


def _text(words: str) -> str:
    """Escape for the page; what cannot be seen is written out, so that it cannot mislead."""
    seen = "".join(
        f"\\u{ord(character):04x}"
        if unicodedata.category(character) in _UNSEEN and character not in "\n\t"
        else character
        for character in words
    )
    return escape(seen).replace("\n", "<br>")
