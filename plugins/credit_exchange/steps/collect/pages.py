"""Collects from a paged JSON service: all pages or nothing, landed as received (reliability 2.B, C14)."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import IO, Any

import requests
from tenacity import RetryCallState, RetryError, Retrying, retry_if_exception_type, wait_exponential_jitter

from credit_exchange.config.connections import Connection
from credit_exchange.config.feed import HttpSource
from credit_exchange.core.canonical import sm3_hex
from credit_exchange.core.retry_after import asked_seconds
from credit_exchange.errors import ExchangeError, FatalError, RetriableError
from credit_exchange.steps.collect.archive import MAX_ENTRIES, checked_zip
from credit_exchange.steps.collect.columns import Layout
from credit_exchange.steps.collect.rows import BROKEN_ROW, NUMERIC_CELL, ChunkBuilder, RawChunk
from credit_exchange.steps.collect.table import window
from credit_exchange.steps.deadline import Deadline
from credit_exchange.steps.session import Session

MAX_PAGE_BYTES = 64 * 1024 * 1024
MAX_BYTES = 4 * 1024**3
_ATTEMPTS = 4
_PAUSE = wait_exponential_jitter(multiplier=0.3, max=10, jitter=0.3)
_ROUNDS = 3
_LONGEST_NUMBER = 64
"""Places of a number: 1e999999999 is short, and fills the memory when it is written out."""
_A_CODE = re.compile(r"-?[0-9]{1,6}|[A-Z][A-Z0-9_]{0,30}|None|False|True", re.ASCII)
"""What may be shown of an answer's result code: anything longer could be a number of somebody."""
_FIXED = (1980, 1, 1, 0, 0, 0)


class _Changed(Exception):
    """The number of rows changed while the pages were turned."""


class _Busy(RetriableError):
    """The service says how many seconds to wait before the next call."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class _Late(Exception):
    """The time for all pages is over."""


class Twice(dict[str, Any]):
    """A JSON object in which a key stands twice: nobody knows which of its values is meant."""


class _Token(requests.auth.AuthBase):
    """Sets the token's header; as `auth` it is not replaced by a .netrc file and not sent on to another host."""

    def __init__(self, header: str, value: str) -> None:
        self._header, self._value = header, value

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers[self._header] = self._value
        return request


def fetch_pages(
    connection: Connection, source: HttpSource, layout: Layout, business_date: date, target: IO[bytes]
) -> dict[str, Any]:
    """Write all pages of the window as one zip to `target` and return what to remember (rows, pages, window).

    Raises RetriableError when pages are missing, the service does not answer, takes longer than total_timeout or its
    total keeps changing; FatalError when it refuses the token or the request.
    """
    start, end = window(business_date, source.overlap_hours)
    parameters = {source.from_parameter: start.isoformat(), source.to_parameter: end.isoformat()}
    with Session() as session, Deadline(session, source.total_timeout) as deadline:
        session.auth = _Token(source.token_header, source.token_prefix + connection.password)
        session.headers["Accept"] = "application/json"
        url = connection.base_url + "/" + source.path.lstrip("/")
        before: list[str] | None = None
        for _ in range(_ROUNDS):
            target.seek(0)
            target.truncate()
            try:
                digests, pages = _turn(_Service(session, url, source, deadline), parameters, layout, target)
            except _Changed:
                continue
            # a row that comes twice may have pushed another one out of the pages: then the next time differs
            if len(set(digests)) == len(digests) or digests == before:
                return {"rows": len(digests), "pages": pages, "window": [start.isoformat(), end.isoformat()]}
            before = digests
    raise RetriableError(
        f"{layout.where}：连续 {_ROUNDS} 次读取，总行数或各页中的行都在变化；"
        "请待数据稳定后重新运行，仍不行请部门为接口加上固定的排序"
    )


@dataclass(frozen=True)
class _Service:
    """Where the pages come from, and until when."""

    session: requests.Session
    url: str
    source: HttpSource
    deadline: Deadline


