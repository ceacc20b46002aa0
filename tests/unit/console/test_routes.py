"""Routes are taken over as they are, and never lose what their new router would add."""

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute

from console.routes import take_routes


def make_part(path: str) -> APIRouter:
    """Return a router with one route, which is behind a guard of its own."""
    part = APIRouter(prefix="/part", dependencies=[Depends(lambda: None)])

    @part.get(path)
    def say() -> str:
        return path

    return part


async def test_routes_are_the_same_ones_in_their_order() -> None:
    """Each route is there once, with its prefix and guard, and is answered through two routers."""
    parts = [make_part("/{other}"), make_part("/one")]
    inner, app = APIRouter(), FastAPI()
    take_routes(inner, *parts)
    take_routes(app.router, inner)
    ours = [route for route in app.routes if isinstance(route, APIRoute)]
    assert ours == [part.routes[0] for part in parts]
    assert all(len(route.dependencies) == 1 for route in ours)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        assert (await client.get("/part/one")).json() == "/{other}"


@pytest.mark.parametrize(
    "router",
    [
        APIRouter(prefix="/some"),
        APIRouter(dependencies=[Depends(lambda: None)]),
        APIRouter(tags=["some"]),
        FastAPI(dependencies=[Depends(lambda: None)]).router,
    ],
    ids=["prefix", "guard", "tag", "app"],
)
def test_a_router_that_adds_something_is_refused(router: APIRouter) -> None:
    """What guards a router, such as the check of form tokens, is never left out."""
    with pytest.raises(ValueError, match="include_router"):
        take_routes(router, make_part("/one"))


def test_a_router_does_not_take_its_own_routes() -> None:
    """A router that is named twice would have its routes twice."""
    router = make_part("/one")
    router.prefix, router.dependencies = "", []
    with pytest.raises(ValueError, match="another"):
        take_routes(router, router)
