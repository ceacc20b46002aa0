"""Streaming a body into a file: the event loop stays free, and memory holds little."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final

from node.service.attachments.staging import FileWriter, StagedFile
from node.service.context import NodeError

_SILENCE: Final = 60.0
"""Seconds after which a line that brings nothing is taken for broken: what came is kept."""
_PIECE: Final = 256 * 1024
"""Collected before a thread is asked to write it: asking for each packet would cost more."""


class SilentLineError(NodeError):
    """A line brought nothing for too long; what came before is kept."""


async def take_stream(
    stream: AsyncIterator[bytes],
    open_writer: Callable[[], FileWriter],
    *,
    is_rest: bool = False,
    silence: float = _SILENCE,
) -> StagedFile:
    """Write what a stream yields; what came before it broke is kept.

    ``is_rest``: the file ends with the stream, whatever length was announced (a form does not say
    it). Raises what ``FileWriter`` raises, and whatever the stream raises;
    :class:`SilentLineError` if it brought nothing for ``silence`` seconds. In memory is at most one
    stride (``FileRules.stride``) and what came last.
    """
    writer = await asyncio.to_thread(open_writer)
    waiting = bytearray()
    while True:
        try:
            async with asyncio.timeout(silence):
                piece = await anext(stream, None)
        except TimeoutError as error:
            await asyncio.to_thread(_finish, writer, bytes(waiting), is_rest=False)
            raise SilentLineError(
                "Nothing came for too long: ask how far it got, and go on from there."
            ) from error
        except BaseException:  # the line broke, or the server ends: keep what came
            await asyncio.to_thread(_finish, writer, bytes(waiting), is_rest=False)
            raise
        if piece is None:
            return await asyncio.to_thread(_finish, writer, bytes(waiting), is_rest=is_rest)
        waiting += piece
        if len(waiting) >= _PIECE:
            await asyncio.to_thread(writer.write, bytes(waiting))
            waiting.clear()


def _finish(writer: FileWriter, rest: bytes, *, is_rest: bool) -> StagedFile:
    writer.write(rest)
    return writer.finish(is_rest=is_rest)
