"""Talking with the hub about drills, over HTTP."""

from dataclasses import dataclass
from typing import Final

import httpx

from contact_registry.bounded_exchange import AnswerTooLongError, exchange
from contact_registry.drills.errors import DrillRefusal
from contact_registry.drills.news import MAX_NEWS_BYTES, DrillNews, parse_news
from contact_registry.errors import DocumentError
from node.service.drills import DrillHostError

_HEADERS: Final = {"Content-Type": "application/octet-stream"}
_LONGEST_PROBLEM: Final = 20_000
#: No code of ours is longer.
_LONGEST_CODE: Final = 40
#: What answering again at another time can change: our keys are not in the hub's registry yet.
_FOR_NOW: Final = frozenset({DrillRefusal.UNKNOWN_SIGNER.value})


@dataclass(frozen=True, slots=True)
class DrillHost:
    """The hub, as far as drills go. Implements ``node.workers.drills.DrillHost``; blocking."""

    hub_url: str
    http: httpx.Client

    def fetch_news(self, request: bytes, *, since: int, mark: str) -> DrillNews:
        """Ask what changed after a revision; raises :class:`DrillHostError`."""
        answer = self._post(f"news?since={since}&mark={mark}", request, longest=MAX_NEWS_BYTES)
        if answer.status_code != httpx.codes.OK:
            raise DrillHostError(f"The hub answered {answer.status_code}: {_read_code(answer)}.")
        try:
            return parse_news(answer.content)
        except DocumentError as error:
            raise DrillHostError("The hub's news about drills cannot be read: update.") from error

    def send_answer(self, answer: bytes) -> str | None:
        """Hand a signed answer over: None when the hub has it on its disk.

        Otherwise the code of a refusal that trying again cannot change. Raises
        :class:`DrillHostError`.
        """
        got = self._post("answers", answer, longest=_LONGEST_PROBLEM)
        if got.status_code == httpx.codes.OK:
            return None
        code = _read_code(got)
        refused = got.is_client_error and code in set(DrillRefusal) and code not in _FOR_NOW
        if not refused:
            raise DrillHostError(f"The hub answered {got.status_code}: {code}.")
        return code

    def _post(self, path: str, body: bytes, *, longest: int) -> httpx.Response:
        """Post, and read at most so many bytes of the answer."""
        url = f"{self.hub_url.rstrip('/')}/registry/drills/{path}"
        try:
            return exchange(self.http, "POST", url, longest=longest, content=body, headers=_HEADERS)
        except AnswerTooLongError as error:
            raise DrillHostError("The hub's answer about drills is too long.") from error
        except httpx.HTTPError as error:
            raise DrillHostError(f"The hub cannot be reached ({type(error).__name__}).") from error


def _read_code(answer: httpx.Response) -> str:
    try:
        content = answer.json()
    except ValueError:
        return "no reason given"
    code = content.get("code") if isinstance(content, dict) else None
    return code if isinstance(code, str) and len(code) <= _LONGEST_CODE else "no reason given"
