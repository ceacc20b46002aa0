"""What the tests remember of routes is never taken for another route of the same name."""

from collections.abc import AsyncIterator, Callable
from functools import partial, wraps
from typing import Annotated, Any

import httpx
import pytest
from fastapi import FastAPI, Form
from fastapi.dependencies.models import _is_async_gen_callable, _is_coroutine_callable


def take_numbers(app: FastAPI) -> None:
    """Let the form be filled in with a number."""

    @app.post("/keep")
    async def keep(amount: Annotated[int, Form()], unit: Annotated[str, Form()]) -> dict[str, Any]:
        return {unit: amount}


def take_words(app: FastAPI) -> None:
    """Let the form of the same name be filled in with words."""

    @app.post("/keep")
    async def keep(amount: Annotated[str, Form()], note: Annotated[str, Form()]) -> dict[str, Any]:
        return {note: amount}


async def test_forms_of_one_name_are_not_mixed_up() -> None:
    """Two endpoints of the same name and address each describe and take their own form."""
    for _ in range(2):  # what was found of the one is known when the other comes, and again
        for add, sent, kept in (
            (take_numbers, {"amount": "3", "unit": "beds"}, {"beds": 3}),
            (take_words, {"amount": "3", "note": "beds"}, {"beds": "3"}),
        ):
            app = FastAPI()
            add(app)
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
                assert (await client.post("/keep", data=sent)).json() == kept
            (form,) = [
                schema
                for name, schema in app.openapi()["components"]["schemas"].items()
                if name.startswith("Body_")
            ]
            assert set(form["properties"]) == set(sent)


async def _wait() -> None:
    """Be a coroutine."""


async def _count() -> AsyncIterator[int]:
    """Be an asynchronous generator."""
    yield 1


@wraps(_wait)
def _wrapper() -> None:
    """Be a plain function that stands for another."""


@pytest.mark.parametrize(
    ("call", "waits", "counts"),
    [
        (_wait, True, False),
        (_count, False, True),
        (_wrapper, True, False),
        (partial(_wait), True, False),
        (len, False, False),
        (lambda: None, False, False),
    ],
    ids=["coroutine", "generator", "wrapped", "partial", "built-in", "lambda"],
)
def test_the_kind_of_a_callable_is_what_fastapi_says(
    call: Callable[..., Any], *, waits: bool, counts: bool
) -> None:
    """Read from its code or asked of FastAPI: it is the same."""
    assert (_is_coroutine_callable(call), _is_async_gen_callable(call)) == (waits, counts)
