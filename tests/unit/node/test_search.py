"""Search finds messages, notes and cases by words, in the caller's channels, on both databases."""

import threading
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any

import httpx
import pytest
from sqlmodel import select

from node.api.app import create_api
from node.domain.access import Permission, Principal
from node.domain.search import MOST_LOOKED_AT, Kind
from node.service.cases.notes import handle_add_note, handle_change_note, handle_delete_note
from node.service.cases.opening import handle_open_case
from node.service.composing import Sent, handle_send
from node.service.context import NodeContext
from node.service.followers import FOLLOWERS, follow_all
from node.service.following import follow_due
from node.service.permitting import ForbiddenError
from node.service.search import rebuilding
from node.service.search.finding import SearchPage, search
from node.service.search.indexing import (
    Document,
    forget_case,
    forget_note,
    index_confidential,
    index_documents,
)
from node.service.search.labels import TermKey, count_documents
from node.service.search.rebuilding import handle_rebuild
from node.service.search.terms import SearchWordsError, list_terms
from node.store.audit_tables import AuditDueRow
from node.store.search_tables import SearchDocumentRow, SearchWordRow
from protocol.identifiers import Channel
from tests.support.node import NOTIFICATION_BODY, Network, make_draft
from tests.support.people import STAFF, token_of

CLEARED = replace(STAFF, permissions=STAFF.permissions | {Permission.READ_CONFIDENTIAL})
POLICE = replace(STAFF, channels=frozenset({Channel.POLICE}))


def send(context: NodeContext, post: str, **changes: Any) -> Sent:
    """Send a notification whose case manager has this post: free text without personal data."""
    manager = {**NOTIFICATION_BODY["case_manager"], "post": post}
    draft = make_draft(body={**NOTIFICATION_BODY, "case_manager": manager}, **changes)
    return handle_send(context, draft, who=STAFF)


def find(context: NodeContext, words: str, *, who: Principal = STAFF, **where: Any) -> list[str]:
    """Return what is found, each by its kind and identifier."""
    page = search(context, words, who=who, **where)
    return [
        f"{hit.kind}:{hit.message.message_id if hit.message else hit.note_id or hit.case_id}"
        for hit in page.hits
    ]


def document(number: int, words: str, *, channel: str = "assistance") -> Document:
    """Return an invented note."""
    return Document(
        kind=Kind.NOTE,
        subject_id=f"{number:032x}",
        case_id=None,
        channel=channel,
        terms=list_terms(words),
    )


def index(context: NodeContext, documents: Iterable[Document]) -> None:
    """Add documents in one transaction."""
    documents = list(documents)
    context.transact(lambda session: index_documents(context, session, documents))


def test_a_message_is_found_on_both_sides_in_any_script(network: Network) -> None:
    """Words are found by their beginnings, all of them must occur, and the newest comes first."""
    al, xk = network.node("AL"), network.node("XK")
    first = send(al, "Ђорђе Петровић, дежурни")
    second = send(al, "Đorđe Hoxha, duty officer")
    network.settle()
    for context in (al, xk):
        follow_all(context)
        ids = {find(context, "dorde")[0], find(context, "dorde")[1]}
        assert len(ids) == 2
        assert find(context, "Đorđe hodža") == find(context, "хоџа") == find(context, "hoxh")
        assert find(context, "Petrovic")[0] not in find(context, "hoxha")
        assert find(context, "petrovic hoxha") == []
        assert find(context, "nobody") == []
    assert find(al, "djordje") == [
        f"message:{second.message_id}",
        f"message:{first.message_id}",
    ]
    follow_due(al, FOLLOWERS[-2:])
    assert len(find(al, "djordje")) == 2


