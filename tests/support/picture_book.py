"""Pictures of pages as small files, and the pages of the documentation that show them."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Final

from PIL import Image
from playwright.sync_api import Page

from tests.support.page_tour import Stop

DESKTOP, PHONE = (1280, 860), (360, 780)
WIDTHS: Final = (("desktop", DESKTOP), ("phone", PHONE))
_QUALITY: Final = 40
_WIDEST: Final = 960
LARGEST_BOOK: Final = 6_000_000
"""All pictures of the documentation together, in bytes."""


@dataclass(frozen=True, slots=True)
class FilmStep:
    """One screen of a journey: what was done on it, and its picture."""

    name: str
    clicks: int
    keys: int
    hands: float
    picture: str


def name_page(side: str, route: str) -> str:
    """Name the picture of a page by its route: ``node-case-case_id-notes``."""
    parts = [part.strip("{}").partition(":")[0] for part in route.strip("/").split("/")]
    return "-".join([side, *(part for part in parts if part)]) if route != "/" else f"{side}-start"


def save_picture(page: Page, path: Path) -> None:
    """Keep what the window shows as WebP: a tenth of a PNG, and every browser shows it."""
    with Image.open(BytesIO(page.screenshot())) as picture:
        small = picture.convert("RGB")
        small.thumbnail((_WIDEST, small.height), Image.Resampling.LANCZOS)
        small.save(path, "WEBP", quality=_QUALITY, method=6)


def take_stops(
    page: Page, origin: str, stops: Iterable[Stop], *, side: str, width: str, folder: Path
) -> None:
    """Take one picture of each page, with a window of this width."""
    for stop in stops:
        page.goto(origin + stop.address)
        save_picture(page, folder / f"{name_page(side, stop.route)}-{width}.webp")


def weigh_book(docs: Path) -> int:
    """Say whether all pictures together are small enough for the tree; the exit code."""
    weight = sum(path.stat().st_size for path in (docs / "images").rglob("*") if path.is_file())
    if weight > LARGEST_BOOK:
        sys.stderr.write(f"the pictures have {weight} bytes: more than {LARGEST_BOOK}\n")
    return int(weight > LARGEST_BOOK)


def write_between(path: Path, *, begin: str, end: str, text: str) -> None:
    """Put a text between two lines of a document."""
    before, found, rest = path.read_text(encoding="utf-8").partition(begin)
    _, ended, after = rest.partition(end)
    if not found or not ended:
        raise SystemExit(f"{path.name} needs the lines {begin} and {end}: add them")
    path.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")


def write_sizes(stops: Iterable[Stop]) -> str:
    """Write the table of sizes: the largest pages first."""
    rows = sorted(stops, key=lambda stop: (-stop.size, stop.route))
    lines = [f"| `{stop.route}` | {stop.size / 1000:.1f} |" for stop in rows]
    return "\n".join(["| page | kB |", "| --- | ---: |", *lines])


def write_gallery(side: str, stops: Iterable[Stop]) -> str:
    """Write the table of pictures of one side."""
    lines = []
    for stop in sorted(stops, key=lambda stop: stop.route):
        name = name_page(side, stop.route)
        shown = " | ".join(
            f"![{stop.route}, {width}](images/pages/{name}-{width}.webp)" for width, _ in WIDTHS
        )
        lines.append(f"| `{stop.route}`, {stop.person} | {shown} |")
    return "\n".join(
        ["| page, seen by | 1280 pixels | 360 pixels |", "| --- | --- | --- |", *lines]
    )


def write_film(steps: Sequence[FilmStep]) -> str:
    """Write the film strip of a journey, with its clicks and seconds."""
    clicks, keys = sum(step.clicks for step in steps), sum(step.keys for step in steps)
    hands = sum(step.hands for step in steps)
    lines = [
        f"| {number} | {step.name} | {step.clicks} | {step.keys} | {step.hands:.0f} |"
        f" ![{step.name}](images/{step.picture}) |"
        for number, step in enumerate(steps, start=1)
    ]
    total = (
        f"{len(steps)} screens with inbox and *Sent*, {clicks} clicks, {keys} keys, "
        f"{hands:.0f} seconds of a practised hand."
    )
    return "\n".join(
        [
            total,
            "",
            "| | screen | clicks | keys | seconds | |",
            "| ---: | --- | ---: | ---: | ---: | --- |",
            *lines,
        ]
    )
