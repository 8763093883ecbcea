"""What is noted beside the database: when it says that the database is older, and when it stops nothing."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path

import pytest
from merging import batch, open_exchange, query, row

from credit_exchange.errors import ConfigurationError, FatalError
from credit_exchange.steps import restored
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.merge import merge
from credit_exchange.steps.orders import order
from credit_exchange.steps.push import drain
from credit_exchange.steps.release import release
from credit_exchange.steps.rules import is_stale

DAY = date(2026, 11, 22)


def behind(exchange: Exchange) -> None:
    """An order that the database has lost; its number stays used, as in a copy of the files of one that works."""
    merge(exchange, batch(exchange, [row(exchange, "1号")], DAY))
    [record] = query(exchange, "select record_id from exchange.record")
    order(exchange, record["record_id"], "withdraw", "court", "法院撤销", "", "tester")
    query(exchange, "delete from exchange.withdrawal_order returning 1")


def test_a_database_that_lost_an_order_releases_and_sends_nothing_until_it_is_stated(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_CREDIT_FUZHOU", '{"host": "http://127.0.0.1:9", "login": "a", "password": "b"}')
    behind(exchange)
    for work in (lambda: release(exchange), lambda: drain(exchange, "fuzhou")):
        with pytest.raises(FatalError, match=r"从备份恢复.*restored --reason"):
            work()
    assert query(exchange, "select 1 from exchange.release") == []
    found = restored.state(exchange, "演练 350102199001011234", "tester")
    assert (found.kept, found.orders) == (1, 1)
    assert len(found.unsure) == 1, "nobody knows whether it was shown and taken down before"
    assert release(exchange)["fuzhou.withhold"] == 1
    [said] = query(exchange, "select * from exchange.restored")
    assert "19900101" not in said["reason"]
    [record] = query(exchange, "select status, version from exchange.record")
    assert record["status"] == "withdrawn"
    assert record["version"] > said["first_version"]
    again = restored.state(exchange, "再一次", "tester")
    assert (again.orders, again.unsure) == (0, ())
    assert again.first_version > record["version"]


def test_a_landing_that_is_gone_or_damaged_keeps_nothing_from_leaving(exchange: Exchange, tmp_path: Path) -> None:
    """Takedowns must not wait for the object store; what was noted there is noted again."""
    behind(exchange)
    notes = tmp_path / "landing" / "notes"
    (notes / "newest").write_bytes(b"damaged")
    assert release(exchange)["fuzhou.upsert"] == 1
    shutil.rmtree(notes)
    shutil.rmtree(tmp_path / "landing" / "orders")
    for one in (notes, tmp_path / "landing" / "orders"):
        one.touch()  # a file in its place stands for a disk that is full or read-only
    [record] = query(exchange, "select record_id from exchange.record")
    told = order(exchange, record["record_id"], "withdraw", "repair", "信用修复", "", "tester")
    assert told.startswith("已登记，但没有另存到落地区")
    assert told.endswith("须重新下达")
    assert release(exchange), "the takedown is decided"
    for one in (notes, tmp_path / "landing" / "orders"):
        one.unlink()
    assert "另存" not in order(exchange, record["record_id"], "withdraw", "court", "法院撤销", "", "tester")
    (notes / "newest").write_bytes(b"damaged")
    query(
        exchange,
        "insert into exchange.restored (first_version, orders, reason, stated_by) values (1, 0, '', '') returning 1",
    )
    order(exchange, record["record_id"], "withdraw", "court", "法院撤销", "", "tester")
    assert json.loads(exchange.landing.noted("newest") or "") == {"attempt": 0, "office_order": 4, "statement": 1}


def test_other_keys_than_those_of_the_database_are_no_damaged_note(
    exchange: Exchange, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert exchange.keys
    monkeypatch.setenv("AIRFLOW_CONN_CREDIT_KEYS", '{"password": "another key", "extra": {"hmac_key": "another"}}')
    other = open_exchange(database_url)
    with pytest.raises(ConfigurationError):
        restored.refuse(other)
    other.engine.dispose()


def test_questions_in_a_restored_database_do_not_make_up_for_the_calls_that_it_lost(exchange: Exchange) -> None:
    """Receipts are looked for every few minutes, and take numbers as calls do."""
    exchange.landing.note("newest", b'{"attempt": 3}')
    query(
        exchange,
        """insert into exchange.shipment (
            shipment_no, platform, dataset, op, batch_no, idem_key, body_sealed, body_digest, records
        ) values ('fujian-1', 'fujian', 'permit', 'upsert', '1', '1', '', '', 1) returning 1""",
    )
    calls = """insert into exchange.attempt (shipment_no, kind, fence)
        select 'fujian-1', :kind, 1 from generate_series(1, :times) returning 1"""
    query(exchange, calls, kind="send", times=2)
    query(exchange, calls, kind="poll", times=20)
    with pytest.raises(FatalError, match="从备份恢复"):
        restored.refuse(exchange)
    query(exchange, calls, kind="send", times=1)
    restored.refuse(exchange)


def test_a_second_restore_of_the_same_backup_is_noticed_as_well(exchange: Exchange) -> None:
    """The first statement is lost with the rest, and nothing was sent since."""
    behind(exchange)
    restored.state(exchange, "恢复到前一天的备份", "tester")
    restored.refuse(exchange)
    query(exchange, "delete from exchange.withdrawal_order returning 1")
    query(exchange, "delete from exchange.restored returning 1")
    with pytest.raises(FatalError, match="从备份恢复"):
        restored.refuse(exchange)


def test_where_the_landing_was_restored_too_a_person_stops_what_it_does_not_tell(exchange: Exchange) -> None:
    over = row(exchange, "2号", publish_until="2026-11-01")
    merge(exchange, batch(exchange, [row(exchange, "1号"), over], DAY))
    for _ in range(2):
        restored.begin(exchange)
        with pytest.raises(FatalError, match="从备份恢复"):
            release(exchange)
    assert restored.state(exchange, "机器损坏", "tester").unsure == (over["record_id"],)
    assert release(exchange)["fuzhou.upsert"] == 1


def test_the_first_call_is_noted_before_anything_arrives_and_the_last_one_at_the_end(exchange: Exchange) -> None:
    noted = restored.Noted(exchange, sending=False)
    found = []
    for step in (noted.close, lambda: noted.sent(5), lambda: noted.sent(6), noted.close):
        step()
        found.append(json.loads(exchange.landing.noted("newest") or b"{}").get("attempt"))
    assert found == [None, 5, 5, 6]


def test_what_waited_or_was_outdone_counts_as_lying_there_and_nothing_is_sent_by_what_was_decided_before(
    exchange: Exchange,
) -> None:
    merge(exchange, batch(exchange, [row(exchange, f"{n}号") for n in range(4)], DAY))
    release(exchange)
    assert not is_stale(exchange, "fuzhou")
    kept = {"waiting": None, "retry": None, "held": "1006", "rejected": "1001"}
    rows = query(exchange, "select record_id from exchange.release where platform = 'fuzhou' order by 1")
    for (state, code), one in zip(kept.items(), rows, strict=True):
        change = (
            "update exchange.release set state = :state, outcome_code = :code where record_id = :record_id returning 1"
        )
        query(exchange, change, state=state, code=code, **one)
    restored.state(exchange, "演练", "tester")
    assert is_stale(exchange, "fuzhou"), "takedowns only"
    counts = "select state, outcome_code, count(*) as n from exchange.outbox group by 1, 2 order by 1"
    assert [tuple(one.values()) for one in query(exchange, counts)] == [
        ("delivered", "RESTORED", 9),
        ("rejected", "1001", 3),
    ]
    assert release(exchange) == {"china.upsert": 4, "fujian.upsert": 4, "fuzhou.upsert": 4}
    assert not is_stale(exchange, "fuzhou")


def test_what_is_reported_for_the_first_time_since_is_known_by_its_version(exchange: Exchange) -> None:
    """A claim whose content stands nowhere would be lost to the record when another department speaks of it."""
    first_version = restored.state(exchange, "演练", "tester").first_version
    merge(exchange, batch(exchange, [row(exchange, "1号")], DAY))
    [known] = query(
        exchange,
        """select r.version, r.content_version, c.content_version as claimed, v.content is not null as is_there
        from exchange.record as r
        inner join exchange.claim as c using (record_id)
        left join exchange.record_version as v on v.record_id = c.record_id and v.version = c.content_version""",
    )
    assert known == {
        "version": first_version,
        "content_version": first_version,
        "claimed": first_version,
        "is_there": True,
    }


def test_what_is_noted_while_somebody_looks_is_no_sign_of_a_backup(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The drains of a night begin at once: one notes its first call while another one looks."""
    merge(exchange, batch(exchange, [row(exchange, "1号")], DAY))
    [record] = query(exchange, "select record_id from exchange.record")
    noted = exchange.landing.noted
    meanwhile = iter(["withdraw"])

    def look(name: str) -> bytes | None:
        for action in meanwhile:
            order(exchange, record["record_id"], action, "court", "法院撤销", "", "tester")
        return noted(name)

    monkeypatch.setattr(exchange.landing, "noted", look)
    restored.refuse(exchange)
    assert next(meanwhile, None) is None
    assert query(exchange, "select 1 from exchange.withdrawal_order")


def test_orders_of_departments_are_no_sign_of_a_backup(exchange: Exchange) -> None:
    """Their numbers go on with those of the office, and of those that say the same a merge removes the later ones."""
    merge(exchange, batch(exchange, [row(exchange, "1号")], DAY))
    [record] = query(exchange, "select record_id from exchange.record")
    merge(
        exchange, batch(exchange, [row(exchange, "1号", operation="withdraw", reason="撤销")], DAY, feed="fz_b_permit")
    )
    order(exchange, record["record_id"], "withdraw", "court", "法院撤销", "", "tester")
    query(exchange, "delete from exchange.withdrawal_order where batch_id is not null returning 1")
    assert release(exchange)["fuzhou.withhold"] == 1