def test_a_case_is_found_by_its_reference_in_part(network: Network) -> None:
    """The whole reference, its beginning, its second group, misread letters: all find the case."""
    al = network.node("AL")
    sent = send(al, "Duty officer")
    opened = handle_open_case(al, who=STAFF)
    follow_all(al)
    for reference, case_id in (
        (sent.case_reference, sent.case_id),
        (opened.reference, opened.case_id),
    ):
        assert reference is not None
        compact = reference.removeprefix("TRM-").replace("-", "")
        said = (reference, reference.lower(), compact[:6], f"trm {compact[:5]}", compact[5:10])
        for words in (*said, reference.replace("0", "O").replace("1", "l")):
            assert f"case:{case_id}" in find(al, words), words
        assert f"case:{case_id}" not in find(al, reference, who=POLICE)


def test_nobody_finds_what_is_in_another_channel(network: Network) -> None:
    """Neither hits, nor where to go on, nor a cursor show what somebody is not cleared for."""
    al = network.node("AL")
    index(al, (document(n, "secret word", channel="assistance") for n in range(3)))
    assert search(al, "secret", who=POLICE).hits == ()
    opened = handle_open_case(al, who=STAFF)
    note = handle_add_note(al, opened.case_id, "Seen with Arben at the ferry", who=STAFF)
    send(al, "Arben, duty officer")
    follow_all(al)
    assert find(al, "arben", who=POLICE) == []
    assert search(al, "arben", who=POLICE).after is None
    page = search(al, "arben", who=STAFF, limit=1)
    assert page.after is not None
    assert search(al, "arben", who=POLICE, after=page.after).hits == ()
    with pytest.raises(ForbiddenError):
        search(al, "arben", who=replace(STAFF, permissions=frozenset()))
    assert f"note:{note.note_id}" in find(al, "арбен ferry")[:1]


def test_the_confidential_part_is_found_by_itself(network: Network) -> None:
    """It never stands among other hits, and needs its own permission."""
    al = network.node("AL")
    case = handle_open_case(al, who=STAFF)
    al.transact(
        lambda session: index_confidential(
            al, session, case_id=case.case_id, channel="assistance", texts=["Mirela Krasniqi"]
        )
    )
    assert find(al, "mirela", who=CLEARED) == []
    assert find(al, "mirela", who=CLEARED, confidential=True) == [f"confidential:{case.case_id}"]
    with pytest.raises(ForbiddenError):
        find(al, "mirela", confidential=True)
    al.transact(
        lambda session: index_confidential(
            al, session, case_id=case.case_id, channel="assistance", texts=["Other name"]
        )
    )
    assert find(al, "mirela", who=CLEARED, confidential=True) == []


def test_notes_follow_their_text(network: Network) -> None:
    """A changed note is found by its new words, a deleted one by none."""
    al = network.node("AL")
    case = handle_open_case(al, who=STAFF)
    note = handle_add_note(al, case.case_id, "bring the documents", who=STAFF)
    changed = handle_change_note(
        al, case.case_id, note.note_id, "bring money", who=STAFF, row_version=note.row_version
    )
    assert find(al, "documents") == []
    assert find(al, "money bring") == [f"note:{note.note_id}"]
    handle_delete_note(al, case.case_id, note.note_id, who=STAFF, row_version=changed.row_version)
    assert find(al, "bring") == []


def test_what_was_erased_is_not_found_and_leaves_nothing(network: Network) -> None:
    """No document and no terms stay; what comes later under the same words is found."""
    al = network.node("AL")
    sent = send(al, "Arben, duty officer")
    follow_all(al)
    assert len(find(al, "arben")) == 1
    case_id = sent.case_id
    assert case_id is not None
    al.transact(lambda session: forget_case(session, case_id))
    assert find(al, "arben") == []
    with al.database.reading() as session:
        assert session.exec(select(SearchDocumentRow)).all() == []
        assert set(session.exec(select(SearchWordRow.document))) == {None}
    other = send(al, "Arben again")
    follow_all(al)
    assert find(al, "arben") == [f"message:{other.message_id}"]


