"""Every sentence of the hub's pages of the registry passes through gettext."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from console.i18n import LANGUAGE_NAMES, Catalogues, Language
from contact_registry.directory import Directory
from contact_registry.history.comparing import describe_content
from hub.lists.desk import ListDesk
from tests.support.hub_console import HubReader, build_hub
from tests.support.hub_registry import make_hub_registry
from tests.support.page_reader import OWN
from tests.support.pseudo_locale import Bracketed, bracket, find_plain_words

PAGES = (
    "/", "/participants", "/participants/AL", "/participants/RS",
    "/desks/AL-child-protection-unit", "/coverage", "/findings", "/versions", "/versions/7",
    "/versions/6/to/8", "/as-of/20261124T0900Z", "/listed", "/signing", "/export", "/import",
)  # fmt: skip
#: What no translator touches besides what the registry itself says.
PLAIN = (
    r"TRM|English|shqip|[A-Za-z]+ of the hub|Vienna|UTC|list\.csv|Instituti|Shteti|Masa|Telefoni|"
    r"Secret|Atlantis|Zyra e re|[0-9a-f]{12,64}|AL-[a-z-]+|"
    r"(?:janar|shkurt|mars|prill|maj|qershor|korrik|gusht|shtator|tetor|nëntor|dhjetor)\w*|"
    r"\b(?:hën|mar|mër|enj|pre|sht|die|nën|dhj|shk)\b"
)
#: A number that is read out. First of all: it may begin with the code of a Participant.
READ_OUT = r"[0-9A-Z]{5}-[0-9A-Z]{5}-[0-9A-Z]"
LIST = (
    b"Shteti;Masa;Instituti;Telefoni;Secret\n"
    b"AL;Identifikimi;Zyra e re;+355 44541777;x\n"
    b"Atlantis;Return;Nobody;;\n"
)


def list_texts(value: Any) -> Iterator[str]:
    """Yield every text of some data."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from list_texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from list_texts(each)


def make_pattern(directory: Directory, *more: str) -> re.Pattern[str]:
    """Return what matches the registry's own texts: names, posts, mailboxes, notes."""
    texts = {t for t in list_texts(describe_content(directory)) if re.search("[A-Za-z]{2}", t)}
    longest_first = sorted(texts | set(more) | set(LANGUAGE_NAMES.values()), key=len, reverse=True)
    return re.compile("|".join([READ_OUT, *map(re.escape, longest_first), PLAIN]))


async def test_no_page_of_the_registry_has_words_of_its_own(tmp_path: Path) -> None:
    """In a language that brackets each sentence, no page of the registry has a word outside."""
    hub = build_hub(
        tmp_path,
        world=make_hub_registry(tmp_path),
        catalogues=Catalogues({Language.ALBANIAN: Bracketed()}),
    )
    pages: dict[str, str] = {}
    async with HubReader(hub) as reader:
        reader.http.headers["Accept-Language"] = "sq"
        await reader.sign_in("operator")
        for path in PAGES:
            pages[path] = (await reader.open(path)).text
        found = re.search(r'href="(/findings/[0-9a-f]{32})"', pages["/findings"])
        assert found is not None
        pages["finding"] = (await reader.open(found[1])).text
        pages["taken"] = (await reader.send(f"{found[1]}/take")).text
        pages["refused"] = (await reader.send(f"{found[1]}/resolve", reason="1")).text
        await reader.open("/listed")
        pages["asked wrongly"] = (await reader.send("/listed", version="x")).text
        token = reader.find_form("/hide").fields["form_token"][0]
        brought = await reader.http.post(
            "/import",
            data={"form_token": token},
            files={"file": ("list.csv", LIST, "text/csv")},
            headers=OWN,
            follow_redirects=True,
        )
        reader._arrive(brought)
        pages["list"] = reader.page.text
        pages["tried"] = (
            await reader.send(f"{reader.path}/answers", **{"heading-2": "authority"})
        ).text
    directory = hub.context.registry.current()
    lists = ListDesk(hub.context)
    result = lists.try_out(lists.load(lists.list_open()[0].list_id), directory)
    hub.close()
    data = make_pattern(directory, *(finding.message for finding in result.findings))
    assert not [name for name, html in pages.items() if "Message(" in html]
    words = {name: find_plain_words(html, data=data) for name, html in pages.items()}
    assert {name: found for name, found in words.items() if found} == {}
    assert all(bracket("Directory and hub") in html for html in pages.values())
