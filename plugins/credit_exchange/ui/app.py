"""The application behind the pages: routes, login, headers. One page answers one question.

Every route is behind Airflow's login and the right to read the DAG `nightly_exchange`; there is no OpenAPI document.
All routes only read.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
from airflow.api_fastapi.core_api.security import requires_access_dag, requires_access_view
from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi import Path as FromPath
from fastapi.exception_handlers import http_exception_handler, request_validation_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse
from sqlalchemy.exc import OperationalError

from credit_exchange.adapters.runs import DAG_ID
from credit_exchange.errors import ExchangeError
from credit_exchange.ui.pages import Pages
from credit_exchange.ui.render import page

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
_NO_NUL = r"^[^\x00]*$"
"""The database refuses it in any text."""
Word = Annotated[str, Query(max_length=64, pattern=r"^[A-Za-z0-9_.-]*$")]
FeedId = Annotated[str, Query(max_length=255, pattern=r"^[\w. -]*$")]  # the name of a file, which may be Chinese


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
        return _told(404, str(error), "它可能还没有产生，或编号写错了。")

    # programs get the bare status; whoever follows a link of an alert in a browser gets the login or a page
    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        if error.status_code == 401 and _is_browser(request):
            asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse(f"/api/v2/auth/login?next={quote(asked, safe='')}", status_code=303)
        if error.status_code == 403 and _is_browser(request):
            return _told(403, "没有查看的权限", f"请管理员给予查看插件和 DAG {DAG_ID} 的权限。")
        return await http_exception_handler(request, error)

    @app.exception_handler(RequestValidationError)
    async def not_meant(request: Request, error: RequestValidationError) -> Response:
        if _is_browser(request):
            return _told(422, "网址或输入的内容不对", "日期写作 2026-11-22；编号只含字母、数字、- 和 _。")
        return await request_validation_exception_handler(request, error)

    @app.exception_handler(OperationalError)
    def no_database(request: Request, error: OperationalError) -> HTMLResponse:
        return _told(503, "数据库没有及时答复", "请稍后再打开这一页；一直这样时请检查数据库。")

    # our own words say what happened, where and what to do: the object store is away, a configuration file is wrong
    @app.exception_handler(ExchangeError)
    def not_now(request: Request, error: ExchangeError) -> HTMLResponse:
        return _told(503, "现在不能显示这一页", str(error))

    @app.get("/style.css")
    def style() -> PlainTextResponse:
        text = (Path(__file__).parent / "templates" / "style.css").read_text(encoding="utf-8")
        return PlainTextResponse(text, media_type="text/css")

    @app.get("/", response_class=HTMLResponse)
    @app.get("/night", response_class=HTMLResponse)
    def night(
        day: Annotated[date | None, Query(alias="date")] = None,
        run_id: Annotated[str, Query(max_length=250, pattern=_NO_NUL)] = "",
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
        feed: FeedId = "", rule: Word = "", before: Annotated[int | None, Query(ge=1, le=2**62)] = None
    ) -> str:
        return page("quarantine.html", **answers.quarantine(feed, rule, before))

    @app.get("/record", response_class=HTMLResponse)
    def find_record(
        record_id: Word = "", document_no: Annotated[str, Query(max_length=200, pattern=_NO_NUL)] = ""
    ) -> Response:
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


def _is_browser(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")


def _told(status: int, title: str, advice: str) -> HTMLResponse:
    return HTMLResponse(page("missing.html", title=title, advice=advice), status_code=status)


class Missing(Exception):
    """What was asked for is not there; the text is for the person who asked."""


def _found(answer: Any, otherwise: str) -> Any:
    if answer is None:
        raise Missing(otherwise)
    return answer
