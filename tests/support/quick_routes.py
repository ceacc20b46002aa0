"""Apps that are built quickly: hundreds of tests build one with two hundred routes.

FastAPI looks at the parameters of an endpoint where its route is made, again where the route's
router is included, and builds a validator for each parameter each time. The endpoints of a face are
made anew for each test, from the same lines: what was found of one is true of the next, as long as
its parameters are annotated with the very same objects. Otherwise FastAPI looks again.

Nothing else of FastAPI changes. The programs that tests start do not know this module.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from types import FunctionType
from typing import Any, Final

import fastapi.routing
from fastapi._compat import v2
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_dependant
from pydantic import TypeAdapter

_make_validator: Final = v2.ModelField.__post_init__


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


def keep_what_routes_need() -> None:
    """Let FastAPI look at each kind of endpoint once, and build each kind of validator once."""
    fastapi.routing.get_dependant = _look_once  # type: ignore[attr-defined] # it imports this name
    v2.ModelField.__post_init__ = _make_validator_once  # type: ignore[method-assign] # see above


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
