"""The look: readable colours, files that are what they say, nothing from anywhere else."""

import gzip
import hashlib
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from console.assets import KIT_STATIC, AssetError, StaticAssets
from console.rendering import KIT_TEMPLATES

SHEET = (KIT_STATIC / "console.css").read_text(encoding="utf-8")
VENDOR = KIT_STATIC / "vendor"


def read_tokens(block: str) -> dict[str, str]:
    """Read the colour tokens of a part of the sheet."""
    return dict(re.findall(r"--([a-z-]+): (#[0-9A-Fa-f]{6})", block))


ROOTS = re.findall(r":root \{(.*?)\}", SHEET, re.DOTALL)
THEMES = {
    "light": read_tokens(ROOTS[0]),
    "dark": {**read_tokens(ROOTS[0]), **read_tokens(ROOTS[1])},
}

TINTED = ("danger", "warn", "ok", "info", "neutral", "child")
# (ink, ground, least ratio): WCAG 2.2, 1.4.3 for text at level AAA where the design says so, 1.4.11
# for controls and focus.
PAIRS = [
    ("text", "surface", 7.0),
    ("text", "canvas", 7.0),
    ("muted", "surface", 7.0),
    ("muted", "canvas", 4.5),
    ("action", "surface", 7.0),
    ("action", "canvas", 4.5),
    ("action-hover", "surface", 7.0),
    ("on-action", "action", 7.0),
    ("on-action", "action-hover", 7.0),
    ("danger", "surface", 4.5),
    ("control", "surface", 3.0),
    ("control", "canvas", 3.0),
    ("focus", "surface", 3.0),
    ("focus", "canvas", 3.0),
    *((name, f"{name}-tint", 4.5) for name in TINTED),
    *(("text", f"{name}-tint", 7.0) for name in TINTED),
    *(("muted", f"{name}-tint", 4.5) for name in TINTED),
]


def luminance(colour: str) -> float:
    """Give the relative luminance of WCAG 2.2 of a colour written as #RRGGBB."""
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    """Give the contrast ratio of WCAG 2.2 of two colours."""
    bright, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def test_the_measure_of_contrast_is_right() -> None:
    """Black on white is 21, and a known grey is 4.54."""
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#767676", "#FFFFFF") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("ink", "ground", "least"), PAIRS, ids=str)
def test_each_pair_of_colours_can_be_read(theme: str, ink: str, ground: str, least: float) -> None:
    """The ratio holds in both themes."""
    tokens = THEMES[theme]
    assert contrast(tokens[ink], tokens[ground]) >= least


def test_no_colour_stands_outside_the_tokens() -> None:
    """After the tokens only the print style and the QR code's white ground name colours."""
    rest = SHEET.split("/* Elements */")[1].split("@media print")[0]
    assert re.findall(r"#[0-9A-Fa-f]{3,8}\b(?!-)", rest) == ["#fff"]


def test_the_sheet_is_small() -> None:
    """At most 12 KB on the wire."""
    assert len(gzip.compress(SHEET.encode(), 9)) <= 12_000


def test_vendored_files_are_the_ones_that_their_list_names() -> None:
    """Each file's SHA-256 is in the list, and the list names no other."""
    listed = dict(
        re.findall(
            r"^\| `([^`]+)` \|.*\| `([0-9a-f]{64})` \|$",
            (VENDOR / "README.md").read_text(encoding="utf-8"),
            re.MULTILINE,
        )
    )
    present = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.iterdir()
        if path.name != "README.md"
    }
    assert present == listed


@pytest.mark.parametrize("kind", ["*.css", "*.js", "*.svg"])
def test_no_static_file_loads_from_elsewhere(kind: str) -> None:
    """No address with a host, but the names of XML namespaces."""
    namespaces = re.compile(r"https?://www\.w3\.org/(?:2000/svg|1999/xhtml|1999/xlink)")
    for path in KIT_STATIC.rglob(kind):
        text = namespaces.sub("", path.read_text(encoding="utf-8"))
        assert not re.search(r"(?:https?:)?//[a-z0-9-]+\.[a-z]", text, re.IGNORECASE), path.name


def test_our_script_evaluates_nothing() -> None:
    """No eval, no HTML from strings, nothing kept in the browser."""
    script = (KIT_STATIC / "console.js").read_text(encoding="utf-8")
    assert not re.search(r"eval|Function\(|innerHTML|Storage|document\.write|\.style\b", script)


def list_icon_uses() -> set[str]:
    """List the icons that templates and code of the tree name."""
    names: set[str] = set()
    for path in KIT_TEMPLATES.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        names |= set(re.findall(r'icon\("([a-z-]+)"\)', text))
        names |= set(re.findall(r'\("(?:ok|warn|danger|neutral|info)", "([a-z-]+)"', text))
    return names


def test_each_icon_that_is_used_is_there() -> None:
    """The sprite has every icon of the kit's templates, between 20 and 48 in all."""
    root = ET.parse(VENDOR / "lucide.svg").getroot()  # noqa: S314  our own vendored file
    present = {symbol.get("id") for symbol in root}
    assert list_icon_uses() <= present
    assert 20 <= len(present) <= 48


def test_an_address_carries_the_hash_of_its_content(tmp_path: Path) -> None:
    """Changed content means a changed address, in style sheets too; a missing file is an error."""
    (tmp_path / "face.css").write_text('a { background: url("dot.svg"); }')
    (tmp_path / "dot.svg").write_text("<svg/>")
    before = StaticAssets([tmp_path])
    (tmp_path / "dot.svg").write_text("<svg></svg>")
    after = StaticAssets([tmp_path])
    assert before.address("face.css") != after.address("face.css")
    assert before.address("console.js") == after.address("console.js")
    sheet = after.respond(after.address("face.css"))
    assert sheet is not None
    assert after.address("dot.svg").encode() in bytes(sheet.body)
    assert after.respond("/static/face.css") is None
    with pytest.raises(AssetError, match="add it to a static folder"):
        after.address("nope.css")
