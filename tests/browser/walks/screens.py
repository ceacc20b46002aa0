"""The screens that somebody sees on a journey, as the browser came to them, and how they fill in.

A screen is an address that the window showed: a redirect is none, and neither is a part of a page.
So a journey that grows by a screen is noticed, whatever the test itself opens.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from playwright.sync_api import Frame, Locator, Page

Typed = Mapping[str, str | Sequence[str]]
"""What is answered, by the name of the field; several where several are ticked."""

_OPAQUE: Final = re.compile(r"[0-9a-f]{32}")


@dataclass
class Screens:
    """A window with the screens that it showed, each once however often in a row it was shown."""

    page: Page
    seen: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("framenavigated", self._note)

    def _note(self, frame: Frame) -> None:
        if frame == self.page.main_frame:
            path = _OPAQUE.sub("…", urlsplit(frame.url).path)
            if self.seen[-1:] != [path]:
                self.seen.append(path)

    def since(self, first: str) -> list[str]:
        """Return the screens from the newest one of this address on."""
        turned = self.seen[::-1]
        return self.seen[len(turned) - 1 - turned.index(first) :]

    def begin(self) -> None:
        """Count anew, from the screen that is open."""
        del self.seen[:-1]

    def open(self, path: str) -> None:
        """Type an address of the same desk."""
        site = urlsplit(self.page.url)
        self.page.goto(f"{site.scheme}://{site.netloc}{path}")

    def press(self, what: str | Locator) -> None:
        """Press a link or a button that leads on, named by its words or given."""
        found = self.find(what) if isinstance(what, str) else what
        with self.page.expect_navigation():
            found.click()

    def find(self, words: str) -> Locator:
        """Find the link or the button of these words in the page itself."""
        main = self.page.get_by_role("main")
        link = main.get_by_role("link", name=words, exact=True)
        return link.or_(main.get_by_role("button", name=words, exact=True)).first

    def fill(self, answers: Typed) -> None:
        """Answer questions, each by the kind of its control; all of them have to be there."""
        for name, said in answers.items():
            values = [said] if isinstance(said, str) else said
            named = self.page.locator(f'main [name="{name}"]')
            match named.first.evaluate("one => one.type"):
                case "radio" | "checkbox":
                    for value in values:
                        self.page.check(f'main [name="{name}"][value="{value}"]')
                case "select-one":
                    named.select_option(values[0])
                case _:
                    named.fill(values[0])

    def go_on(self, answers: Typed | None = None) -> None:
        """Answer the questions of a screen of a message, and go to the next one."""
        self.fill(answers or {})
        self.press("Continue")
