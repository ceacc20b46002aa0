"""The client: a method for each thing that a national case system does.

:meth:`NodeClient.ask` is for all that has no method of its own.

What creates something bears a key, so that it is done once however often it is tried: lines that
break, a node that is being restarted and twins are tried again here, with growing pauses.
"""

import io
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, BinaryIO, Final, Self, TypeVar

import httpx
from pydantic import BaseModel, TypeAdapter

from node.client.problems import NodeProblemError, raise_for_problem
from node.client.shapes import (
    Answer,
    Draft,
    Evidence,
    Message,
    MessageLine,
    Page,
    SavedDraft,
    Sent,
    StagedFile,
)

_PAUSES: Final = (0.5, 1.0, 2.0, 4.0, 8.0)
_PIECE: Final = 4 * 1024**2
_AGAIN: Final = frozenset({"still-running", "registry-unavailable", "too-many-requests"})
_BUSY: Final = frozenset({502, 503, 504})
_T = TypeVar("_T")


class NodeClient:
    """One program's way into its node. Use it as a context manager, from one thread at a time."""

    def __init__(self, http: httpx.Client, *, sleep: Callable[[float], None] = time.sleep) -> None:
        """``http`` has the address of ``/api/v1`` as its base, and the token in its headers."""
        self._http = http
        self._sleep = sleep

    @classmethod
    def connect(cls, url: str, token: str, *, timeout: float = 30.0) -> Self:
        """Return a client for the node at ``url``, such as https://node.example.org."""
        return cls(
            httpx.Client(
                base_url=f"{url.rstrip('/')}/api/v1",
                headers={"Authorization": f"Bearer {token}"},
                timeout=timeout,
            )
        )

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the connections back."""
        self._http.close()

    # ------------------------------------------------------------------ asking

    def ask(  # noqa: PLR0913 - the parts of a request, all by name
        self,
        method: str,
        path: str,
        *,
        body: BaseModel | Mapping[str, Any] | None = None,
        key: str | None = None,
        seen: int | None = None,
        query: Mapping[str, Any] | None = None,
        repeat: bool = False,
    ) -> httpx.Response:
        """Make a request and return its answer; raises :class:`NodeProblemError`.

        ``key``: the request is done once, and tried again where that helps. ``seen``: the version
        that was looked at; the node refuses if it is another by now. ``repeat``: done again, it
        changes nothing, so it is tried again without a key.
        """
        headers = {}
        if key is not None:
            headers["Idempotency-Key"] = key
        if seen is not None:
            headers["If-Match"] = f'"{seen}"'
        if isinstance(body, BaseModel):
            body = body.model_dump(mode="json", exclude_none=True)
        may_repeat = repeat or key is not None or method in {"GET", "PUT", "DELETE"}
        for pause in (*_PAUSES, None):
            try:
                answer = self._http.request(method, path, json=body, headers=headers, params=query)
                raise_for_problem(answer)
            except (httpx.TransportError, NodeProblemError) as error:
                if pause is None or not may_repeat or not _is_passing(error):
                    raise
                self._sleep(pause)
            else:
                return answer
        raise AssertionError("unreachable: the last try returns or raises")

    def get(self, path: str, kind: type[_T], **query: Any) -> _T:
        """Return what is at ``path``, read as ``kind``: a model of yours for routes not named."""
        return TypeAdapter(kind).validate_json(self.ask("GET", path, query=query).content)

    def list_all(self, path: str, kind: type[_T], **query: Any) -> Iterator[_T]:
        """Go through a list to its end, page by page."""
        page_kind: Any = Page[kind]  # type: ignore[valid-type]  # a type made at run time
        while True:
            page = page_kind.model_validate_json(self.ask("GET", path, query=query).content)
            yield from page.items
            if page.next is None:
                return
            query["cursor"] = page.next

    # ------------------------------------------------------------------ messages

    def send(self, draft: Draft, *, key: str) -> Sent:
        """Queue a message. ``key`` names it in your system: with it, it is sent once for good."""
        answer = self.ask("POST", "/messages", body=draft, key=key)
        return Sent.model_validate_json(answer.content)

    def list_messages(
        self, direction: str = "in", *, open_only: bool = False
    ) -> Iterator[MessageLine]:
        """Go through received (``in``) or sent (``out``) messages, newest first."""
        return self.list_all("/messages", MessageLine, direction=direction, open_only=open_only)

    def fetch(self, message_id: str) -> Message:
        """Return a message; it does not count as opened."""
        return self.get(f"/messages/{message_id}", Message)

    def open(self, message_id: str) -> Message:
        """Return a message, and let its sender know that somebody opened it."""
        answer = self.ask("POST", f"/messages/{message_id}/open", repeat=True)
        return Message.model_validate_json(answer.content)

    def decide(self, message: Message, decision: Mapping[str, Any], *, key: str) -> Sent:
        """Accept, decline, forward or ask about a message, as it stood when it was looked at."""
        path = f"/messages/{message.item.message_id}/decision"
        answer = self.ask("POST", path, body=decision, key=key, seen=message.item.row_version)
        return Sent.model_validate_json(answer.content)

    def answer(self, message: Message, answer: Answer, *, key: str) -> Sent:
        """Answer a message with a typed one, as it stood when it was looked at."""
        path = f"/messages/{message.item.message_id}/answer"
        got = self.ask("POST", path, body=answer, key=key, seen=message.item.row_version)
        return Sent.model_validate_json(got.content)

    def cancel(self, message_id: str) -> bool:
        """Take back what has not left; returns whether it certainly did not."""
        answer = self.ask("POST", f"/messages/{message_id}/cancel", repeat=True)
        return bool(answer.json()["certain"])

    def fetch_evidence(self, message_id: str) -> Evidence:
        """Return what proves a message to a third party."""
        return self.get(f"/messages/{message_id}/evidence", Evidence)

    # ------------------------------------------------------------------ drafts and files

    def save_draft(self, draft: Draft | Mapping[str, Any], *, key: str | None = None) -> SavedDraft:
        """Keep a draft at the node, however incomplete, for somebody to finish."""
        content = (
            draft.model_dump(mode="json", exclude_none=True)
            if isinstance(draft, Draft)
            else dict(draft)
        )
        answer = self.ask("POST", "/drafts", body={"content": content}, key=key or uuid.uuid4().hex)
        return SavedDraft.model_validate_json(answer.content)

    def send_draft(self, draft_id: str) -> Sent:
        """Send a draft; repeated, it is sent once."""
        answer = self.ask("POST", f"/drafts/{draft_id}/send", repeat=True)
        return Sent.model_validate_json(answer.content)

    def attach(
        self,
        content: BinaryIO | bytes,
        *,
        name: str,
        size: int,
        sensitivity: str,
        recipient: str | None = None,
    ) -> str:
        """Bring a file in, in pieces, going on where a line broke; returns what a draft names."""
        source = io.BytesIO(content) if isinstance(content, bytes) else content
        announced = {"name": name, "size": size, "sensitivity": sensitivity}
        if recipient is not None:
            announced["recipient"] = recipient
        begun = self.ask("POST", "/files", body=announced, key=uuid.uuid4().hex)
        file = StagedFile.model_validate_json(begun.content)
        tries = iter(_PAUSES)
        while not file.complete:
            source.seek(file.received)
            try:
                answer = self._http.patch(
                    f"/files/{file.file_id}",
                    content=source.read(_PIECE),
                    headers={"Upload-Offset": str(file.received)},
                )
                raise_for_problem(answer)
                file = StagedFile.model_validate_json(answer.content)
            except httpx.TransportError:
                pause = next(tries, None)
                if pause is None:
                    raise
                self._sleep(pause)
                file = self.get(f"/files/{file.file_id}", StagedFile)
        return file.file_id


def _is_passing(error: Exception) -> bool:
    """Tell whether the same request may succeed in a moment."""
    if isinstance(error, NodeProblemError):
        return error.code in _AGAIN or error.problem.status in _BUSY
    return True
