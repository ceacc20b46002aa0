"""Statements that are compiled once for a process of tests, not once for each of their databases.

SQLAlchemy keeps the SQL of a statement with the engine and for its dialect, and every test makes
engines of its own. Those of one driver share both here, once the dialect knows its server. Each
engine keeps its own connections and events.
"""

from typing import Any, Final

from sqlalchemy import Engine
from sqlalchemy.engine import make_url
from sqlmodel import create_engine

from console.storage import database

_STATEMENTS: Final = 4000
_shared: Final[dict[str, Engine]] = {}


def share_statements() -> None:
    """Let the databases of this process share what is compiled for them."""
    database.create_engine = _make_engine  # type: ignore[attr-defined] # it imports this name


def _make_engine(url: Any, **settings: Any) -> Engine:
    driver = make_url(url).drivername
    first = _shared.get(driver)
    if first is None:
        _shared[driver] = create_engine(url, query_cache_size=_STATEMENTS, **settings)
        return _shared[driver]
    if getattr(first.dialect, "server_version_info", None) is None:  # it has not connected yet
        return create_engine(url, **settings)
    engine = create_engine(url, _initialize=False, **settings)
    engine.dialect = engine.pool._dialect = first.dialect
    engine._compiled_cache = first._compiled_cache
    return engine
