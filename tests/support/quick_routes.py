"""Apps that are built quickly: hundreds of tests build one with two hundred routes.

FastAPI looks at the parameters of an endpoint where its route is made, again where the route's
router is included, and builds a validator for each parameter and a model for each form each time.
The endpoints of a face are made anew for each test, from the same lines: what was found of one is
true of the next, as long as its parameters are annotated with the very same objects. Otherwise
FastAPI looks again.

It also remembers of thousands of functions what kind they are, and with them the nodes of tests
that are over; the kind of a plain function stands in its code.

Nothing else of FastAPI changes. The programs that tests start do not know this module.
"""

import inspect
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from functools import cache
from types import FunctionType
from typing import Any, Final

import fastapi.routing
from fastapi._compat import v2
from fastapi.dependencies import models
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_dependant
from pydantic import TypeAdapter

_make_validator: Final = v2.ModelField.__post_init__
_routing: Final[Any] = fastapi.routing  # it imports the names that it uses
_make_form: Final = _routing._get_body_field
_read_return: Final = _routing.get_typed_return_annotation


@dataclass(frozen=True, slots=True)
class _Found:
    """What FastAPI found of a function, and all that it looked at."""

    function: tuple[Any, ...]
    dependant: Dependant

    def is_of(self, parts: tuple[Any, ...]) -> bool:
        """Tell whether another function has the very same parts."""
        return len(parts) == len(self.function) and all(map(_is_same, parts, self.function))


_found: Final[dict[Hashable, _Found]] = {}
_validators: Final[dict[Hashable, TypeAdapter[Any]]] = {}
#: The newest of each name, with the fields that it was made of.
_forms: Final[dict[Hashable, tuple[list[v2.ModelField], v2.ModelField | None]]] = {}


def keep_what_routes_need() -> None:
    """Let FastAPI look at each kind of endpoint once, and build each kind of validator once."""
    _routing.get_dependant = _look_once
    _routing._get_body_field = _make_form_once
    _routing.get_typed_return_annotation = _read_return_quickly
    _routing.compile_path = cache(_routing.compile_path)
    v2.ModelField.__post_init__ = _make_validator_once  # type: ignore[method-assign] # FastAPI's
    _tell_by_code("_is_gen_callable_cached", inspect.CO_GENERATOR)
    _tell_by_code("_is_async_gen_callable_cached", inspect.CO_ASYNC_GENERATOR)
    _tell_by_code("_is_coroutine_callable_cached", inspect.CO_COROUTINE)


def _is_plain(call: object) -> bool:
    """Tell whether something is a function that wraps none and that nobody marked."""
    return isinstance(call, FunctionType) and not call.__dict__


def _tell_by_code(name: str, flag: int) -> None:
    """Let what FastAPI asks of a callable be read from its code, if it is a plain function."""
    ask = getattr(models, name)

    def tell(identity: Any) -> bool:
        call = identity.call
        return bool(call.__code__.co_flags & flag) if _is_plain(call) else ask(identity)

    setattr(models, name, tell)


def _read_return_quickly(call: Callable[..., Any]) -> Any:
    """Give what FastAPI reads as the annotation of what a callable returns."""
    said = call.__annotations__.get("return") if _is_plain(call) else ""
    return _read_return(call) if said is None or isinstance(said, str) else said


def _make_form_once(
    *, body_params: list[v2.ModelField], name: str, embed_body_fields: bool
) -> v2.ModelField | None:
    known = _forms.get((name, embed_body_fields))
    if (
        known is None
        or len(known[0]) != len(body_params)
        or not all(map(_is_same, known[0], body_params))
    ):
        made = _make_form(body_params=body_params, name=name, embed_body_fields=embed_body_fields)
        known = _forms[name, embed_body_fields] = (list(body_params), made)
    return known[1]


def _is_same(one: Any, other: Any) -> bool:
    return one is other


def _look_once(*, path: str, call: Callable[..., Any], **options: Any) -> Dependant:
    """Give what FastAPI finds of an endpoint at this path, for its caller to add to."""
    if not isinstance(call, FunctionType) or hasattr(call, "__wrapped__"):
        return get_dependant(path=path, call=call, **options)
    named = {**call.__annotations__, **(call.__kwdefaults__ or {})}
    parts = (call.__code__, *named, *named.values(), *(call.__defaults__ or ()))
    key = (path, id(call.__code__), repr(sorted(options.items())))
    known = _found.get(key)
    if known is None or not known.is_of(parts):
        dependant = get_dependant(path=path, call=call, **options)
        # Not the function itself: it holds the node of its test.
        known = _found[key] = _Found(parts, replace(dependant, call=None))
    ours = known.dependant
    return replace(ours, call=call, dependencies=list(ours.dependencies))


def _make_validator_once(self: v2.ModelField) -> None:
    described = v2.asdict(self.field_info)
    key = (
        described["annotation"],
        repr(described["annotation"]),  # int | str equals str | int
        tuple((type(each), each) for each in described["metadata"]),
        tuple((name, type(value), value) for name, value in described["attributes"].items()),
        repr(self.config),
    )
    try:
        known = _validators.get(key)
    except TypeError:  # something of it is not hashed
        _make_validator(self)
        return
    if known is None:
        _make_validator(self)
        _validators[key] = self._type_adapter
    else:
        self._type_adapter = known
