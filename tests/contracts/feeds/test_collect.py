"""What collect promises of every form: landed once, whole or not at all, read from the landing only."""

from __future__ import annotations

import hashlib
import io
import json
import os
import sqlite3
import time
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from openpyxl import Workbook
from pydantic import ValidationError
from sqlalchemy import text

from credit_exchange.config.connections import Connection
from credit_exchange.errors import ConfigurationError, FatalError, HoldForPerson, NotDelivered, RetriableError
from credit_exchange.laptop.postgres import EmbeddedPostgres
from credit_exchange.steps.code_version import code_version
from credit_exchange.steps.collect import collect, read
from credit_exchange.steps.collect.batches import by_id, newest, only_one
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.orders import approve_batch
from credit_exchange.steps.validate import validate

DAY = date(2026, 1, 5)
HEADER = "行政相对人名称,统一社会信用代码,决定书文号,决定日期,备注"
CSV = {"form": "csv", "path": "t/{date}.csv", "settle_seconds": 0}
OPEN = Callable[..., Exchange]


def deliver(inbox: Path, content: str | bytes, name: str = "20260105.csv") -> Path:
    path = inbox / "t" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def rows(exchange: Exchange, batch_id: int) -> list[dict[str, str]]:
    return [row for chunk in read(exchange, batch_id) for row in chunk.frame.to_dict("records")]


def test_a_delivery_is_landed_once_and_read_from_the_landing_only(exchange_of: OPEN, inbox: Path) -> None:
    exchange = exchange_of(CSV)
    path = deliver(inbox, f"{HEADER}\n甲公司,,文1号,2026-01-05,\n")
    batch_id = collect(exchange, "t", DAY)
    path.unlink()
    assert collect(exchange, "t", DAY) == batch_id
    batch = by_id(exchange.engine, batch_id)
    assert (batch.stage, batch.state, batch.problem) == ("collected", "failed", None)
    with exchange.engine.connect() as connection:
        assert connection.execute(text("select code_version from exchange.batch")).scalar_one() == code_version()
    assert rows(exchange, batch_id) == [
        {"XK_XDR_MC": "甲公司", "XK_XDR_SHXYM": "", "XK_WSH": "文1号", "XK_JDRQ": "2026-01-05", "BZ": ""}
    ]
    assert by_id(exchange.engine, batch_id).source_detail["rows_read"] == 1
    landed = [p for p in (inbox.parent / "landing").rglob("*") if p.is_file()]
    assert len(landed) == 1
    assert "甲公司".encode() not in landed[0].read_bytes()


def test_a_changed_delivery_is_taken_on_recollect_or_after_a_problem_only(exchange_of: OPEN, inbox: Path) -> None:
    exchange = exchange_of(CSV)
    deliver(inbox, f"{HEADER}\n甲,,1,2026-01-05,\n")
    first = collect(exchange, "t", DAY)
    deliver(inbox, f"{HEADER}\n乙,,1,2026-01-05,\n")
    assert collect(exchange, "t", DAY) == first
    second = collect(exchange, "t", DAY, recollect=True)
    assert by_id(exchange.engine, second).generation == 2
    assert rows(exchange, second)[0]["XK_XDR_MC"] == "乙"
    with exchange.engine.begin() as connection:
        connection.execute(text("update exchange.batch set problem = 'x' where batch_id = :b"), {"b": second})
    assert collect(exchange, "t", DAY) == second  # the same bytes: nothing new
    deliver(inbox, f"{HEADER}\n丙,,1,2026-01-05,\n")
    third = collect(exchange, "t", DAY)
    assert by_id(exchange.engine, third).generation == 3


def test_a_missing_delivery_is_recorded_and_known_as_late_when_it_comes(exchange_of: OPEN, inbox: Path) -> None:
    exchange = exchange_of(CSV)
    with pytest.raises(NotDelivered, match=r"福州市测试局（t）：没有收到 "):
        collect(exchange, "t", DAY)
    batch = newest(exchange.engine, "t", DAY)
    assert batch is not None
    assert batch.state == "missing"
    deliver(inbox, f"{HEADER}\n")
    batch_id = collect(exchange, "t", DAY)
    assert batch_id == batch.batch_id
    with exchange.engine.connect() as connection:
        late = connection.execute(
            text("select was_missing from exchange.batch where batch_id = :b"), {"b": batch_id}
        ).scalar_one()
    assert late is True
    assert rows(exchange, batch_id) == []


