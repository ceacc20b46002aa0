"""The code of templates, compiled once for a process and all its languages.

An environment belongs to one language, and Jinja2 compiles a template for each environment. The
code asks for its translations by name when it runs, so it is the same one for all of them:
compiling it again would cost a page's first reader in each language a tenth of a second.
"""

from types import CodeType
from typing import Final

from jinja2.bccache import Bucket, BytecodeCache
from typing_extensions import override


class CompiledOnce(BytecodeCache):
    """Keeps code in memory: for environments that differ in their translations alone."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], CodeType] = {}

    @override
    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._codes.get((bucket.key, bucket.checksum))

    @override
    def dump_bytecode(self, bucket: Bucket) -> None:
        if bucket.code is not None:
            self._codes[bucket.key, bucket.checksum] = bucket.code


COMPILED: Final = CompiledOnce()
"""That of this process: keyed by a template's file and what stands in it."""
