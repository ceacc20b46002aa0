"""The JSON interface in tests: a client in process, for a token of whichever scope."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from node.api.app import create_api
from node.service.context import NodeContext
from node.service.tokens import TokenScope
from tests.support.people import token_of


async def no_refresh() -> None:
    """Do nothing."""


@asynccontextmanager
async def api_of(
    context: NodeContext, *, token: str | None = None, **wish: Any
) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client of a node's interface; ``wish`` is what its token shall be good for."""
    app = create_api(context, refresh_registry=no_refresh)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app, raise_app_exceptions=False),
        base_url="http://node",
        headers={"Authorization": f"Bearer {token or token_of(context, **wish)}"},
    ) as client:
        yield client


ADMINISTRATION = TokenScope.ADMINISTRATION
