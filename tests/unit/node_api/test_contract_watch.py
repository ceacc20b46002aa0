"""The watch over the interface's answers notices what is not as it was described."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Response

from node.api.description import TITLE
from tests.support.contract_watch import ContractBrokenError


def make_app() -> FastAPI:
    """Return an app that keeps its word in some routes, and breaks it in others."""
    app = FastAPI(title=TITLE)

    @app.get("/kept/{name}")
    def keep(name: str) -> dict[str, int]:
        return {name: 1}

    @app.get("/other-body")
    def say_other() -> dict[str, int]:
        return Response(b'{"a": "one"}', media_type="application/json")  # type: ignore[return-value] # on purpose

    @app.get("/other-status")
    def say_late() -> dict[str, int]:
        return Response(status_code=503)  # type: ignore[return-value] # on purpose

    @app.get("/other-type")
    def say_text() -> dict[str, int]:
        return Response("1", media_type="text/plain")  # type: ignore[return-value] # on purpose

    return app


async def ask(path: str) -> Any:
    """Ask it as tests do."""
    transport = httpx.ASGITransport(make_app())
    async with httpx.AsyncClient(transport=transport, base_url="http://node") as client:
        return (await client.get(path)).json()


async def test_what_keeps_its_word_goes_through() -> None:
    """An answer that fits comes as it was."""
    assert await ask("/kept/a") == {"a": 1}


@pytest.mark.parametrize("wrong", ["body", "status", "type"])
async def test_what_breaks_its_word_fails_the_test_that_asked(wrong: str) -> None:
    """Another shape, a status that is not said, another media type."""
    with pytest.raises(ContractBrokenError, match=f"GET /other-{wrong}"):
        await ask(f"/other-{wrong}")
