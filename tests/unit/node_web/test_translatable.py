"""Every sentence of the node's pages passes through gettext."""

import re
from collections.abc import Callable
from pathlib import Path

from console.i18n import Catalogues, Language
from node.service.composing import handle_send
from node.service.reading import list_items
from tests.support.node import NOTIFICATION_BODY, make_draft
from tests.support.node_console import FACTS, LINK_SCREEN, PageReader, build_pair
from tests.support.people import STAFF, acting
from tests.support.pseudo_locale import Bracketed, bracket, find_plain_words

# Data, which no translator touches: names, codes, numbers, addresses, the languages' own names.
DATA = re.compile(
    r"TRM(?:-[0-9A-Z-]+)?|Duty officer|Second officer|Administrator|English|shqip|case-system|"
    r"Anti-Trafficking Coordination Office|Anti-Trafficking Desk|Child Protection Unit|"
    r"Centre for Social Work|Special Prosecution Office|Focal point|Capital|UTC|"
    r"AL-[a-z-]+|XK-[a-z-]+|[a-z]+@[a-z.]+|[0-9a-f]{12,64}|Tirana|Pristina|Skopje|Around the clock|"
    r"(?:janar|shkurt|mars|prill|maj|qershor|korrik|gusht|shtator|tetor|nëntor|"
    r"dhjetor)\w*|mars"
)
CHILD = {
    **NOTIFICATION_BODY,
    "age_group": "under_18",
    "possibly_under_18": "yes",
    "child": {"guardian": "appointed", "child_informed": "yes"},
}


async def test_no_page_shows_a_word_that_cannot_be_translated(
    tmp_path: Path, node_url_of: Callable[[str], str]
) -> None:
    """In a language that brackets each sentence, no page of the node has a word outside."""
    pair = build_pair(
        tmp_path,
        url_of=node_url_of,
        catalogues=Catalogues({Language.ALBANIAN: Bracketed()}),
    )
    pages: dict[str, str] = {}
    sent = handle_send(pair.al.context, make_draft(), who=acting("api:case-system"))
    child = handle_send(
        pair.al.context, make_draft(body=CHILD, urgency="urgent"), who=acting("api:case-system")
    )
    pair.network.settle()
    case = list_items(pair.xk.context, direction="in", who=STAFF)[0].case_id
    async with PageReader(pair.xk) as reader:
        reader.http.headers["Accept-Language"] = "sq"
        await reader.sign_in()
        for path in (
            "/", "/received", "/sent", "/cases", "/directory", "/directory/AL", "/live/new/0",
            f"/message/{sent.message_id}", f"/message/{child.message_id}", f"/case/{case}",
            f"/decide/{sent.message_id}", "/new/begin",
        ):  # fmt: skip
            pages[path] = (await reader.open(path)).text
        for step, answers in enumerate((LINK_SCREEN, {}, FACTS, {"basis": "no_personal_data"})):
            changes = {"participant": "AL"} if step == 0 else {}
            pages[f"screen {step}"] = (await reader.send("/new/", **{**answers, **changes})).text
        pages["sent"] = (await reader.send("/send/")).text
        await reader.open(f"/decide/{sent.message_id}")
        pages["undecided"] = (await reader.send("/decide/", outcome="")).text
        pages["done"] = (await reader.send("/decide/", outcome="accepted")).text
        pages["decided"] = (await reader.open(f"/case/{case}")).text
    async with PageReader(pair.xk) as reader:
        reader.http.headers["Accept-Language"] = "sq"
        pages["delivery"] = (await reader.sign_in("admin")).text
    pair.network.close()
    assert not [name for name, html in pages.items() if "Message(" in html]
    found = {name: find_plain_words(html, data=DATA) for name, html in pages.items()}
    assert {name: words for name, words in found.items() if words} == {}
    assert all(
        bracket("Referral desk") in html for name, html in pages.items() if "live" not in name
    )


def test_the_search_finds_plain_words() -> None:
    """The check above is able to fail, in text and in what is read out."""
    html = f"<p>{bracket('Fine')} [[a [[b]] c]]</p><p>Not</p><img alt='x' title=\"fine\">"
    assert find_plain_words(html, data=re.compile("nothing")) == ["fine", "Not"]
