"""The worked example: a register in two CSV files, in step with its node over HTTP, both ways."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI

from deploy.examples.csv_register.sheets import SENT_COLUMNS, Sheet, SheetError
from deploy.examples.csv_register.syncing import sync
from node.api.app import create_api
from node.client.client import NodeClient
from tests.support.api import no_refresh
from tests.support.http_server import serve
from tests.support.node import Network
from tests.support.people import token_of

LINE = {
    "national_id": "2026-117",
    "recipient": "XK",
    "age_group": "23_25",
    "possibly_under_18": "no",
    "status": "presumed",
    "sex": "female",
    "exploitation_forms": "forced_labour_or_services",
    "languages_spoken": "sq|sr",
    "interpreter_needed": "yes",
    "danger_now": "no",
    "ties": "national_of",
    "found_on": "2026-03-03",
    "immediate_needs": "safe_accommodation|medical_care",
    "manager_post": "Duty officer",
    "manager_authority": "AL-anti-trafficking-desk",
    "manager_telephone": "+355 44541821",
}


@pytest.fixture
def clients(network: Network) -> Iterator[dict[str, NodeClient]]:
    """Give a program's way into each of the two nodes."""
    app = FastAPI(openapi_url=None)
    for code, context in network.nodes.items():
        app.mount(f"/{code}/api/v1", create_api(context, refresh_registry=no_refresh))
    with serve(app) as url:
        made = {
            code: NodeClient.connect(f"{url}/{code}", token_of(context))
            for code, context in network.nodes.items()
        }
        yield made
        for client in made.values():
            with client:
                pass


def read(path: Path) -> list[dict[str, str]]:
    """Read a sheet as people see it."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_two_registers_exchange_a_notification_and_its_decision(
    network: Network, clients: dict[str, NodeClient], tmp_path: Path
) -> None:
    """A line goes out once, comes in there, is decided there, and the answer stands beside it."""
    al, xk = tmp_path / "al", tmp_path / "xk"
    al.mkdir()
    xk.mkdir()
    sheet = Sheet(al / "sent.csv", SENT_COLUMNS)
    sheet.add(LINE)
    sheet.add(LINE | {"national_id": "2026-118", "recipient": "ZZ"})
    sheet.save()
    before = (al / "sent.csv").read_bytes()
    tally = sync(clients["AL"], al)
    assert (tally.sent, tally.refused) == (1, 1), [row["problem"] for row in read(al / "sent.csv")]
    (al / "sent.csv").write_bytes(before)  # as if it had died before it wrote the sheet
    sync(clients["AL"], al)
    network.settle()
    assert sync(clients["XK"], xk).received == 1
    (line,) = read(xk / "received.csv")
    assert (line["state"], line["from"]) == ("new", "AL-anti-trafficking-desk")

    received = Sheet.load(xk / "received.csv", tuple(line))
    received.rows[0] |= {"decision": "accepted", "manager_post": "Desk officer"}
    received.rows[0]["manager_telephone"] = "+383 38 000 000"
    received.save()
    assert sync(clients["XK"], xk).decided == 1
    assert sync(clients["XK"], xk).decided == 0
    network.settle()
    sync(clients["AL"], al)
    sent, wrong = read(al / "sent.csv")
    assert (sent["state"], sent["answer"], sent["problem"]) == ("read", "accepted", "")
    assert "ZZ is no Participant" in wrong["problem"]


def test_a_sheet_with_a_strange_heading_is_refused(tmp_path: Path) -> None:
    """A column that was renamed is said, and nothing is sent with half of its data."""
    path = tmp_path / "sent.csv"
    path.write_text("national_id,recipiente\n1,XK\n", encoding="utf-8")
    with pytest.raises(SheetError, match="recipiente"):
        Sheet.load(path, SENT_COLUMNS)
