"""Pages with what a database seldom has: differences from platforms' lists, and more than a page shows."""

from __future__ import annotations

from typing import Any

import pytest
from pages_seed import HOSTILE, RECORD
from sqlalchemy import text

from credit_exchange.stores.database import connect

# Airflow's API server imports Starlette's test client (by way of svcs), which speaks of its next HTTP library
pytestmark = pytest.mark.filterwarnings("ignore:Using .httpx. with .starlette.testclient.")


def test_what_differs_from_a_platforms_list_stands_on_its_page(client: Any, database_url: str) -> None:
    assert "与平台清单的核对" not in client.get("/platforms").text
    engine = connect(database_url)
    with engine.begin() as connection:
        connection.execute(
            text(
                "insert into exchange.reconciliation (platform, finished_at, compared, differences) "
                "values ('fuzhou', now(), 1200, 2), ('fujian', now(), 900, 0), ('china', now(), 480, 0)"
            )
        )
        connection.execute(
            text(
                "insert into exchange.difference (platform, place, record_id, kind, our_version, their_version, "
                "reconciliation_id) values ('fuzhou', 'permit', :record, 'shown', 2, 1, 1), "
                "('fuzhou', 'permit', :hostile, 'unknown', null, 1, 1)"
            ),
            {"record": RECORD, "hostile": HOSTILE},
        )
        connection.execute(text("update exchange.reconciliation set asked = 500 where platform = 'china'"))
    shown = client.get("/platforms").text
    assert "逐条查询 500 条，其中应公示 480 条" in shown
    assert "信用福州 与平台清单不一致 2 条" in shown, "the first sentence of the page"
    assert "应公示 1,200 条" in shown
    assert "全部一致" in shown
    assert shown.index("不应公示而平台上有") < shown.index("平台上有而本系统没有")
    assert f'href="/exchange/record/{RECORD}"' in shown
    assert HOSTILE not in shown
    assert "不应公示而平台上有" in client.get(f"/record/{RECORD}").text
    assert "不应公示而平台上有" not in client.get("/platforms?platform=fujian").text
    with engine.begin() as connection:
        connection.execute(text("update exchange.difference set repaired_at = now() where kind <> 'unknown'"))
    assert client.get("/platforms").text.count("已安排重新上报或撤下") == 1, "not of what is no record of ours"
    engine.dispose()


def test_what_is_cut_off_says_how_many_there_are(client: Any, database_url: str) -> None:
    """A number that a department fills in for want of a real one has many records."""
    engine = connect(database_url)
    with engine.begin() as connection:
        connection.execute(
            text(
                "insert into exchange.record select t.* from exchange.record as r, generate_series(1, 60) as n, "
                "jsonb_populate_record(r, jsonb_build_object('record_id', 'copy' || n, 'document_no', '无文号', "
                "'document_key', '无文号')) as t where r.record_id = :record"
            ),
            {"record": RECORD},
        )
        connection.execute(
            text(
                "insert into exchange.attempt (shipment_no, kind, fence, started_at) "
                "select min(shipment_no), 'ask', n, now() from exchange.outbox, generate_series(1, 120) as n "
                "where record_id = :record group by n"
            ),
            {"record": RECORD},
        )
    shown = client.get("/record?document_no=无文号").text
    assert "这个文号共有 60 条记录，只列出决定日期最近的 50 条" in shown
    assert shown.count('href="/exchange/record/copy') == 50
    assert "只列出" not in client.get("/record?document_no=没有").text
    calls = client.get(f"/record/{RECORD}").text
    assert "，列出最近的 100）" in calls
    engine.dispose()
