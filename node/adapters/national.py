"""The national login of a node, as its settings say."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import httpx

from console.accounts.national import NationalLogin, NationalLoginError, NationalLoginSettings
from console.ways_in_pages import NATIONAL_BACK
from node.settings import NodeSettings

_TIMEOUT: Final = timedelta(seconds=10)


def build_national_login(
    settings: NodeSettings,
    *,
    clock: Callable[[], datetime],
    random: Callable[[int], bytes],
) -> NationalLogin | None:
    """Return the national login, or ``None`` if none is set; raises ``NationalLoginError``.

    The provider is asked when somebody comes, never at the start.
    """
    if settings.oidc_issuer is None:
        return None
    if settings.oidc_client_id is None or settings.oidc_client_secret_file is None:
        raise NationalLoginError(
            "A national login needs TRM_NODE_OIDC_CLIENT_ID and TRM_NODE_OIDC_CLIENT_SECRET_FILE: "
            "set both, or take TRM_NODE_OIDC_ISSUER away."
        )
    return NationalLogin(
        settings=NationalLoginSettings(
            issuer=settings.oidc_issuer,
            client_id=settings.oidc_client_id,
            client_secret=settings.oidc_client_secret_file.read_text(encoding="utf-8").strip(),
            redirect_uri=settings.effective_public_url.rstrip("/") + NATIONAL_BACK,
            name=settings.oidc_name,
            acr_values=settings.oidc_acr_values,
            amr_values=settings.oidc_amr_values,
        ),
        http=httpx.Client(timeout=_TIMEOUT.total_seconds()),
        clock=clock,
        random=random,
    )
