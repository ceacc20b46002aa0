"""Targets: what a browser and the broker send to the programs themselves."""

from typing import Final
from zoneinfo import ZoneInfo

from console.accounts.models import format_token, parse_token
from console.dates import DateError, DateParts
from console.i18n import Catalogues, Language
from console.ways_back import is_own_path
from node.adapters.jetstream import _read_publish_ack
from node.domain.ports import LinkDownError, MailboxFullError
from tests.fuzz.target import Target, read_text, require
from tests.fuzz.trees import TreeMutator

_ZONE: Final = ZoneInfo("Europe/Tirane")


def check_browser_text(data: bytes) -> None:
    """Read it as cookie, address, date and language header."""
    text = read_text(data)
    token = parse_token(text)
    require(held=token is None or format_token(token) == text, what="a token's second spelling")
    if is_own_path(text):
        require(held=text[:1] == "/" and text[1:2] != "/", what="an address leads elsewhere")
    chosen = Catalogues({}).choose(wish=text, accept_language=text)
    require(held=chosen is Language.ENGLISH, what="a language that is not offered")
    parts = (text.split("\n") + [""] * 4)[:4]
    DateParts(*parts).parse_moment(_ZONE)


def check_broker_answer(data: bytes) -> None:
    """Read what a broker answers to a hand-over: a receipt, or a reason to try again."""
    require(held=_read_publish_ack(data).sequence is not None, what="an answer without number")


CONSOLE_TARGETS: Final = (
    Target(
        "browser_text",
        check_browser_text,
        lambda: [b"4\n3\n2026\n14:30", b"/cases", b"A" * 43, b"en;q=0.5, sq", b"29\n2\n2027\n9.00"],
        (DateError,),
        longest=300,
    ),
    Target(
        "broker_answer",
        check_broker_answer,
        lambda: [
            b'{"stream": "A", "seq": 7, "duplicate": true}',
            b'{"error": {"code": 503, "err_code": 10077, "description": "maximum messages"}}',
        ],
        (LinkDownError, MailboxFullError),
        may_quote=True,  # what the broker says, cut short
        mutate=TreeMutator(words=("error", "err_code", "description", "seq", "stream", "code")),
    ),
)
