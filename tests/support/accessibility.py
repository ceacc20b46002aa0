"""What keeps people out of a page: axe-core's rules, and the way through it by keyboard.

axe-core (MPL 2.0) comes with the package ``axe-playwright-python``. It is put into the page by the
debugger, so that the page's content security policy stays as it is for everybody else.
"""

from functools import cache
from importlib import resources
from typing import Any, Final

from playwright.sync_api import Page

#: WCAG 2.2 A and AA, and what axe calls best practice.
RULES: Final = (
    "wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice",
)  # fmt: skip
#: Rules whose answer depends on how wide the window is; the others need no second look.
RULES_OF_WIDTH: Final = (
    "target-size", "scrollable-region-focusable", "aria-hidden-focus", "region", "label",
    "link-name", "button-name", "empty-table-header", "page-has-heading-one", "heading-order",
)  # fmt: skip
#: Rules whose answer depends on the colours: a page that was read in light is read so in the dark.
RULES_OF_COLOUR: Final = ("color-contrast", "link-in-text-block")
_RUN: Final = """
async ([type, values]) => {
  const found = await axe.run(document, {
    runOnly: {type, values},
    resultTypes: ["violations"],
    preload: false,
  });
  return found.violations.map((rule) => ({
    id: rule.id, help: rule.help, nodes: rule.nodes.map((node) => node.target.join(" ")),
  }));
}
"""
#: The elements that the Tab key stops at, in its order, each by what people would call it.
_FOCUSED: Final = """
() => {
  const one = document.activeElement;
  if (!one || one === document.body) return null;
  const shown = one.getClientRects().length > 0;
  const style = getComputedStyle(one);
  return {
    name: one.tagName.toLowerCase() + (one.id ? "#" + one.id : ""),
    text: (one.textContent || one.value || "").trim().slice(0, 40),
    path: one.getAttribute("href") || one.getAttribute("name") || one.type || "",
    shown, outlined: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
  };
}
"""
_MOST_STOPS: Final = 400


@cache
def _read_axe() -> str:
    return (resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


def find_barriers(page: Page, *, only_width: bool = False, only_colours: bool = False) -> list[str]:
    """Return what axe-core finds on the page as it stands: rule, what it asks, and where.

    ``only_width`` asks the rules of :data:`RULES_OF_WIDTH` alone: for a page that was read whole
    before its window became narrower. ``only_colours`` asks those of :data:`RULES_OF_COLOUR`.
    """
    if not page.evaluate("'axe' in window"):
        page.evaluate(_read_axe())
    few = RULES_OF_WIDTH if only_width else RULES_OF_COLOUR if only_colours else ()
    asked = ["rule", list(few)] if few else ["tag", list(RULES)]
    found: list[dict[str, Any]] = page.evaluate(_RUN, asked)
    return [
        f"{rule['id']} ({rule['help']}): {', '.join(rule['nodes'][:5])}"
        + (f" and {len(rule['nodes']) - 5} more" if len(rule["nodes"]) > 5 else "")
        for rule in found
    ]


def walk_with_tab(page: Page) -> list[dict[str, Any]]:
    """Press Tab from the top of the page until it begins anew; returns where it stopped.

    Fails where the focus goes to something that nobody sees, or that does not show it.
    """
    stops: list[dict[str, Any]] = []
    for _ in range(_MOST_STOPS):
        page.keyboard.press("Tab")
        stop = page.evaluate(_FOCUSED)
        if stop is None:
            return stops
        hidden = [] if stop["shown"] and stop["outlined"] else [stop]
        assert not hidden, f"the focus cannot be seen: {hidden}"
        stops.append(stop)
    raise AssertionError(f"after {_MOST_STOPS} stops the focus had not left the page")
