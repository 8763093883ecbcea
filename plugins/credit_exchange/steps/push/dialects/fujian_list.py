"""What 信用福建 shows, by catalogue and decision date. Source: platform-protocols, section B, 4."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from credit_exchange.config.platform import Platform
from credit_exchange.steps.push.dialects import forms
from credit_exchange.steps.push.dialects.answers import unknown
from credit_exchange.steps.push.dialects.base import CallResult, Reply, Wire
from credit_exchange.steps.push.dialects.listing import Listed, NoList, listed, pages

if TYPE_CHECKING:
    from credit_exchange.steps.payload import Payload


class FujianList:
    """The list of dialect B."""

    _platform: Platform

    def listing(self, dataset: str, dates: Sequence[date], wire: Wire) -> Iterator[list[Listed]]:
        """Yield what the data set's catalogues show of these dates (listing.Lists)."""
        for catalog in sorted(set(self._platform.datasets[dataset].catalog.values())):
            for day in dates:
                yield from pages(self._platform.retry, partial(self._page, wire, catalog, f"{day:%Y%m%d}"))

    def digest_of(self, _payload: Payload) -> None:
        """Return nothing: the list tells no contents (listing.Lists)."""

    def _page(self, wire: Wire, catalog: str, day: str, number: int) -> tuple[int, list[Listed]]:
        query = urlencode({"catalog": catalog, "date": day, "page": number})
        reply, data = self._call(wire, "GET", f"/exchange/list?{query}", b"")
        if isinstance(data, CallResult):
            raise NoList(data)
        try:
            return forms.whole(data.get("total")), listed(catalog, data.get("items"), "id", "ver")
        except forms.BadReply as bad:
            raise NoList(unknown(reply, str(bad))) from bad

    def _call(self, wire: Wire, method: str, path: str, body: bytes) -> tuple[Reply, dict[str, Any] | CallResult]:
        """Call with a token."""
        raise NotImplementedError
