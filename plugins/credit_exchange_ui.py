"""The exchange in the Airflow UI: pages and tabs; the deadline reference and timetable that Airflow finds by a plugin.

Every Airflow process imports this module, so nothing heavy happens here: the application is made at the first request,
which only the API server gets. Every page is behind Airflow's login (credit_exchange.ui.app).
"""

from __future__ import annotations

from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin

from credit_exchange.adapters.deadline import NightDue
from credit_exchange.adapters.timetable import NightTimetable

PREFIX = "/exchange"


class Pages:
    """An ASGI application that is built when it is first asked; when that fails, every request fails (closed)."""

    def __init__(self) -> None:
        self._app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        if self._app is None:
            from credit_exchange.ui.app import build

            self._app = build()
        await self._app(scope, receive, send)


def _view(name: str, href: str, route: str, destination: str = "nav") -> dict[str, Any]:
    view: dict[str, Any] = {"name": name, "href": PREFIX + href, "url_route": route, "destination": destination}
    if destination == "nav":
        view["category"] = "信用信息交换"
    return view


class CreditExchangeUI(AirflowPlugin):
    """Registers the pages, their places in the navigation, the deadline reference and the timetable."""

    name = "credit_exchange_ui"
    timetables: ClassVar[list[Any]] = [NightTimetable]
    deadline_references: ClassVar[list[Any]] = [NightDue]
    fastapi_apps: ClassVar[list[Any]] = [{"app": Pages(), "url_prefix": PREFIX, "name": "信用信息交换"}]
    external_views: ClassVar[list[Any]] = [
        {
            "name": "信用交换",  # the navigation cuts off longer names
            "href": f"{PREFIX}/night",
            "url_route": "credit-exchange",
            "destination": "nav",
            "nav_top_level": True,
        },
        _view("问题数据", "/quarantine", "credit-exchange-quarantine"),
        _view("上报平台", "/platforms", "credit-exchange-platforms"),
        _view("本夜交换", "/night?run_id={RUN_ID}", "credit-exchange-run", destination="dag_run"),
    ]
