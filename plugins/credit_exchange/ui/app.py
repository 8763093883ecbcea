"""The application behind the pages: routes, login, headers. One page answers one question.

Every route is behind Airflow's login and the right to read the DAG `nightly_exchange`; there is no OpenAPI document.
All routes only read.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path
from typing import Annotated, Any

from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
from airflow.api_fastapi.core_api.security import requires_access_dag, requires_access_view
from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi import Path as FromPath
from fastapi.responses import HTMLResponse, PlainTextResponse

from credit_exchange.ui.pages import Pages
from credit_exchange.ui.render import page

DAG_ID = "nightly_exchange"
LOGIN = requires_access_view(AccessView.PLUGINS)
MAY_READ = requires_access_dag("GET", param_dag_id=DAG_ID)
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
# without its origin the document could not lead back: a browser sends no login from a frame of another origin
DOCS_POLICY = (
    "sandbox allow-same-origin; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
)
RecordId = Annotated[str, FromPath(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Id = Annotated[int, FromPath(ge=1, le=2**62)]
Word = Annotated[str, Query(max_length=64, pattern=r"^[A-Za-z0-9_.-]*$")]


def build(pages: Pages | None = None) -> FastAPI:
    """Return the application; `pages` answers the questions (a test hands in its own)."""
    app = FastAPI(
        title="credit exchange",
        dependencies=[Depends(LOGIN), Depends(MAY_READ)],
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    answers = pages or Pages()

    @app.middleware("http")
    async def headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await call_next(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    @app.exception_handler(Missing)
    def missing(request: Request, error: Missing) -> HTMLResponse:
        return HTMLResponse(page("missing.html", title=str(error)), status_code=404)

    @app.get("/style.css")
    def style() -> PlainTextResponse:
        text = (Path(__file__).parent / "templates" / "style.css").read_text(encoding="utf-8")
        return PlainTextResponse(text, media_type="text/css")

    @app.get("/", response_class=HTMLResponse)
    @app.get("/night", response_class=HTMLResponse)
    def night(
        day: Annotated[date | None, Query(alias="date")] = None,
        run_id: Annotated[str, Query(max_length=250)] = "",
    ) -> str:
        return page("night.html", **answers.night(day, run_id))

    @app.get("/batch/{batch_id}", response_class=HTMLResponse)
    def batch(batch_id: Id) -> str:
        return page("batch.html", **_found(answers.batch(batch_id), "没有这个报送批次"))

    @app.get("/batch/{batch_id}/docs")
    def docs(batch_id: Id) -> HTMLResponse:
        content = _found(answers.docs(batch_id), "这个批次没有校验文档")
        # shown inside a frame without buttons: the stored document itself must not depend on where it is shown
        back = f'<body><p><a href="../{batch_id}">‹ 回到报送批次 {batch_id}</a></p>'
        content = content.replace("<body>", back, 1)
        return HTMLResponse(content, headers={"Content-Security-Policy": DOCS_POLICY})

    @app.get("/quarantine", response_class=HTMLResponse)
    def quarantine(
        feed: Word = "", rule: Word = "", before: Annotated[int | None, Query(ge=1, le=2**62)] = None
    ) -> str:
        return page("quarantine.html", **answers.quarantine(feed, rule, before))

    @app.get("/record", response_class=HTMLResponse)
    def find_record(record_id: Word = "", document_no: Annotated[str, Query(max_length=200)] = "") -> Response:
        if record_id:
            return HTMLResponse(page("record.html", **_found(answers.record(record_id), "没有这条记录")))
        return HTMLResponse(page("record_search.html", **answers.find(document_no.strip())))

    @app.get("/record/{record_id}", response_class=HTMLResponse)
    def record(record_id: RecordId) -> str:
        return page("record.html", **_found(answers.record(record_id), "没有这条记录"))

    @app.get("/platforms", response_class=HTMLResponse)
    def platforms(platform: Word = "") -> str:
        return page("platforms.html", **answers.platforms(platform))

    return app


class Missing(Exception):
    """What was asked for is not there; the text is for the person who asked."""


def _found(answer: Any, otherwise: str) -> Any:
    if answer is None:
        raise Missing(otherwise)
    return answer
