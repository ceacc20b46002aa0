"""The benchmark of size runs: a store is filled as by a node, and everything is found in it."""

from pathlib import Path

from sqlmodel import col, select

from node.service.records import load_message
from node.service.search.finding import search
from node.service.search.labels import read_list
from node.service.search.terms import list_message_terms
from node.store.search_tables import SearchDocumentRow
from node.store.tables import MessageRow
from protocol.messages.head import CaseMessage
from tests.bench.size.filling import MESSAGES_OF_A_CASE, fill
from tests.bench.size.measuring import ACTS, Store, find_worst, measure
from tests.support.node import make_network, sqlite_urls
from tests.support.people import STAFF


def test_a_filled_store_is_like_a_real_one(tmp_path: Path) -> None:
    """Its messages open and verify, its index has their words, and each act is measured."""
    network = make_network(["AL", "XK"], url_of=sqlite_urls(tmp_path))
    stores = [
        Store(network.node(code), fill(network.node(code), cases=cases))
        for code, cases in (("AL", 8), ("XK", 12))
    ]
    context, filled = stores[0].context, stores[0].filled
    assert (filled.cases, filled.messages) == (8, 8 * MESSAGES_OF_A_CASE)
    with context.database.reading() as session:
        row = session.exec(select(MessageRow).where(col(MessageRow.direction) == "out")).first()
        assert row is not None
        stored = load_message(context, session, row.message_id, who=STAFF)
        assert isinstance(stored.message, CaseMessage)
        stored.signed.verify(context.keys.signing_key.verify_key)
        document = session.exec(
            select(SearchDocumentRow).where(SearchDocumentRow.subject_id == row.message_id)
        ).one()
    listed = context.keys.decrypt(
        document.terms_sealed,
        wrapped_key=None,
        context=f"search:message:{row.message_id}:assistance",
    )
    assert len(read_list(listed)) == len(list_message_terms(stored.message))
    for words in (filled.reference, filled.file_number, filled.person):
        assert search(context, words, who=STAFF).hits
    costs = measure(stores[0], stores[1], rounds=4)
    assert len(costs) == len(ACTS) + 1
    assert find_worst(costs).ratio > 0
    network.close()
