"""How contact lists name the five phases.

The framework's own headings, and those that lists are known to use instead. Nothing else is
recognised: a heading that merely looks similar is reported, never guessed.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from protocol.identifiers import Phase

_STANDARD: Final[Mapping[str, Phase]] = MappingProxyType(
    {
        "identification": Phase.IDENTIFICATION,
        "crisis intervention care": Phase.FIRST_ASSISTANCE,
        "assistance for rehabilitation and reintegration": Phase.SOCIAL_INCLUSION,
        "return": Phase.RETURN,
        "criminal proceedings and compensation claims": Phase.PROCEEDINGS,
    }
)
_FOREIGN: Final[Mapping[str, Phase]] = MappingProxyType(
    {
        "initial care and subsequent assistance": Phase.FIRST_ASSISTANCE,
        "first assistance and protection": Phase.FIRST_ASSISTANCE,
        "reintegration": Phase.SOCIAL_INCLUSION,
        "long-term assistance and social inclusion": Phase.SOCIAL_INCLUSION,
        "criminal proceedings": Phase.PROCEEDINGS,
        "criminal and civil proceedings": Phase.PROCEEDINGS,
    }
)


def map_measure(measure: str) -> tuple[Phase, bool] | None:
    """Return the phase and whether the name is the framework's own; None if it is not known."""
    name = " ".join(measure.casefold().split())
    if name in _STANDARD:
        return _STANDARD[name], True
    if name in _FOREIGN:
        return _FOREIGN[name], False
    return None
