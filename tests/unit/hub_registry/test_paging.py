"""Long lists in pages: everything is on exactly one page, and the ends lead nowhere."""

import pytest

from hub.web.registry.paging import Paging


@pytest.mark.parametrize("length", [0, 1, 9, 10, 11, 20, 25])
def test_every_item_is_on_one_page(length: int) -> None:
    """All pages together are the list; the first has none before it, the last none after it."""
    items = range(length)
    pages = Paging.of(length, number=1, size=10).pages
    shown = [n for p in range(1, pages + 1)
             for n in Paging.of(length, number=p, size=10).take(items)]  # fmt: skip
    assert shown == list(items)
    first, last = (Paging.of(length, number=n, size=10) for n in (1, pages))
    assert (first.address_before("/x"), last.address_after("/x")) == ("", "")
    assert (first.address_after("/x") == "/x/2") is (pages > 1)


@pytest.mark.parametrize(("asked", "given"), [(-5, 1), (0, 1), (3, 3), (99, 3)])
def test_a_page_that_there_is_not_is_the_next_one_to_it(asked: int, given: int) -> None:
    """Numbers out of range lead to the first or the last page."""
    assert Paging.of(25, number=asked, size=10).number == given
