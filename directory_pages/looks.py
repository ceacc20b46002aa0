"""How a state looks: a word, the tone and the icon that go with it; never a colour alone."""

from dataclasses import dataclass

from directory_pages.codes import Words


@dataclass(frozen=True, slots=True)
class Look:
    """A state, as ``ui.tag`` shows it. Tones and icons are those of the kit."""

    word: Words
    tone: str = "neutral"
    icon: str = "circle-dashed"