def test_a_missing_delivery_may_be_accepted(exchange_of: OPEN) -> None:
    exchange = exchange_of(CSV, contract={"missing": "accept"})
    batch = by_id(exchange.engine, collect(exchange, "t", DAY))
    assert (batch.stage, batch.state, batch.problem) == ("merged", "complete", None)
    with pytest.raises(FatalError, match="没有落地的数据"):
        rows(exchange, batch.batch_id)


def test_a_file_without_manifest_must_have_settled(exchange_of: OPEN, inbox: Path) -> None:
    exchange = exchange_of(CSV | {"settle_seconds": 60})
    path = deliver(inbox, f"{HEADER}\n")
    with pytest.raises(NotDelivered, match="可能没有写完"):
        collect(exchange, "t", DAY)
    os.utime(path, (time.time() - 120, time.time() - 120))
    collect(exchange, "t", DAY)


@pytest.mark.parametrize("style", ["json", "lines"])
def test_a_manifest_is_verified(exchange_of: OPEN, inbox: Path, style: str) -> None:
    exchange = exchange_of(CSV | {"manifest": {}})
    content = f"{HEADER}\n甲,,1,2026-01-05,\n".encode()
    deliver(inbox, content)
    with pytest.raises(NotDelivered, match=r"还没有 \.ok 清单"):
        collect(exchange, "t", DAY)

    def promise(**facts: Any) -> None:
        told = json.dumps(facts) if style == "json" else "\n".join(f"{k}={v}" for k, v in facts.items())
        deliver(inbox, told, "20260105.csv.ok")

    promise(rows=1, bytes=len(content) + 5)
    with pytest.raises(NotDelivered, match="还没有写完"):
        collect(exchange, "t", DAY)
    promise(rows=1, bytes=len(content), sha256="0" * 64)
    with pytest.raises(FatalError, match="sha256 不同"):
        collect(exchange, "t", DAY)
    promise(rows=3, bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
    batch_id = collect(exchange, "t", DAY)
    with pytest.raises(FatalError, match="应有 3 行，实有 1 行"):
        rows(exchange, batch_id)
    promise(rows=1, bytes=len(content), sm3=by_id(exchange.engine, batch_id).digest)
    assert len(rows(exchange, collect(exchange, "t", DAY, recollect=True))) == 1


@pytest.mark.parametrize("counted", [2, 3])
def test_a_manifest_that_counts_the_header_is_told_so(exchange_of: OPEN, inbox: Path, counted: int) -> None:
    exchange = exchange_of(CSV | {"manifest": {}})
    content = f"{HEADER}\n甲,,1,2026-01-05,\n".encode()
    deliver(inbox, content)
    deliver(inbox, json.dumps({"rows": counted, "bytes": len(content)}), "20260105.csv.ok")
    with pytest.raises(FatalError, match="应有 3 行，实有 1 行" if counted == 3 else "很可能把表头行也算在内"):
        rows(exchange, collect(exchange, "t", DAY))


def test_an_empty_file_is_broken_and_a_header_alone_is_the_contract_s_matter(exchange_of: OPEN, inbox: Path) -> None:
    exchange = exchange_of(CSV, contract={"empty": "fail"})
    deliver(inbox, b"")
    with pytest.raises(FatalError, match="0 字节"):
        collect(exchange, "t", DAY)
    deliver(inbox, f"{HEADER}\n")
    with pytest.raises(FatalError, match="没有任何数据行"):
        rows(exchange, collect(exchange, "t", DAY))


@pytest.mark.parametrize("path", ["../out.csv", "/etc/passwd", "t/../../x", "t/{name}.csv"])
def test_a_path_never_leaves_the_inbox(exchange_of: OPEN, path: str) -> None:
    with pytest.raises(ValidationError, match=r"应位于投放目录之下|花括号中只能写 \{date\}"):
        exchange_of(CSV | {"path": path})


def test_a_link_out_of_the_inbox_is_not_followed(exchange_of: OPEN, inbox: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    (inbox / "t").mkdir()
    (inbox / "t" / "20260105.csv").symlink_to(tmp_path / "secret")
    with pytest.raises(ConfigurationError, match="投放目录之外"):
        collect(exchange_of(CSV), "t", DAY)


def test_a_second_run_of_the_same_day_waits_and_then_says_so(exchange_of: OPEN) -> None:
    exchange = exchange_of(CSV)
    with (
        only_one(exchange.engine, "t", DAY),
        pytest.raises(RetriableError, match="另一次运行正在采集"),
        only_one(exchange.engine, "t", DAY, wait=0),
    ):
        pass
    with only_one(exchange.engine, "t", DAY, wait=0):
        pass


def test_a_workbook_and_a_zip_that_are_cut_off_are_never_landed(exchange_of: OPEN, inbox: Path) -> None:
    book = Workbook()
    assert book.active is not None
    book.active.append(HEADER.split(","))
    book.active.append(["甲", None, "文1", datetime(2026, 1, 5), None])
    out = io.BytesIO()
    book.save(out)
    for source in (
        {"form": "xlsx", "path": "t/a.xlsx", "settle_seconds": 0},
        {"form": "rowdata_zip", "path": "t/a.xlsx", "settle_seconds": 0},
    ):
        exchange = exchange_of(source)
        deliver(inbox, out.getvalue()[:-40], "a.xlsx")
        with pytest.raises(FatalError, match="不是完好的 zip"):
            collect(exchange, "t", DAY)
        assert not list((inbox.parent / "landing").rglob("*")) or source["form"] == "rowdata_zip"
    exchange = exchange_of({"form": "xlsx", "path": "t/a.xlsx", "settle_seconds": 0})
    deliver(inbox, out.getvalue(), "a.xlsx")
    assert rows(exchange, collect(exchange, "t", DAY))[0]["XK_JDRQ"] == "2026-01-05"


def test_rowdata_in_a_zip(exchange_of: OPEN, inbox: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("b.xml", "<ROWDATA><ROW><name>乙</name><wsh>2</wsh><decided/></ROW></ROWDATA>")
        archive.writestr("a.xml", "<ROWDATA><ROW><name>甲&amp;丙</name><wsh>1</wsh><note>x</note></ROW></ROWDATA>")
    exchange = exchange_of({"form": "rowdata_zip", "path": "t/a.zip", "settle_seconds": 0})
    deliver(inbox, out.getvalue(), "a.zip")
    batch_id = collect(exchange, "t", DAY)
    found = [(row["XK_XDR_MC"], row["XK_WSH"], row["BZ"]) for row in rows(exchange, batch_id)]
    assert found == [("甲&丙", "1", "x"), ("乙", "2", "")]
    assert [list(c.line_no) for c in read(exchange, batch_id)] == [[1, 2]]


# --- tables

TABLE = {"form": "table", "connection": "front", "table": "t_xzxk", "updated_at": "changed", "overlap_hours": 1}
FRONT = "name text, uscc text, wsh text, decided date, note text"
NUMBER = '文"1",\n号'
MOMENTS = {
    "too old": "2026-01-04 22:59:59",
    "overlap": "2026-01-04 23:00:00",
    "in": "2026-01-05 12:00:00",
    "last": "2026-01-05 23:59:59",
    "next day": "2026-01-06 00:00:00",
}


def postgres_table(url: str, kind: str = "timestamp", more: str = "") -> Connection:
    plain = url.replace("+psycopg", "")
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute("set timezone = 'Asia/Shanghai'")
        connection.execute(f"create table public.t_xzxk ({FRONT}, changed {kind} {more})")
        for name, moment in MOMENTS.items():
            connection.execute(
                f"insert into public.t_xzxk values (%s, null, %s, '2026-01-05', '', %s::{kind})",
                (name, NUMBER, moment),
            )
    return Connection("front", conn_type="postgres", uri=plain)


def sqlite_table(folder: Path) -> Connection:
    with sqlite3.connect(folder / "front.db") as connection:
        connection.execute(f"create table t_xzxk ({FRONT}, changed datetime)")
        for name, moment in MOMENTS.items():
            connection.execute("insert into t_xzxk values (?, null, ?, '2026-01-05', '', ?)", (name, NUMBER, moment))
    connection.close()
    return Connection("front", uri=f"sqlite:///{folder / 'front.db'}")


@pytest.mark.parametrize("database", ["timestamp", "timestamptz", "text", "sqlite"])
def test_a_table_gives_the_window_of_its_business_date(
    exchange_of: OPEN, empty_database_url: str, tmp_path: Path, database: str
) -> None:
    connection = sqlite_table(tmp_path) if database == "sqlite" else postgres_table(empty_database_url, database)
    exchange = exchange_of(TABLE, connection)
    batch_id = collect(exchange, "t", DAY)
    found = rows(exchange, batch_id)
    assert [row["XK_XDR_MC"] for row in found] == ["overlap", "in", "last"]
    assert found[0]["XK_WSH"] == NUMBER
    assert found[0]["XK_JDRQ"] == "2026-01-05"
    assert [list(chunk.line_no) for chunk in read(exchange, batch_id)] == [[1, 2, 3]]
    detail = by_id(exchange.engine, batch_id).source_detail
    assert detail["window"] == ["2026-01-04T23:00:00", "2026-01-06T00:00:00"]
    assert detail["rows"] == 3


@pytest.mark.parametrize("database", ["postgres", "sqlite"])
def test_a_row_that_is_too_long_is_one_bad_row(
    exchange_of: OPEN, empty_database_url: str, tmp_path: Path, database: str
) -> None:
    """Also when it is longer than what is looked at; and what stands behind the long value is still known."""
    where = "where name = %s"
    longer = (("overlap", '说"明",\n' * 200_000, "note"), ("last", "名" * 7_000_000, "wsh"))
    connection = sqlite_table(tmp_path) if database == "sqlite" else postgres_table(empty_database_url)
    if database == "sqlite":
        with sqlite3.connect(tmp_path / "front.db") as lite:
            for name, value, column in longer:
                lite.execute(f"update t_xzxk set {column} = ? where name = ?", (value, name))
        lite.close()
    else:
        with psycopg.connect(connection.uri, autocommit=True) as other:
            for name, value, column in longer:
                other.execute(f"update public.t_xzxk set {column} = %s {where}", (value, name))
    exchange = exchange_of(TABLE, connection)
    (chunk,) = read(exchange, collect(exchange, "t", DAY))
    found = chunk.frame.to_dict("records")
    assert [row["XK_XDR_MC"] for row in found] == ["overlap", "in", "last"]
    assert found[1]["XK_WSH"] == found[0]["XK_WSH"] == NUMBER
    assert found[0]["BZ"] == ('说"明",\n' * 200_000)[:10_000]
    told = [problem[:3] for problem in chunk.row_problems]
    assert told[:2] == [(0, "ROW01", "BZ"), (2, "ROW01", "XK_WSH")]
    assert {place for place, *_ in told} == {0, 2}
    assert "超过1048576字节" in chunk.row_problems[0][3]


def test_a_table_that_drifted_is_held(exchange_of: OPEN, empty_database_url: str) -> None:
    connection = postgres_table(empty_database_url, more=", extra text")
    with pytest.raises(HoldForPerson, match="表 t_xzxk：出现新列 'extra'"):
        collect(exchange_of(TABLE, connection), "t", DAY)
    exchange = exchange_of(TABLE, connection, contract={"new_columns": "quarantine"})
    batch_id = collect(exchange, "t", DAY)
    assert by_id(exchange.engine, batch_id).source_detail["new_columns"] == ["extra"]
    with psycopg.connect(connection.uri, autocommit=True) as other:
        other.execute("alter table public.t_xzxk rename wsh to wsh2")
    with pytest.raises(HoldForPerson, match="XK_WSH"):
        collect(exchange, "t", date(2026, 1, 6))
    held = newest(exchange.engine, "t", date(2026, 1, 6))
    assert held is not None
    assert held.state == "held"


def test_what_is_held_for_a_new_column_counts_and_is_taken_when_approved(exchange_of: OPEN, inbox: Path) -> None:
    exchange = exchange_of(CSV, contract={"volume": {"min_rows": 2}})
    deliver(inbox, f"{HEADER},新的说明\n甲公司,9135010026017703XW,文1号,2026-01-05,,x\n")
    number = collect(exchange, "t", DAY)
    with pytest.raises(HoldForPerson, match=r"出现新列 '新的说明'.*本次报送1条，少于约定的下限2条"):
        validate(exchange, number)
    with exchange.engine.connect() as connection:
        counted = connection.execute(text("select rows_delivered, rows_held, state from exchange.batch")).one()
        assert tuple(counted) == (1, 1, "held")
    approve_batch(exchange, number, "新列不需要", "reviewer")
    assert validate(exchange, collect(exchange, "t", DAY))["rows_delivered"] == 1
    assert by_id(exchange.engine, number).source_detail["new_columns"] == ["新的说明"]
    deliver(inbox, f"{HEADER},新的说明\n", "20260106.csv")
    with pytest.raises(HoldForPerson, match="本次报送0条，少于约定的下限2条"):
        validate(exchange, collect(exchange, "t", date(2026, 1, 6)))


def test_a_table_held_for_a_new_column_is_taken_without_it_when_approved(
    exchange_of: OPEN, empty_database_url: str
) -> None:
    few = {"volume": {"min_rows": 4}}
    exchange = exchange_of(TABLE, postgres_table(empty_database_url, more=", extra text"), contract=few)
    with pytest.raises(HoldForPerson, match="出现新列 'extra'"):
        collect(exchange, "t", DAY)
    held = newest(exchange.engine, "t", DAY)
    assert held is not None
    approve_batch(exchange, held.batch_id, "新列不需要", "reviewer")
    for _ in range(2):  # whoever approved the column did not know how few rows there are
        with pytest.raises(HoldForPerson, match="少于约定的下限4条"):
            validate(exchange, collect(exchange, "t", DAY))
    approve_batch(exchange, held.batch_id, "确实只有这些", "reviewer")
    assert validate(exchange, collect(exchange, "t", DAY))["rows_delivered"] == 3


def test_update_times_that_are_bare_days_belong_to_their_day(exchange_of: OPEN, tmp_path: Path) -> None:
    connection = sqlite_table(tmp_path)
    with sqlite3.connect(tmp_path / "front.db") as other:
        other.execute("update t_xzxk set changed = substr(changed, 1, 10)")
    other.close()
    exchange = exchange_of(TABLE | {"overlap_hours": 0}, connection)
    assert [row["XK_XDR_MC"] for row in rows(exchange, collect(exchange, "t", DAY))] == ["in", "last"]
    after = rows(exchange, collect(exchange, "t", date(2026, 1, 6)))
    assert [row["XK_XDR_MC"] for row in after] == ["next day"]


def test_a_database_that_does_not_answer_is_retriable_and_its_password_stays_secret(exchange_of: OPEN) -> None:
    connection = Connection("front", uri="postgresql://u:hush-hush@127.0.0.1:1/x")
    with pytest.raises(RetriableError) as caught:
        collect(exchange_of(TABLE, connection), "t", DAY)
    assert "hush" not in str(caught.value)


def test_a_table_whose_update_times_are_text_of_another_form_is_held_not_empty(
    exchange_of: OPEN, empty_database_url: str
) -> None:
    connection = postgres_table(empty_database_url, "text")
    with psycopg.connect(connection.uri, autocommit=True) as other:
        other.execute("update public.t_xzxk set changed = replace(changed, '-', '/')")
    with pytest.raises(HoldForPerson, match="更新时间列 changed 是文本"):
        collect(exchange_of(TABLE, connection), "t", DAY)
    with psycopg.connect(connection.uri, autocommit=True) as other:
        other.execute("update public.t_xzxk set changed = '2020-01-01' where name = 'in'")
    exchange = exchange_of(TABLE, connection)
    assert rows(exchange, collect(exchange, "t", DAY)) == []


def test_a_table_in_a_database_of_another_encoding_keeps_its_text(
    exchange_of: OPEN, pg_server: EmbeddedPostgres, empty_database_url: str
) -> None:
    with psycopg.connect(empty_database_url.replace("+psycopg", ""), autocommit=True) as server:
        server.execute("create database gb_front encoding 'EUC_CN' template template0 locale 'C'")
        try:
            exchange = exchange_of(TABLE, postgres_table(pg_server.url("gb_front")))
            assert {row["XK_WSH"] for row in rows(exchange, collect(exchange, "t", DAY))} == {NUMBER}
        finally:
            server.execute("drop database gb_front")
