"""Words that many code lists have."""

from typing import Final

from console.i18n import pmsg

OTHER: Final = pmsg("code", "Other")
UNKNOWN: Final = pmsg("code", "Not known")
