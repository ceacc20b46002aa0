"""Names of Participants in sentences, and the footnotes that these names need."""

from collections.abc import Iterable, Iterator

from contact_registry.models import ParticipantEntry


class Names:
    """Shows Participants by name, and remembers whose footnote is due below the text."""

    def __init__(self, entries: Iterable[ParticipantEntry]) -> None:
        self._entries = {str(entry.code): entry for entry in entries}
        self._shown: dict[str, None] = {}

    def show(self, code: str) -> str:
        """Return the display name and code, such as ``Kosovo* (XK)``; the code if none is known."""
        entry = self._entries.get(code)
        if entry is None:
            return code
        if entry.footnote:
            self._shown[entry.footnote] = None
        return f"{entry.display_name} ({code})"

    def knows(self, code: str) -> bool:
        """Whether this is the code of a Participant of these versions."""
        return code in self._entries

    def footnotes(self) -> Iterator[str]:
        """Yield each footnote that is due, once."""
        yield from self._shown