def _turn(service: _Service, parameters: dict[str, str], layout: Layout, target: IO[bytes]) -> tuple[list[str], int]:
    """Turn all pages once; return the digest of each row and the number of pages."""
    source = service.source
    total: int | None = None
    digests: list[str] = []
    seen: set[str] = set()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for page in range(1, source.max_pages + 1):
            query = parameters | {source.page_parameter: str(page), source.size_parameter: str(source.page_size)}
            body, answer = _get(service, query, f"{layout.where}第 {page} 页")
            items = _items(answer, source, f"{layout.where}第 {page} 页")
            given = _total(answer, source, f"{layout.where}第 {page} 页")
            if page > 1 and given != total:
                raise _Changed
            total = given
            here = [sm3_hex(json.dumps(item, default=str, sort_keys=True).encode()) for item in items]
            digest = "".join(here)
            if items and digest in seen:
                raise RetriableError(
                    f"{layout.where}第 {page} 页：与前面某一页的内容相同，服务没有翻页；请联系部门检查接口"
                )
            seen.add(digest)
            archive.writestr(zipfile.ZipInfo(f"page-{page:05}.json", _FIXED), body)
            digests += here
            rows = len(digests)
            # without a total only an empty page says that nothing follows: a short one may be throttling
            if rows >= total if total is not None else not items:
                break
            if total is not None and not items:
                break
        else:
            raise FatalError(f"{layout.where}：超过 max_pages = {source.max_pages} 页；请在报送源的配置文件中调大")
    if total is not None and rows != total:
        raise RetriableError(f"{layout.where}：服务称有 {total} 行，实际给出 {rows} 行，未采集任何数据；请重新运行")
    return digests, page


def _get(service: _Service, query: dict[str, str], place: str) -> tuple[bytes, Any]:
    deadline = service.deadline
    late = (
        f"{place}：服务在 {deadline.seconds:g} 秒（total_timeout）内没有给完数据，未采集任何数据；"
        "请联系部门检查接口，或在报送源的配置文件中调大"
    )
    try:
        for attempt in Retrying(
            stop=lambda state: state.attempt_number >= _ATTEMPTS or _asked(state) >= deadline.left,
            wait=lambda state: _asked(state) or _PAUSE(state),
            retry=retry_if_exception_type(RetriableError),
        ):
            with attempt:
                if deadline.over:
                    raise _Late
                return _once(service, query, place)
    except _Late:
        raise RetriableError(late) from None
    except RetryError as error:
        if deadline.over:
            raise RetriableError(late) from None
        last = error.last_attempt
        tried = last.attempt_number
        raise RetriableError(f"{last.exception()}；已尝试 {tried} 次，请稍后重新运行") from None
    raise AssertionError("tenacity ends with an answer or an error")


def _asked(state: RetryCallState) -> float:
    """Return how long the service asked to wait: a service of few calls a minute is read through in that way."""
    error = state.outcome.exception() if state.outcome else None
    return error.seconds if isinstance(error, _Busy) else 0.0


def _once(service: _Service, query: dict[str, str], place: str) -> tuple[bytes, Any]:
    source = service.source
    try:
        with service.session.get(
            service.url,
            params=query,
            timeout=(source.connect_timeout, source.read_timeout),
            allow_redirects=False,
            stream=True,
        ) as reply:
            body = _body(reply, place)
            status = reply.status_code
    except requests.exceptions.SSLError:
        raise RetriableError(
            f"{place}：服务的 TLS 证书没有通过验证，或不能加密连接；请部门更换证书，"
            "自签名或私有 CA 的证书请加入 REQUESTS_CA_BUNDLE 所指的文件"
        ) from None
    except (requests.RequestException, ValueError) as error:
        # ValueError: http.client, of a chunk's negative size; the text holds the address, and that may hold too much
        raise RetriableError(f"{place}：服务没有答复（{type(error).__name__}）") from None
    if service.deadline.over:  # a body without a length ends where the connection ends: this end was ours
        raise RetriableError(f"{place}：服务没有给完数据")
    if status in (401, 403):
        raise FatalError(f"{place}：令牌不被接受（HTTP {status}）；请更新连接 {source.connection} 的密码（password）")
    if status in (408, 425, 429) or status >= 500:
        message = f"{place}：服务暂不可用（HTTP {status}）"
        seconds = asked_seconds(reply.headers.get("Retry-After")) or 0.0
        raise _Busy(f"{message}，要求等待 {seconds:.0f} 秒", seconds) if seconds > 0 else RetriableError(message)
    if status != 200:
        raise FatalError(f"{place}：服务拒绝了请求（HTTP {status}）；请检查连接的 host 和报送源的 source.path")
    try:
        answer = parse(body)
    except UnicodeDecodeError:
        raise RetriableError(f"{place}：答复不是 UTF-8 编码（JSON 只能是 UTF-8）；请部门更正接口的编码") from None
    except ValueError:
        raise RetriableError(f"{place}：答复不是 JSON，可能是登录页或错误页") from None
    if source.code is not None and (code := str(_at(answer, source.code))) != source.code_ok:
        shown = code if _A_CODE.fullmatch(code) else "别的内容"
        raise RetriableError(
            f"{place}：HTTP 200 的答复中 {source.code} 是 {shown}，不是 {source.code_ok!r}；"
            "请按部门的接口文档核对它的含义（令牌过期时请更新连接的密码）"
        )
    return body, answer


def _body(reply: requests.Response, place: str) -> bytes:
    parts, size = [], 0
    for part in reply.iter_content(256 * 1024):
        parts.append(part)
        size += len(part)
        if size > MAX_PAGE_BYTES:
            raise FatalError(f"{place}：超过 {MAX_PAGE_BYTES} 字节；请在报送源的配置文件中调小 page_size")
    return b"".join(parts)


