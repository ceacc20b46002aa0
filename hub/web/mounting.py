"""Where the console stands in the hub's application: at every path that no interface has."""

from starlette.routing import Match, Mount
from starlette.types import ASGIApp, Scope
from typing_extensions import override

from hub.web.face import API_PREFIXES


class PagesMount(Mount):
    """The console behind the interfaces for programs.

    Their paths stay theirs: what they do not know is refused in their own form, not with a page.
    """

    def __init__(self, app: ASGIApp) -> None:
        super().__init__("", app=app)

    @override
    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match everything else."""
        if scope["type"] == "http" and scope["path"].startswith(API_PREFIXES):
            return Match.NONE, {}
        return super().matches(scope)
