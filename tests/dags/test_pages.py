"""The pages: behind the login, escaped, without outside resources, and right about what the tables hold."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from pages_seed import HOSTILE, RECORD
from sqlalchemy import text

from credit_exchange.core.numbers_in_text import scrub_text
from credit_exchange.stores.database import connect

# Airflow's API server imports Starlette's test client (by way of svcs), which speaks of its next HTTP library
pytestmark = pytest.mark.filterwarnings("ignore:Using .httpx. with .starlette.testclient.")


def test_every_route_is_behind_both_guards_and_there_is_no_api_document() -> None:
    from fastapi.routing import APIRoute

    from credit_exchange.ui.app import LOGIN, MAY_READ, build

    app = build()
    assert (app.openapi_url, app.docs_url, app.redoc_url) == (None, None, None)
    assert len(app.routes) >= 9
    for route in app.routes:
        assert isinstance(route, APIRoute), f"{route} is not behind the login"
        calls = {dependency.call for dependency in route.dependant.dependencies}
        assert {LOGIN, MAY_READ} <= calls, route.path
        assert route.methods == {"GET"}, f"{route.path} must only read"


PATHS = {
    "/": "某局",
    "/night?date=2026-11-22": "条例第九条",
    "/night?run_id=run%201": "2026-11-22",
    "/night?date=2020-01-01": "没有报送批次",
    "/batch/1": "S01",
    "/quarantine?feed=f_permit&rule=S01": "某局",
    f"/record/{RECORD}": "RCPT-1",
    f"/record?record_id={RECORD}": "RCPT-1",
    "/record": "记录编号",
    "/record?document_no=nothing": "没有这个文号的记录",
    "/record?document_no=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E": RECORD,
    "/platforms": "s1",
    "/platforms?platform=fuzhou": "s1",
}


def test_the_batch_page_names_the_code_that_took_it(client: Any) -> None:
    assert "v7.1-abc" in client.get("/batch/1").text


def test_the_page_of_a_held_batch_that_was_collected_again_leads_to_the_one_that_counts(
    client: Any, database_url: str
) -> None:
    engine = connect(database_url)
    with engine.begin() as connection:
        connection.execute(text("update exchange.batch set state = 'held'"))
    assert "approve 1 " in client.get("/batch/1").text
    again = (
        "insert into exchange.batch (feed, department, department_name, dataset, schema_version, business_date, state,"
        " generation) select feed, department, department_name, dataset, schema_version, business_date, state, 2"
        " from exchange.batch returning batch_id"
    )
    with engine.begin() as connection:
        newer = connection.execute(text(again)).scalar_one()
    engine.dispose()
    page = client.get("/batch/1").text
    assert "approve 1 " not in page
    assert f'href="/exchange/batch/{newer}"' in page


@pytest.mark.parametrize(("path", "shown"), list(PATHS.items()))
def test_a_page_answers_its_question_escaped_and_alone(client: Any, path: str, shown: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert shown in answer.text
    assert HOSTILE not in answer.text
    assert "<script" not in answer.text
    assert "http://" not in answer.text.replace("http://www.w3.org", "")
    assert "https://" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/batch/99", "/record/nobody", "/batch/1/docs", "/openapi.json", "/docs", "/redoc"])
def test_what_is_not_there_is_not_found(client: Any, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("path", ["/record/a'b", "/batch/0", "/quarantine?feed=a%27b", "/night?date=soon"])
def test_what_cannot_be_meant_is_refused(client: Any, path: str) -> None:
    assert client.get(path).status_code == 422


def test_a_feed_may_have_a_chinese_name_as_its_file_has(client: Any) -> None:
    assert client.get("/quarantine", params={"feed": "福州_红名单 2.v1-新"}).status_code == 200


def test_a_document_that_cannot_be_read_is_told_on_a_page() -> None:
    """The object store is away, or lost it: a bare "Internal Server Error" says neither what nor where."""
    from fastapi.testclient import TestClient

    from credit_exchange.errors import RetriableError
    from credit_exchange.ui.app import LOGIN, MAY_READ, build

    class Away:
        def docs(self, batch_id: int) -> str:
            raise RetriableError("落地区：无法读取 docs/1；请检查对象存储")

    app = build(Away())  # type: ignore[arg-type]  # the one answer that is asked for
    app.dependency_overrides = {LOGIN: lambda: None, MAY_READ: lambda: None}
    with TestClient(app, raise_server_exceptions=False) as client:
        answer = client.get("/batch/1/docs")
    assert answer.status_code == 503
    assert "落地区：无法读取 docs/1；请检查对象存储" in answer.text
    assert answer.headers["cache-control"] == "no-store"


BROWSER = {"accept": "text/html,application/xhtml+xml"}


def test_a_link_that_is_followed_without_a_login_leads_to_it_and_back(client: Any) -> None:
    """An alert's link is opened in the morning, when yesterday's login has ended; a program is told 401 as ever."""
    from credit_exchange.ui.app import LOGIN

    del client.app.dependency_overrides[LOGIN]
    answer = client.get("/night?date=2026-11-22", headers=BROWSER, follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/api/v2/auth/login?next=%2Fnight%3Fdate%3D2026-11-22"
    assert client.get("/night").status_code == 401


def test_who_may_not_read_is_told_so_on_a_page_that_shows_nothing_else(client: Any) -> None:
    from fastapi import HTTPException

    from credit_exchange.ui.app import MAY_READ

    def forbidden() -> None:
        raise HTTPException(403, "Forbidden")

    client.app.dependency_overrides[MAY_READ] = forbidden
    answer = client.get("/night?date=2026-11-22", headers=BROWSER)
    assert answer.status_code == 403
    assert "没有查看的权限" in answer.text
    assert "某局" not in answer.text
    assert client.get("/night").json() == {"detail": "Forbidden"}


@pytest.mark.parametrize(
    "path", ["/night?date=soon", "/night?run_id=%00", "/record?record_id=a+b", "/record?document_no=%00"]
)
def test_a_slip_in_the_address_is_told_on_a_page(client: Any, path: str) -> None:
    answer = client.get(path, headers=BROWSER)
    assert answer.status_code == 422
    assert "网址或输入的内容不对" in answer.text


def test_a_refused_record_stands_on_its_platforms_page_until_it_has_a_newer_version(
    client: Any, database_url: str
) -> None:
    assert "全部送达" in client.get("/platforms").text
    refused = (
        "insert into exchange.release (platform, dataset, record_id, version, effect, op, outbox_id, state,"
        " outcome_code, outcome_message, settled_at) values ('fuzhou', 'permit', :record, :version, 'send', 'upsert',"
        " :version, :state, :code, :message, now())"
    )
    given = {"record": RECORD, "version": 2, "state": "rejected", "code": "1001", "message": HOSTILE}
    engine = connect(database_url)
    with engine.begin() as connection:
        connection.execute(text(refused), given)
    for path in ("/platforms", "/platforms?platform=fuzhou"):
        shown = client.get(path).text
        assert "信用福州 要处理 1 条" in shown
        assert f'href="/exchange/record/{RECORD}"' in shown
        assert "1001 &lt;img" in shown
    assert "要处理的记录" not in client.get("/platforms?platform=china").text
    with engine.begin() as connection:
        connection.execute(text(refused), given | {"version": 3, "state": "delivered", "message": ""})
    engine.dispose()
    assert "要处理的记录" not in client.get("/platforms").text


def test_a_platforms_page_says_why_its_last_try_failed_until_one_succeeds(client: Any, database_url: str) -> None:
    """The failed task leads there; what stopped it before anything was sent stands in no shipment."""
    engine = connect(database_url)
    given = {"causes": '{"platform fuzhou": "信用福州：没有定义连接 <b>", "platform gone": "旧"}'}
    with engine.begin() as connection:
        connection.execute(text("update exchange.night set causes = cast(:causes as jsonb)"), given)
    shown = client.get("/platforms?platform=fuzhou").text
    assert "信用福州 上次失败" in shown
    assert "上次失败</span>" in shown
    assert "业务日期 2026-11-22：没有定义连接 &lt;b&gt;" in shown
    with engine.begin() as connection:
        connection.execute(text("update exchange.night set causes = '{}'"))
    engine.dispose()
    assert "上次失败" not in client.get("/platforms").text


def test_a_platform_that_was_taken_out_of_the_files_is_not_red_for_ever(client: Any, database_url: str) -> None:
    """Nothing tries it any more, so that nothing would end what its last try said."""
    engine = connect(database_url)
    with engine.begin() as connection:
        connection.execute(text("update exchange.release set platform = 'gone' where platform = 'fuzhou'"))
        connection.execute(text("""update exchange.night set causes = '{"platform gone": "旧"}'"""))
    engine.dispose()
    shown = client.get("/platforms").text
    assert "platform=gone" in shown
    assert "上次失败" not in shown


def test_a_critical_alert_is_not_hidden_by_many_newer_ones(client: Any, database_url: str) -> None:
    engine = connect(database_url)
    many = (
        "insert into exchange.alert (incident_key, severity, subject, raised_at, last_seen_at) select 'w' || n,"
        " 'warning', '某项', now() + interval '1 hour', now() from generate_series(1, 120) as n"
    )
    with engine.begin() as connection:
        connection.execute(text(many))
    engine.dispose()
    shown = client.get("/night").text
    assert "1 项告警" in shown[: shown.index("</section>")]
    assert "未关闭的告警（121，列出 100）" in shown


def test_rules_are_named_in_words_beside_their_ids(client: Any, database_url: str) -> None:
    engine = connect(database_url)
    with engine.begin() as connection:
        connection.execute(text("update exchange.decision set deciding_rule = 'EXPIRED'"))
    engine.dispose()
    for path in ("/night?date=2026-11-22", f"/record/{RECORD}"):
        assert "公示期届满<br><small>EXPIRED" in client.get(path).text
    for path in ("/quarantine", "/batch/1"):
        assert "S01 必填项" in client.get(path).text


def test_a_page_cannot_write(database_url: str) -> None:
    from sqlalchemy.exc import DBAPIError

    from credit_exchange.ui.pages import Pages

    engine = connect(database_url)
    with pytest.raises(DBAPIError, match="read-only"), Pages(engine).reading() as connection:
        connection.execute(text("delete from exchange.alert"))
    engine.dispose()


NIGHT_FEEDS = (
    *("fz_jtj_penalty", "fz_wlj_permit", "fz_yjj_penalty", "fz_zjj_permit"),  # these are broken
    *("fz_cgw_penalty", "fz_jyj_permit", "fz_scjg_penalty", "fz_wjw_permit", "fz_zwfw_permit"),
)


@pytest.fixture(scope="module")
def night(
    pg_server: Any, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Any, Any]]:
    """The pages over one night of the sandbox city with broken deliveries and a platform that does not answer."""
    from fastapi.testclient import TestClient

    from credit_exchange.ui.app import LOGIN, MAY_READ, build
    from credit_exchange.ui.pages import Pages

    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).resolve().parents[1] / "e2e"))
        from town import town

        pg_server.create_database("pages_night", template=migrated_template)
        with town(tmp_path_factory.mktemp("pages"), pg_server.url("pages_night"), faults=True) as made:
            made.platforms["china"].close()
            assert not made.night(made.days[-1], feeds=NIGHT_FEEDS).good
            app = build(Pages(made.exchange.engine, airflow_paused=lambda _dag: False))
            app.dependency_overrides = {LOGIN: lambda: None, MAY_READ: lambda: None}
            with TestClient(app) as opened:
                yield made, opened


@pytest.mark.slow
def test_every_page_shows_a_real_night_and_nobody(night: tuple[Any, Any]) -> None:
    """No page fails, and none shows an ID number, a mobile number or a natural person's name of the answer key."""
    from city.days import delivery
    from city.departments import FEEDS

    town, client = night
    rows = [row for spec in FEEDS for row in delivery(7, spec, town.days[-1], 1.0)]
    secret = {word for row in rows for word in row.secrets}
    secret |= {row.values[f"{row.prefix}_XDR_MC"] for row in rows if row.kind == "person"}
    secret |= {word for line in town.final() for word in line["must_not_contain"]}
    secret -= {"", *(row.values[f"{row.prefix}_XDR_MC"] for row in rows if row.kind != "person")}
    batches = town.query("select batch_id, docs_uri, feed from exchange.batch")
    records = town.query(
        "select record_id, document_no from exchange.record "
        "where subject_kind <> 'legal' or status <> 'current' union all "
        "(select record_id, document_no from exchange.record where subject_kind = 'legal' limit 5)"
    )
    assert min(len(secret), len(records)) > 20
    paths = ["/night", "/quarantine", "/platforms", "/record"]
    paths += [f"/platforms?platform={name}" for name in town.exchange.config.platforms]
    for batch in batches:
        paths += [f"/batch/{batch['batch_id']}", f"/quarantine?feed={batch['feed']}"]
        paths += [f"/batch/{batch['batch_id']}/docs"] if batch["docs_uri"] else []
    for record in records:
        paths += [f"/record/{record['record_id']}", "/record?" + urlencode({"document_no": record["document_no"]})]
    for path in paths:
        answer = client.get(path)
        assert answer.status_code == 200, path
        shown = unescape(re.sub(r"<[^>]*>", " ", answer.text)) + " ".join(re.findall(r'"([^"]*)"', answer.text))
        assert [word for word in secret if word in shown] == [], f"{path} shows personal data"
        for number in re.findall(r"(?<![0-9A-Za-z])\d{17}[\dXx](?![0-9A-Za-z])", shown):
            assert scrub_text(number) == number, f"{path} shows an ID number"


