"""Serbian is written once, in Cyrillic; the Latin script follows from it letter by letter.

The other way would not do: in Latin script ``nj`` is one letter or two ("nadživeti" has two), which
only a reader knows. Latin letters stay as they are, so that placeholders and tags survive.
"""

from typing import Final

_LETTERS: Final[dict[str, str]] = dict(
    zip(
        "абвгдђежзијклљмнњопрстћуфхцчџш",
        [*"abvgdđežzijkl", "lj", "m", "n", "nj", *"oprstćufhcč", "dž", "š"],
        strict=True,
    )
)


def write_latin(text: str) -> str:
    """Write a text in Latin script; what is not Serbian Cyrillic stays as it is."""
    return "".join(_write_letter(text, place) for place in range(len(text)))


def _write_letter(text: str, place: int) -> str:
    letter = text[place]
    latin = _LETTERS.get(letter.lower())
    if latin is None:
        return letter
    if letter.islower():
        return latin
    # Of two Latin letters the second is a capital only among capitals: Njegoš, but NJEGOŠ.
    beside = text[max(place - 1, 0) : place] + text[place + 1 : place + 2]
    among_capitals = any(one.isupper() for one in beside) and not any(
        one.islower() for one in beside
    )
    return latin.upper() if among_capitals else latin.capitalize()