def test_pages_go_through_everything_once(network: Network) -> None:
    """Page after page gives every hit of every channel once, the newest first."""
    al = network.node("AL")
    random = Random(5)
    channels = [random.choice(("assistance", "police", "trend")) for _ in range(40)]
    case = handle_open_case(al, who=STAFF)
    index(
        al,
        (
            replace(document(n, "common rare" if n % 3 else "common", channel=channel),
                    case_id=case.case_id)
            for n, channel in enumerate(channels)
        ),
    )  # fmt: skip
    for words, wanted in (("common", range(40)), ("rare comm", [n for n in range(40) if n % 3])):
        found: list[str] = []
        after: str | None = None
        while True:
            page: SearchPage = search(al, words, who=STAFF, limit=7, after=after)
            found += [hit.note_id or "" for hit in page.hits]
            after = page.after
            if after is None:
                break
        assert found == [f"{n:032x}" for n in reversed(wanted)]
    with pytest.raises(SearchWordsError):
        search(al, "rare", who=STAFF, after=search(al, "common", who=STAFF, limit=2).after)


def test_a_question_costs_no_more_than_its_share(network: Network) -> None:
    """Frequent words that never meet end a page early, and the next pages come to the end."""
    al = network.node("AL")
    index(al, (document(n, "north" if n % 2 else "south") for n in range(2 * MOST_LOOKED_AT + 40)))
    page = search(al, "north south", who=STAFF)
    assert page.hits == ()
    assert page.after is not None
    rest = search(al, "north south", who=STAFF, after=page.after)
    assert (rest.hits, rest.after) == ((), None)


