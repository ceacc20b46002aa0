"""Putting routers together without making each route again.

``include_router`` of FastAPI makes every route a second time, with all that validates and
documents it, and once more for each router around that: seven megabytes of a node.
"""

from fastapi import APIRouter


def take_routes(router: APIRouter, *parts: APIRouter) -> None:
    """Let ``router`` have the routes of the others as they are, in this order.

    Raises ``ValueError`` for a router that would add something to them, such as who may come in:
    that is what ``include_router`` is for.
    """
    if router.prefix or router.dependencies or router.tags or router.responses:
        raise ValueError(
            "This router adds to the routes in it, which would be lost: use include_router."
        )
    for part in parts:
        if part is router:
            raise ValueError("A router cannot take its own routes: name another one.")
        router.routes.extend(part.routes)
