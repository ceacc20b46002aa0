"""The roles at the hub in words."""

from collections.abc import Mapping
from typing import Final

from console.i18n import Message, msg
from hub.operators.roles import Role

ROLE_NAMES: Final[Mapping[str, Message]] = {
    Role.DIRECTORY_OPERATOR: msg("Directory operator"),
    Role.HUB_ADMIN: msg("Hub administrator"),
    Role.OBSERVER: msg("Observer"),
}
