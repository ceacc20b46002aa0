"""Journey 1 as a person walks it in Chromium: every click and key counted, every screen named.

Seconds are of two kinds. ``machine``: what the pages took on the machine that runs this. ``hands``:
what a practised person needs, by the keystroke-level model of Card, Moran and Newell (1980): 1.1 s
to point, 0.2 s to click, 0.28 s a key, 1.35 s to make up one's mind before each answer. Reading and
thinking about the case come on top.
"""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from playwright.sync_api import Page

_POINT: Final = 1.1
_CLICK: Final = 0.2
_KEY: Final = 0.28
_MIND: Final = 1.35

#: What is not filled in already on the screen of safe facts, as the desk's entry does it.
SAFE_FACTS: Final[Mapping[str, str]] = {
    "age_group": "23_25",
    "status": "presumed",
    "sex": "female",
    "exploitation_forms": "forced_labour_or_services",
    "interpreter_needed": "yes",
    "immediate_needs": "safe_accommodation",
}


@dataclass
class Step:
    """One screen of the walk."""

    name: str
    path: str
    clicks: int = 0
    keys: int = 0
    machine: float = 0.0

    @property
    def hands(self) -> float:
        """Seconds that a practised person needs for it."""
        decisions = self.clicks * (_MIND + _POINT + _CLICK)
        return decisions + self.keys * _KEY


@dataclass
class Walk:
    """The screens of a walk, one after the other."""

    page: Page
    #: Called with each screen when it is filled in, before it is left: for pictures.
    look: Callable[[Step], None] | None = None
    steps: list[Step] = field(default_factory=list)

    @property
    def clicks(self) -> int:
        """Clicks of the whole walk."""
        return sum(step.clicks for step in self.steps)

    @property
    def keys(self) -> int:
        """Keys of the whole walk."""
        return sum(step.keys for step in self.steps)

    @property
    def hands(self) -> float:
        """Seconds of the whole walk that a practised person needs."""
        return sum(step.hands for step in self.steps)

    @property
    def machine(self) -> float:
        """Seconds that the pages took."""
        return sum(step.machine for step in self.steps)

    def arrive(self, name: str) -> Step:
        """Begin the screen that is open now."""
        step = Step(name=name, path=re.sub("[0-9a-f]{32}", "…", self.page.url.split("/", 3)[3]))
        self.steps.append(step)
        return step

    def choose(self, name: str, value: str) -> None:
        """Click one answer, whatever control it is; nothing if it is chosen already."""
        one = self.page.locator(f'main [name="{name}"][value="{value}"]')
        if one.count() == 0:
            select = self.page.locator(f'main select[name="{name}"]')
            if select.input_value() != value:
                select.select_option(value)
                self.steps[-1].clicks += 2  # one opens the list, one chooses
        elif not one.is_checked():
            one.check()
            self.steps[-1].clicks += 1

    def type(self, name: str, text: str) -> None:
        """Type into a field; it costs one click to get there."""
        self.page.fill(f'main [name="{name}"]', text)
        self.steps[-1].clicks += 1
        self.steps[-1].keys += len(text)

    def go_on(self, selector: str = "main form .actions button") -> None:
        """Press the button that leads on."""
        if self.look is not None:
            self.look(self.steps[-1])
        began = time.perf_counter()
        with self.page.expect_navigation():
            self.page.click(selector)
        self.steps[-1].clicks += 1
        self.steps[-1].machine += time.perf_counter() - began


def walk_notification(
    page: Page,
    address: str,
    *,
    recipient: str = "XK",
    look: Callable[[Step], None] | None = None,
) -> Walk:
    """Notify a presumed victim, signed in, from the inbox to the page that says it was sent."""
    walk = Walk(page, look)
    page.goto(f"{address}/")
    walk.arrive("Inbox")
    walk.go_on('nav a[href="/new"]')
    if page.url.endswith("/new"):  # something was begun before: it is offered first
        walk.arrive("Drafts")
        walk.go_on('main a[href="/new/begin"]')
    walk.arrive("Where is the link?")
    walk.choose("purpose", "notification")
    walk.choose("participant", recipient)
    walk.choose("ties", "national_of")
    walk.choose("possibly_under_18", "no")
    walk.choose("danger_now", "no")
    walk.go_on()
    walk.arrive("Who receives it?")
    walk.go_on()
    walk.arrive("Safe facts")
    for name, value in SAFE_FACTS.items():
        walk.choose(name, value)
    walk.type("found_on_day", "3")
    walk.choose("found_on_month", "3")
    walk.type("found_on_year", "2026")
    walk.go_on()
    walk.arrive("Legal basis")
    walk.choose("basis", "no_personal_data")
    walk.go_on()
    walk.arrive("Check and send")
    walk.go_on(".send-bar button")
    page.wait_for_url(re.compile("/sent/"))
    last = walk.arrive("Sent")
    if look is not None:
        look(last)
    return walk
