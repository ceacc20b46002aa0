"""How contact lists name the five phases.

The framework's own headings, those that lists are known to use instead, and their translations into
the working languages, compared without marks, script and case. Nothing else is recognised: a
heading that merely looks similar is reported, never guessed.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from contact_registry.importing.folding import fold
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
_FOREIGN: Final[Mapping[Phase, tuple[str, ...]]] = MappingProxyType({
    Phase.IDENTIFICATION: (
        "identifikimi", "identifikacija", "identifikacija žrtava", "идентификација",
    ),
    Phase.FIRST_ASSISTANCE: (
        "initial care and subsequent assistance", "first assistance and protection",
        "ndihma e parë dhe mbrojtja", "kujdesi në ndërhyrjen e krizës",
        "prva pomoć i zaštita", "krizna intervencija", "zbrinjavanje u kriznoj intervenciji",
        "прва помош и заштита", "кризна интервенција",
    ),
    Phase.SOCIAL_INCLUSION: (
        "reintegration", "long-term assistance and social inclusion",
        "riintegrimi", "rehabilitimi dhe riintegrimi", "përfshirja sociale",
        "reintegracija", "rehabilitacija i reintegracija", "socijalno uključivanje",
        "socijalna inkluzija", "реинтеграција", "рехабилитација и реинтеграција",
        "социјална инклузија", "социјално вклучување",
    ),
    Phase.RETURN: ("kthimi", "povratak", "враќање", "повратак"),
    Phase.PROCEEDINGS: (
        "criminal proceedings", "criminal and civil proceedings",
        "procedimi penal", "procedura penale", "procedimi penal dhe kërkesat për kompensim",
        "krivični postupak", "kazneni postupak", "krivični postupak i naknada štete",
        "kazneni postupak i naknada štete", "кривична постапка",
        "кривична постапка и барања за надомест на штета",
    ),
})  # fmt: skip
_FOLDED: Final[Mapping[str, Phase]] = MappingProxyType({
    **{fold(words): phase for phase, listed in _FOREIGN.items() for words in listed},
    **{fold(words): phase for words, phase in _STANDARD.items()},
    **{fold(phase): phase for phase in Phase},
})  # fmt: skip


def map_measure(measure: str, own: Mapping[str, Phase] | None = None) -> tuple[Phase, bool] | None:
    """Return the phase and whether the name is the framework's own; None if it is not known.

    ``own`` holds what a mapping file adds, by comparable form; it goes first. The phase's own name
    (``first_assistance``), as our exports write it, counts as the framework's.
    """
    name = fold(measure)
    if own and name in own:
        return own[name], False
    if name not in _FOLDED:
        return None
    is_standard = " ".join(measure.casefold().split()) in (*_STANDARD, *Phase)
    return _FOLDED[name], is_standard
