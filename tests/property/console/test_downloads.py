"""Whatever a browser asks for, a download is a part of the file that is there, or refused."""

from collections.abc import Iterator

from hypothesis import example, given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from console.downloads import Download, answer_download, begins_at_start, write_disposition

RANGES = st.one_of(
    st.text(max_size=40),
    st.from_regex(r"bytes=[0-9]{0,18}-[0-9]{0,18}", fullmatch=True),
)


@given(asked=RANGES, size=st.integers(min_value=1, max_value=2**40), other=st.booleans())
@example(asked="bytes=-0", size=1, other=False)
@example(asked="bytes=٣-٤", size=9, other=False)
def test_any_range_lies_within_the_file(*, asked: str, size: int, other: bool) -> None:
    """The bytes that are read are there, as many as the answer says, and all of them for 200."""
    read: list[tuple[int, int]] = []

    def note(first: int, last: int) -> Iterator[bytes]:
        read.append((first, last))
        return iter(())

    raw = [(b"range", asked.encode("latin-1", "replace"))]
    if other:
        raw.append((b"if-range", b'"another"'))
    headers = Headers(raw=raw)
    answer = answer_download(headers, Download("a.txt", size, "text/plain", "tag", note))
    if answer.status_code == 416:
        assert not read
        assert answer.headers["content-range"] == f"bytes */{size}"
        return
    ((first, last),) = read
    assert 0 <= first <= last < size
    assert answer.headers["content-length"] == str(last - first + 1)
    if answer.status_code == 200:
        assert (first, last) == (0, size - 1)
    else:
        assert answer.headers["content-range"] == f"bytes {first}-{last}/{size}"
        assert not other
        assert begins_at_start(headers) == (first == 0) or asked.startswith("bytes=-")


@given(
    st.text(min_size=1, max_size=120).filter(
        lambda name: max(name) < "\ud800" or max(name) > "\udfff"
    )
)
def test_any_name_makes_one_header_line(name: str) -> None:
    """Quotes, line breaks and letters of any script cannot break out of the header."""
    header = write_disposition(name)
    assert header.isascii()
    assert header.isprintable()
    assert header.startswith('attachment; filename="')
    assert header.count('"') == 2