def parse(body: bytes) -> Any:
    """Return the JSON of a page; numbers keep their digits, an object with a key that stands twice is a Twice."""
    try:
        return json.loads(
            body.decode("utf-8-sig"),
            parse_float=_decimal,
            parse_int=lambda digits: int(digits) if len(digits) <= _LONGEST_NUMBER else digits,
            parse_constant=_refuse,
            object_pairs_hook=_once_each,
        )
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _decimal(written: str) -> Decimal | str:
    """Return a number with its digits; one that nobody could write out stays as it is, for its row's verdict."""
    try:
        value = Decimal(written)
    except InvalidOperation:
        return written
    return value if abs(value.adjusted()) <= _LONGEST_NUMBER else written


def _refuse(_: str) -> Any:
    raise ValueError("NaN and Infinity are no JSON")


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else Twice(pairs)


def _at(answer: Any, path: str) -> Any:
    for name in path.split("."):
        answer = answer.get(name) if isinstance(answer, dict) and not isinstance(answer, Twice) else None
    return answer


def _items(answer: Any, source: HttpSource, place: str) -> list[Any]:
    items = _at(answer, source.items)
    if items is None and source.total is not None and str(_at(answer, source.total)) == "0":
        return []  # how many services write a list of nothing
    if not isinstance(items, list):
        raise RetriableError(f"{place}：答复中 {source.items} 处没有列表；请检查服务，或更正 source.items")
    return items


def _total(answer: Any, source: HttpSource, place: str) -> int | None:
    if source.total is None:
        return None
    total = _at(answer, source.total)
    if isinstance(total, str) and total.isascii() and total.isdigit() and len(total) <= _LONGEST_NUMBER:
        total = int(total)
    if not isinstance(total, int) or isinstance(total, bool) or total < 0:
        raise RetriableError(f"{place}：答复中 {source.total} 处没有数字；请检查服务，或更正 source.total")
    return total


def read_pages(file: IO[bytes], layout: Layout, source: HttpSource, chunk_rows: int) -> Iterator[RawChunk]:
    """Yield the rows of the landed pages; line_no is the number of the row over all pages."""
    builder = ChunkBuilder(layout.columns, chunk_rows)
    position = {column: index for index, column in enumerate(layout.columns)}
    found: set[str] = set()
    # our own zip: what could be collected can be read
    with checked_zip(file, layout.where, MAX_BYTES, max(MAX_ENTRIES, source.max_pages)) as archive:
        for number, name in enumerate(sorted(archive.namelist(), key=lambda name: (len(name), name)), start=1):
            place = f"第 {number} 页"
            try:
                items = _items(parse(archive.read(name)), source, f"{layout.where}{place}")
            except (ValueError, ExchangeError):
                raise FatalError(f"{layout.where}{place}：已落地的页面无法读取；请重新采集") from None
            for item in items:
                values = [""] * len(position)
                problems: list[tuple[str, str, str]] = []
                if not isinstance(item, dict):
                    problems.append((BROKEN_ROW, "", "该条数据不是JSON对象"))
                    item = {}
                if isinstance(item, Twice):
                    problems.append((BROKEN_ROW, "", "同一个键在该条数据中出现两次，无法确定以哪一个为准"))
                for key_number, (key, value) in enumerate(item.items(), start=1):
                    targets = layout.targets(key)
                    if not targets and not layout.known(key):
                        layout.unknown(key, key_number, place)
                    for column in targets:
                        found.add(column)
                        text, problem = _text(value, column in layout.identifiers)
                        if values[position[column]] and text:
                            problems.append((BROKEN_ROW, column, "同一字段出现两次"))
                        values[position[column]] = text or values[position[column]]
                        if problem:
                            problems.append((problem[0], column, problem[1]))
                if chunk := builder.add(builder.rows + 1, values, problems):
                    yield chunk
    if builder.rows:
        layout.missing(found, "各页")
    yield from builder.rest()


def _text(value: Any, identifier: bool) -> tuple[str, tuple[str, str] | None]:
    """Return a JSON value as text, and its problem as (rule id, message)."""
    if value is None:
        return "", None
    if isinstance(value, str):
        return value, None
    if isinstance(value, bool):
        return ("true" if value else "false"), None
    if isinstance(value, int | Decimal):
        text = format(value, "f") if isinstance(value, Decimal) else str(value)
        return text, (NUMERIC_CELL, "编码应为JSON字符串而不是数字，前导零可能已丢失") if identifier else None
    return json.dumps(value, ensure_ascii=False, default=str), (BROKEN_ROW, "值应为文字或数字，不应为数组或对象")
