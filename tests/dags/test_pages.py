"""The pages: behind the login, escaped, without outside resources, and right about what the tables hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text

from credit_exchange.stores.database import connect

# Airflow's API server imports Starlette's test client (by way of svcs), which speaks of its next HTTP library
pytestmark = pytest.mark.filterwarnings("ignore:Using .httpx. with .starlette.testclient.")
RECORD = "r_hostile"
HOSTILE = "<img src=x onerror=alert(1)>"


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


@pytest.fixture
def client(database_url: str) -> Iterator[Any]:
    from fastapi.testclient import TestClient

    from credit_exchange.ui.app import LOGIN, MAY_READ, build
    from credit_exchange.ui.pages import Pages

    engine = connect(database_url)
    try:
        with engine.begin() as connection:
            for statement in SEED:
                connection.execute(text(statement), {"hostile": HOSTILE, "record": RECORD})
        app = build(Pages(engine))
        app.dependency_overrides = {LOGIN: lambda: None, MAY_READ: lambda: None}
        with TestClient(app) as opened:
            yield opened
    finally:
        engine.dispose()


SEED = (
    "insert into exchange.batch (feed, department, department_name, dataset, schema_version, business_date, stage,"
    " state,"
    " rows_delivered, rows_accepted, rows_quarantined, problem)"
    " values ('f_permit', 'f', '某局', 'permit', '2023', '2026-11-22', 'merged', 'partial', 3, 2, 1, :hostile)",
    "insert into exchange.batch_check values (1, 'S01', 'XK_XDR', 'reject', 1, 3)",
    "insert into exchange.quarantine (batch_id, line_no, disposition, row_key, row_sealed, first_seen_at)"
    " values (1, 7, 'reject', 'k', '', now())",
    "insert into exchange.quarantine_reason values (1, 'S01', 'XK_XDR', :hostile)",
    "insert into exchange.night (business_date, run_id, kind, started_at) "
    "values ('2026-11-22', 'run 1', 'manual', now())",
    "insert into exchange.subject (kind) values ('legal')",
    "insert into exchange.record (record_id, dataset, agency_code, document_key, document_no, subject_ref, subject_id,"
    " subject_kind, subject_name, department, feed, business_date, version, status, content_digest, content_version)"
    " values (:record, 'permit', 'a', 'k', :hostile, 'org:1', 1, 'legal', :hostile, 'f', 'f_permit', '2026-11-22', 1,"
    " 'current', 'd', 1)",
    "insert into exchange.record_version (record_id, version, reason, status, content_digest, batch_id, line_no,"
    " business_date) values (:record, 1, 'content', 'current', 'd', 1, 5, '2026-11-22')",
    "insert into exchange.decision (digest, effect, deciding_rule, legal_basis, rules, drop_fields, mask_fields)"
    " values ('x', 'release', 'R1', '条例第九条', '[]', '{XK_FRDB}', '{\"XK_XDR\": \"name\"}')",
    "insert into exchange.release (platform, record_id, version, dataset, effect, decision_id)"
    " values ('fuzhou', :record, 1, 'permit', 'send', 1), ('china', :record, 1, 'permit', 'withhold', 1)",
    "insert into exchange.shipment (shipment_no, platform, dataset, op, batch_no, idem_key, body_sealed, body_digest,"
    " records, state) values ('s1', 'fuzhou', 'permit', 'upsert', 'b', 'k', '', 'bd', 1, 'settled')",
    "insert into exchange.outbox (platform, dataset, record_id, version, op, state, shipment_no, receipt_no)"
    " values ('fuzhou', 'permit', :record, 1, 'upsert', 'delivered', 's1', 'RCPT-1')",
    "insert into exchange.attempt (shipment_no, kind, fence, outcome) values ('s1', 'send', 1, 'ok')",
    "insert into exchange.alert (incident_key, severity, subject, raised_at, last_seen_at)"
    " values ('k', 'warning', :hostile, now(), now())",
)
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
    "/platforms": "s1",
    "/platforms?platform=fuzhou": "s1",
}


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


def test_a_page_cannot_write(database_url: str) -> None:
    from sqlalchemy.exc import DBAPIError

    from credit_exchange.ui.pages import Pages

    engine = connect(database_url)
    with pytest.raises(DBAPIError, match="read-only"), Pages(engine).reading() as connection:
        connection.execute(text("delete from exchange.alert"))
    engine.dispose()
