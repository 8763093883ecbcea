"""A key that was changed by mistake is refused before anything is collected, merged or sent with it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest
from merging import open_exchange, query

from credit_exchange.errors import ConfigurationError
from credit_exchange.steps.collect import collect
from credit_exchange.steps.context import Exchange
from credit_exchange.stores import sql
from credit_exchange.stores.database import migrate
from credit_exchange.stores.keys import _digest

DAY = date(2026, 11, 22)


FIRST = "an encryption key of a test"


def other_keys(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch, earlier: Sequence[str] = (), **other: str
) -> Exchange:
    given = {"encryption": FIRST, "hmac": "an hmac key of a test"} | other
    extra = {"hmac_key": given["hmac"], "earlier_encryption_keys": list(earlier)}
    connection = {"password": given["encryption"], "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_CREDIT_KEYS", json.dumps(connection))
    return open_exchange(exchange.engine.url.render_as_string(hide_password=False))


@pytest.mark.parametrize(("name", "label"), [("hmac", "HMAC 密钥"), ("encryption", "加密密钥")])
def test_another_key_is_refused_before_anything_lands_with_it(
    exchange: Exchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, label: str
) -> None:
    monkeypatch.setenv("CREDIT_EXCHANGE_INBOX", str(tmp_path / "inbox"))
    (tmp_path / "inbox" / "fz_wjw").mkdir(parents=True)
    feed = exchange.config.feed("fz_wjw_permit")
    header = ",".join(names if isinstance(names, str) else names[0] for names in feed.columns.values())
    (tmp_path / "inbox" / "fz_wjw" / "xzxk_20261122.csv").write_text(f"{header},操作类型,操作原因\n", encoding="utf-8")
    assert exchange.keys
    wrong = other_keys(exchange, monkeypatch, **{name: "a key that somebody mistyped"})
    with pytest.raises(ConfigurationError, match=f"{label}与本数据库一直使用的不同"):
        collect(wrong, "fz_wjw_permit", DAY)
    wrong.engine.dispose()
    assert query(exchange, "select landed_uri, state from exchange.batch") == [{"landed_uri": None, "state": "failed"}]
    assert not list((tmp_path / "landing").rglob("*"))
    assert collect(exchange, "fz_wjw_permit", DAY), "with its own keys it goes on"


def test_of_two_first_keys_that_come_together_the_second_is_refused(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = other_keys(exchange, monkeypatch, hmac="a key that somebody mistyped")
    waits = "select count(*) as n from pg_stat_activity where wait_event_type = 'Lock' and query like '%key_check%'"
    with ThreadPoolExecutor(1) as pool:
        with exchange.engine.begin() as first:
            first.exec_driver_sql("insert into exchange.key_check values ('encryption', 'of another'), ('hmac', 'too')")
            asked = pool.submit(lambda: second.keys)
            while query(exchange, waits) != [{"n": 1}]:
                assert not asked.done()
        with pytest.raises(
            ConfigurationError, match=r"加密密钥和HMAC 密钥与本数据库一直使用的不同.*每条记录都会成为新记录"
        ):
            asked.result()
    second.engine.dispose()


def test_the_same_keys_are_taken_by_every_process_also_by_those_that_come_first_together(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [other_keys(exchange, monkeypatch) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda one: one.keys, others)) == {exchange.keys}
    for one in others:
        one.engine.dispose()
    assert query(exchange, "select name from exchange.key_check order by name") == [
        {"name": "encryption"},
        {"name": "hmac"},
    ]


def test_an_encryption_key_is_replaced_where_the_one_before_is_given_too(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    landed = exchange.landing.put_bytes("raw", b"taken by the first key")
    second = other_keys(exchange, monkeypatch, [FIRST], encryption="the second key of this test")
    assert second.landing.get_bytes(landed.uri) == b"taken by the first key"
    assert second.landing.put_bytes("raw", b"taken by the first key") == landed
    third = other_keys(
        exchange, monkeypatch, ["the second key of this test", FIRST], encryption="a third key of this test"
    )
    assert third.keys.opening != second.keys.opening
    two = ["the second key of this test", FIRST]  # without the third, which may have sealed something too
    for newest, earlier in (("third", [FIRST]), ("third", two[:1]), ("third", []), ("fourth", two)):
        forgotten = other_keys(exchange, monkeypatch, earlier, encryption=f"a {newest} key of this test")
        with pytest.raises(ConfigurationError, match=r"一直使用的不同.*密码填最新的.*earlier_encryption_keys"):
            assert forgotten.keys
        forgotten.engine.dispose()
    late = other_keys(exchange, monkeypatch)  # a worker that was not told of the new keys
    with pytest.raises(ConfigurationError, match="earlier_encryption_keys"):
        assert late.keys
    for one in (second, third, late):
        one.engine.dispose()


def test_what_is_remembered_of_a_key_stays_the_same() -> None:
    """A database of years ago is opened with it: another reading would refuse every key, and stop every night."""
    known = {
        "encryption": "02a4df2f955d37884978ce4e168364b80021cddda3dcc01aa91649a7a66d1299",
        "hmac": "572506a7cc6e1de49f0f66eacf666c6e710e70a870ec73a80c5d4813165b9380",
    }
    assert {name: _digest(name, b"k" * 32) for name in known} == known


def test_a_database_from_before_keys_could_be_replaced_keeps_its_keys(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert exchange.keys
    with exchange.engine.begin() as connection:
        connection.exec_driver_sql(sql.source("upgrade_0026/03_one_key_again"))
        connection.exec_driver_sql("update exchange.credit_exchange_version set version_num = '0025'")
    migrate(exchange.engine.url.render_as_string(hide_password=False))
    wrong = other_keys(exchange, monkeypatch, encryption="a key that somebody mistyped")
    with pytest.raises(ConfigurationError, match="加密密钥与本数据库一直使用的不同"):
        assert wrong.keys
    wrong.engine.dispose()
    second = other_keys(exchange, monkeypatch, [FIRST], encryption="the second key of this test")
    assert second.keys
    second.engine.dispose()


@pytest.mark.parametrize("earlier", ["an encryption key of a test", [1]])
def test_earlier_keys_that_are_no_list_are_refused(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch, earlier: object
) -> None:
    extra = {"hmac_key": "an hmac key of a test", "earlier_encryption_keys": earlier}
    monkeypatch.setenv("AIRFLOW_CONN_CREDIT_KEYS", json.dumps({"password": FIRST, "extra": extra}))
    other = open_exchange(exchange.engine.url.render_as_string(hide_password=False))
    with pytest.raises(ConfigurationError, match="列表"):
        assert other.keys
    other.engine.dispose()
