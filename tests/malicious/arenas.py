"""Where rows take place: each is asked for by its class, and made anew for each row."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
)
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.malicious.hostile_broker import Certificates, Lies, open_lies
from tests.malicious.hub_host import HubHost, open_hub_host
from tests.malicious.stores import Stores, open_stores
from tests.malicious.views import Registry, Views, open_registry, open_views
from tests.malicious.wire import Wire, WireWithFiles, open_wire, open_wire_with_files
from tests.support.broker import BrokerPlace, running_broker

_Opened = AbstractContextManager[Any] | AbstractAsyncContextManager[Any]


@dataclass
class Arenas:
    """What all rows of a module share, because it is costly to start."""

    registry: Registry
    certificates: Certificates
    place: BrokerPlace

    @asynccontextmanager
    async def open(
        self, arena: type, folder: Path, url_of: Callable[[str], str]
    ) -> AsyncIterator[Any]:
        """Make what a row asks for, on files below ``folder``, stores as ``url_of`` says."""
        openers: dict[type, Callable[[], _Opened]] = {
            Wire: lambda: open_wire(url_of),
            WireWithFiles: lambda: open_wire_with_files(folder, url_of),
            HubHost: lambda: open_hub_host(url_of),
            Views: lambda: open_views(self.registry, folder, url_of),
            Lies: lambda: open_lies(self.certificates, url_of),
            Stores: lambda: open_stores(self.place, url_of),
        }
        opened = openers[arena]()
        async with AsyncExitStack() as stack:
            if isinstance(opened, AbstractAsyncContextManager):
                yield await stack.enter_async_context(opened)
            else:
                yield stack.enter_context(opened)


@contextmanager
def open_arenas(folder: Path) -> Iterator[Arenas]:
    """Start what is shared."""
    with (
        open_registry(folder / "registry") as registry,
        running_broker(folder / "broker") as place,
    ):
        yield Arenas(registry, Certificates.write(folder / "tls"), place)
