"""Static files under names with their content's hash: a browser may keep them forever.

All files are read once at the start; they are few and small. A style sheet's ``url("...")`` is
rewritten to the hashed name too. Nothing outside the given folders can be reached: an answer is
looked up in a table, never on the disk.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from starlette.responses import Response

KIT_STATIC: Final = Path(__file__).parent / "static"
STATIC_PREFIX: Final = "/static/"

_MEDIA_TYPES: Final[Mapping[str, str]] = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
    ".png": "image/png",
    ".txt": "text/plain; charset=utf-8",
}
_CSS_URL: Final = re.compile(r'url\("([^":]+)"\)')


class AssetError(Exception):
    """A page or style sheet names a static file that does not exist: fix the name."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is served."""

    address: str
    content: bytes
    media_type: str


class StaticAssets:
    """The static files of the kit and of one face, by their plain and by their hashed names."""

    def __init__(self, folders: Sequence[Path] = ()) -> None:
        files: dict[str, bytes] = {}
        for folder in (KIT_STATIC, *folders):
            for path in sorted(folder.rglob("*")):
                if path.is_file() and path.suffix in _MEDIA_TYPES:
                    files[path.relative_to(folder).as_posix()] = path.read_bytes()
        self._by_name: dict[str, Asset] = {}
        # Style sheets last: their hash covers the hashed names of what they refer to.
        for name in sorted(files, key=lambda name: (name.endswith(".css"), name)):
            content = files[name]
            if name.endswith(".css"):
                content = self._rewrite_urls(name, content)
            self._by_name[name] = _name_by_hash(name, content)
        self._by_address = {asset.address: asset for asset in self._by_name.values()}

    def address(self, name: str) -> str:
        """Give the address of a static file by its plain name, such as ``console.css``.

        Raises :class:`AssetError` when there is no such file.
        """
        try:
            return self._by_name[name].address
        except KeyError:
            raise AssetError(f"no static file {name!r}: add it to a static folder") from None

    def respond(self, path: str) -> Response | None:
        """Answer a request for ``path`` (the whole path, hashed name), or None if there is none."""
        asset = self._by_address.get(path)
        if asset is None:
            return None
        return Response(
            asset.content,
            media_type=asset.media_type,
            headers={"Cache-Control": "public, max-age=31536000, immutable"},
        )

    def _rewrite_urls(self, sheet: str, content: bytes) -> bytes:
        folder = PurePosixPath(sheet).parent

        def hashed(match: re.Match[str]) -> str:
            return f'url("{self.address((folder / match[1]).as_posix())}")'

        return _CSS_URL.sub(hashed, content.decode()).encode()


def _name_by_hash(name: str, content: bytes) -> Asset:
    path = PurePosixPath(name)
    digest = hashlib.sha256(content).hexdigest()[:16]
    return Asset(
        address=f"{STATIC_PREFIX}{path.with_name(f'{path.stem}.{digest}{path.suffix}')}",
        content=content,
        media_type=_MEDIA_TYPES[path.suffix],
    )
