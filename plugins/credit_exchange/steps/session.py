"""The session of every request that we send: one that is led nowhere."""

from __future__ import annotations

import requests


class Session(requests.Session):
    """Does not even read where a redirect leads: requests would, the body with no limit, and fail on an address it
    cannot parse."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return that it leads nowhere."""
        return None