@pytest.mark.slow
def test_the_data_docs_lead_back_inside_the_frame_of_the_airflow_ui_too(night: tuple[Any, Any]) -> None:
    """A sandbox with an origin of its own would send no login with that link; scripts stay forbidden."""
    town, client = night
    [batch] = town.query("select batch_id from exchange.batch where docs_uri <> '' order by batch_id limit 1")
    answer = client.get(f"/batch/{batch['batch_id']}/docs")
    assert f'href="../{batch["batch_id"]}"' in answer.text
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-same-origin; default-src 'none'; ")
    assert "script" not in policy


@pytest.mark.slow
def test_the_night_page_says_first_what_is_wrong_and_what_to_do(night: tuple[Any, Any]) -> None:
    town, client = night
    shown = client.get("/night").text
    head = shown[: shown.index("报送：收到了什么")]
    assert "没有全部完成" in head
    troubled = town.query("select * from report.batch where state in ('failed', 'missing', 'held')")
    assert {row["state"] for row in troubled} == {"failed", "missing", "held"}
    for row in troubled:
        assert f"/exchange/batch/{row['batch_id']}" in head
        assert f"--feed {row['feed']}" in head or f"approve {row['batch_id']}" in head
    assert "信用中国" in head
    assert "积压" in head
    assert "信用福建</a>" not in head, "what went well is not among the things to do"