def test_a_rebuild_finds_the_same_and_goes_on_when_interrupted(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Messages, notes and cases come again; until then each answer says that it is incomplete."""
    al = network.node("AL")
    for post in ("Arben one", "Arben two", "Arben three"):
        send(al, post)
    case = handle_open_case(al, who=STAFF)
    handle_add_note(al, case.case_id, "Arben has a sister", who=STAFF)
    follow_all(al)
    before = [find(al, words) for words in ("arben", "sister", "one", case.reference)]
    assert [len(each) for each in before] == [4, 1, 1, 1]
    monkeypatch.setattr(rebuilding, "_AT_ONCE", 2)

    def fail(_count: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        handle_rebuild(al, tell=fail)
    page = search(al, "arben", who=STAFF)
    assert not page.complete
    assert len(page.hits) == 2
    told: list[int] = []
    count = handle_rebuild(al, tell=told.append)
    assert (count, told[-1]) == (8, 8)
    assert search(al, "arben", who=STAFF).complete
    after = [find(al, words) for words in ("arben", "sister", "one", case.reference)]
    assert [set(each) for each in after] == [set(each) for each in before]


def test_two_processes_that_index_at_once_number_without_a_gap(network: Network) -> None:
    """Each of their documents is found: none overwrites the other's place."""
    al = network.node("AL")
    gate = threading.Barrier(2)

    def work(first: int) -> None:
        gate.wait()
        for n in range(first, first + 5):
            index(al, [document(n, "common words here")])

    threads = [threading.Thread(target=work, args=(first,)) for first in (0, 100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    key = TermKey(al.keys.derive_search_key("1\nopen\nassistance\ncommon"))
    with al.database.reading() as session:
        assert count_documents(session, [key])[key] == 10
        assert len(session.exec(select(SearchDocumentRow)).all()) == 10


def test_ends_of_terms_are_found_whatever_their_lengths(network: Network) -> None:
    """Many terms or few, short or long: each one's number of documents is the true one."""
    al = network.node("AL")
    random = Random(11)
    wanted = {
        TermKey(random.randbytes(32)): count
        for count in (0, 1, 2, 3, 4, 15, 16, 17, 63, 64, 65, 255, 256, 700, *range(5, 45))
    }
    with al.database.transaction() as session:
        session.add_all(
            SearchWordRow(label=key.label(place), document=None)
            for key, count in wanted.items()
            for place in range(count)
        )
    with al.database.reading() as session:
        assert count_documents(session, list(wanted)) == wanted
        for key, count in wanted.items():
            assert count_documents(session, [key]) == {key: count}


def test_the_index_shows_how_many_terms_and_not_which(network: Network) -> None:
    """Same words twice: no label, no list, no length beyond the number of terms has in common."""
    al = network.node("AL")
    index(al, [document(1, "Arben Hoxha Durrës"), document(2, "Arben Hoxha Durrës")])
    index(al, [document(3, "Mirela Krasniqi Tiranë")])
    with al.database.reading() as session:
        rows = session.exec(select(SearchDocumentRow)).all()
        words = session.exec(select(SearchWordRow)).all()
    labels: dict[int | None, list[int]] = {}
    for word in words:
        labels.setdefault(word.document, []).append(word.label)
    counts = {row.document: len(labels[row.document]) for row in rows}
    assert len({word.label for word in words}) == len(words) == sum(counts.values())
    assert {row.document: (len(row.terms_sealed) - 40) // 4 for row in rows} == counts
    assert rows[0].terms_sealed != rows[1].terms_sealed
    for row in rows:
        assert not any(term.encode() in row.terms_sealed for term in ("arben", "hoxh", "mirel"))


def test_that_somebody_searched_is_noted_and_never_what_for(network: Network) -> None:
    """The audit log gets who and how much, not the words."""
    al = network.node("AL")
    search(al, "Arben Hoxha", who=STAFF)
    with al.database.reading() as session:
        (row,) = session.exec(select(AuditDueRow).where(AuditDueRow.action == "searched")).all()
    assert (row.actor, row.detail) == (STAFF.actor, '{"hits":0}')


async def test_programs_ask_in_a_body(network: Network) -> None:
    """The interface answers with where something is, page by page, and refuses with what to do."""
    al = network.node("AL")
    sent = [send(al, f"Arben {number}, duty officer") for number in ("one", "two")]
    follow_all(al)

    async def refresh() -> None:
        """Do nothing: the registry is what the test says."""

    transport = httpx.ASGITransport(app=create_api(al, refresh_registry=refresh))
    headers = {"Authorization": f"Bearer {token_of(al)}"}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://node", headers=headers
    ) as api:
        first = (await api.post("/search", json={"words": "арбен", "limit": 1})).json()
        again = {"words": "арбен", "limit": 1, "after": first["next"]}
        second = (await api.post("/search", json=again)).json()
        refused = await api.post("/search", json={"words": "?"})
    found = [page["items"][0]["message"]["message_id"] for page in (first, second)]
    assert found == [each.message_id for each in reversed(sent)]
    assert first["complete"]
    assert refused.status_code == 422
    assert refused.json()["type"] == "urn:trm:problem:not-searchable"


def test_what_words_have_in_common_is_found_whatever_else_they_are_in(network: Network) -> None:
    """Nothing is missed, twice there, or out of order, after erasures and renewals, page by page.

    Two are about as frequent, one is rare, one is everywhere, one in nothing with another.
    """
    al = network.node("AL")
    random = Random(11)
    case = handle_open_case(al, who=STAFF)
    chances = {"alfa": 0.5, "beta": 0.4, "gama": 0.3, "delta": 0.02, "omega": 1.0}
    words: dict[int, set[str]] = {}

    def write(numbers: Iterable[int]) -> None:
        for number in numbers:
            words.pop(number, None)  # what is written anew is the newest
            words[number] = {word for word, often in chances.items() if random.random() < often}
        new = ((number, " ".join(words[number])) for number in numbers)
        index(al, (replace(document(*each), case_id=case.case_id) for each in new))

    write(range(400))
    for number in random.sample(range(400), 60):
        al.transact(partial(forget_note, note_id=f"{number:032x}"))
        del words[number]
    write([*random.sample(sorted(words), 50), *range(400, 500)])
    for asked in ("alfa beta", "gama beta", "alfa delta", "omega gama beta", "omega alfa"):
        expected = [n for n in reversed(words) if words[n] >= set(asked.split())]
        for limit in (50, 7):
            found: list[str] = []
            after: str | None = None
            while True:
                page: SearchPage = search(al, asked, who=STAFF, limit=limit, after=after)
                found += [hit.note_id or "" for hit in page.hits]
                after = page.after
                if after is None:
                    break
            assert found == [f"{n:032x}" for n in expected], asked
