"""Every sentence of the pages of changes passes through gettext; no title says what it is about."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from console.i18n import Catalogues, Language
from contact_registry.changes.change import ChangeId
from directory_pages.site import make_entry_key
from tests.support.change_reader import GROUNDS, begin, bring_file, edit, take_step
from tests.support.change_site import AL, MK, OFFICE, ChangeSite, build_change_site
from tests.support.page_reader import PageReader
from tests.support.pseudo_locale import Bracketed, find_plain_words

#: Data, which no translator touches: names, identifiers, what was typed, and commands.
DATA = re.compile(
    r"AL-directory\.key|TRM|Editor|English|shqip|Coordination Office|Child Protection Unit|"
    r"Office of \w+|New number|"
    r"Memorandum|UTC|AL-[a-z-]+|[a-z]+@[a-z.]+|[0-9a-f]{12,64}|\b[0-9a-f]{8}\b|A letter of|"
    r"[Mm]arch|Capital|Tirana|trm-registry (?:change )?\w+|AL-3\.trm-change|"
    r"--registry held|--key|held|Duty officer|Europe/[A-Za-z/ _-]+|New Year|memorandum[a-z-]*|"
    r"[a-z_]+\.key|Durrës|Z|"
    r"(?:janar|shkurt|mars|prill|maj|qershor|korrik|gusht|shtator|tetor|nëntor|dhjetor)\w*"
)
TERMS = {
    "instrument": "Memorandum", "parties": ["MK", "AL"], "phases": ["return"],
    "deadlines.0.working_days": "5", "valid_from_day": "1", "valid_from_month": "2",
    "valid_from_year": "2026", **GROUNDS,
}  # fmt: skip


@dataclass
class Tour:
    """A walk through the pages, each of which is kept."""

    site: ChangeSite
    reader: PageReader
    pages: dict[str, str] = field(default_factory=dict)
    titles: set[str] = field(default_factory=set)

    def keep(self, name: str) -> None:
        """Keep the page that is open."""
        self.pages[name] = self.reader.page.text
        self.titles.add(self.reader.title)

    async def open(self, path: str) -> None:
        """Open a page and keep it."""
        await self.reader.open(path)
        self.keep(path)

    async def draft(self) -> str:
        """Begin a change, stumble, edit; returns the address of its page."""
        reader = self.reader
        await self.open("/changes")
        await self.open("/changes/new")
        await reader.send("/changes/new", title="")
        self.keep("new refused")
        change = await begin(reader)
        self.keep("desks")
        await self.open(change)
        await edit(reader, change, OFFICE, name="", mailboxes="x", **{"grounds-reason": ""})
        self.keep("entry refused")
        night = {"out_of_hours.mailboxes": "night@authority.example"}
        await edit(reader, change, OFFICE, name="Office of ours", available_24_7="yes", **night)
        self.keep("draft")
        for path in ("desk/new", f"end/{make_entry_key(OFFICE)}", "calendar"):
            await self.open(f"{change}/{path}")
        await reader.send(f"{change}/calendar", holidays="2026-01-01 New Year", **GROUNDS)
        return change

    async def sign(self, change: str) -> None:
        """Bring a wrong file, then the right one; then somebody else publishes."""
        reader, site = self.reader, self.site
        await take_step(reader, change, "prepare")
        self.keep("waiting")
        file = await reader.http.get(f"{change}/signing-file")
        await bring_file(reader, change, b"{}")
        self.keep("file refused")
        await reader.open(change)
        await bring_file(reader, change, site.sign_file(file.content))
        self.keep("signed")
        document = site.world.repository.load_directory().contacts[AL]
        office, other = document.authorities
        theirs = office.model_copy(update={"name": "Office of theirs"})
        site.publish(document.model_copy(update={"authorities": (theirs, other)}))
        await reader.open(change)
        self.keep("conflict")
        await reader.send(f"{change}/choose", **{"conflict-0": "theirs"})

    async def agree(self) -> None:
        """Draft an agreement, and let the other party state it."""
        reader, site = self.reader, self.site
        await self.open("/agreements/new")
        await reader.send("/agreements/new", instrument="")
        self.keep("agreement refused")
        await reader.open("/agreements/new")
        await reader.send("/agreements/new", **TERMS)
        self.keep("agreement drafted")
        drafted = ChangeId(reader.path.removeprefix("/changes/"))
        draft = site.desk.look(drafted).change.draft
        contacts = site.world.repository.load_directory().contacts[MK]
        site.publish(contacts.model_copy(update={"agreements": draft.agreements}))
        await self.open("/agreements")
        key = reader.page.text.split("/agreements/")[2].split("/state")[0]
        await self.open(f"/agreements/{key}/state")


async def test_no_page_of_changes_shows_a_word_that_cannot_be_translated(
    tmp_path: Path, node_url_of: Callable[[str], str]
) -> None:
    """In a language that brackets each sentence, no page of a change has a word outside."""
    catalogues = Catalogues({Language.ALBANIAN: Bracketed()})
    with build_change_site(tmp_path, node_url_of, catalogues=catalogues) as site:
        async with PageReader(site.app, clock=site.clock) as reader:
            reader.http.headers["Accept-Language"] = "sq"
            await reader.sign_in("editor")
            tour = Tour(site, reader)
            await tour.sign(await tour.draft())
            await tour.agree()
    pages = tour.pages
    assert not [name for name, html in pages.items() if "Message(" in html]
    found = {name: find_plain_words(html, data=DATA) for name, html in pages.items()}
    assert {name: words for name, words in found.items() if words} == {}
    assert not [each for each in tour.titles if "Office" in each or "Memorandum" in each]