@pytest.mark.slow
def test_the_numbers_of_the_night_page_are_those_of_the_reporting_views(night: tuple[Any, Any]) -> None:
    from credit_exchange.ui.night import COUNTS
    from credit_exchange.ui.pages import Pages

    town, _ = night
    day = town.days[-1]
    told = Pages(town.exchange.engine, airflow_paused=lambda _dag: False).night(day, "")
    names = ("delivered", "accepted", "quarantined", "unchanged", "held")
    (sums,) = town.query(
        "select " + ", ".join(f"sum(rows_{n})::bigint as rows_{n}" for n in names) + " from report.batch"
        " where business_date = :day",
        day=day,
    )
    assert {key: told["totals"][key] for key in sums} == sums
    for platform, counts in told["platforms"].items():
        there = town.query("select state from report.delivery where platform = :p", p=platform)
        assert counts["total"] == len(there) == sum(counts[name] for name in COUNTS if name != "total")
        assert counts["delivered"] == sum(row["state"] == "delivered" for row in there)
        kept = town.query("select count(*) as n from report.withheld where platform = :p", p=platform)
        assert counts["kept"] == kept[0]["n"]
    shown = Pages(town.exchange.engine).quarantine("", "", None)
    (open_rows,) = town.query(
        "select count(distinct q.row_key) as n from report.quarantine inner join exchange.quarantine as q "
        "using (quarantine_id) where q.state = 'open'"
    )
    assert shown["open_rows"] == open_rows["n"]
    for batch in town.query("select batch_id, rows_quarantined from report.batch where rows_quarantined > 0"):
        page = Pages(town.exchange.engine).batch(batch["batch_id"])
        assert page is not None
        assert len({row["line_no"] for row in page["problems"]}) == min(batch["rows_quarantined"], page["size"])
        told_rules = {(row["rule_id"], row["field"]) for row in page["failed"] if row["severity"] != "warn"}
        assert {(row["rule_id"], row["field"]) for row in page["problems"]} <= told_rules


def test_parts_and_channels_are_told_in_words(client: Any, database_url: str) -> None:
    engine = connect(database_url)
    with engine.begin() as connection:
        connection.execute(
            text("update exchange.night set failed_parts = '{feed fz_yjj_penalty,platform china,release}'")
        )
        connection.execute(
            text("update exchange.alert set channels = '{mail:sent,webhook:failed}', notified_at = now()")
        )
        again = (
            "insert into exchange.night (business_date, run_id, kind, started_at)"
            " values ('2026-11-22', 'run 2', 'backfill', now())"
        )
        connection.execute(text(again))  # all runs of a date are listed where there are several
    engine.dispose()
    page = client.get("/night?date=2026-11-22").text
    assert "福州市应急管理局 · 行政处罚、信用中国、发布" in page
    assert "邮件已发、群消息失败" in page
