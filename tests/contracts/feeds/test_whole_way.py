"""Odd deliveries the whole way from the inbox to the record store: every row is somewhere, and bad ones say why."""

from __future__ import annotations

import io
import re
from argparse import Namespace
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook
from rich.console import Console
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from credit_exchange.cli import evidence
from credit_exchange.cli.explain import as_json, explanation, find
from credit_exchange.cli.returns import make_return_file
from credit_exchange.config.connections import Connection
from credit_exchange.config.feed import Feed
from credit_exchange.config.loader import Configuration, load
from credit_exchange.steps import orders, watchdog
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.night import run_feed
from credit_exchange.steps.release import release
from credit_exchange.stores import sql
from credit_exchange.stores.database import connect, transaction
from credit_exchange.ui.pages import Pages
from credit_exchange.ui.render import page
from samples import PERMIT

DAY, NEXT, THEN = date(2026, 9, 1), date(2026, 9, 2), date(2026, 9, 3)
GOOD = PERMIT | {"BZ": ""}
CSV = {"form": "csv", "path": "t/{date}.csv", "settle_seconds": 0}
SHIPPED = Path(__file__).resolve().parents[3] / "include"


def feed_of(source: dict[str, Any], department: str = "fz_test", **more: Any) -> Feed:
    given = {
        "department": {"code": department, "name": "福州市测试局"},
        "dataset": "permit",
        "owner": "联络员",
        "contact": "test@example.invalid",
        "source": source,
        "columns": {code: code for code in GOOD},
    }
    return Feed.model_validate(given | more)


class Way:
    """An exchange with feeds of permits, and what became of their rows."""

    def __init__(self, exchange: Exchange, inbox: Path) -> None:
        self.exchange, self.inbox = exchange, inbox

    def put(self, content: str | bytes, name: str) -> None:
        path = self.inbox / "t" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def rows(self, statement: str) -> list[dict[str, Any]]:
        with transaction(self.exchange.engine) as connection:
            return [dict(row) for row in connection.execute(text(statement)).mappings()]

    def run(self, day: date = DAY, feed: str = "t") -> dict[str, Any]:
        """The counts of a run, and the rules by line of what was quarantined."""
        counts = run_feed(self.exchange, feed, day)
        number = counts.pop("batch_id")
        assert counts["rows_delivered"] == sum(n for name, n in counts.items() if name != "rows_delivered")
        found: dict[int, set[str]] = {}
        for row in self.rows(f"select line_no, rule_id from report.quarantine where batch_id = {number}"):
            found.setdefault(row["line_no"], set()).add(row["rule_id"])
        return {name.removeprefix("rows_"): n for name, n in counts.items()} | {"bad": found}


@pytest.fixture
def way_of(database_url: str, inbox: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Way]]:
    monkeypatch.setenv("CREDIT_EXCHANGE_NOW", "2026-09-10T02:00:00")
    engine = connect(database_url)
    keys = Connection("credit_keys", password="a" * 64, login="b" * 64)

    def open_with(source: dict[str, Any], **more: Any) -> Way:
        shipped = load(SHIPPED)
        feeds = {"t": feed_of(source, **more), "u": feed_of(source, "fz_other", **more)}
        config = Configuration(shipped.root, shipped.datasets, feeds, shipped.platforms, shipped.sharing)
        return Way(Exchange(config, engine, resolve=lambda _: keys), inbox)

    yield open_with
    engine.dispose()


def csv_of(*changes: dict[str, str], newline: str = "\n") -> str:
    lines = [GOOD | {"XK_WSH": f"榕市监许〔2026〕{n}号"} | change for n, change in enumerate(changes, 1)]
    return newline.join([",".join(GOOD), *(",".join(line.values()) for line in lines)]) + newline


# --- quiet


def traces(way: Way) -> dict[str, Any]:
    tables = (
        "record",
        "record_version",
        "claim",
        "withdrawal_order",
        "subject",
        "subject_code",
        "release",
        "lot",
        "decision",
    )
    return {
        table: way.rows(f"select count(*) as n, max(xmin::text::bigint) as x from exchange.{table}") for table in tables
    }


def test_the_same_bytes_the_next_day_are_quiet(way_of: Callable[..., Way]) -> None:
    way = way_of(CSV)
    content = csv_of({}, {"XK_NR": ""}, {}, {"XK_XDR_SHXYM": "9.13501E+17"})
    way.put(content, "20260901.csv")
    way.put(content, "20260902.csv")
    assert way.run()["accepted"] == 2
    release(way.exchange)
    before = traces(way)
    again = way.run(NEXT)
    assert (again["accepted"], again["unchanged"], again["quarantined"]) == (0, 2, 2)
    assert release(way.exchange) == {}
    assert traces(way) == before


def test_a_second_department_that_says_the_same_is_quiet_from_its_second_day_on(way_of: Callable[..., Way]) -> None:
    way = way_of(CSV)
    for name in ("20260901.csv", "20260902.csv"):
        way.put(csv_of({}, {}), name)
    way.run()
    release(way.exchange)
    before = traces(way)
    assert way.run(feed="u")["accepted"] == 2
    release(way.exchange)
    after = traces(way)
    # what it says is remembered beside what the other said; the records themselves stay as they are
    assert {name for name in after if after[name] != before[name]} == {"claim"}
    assert way.run(NEXT, feed="u")["unchanged"] == 2
    assert traces(way) == after


# --- counted


def test_every_row_of_an_odd_workbook_is_somewhere(way_of: Callable[..., Way]) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(list(GOOD))
    days = {"XK_JDRQ": date(2026, 8, 20), "XK_YXQZ": date(2026, 8, 20), "XK_YXQZI": date(2031, 8, 19)}
    changes: list[dict[str, Any]] = [days, {"BZ": "#N/A"}, {"XK_NR": "=B2"}, {"XK_WSH": "2.02601E+11"}, {"XK_NR": None}]
    for number, change in enumerate(changes, 1):
        sheet.append(list((GOOD | {"XK_WSH": f"榕市监许〔2026〕{number}号"} | change).values()))
    sheet.append(["=1"])
    out = io.BytesIO()
    book.save(out)
    way = way_of({"form": "xlsx", "path": "t/{date}.xlsx", "settle_seconds": 0}, date_formats=["%Y/%m/%d", "%Y-%m-%d"])
    way.put(out.getvalue(), "20260901.xlsx")
    found = way.run()
    assert (found["delivered"], found["accepted"], found["quarantined"]) == (6, 1, 5)
    bad = found["bad"]
    assert [bad[line] for line in (3, 4, 5, 6)] == [{"CELL01"}, {"CELL01"}, {"NUM01"}, {"S01"}]
    assert "CELL01" in bad[7]
    told = way.rows("select field, message from report.quarantine where line_no = 3")
    assert [row["field"] for row in told] == ["BZ"]
    assert "公式错误" in told[0]["message"]


# --- personal data


PERSON = {"XK_XDR_MC": "陈榕生", "XK_XDR_LB": "自然人", "XK_XDR_SHXYM": "", "XK_FRDB": ""}
CARD = {"XK_XDR_ZJLX": "身份证", "XK_XDR_ZJHM": "11010519491231002X"}
ORDERED = {"操作": "", "原因": ""}
SENT = (
    "with s as (insert into exchange.shipment (shipment_no, platform, dataset, op, batch_no, idem_key, "
    "body_sealed, body_digest, records, state, settled_at) select platform, platform, dataset, op, 'b', 'k', '', "
    "'', 1, 'settled', now() from exchange.outbox returning shipment_id, platform) "
    "insert into exchange.shipment_run (first_id, last_id, shipment_id, first_line) "
    "select outbox_id, outbox_id, s.shipment_id, 1 from exchange.outbox join s using (platform) returning 1"
)
"""All that is released was sent, and arrived."""


def test_what_people_write_about_a_withdrawal_names_nobody_outside_and_in_no_explanation(
    way_of: Callable[..., Way],
) -> None:
    whole = GOOD | PERSON | CARD | ORDERED
    why = f"应陈 榕生（原登记为陈榕声，{CARD['XK_XDR_ZJHM']}，电话13805910000）申请"
    way = way_of(
        CSV,
        columns={code: code for code in GOOD | CARD},
        operation={"column": "操作", "withdraw": ["撤销"], "reason_column": "原因"},
    )
    said_of = {"20260901": {"XK_XDR_MC": "陈榕声"}, "20260902": {}, "20260903": {"操作": "撤销", "原因": why}}
    for name, change in said_of.items():
        way.put(",".join(whole) + "\n" + ",".join((whole | change).values()) + "\n", f"{name}.csv")
    way.run()
    release(way.exchange)
    assert len(way.rows(SENT)) == 3
    assert way.run(NEXT)["accepted"] == way.run(THEN)["accepted"] == 1
    release(way.exchange)
    said = f"应陈**（原登记为陈**，{'*' * 18}，电话{'*' * 11}）申请"
    assert [row["reason"] for row in way.rows("select reason from report.delivery where op = 'withdraw'")] == [said] * 3
    record_id = way.rows("select record_id from exchange.record")[0]["record_id"]
    orders.order(way.exchange, record_id, "reinstate", "office", "陈榕生13805910000来电", "陈榕声13805910000", "tester")
    told = explanation(way.exchange, record_id)
    assert [one["reason"] for one in told["orders"]] == [said, f"陈**{'*' * 11}来电"]
    assert said in [version["note"] for version in told["versions"]]
    for secret in ("陈榕生", "陈 榕生", "陈榕声", CARD["XK_XDR_ZJHM"], "13805910000"):
        assert secret not in as_json(told)
    kept = way.rows("select reason, legal_basis from exchange.withdrawal_order")
    kept += way.rows("select note from exchange.record_version")
    assert not re.search(r"\d{11}", str(kept)), "numbers are not kept in what people write either"


def test_a_person_who_was_filed_as_a_company_is_not_left_at_the_platforms_unnoticed(way_of: Callable[..., Way]) -> None:
    nobody = GOOD | {"XK_XDR_MC": "陈榕生", "XK_XDR_SHXYM": "00000000000000000X", "XK_FRDB": ""}
    way = way_of(CSV, columns={code: code for code in GOOD | CARD})
    for name, row in (("20260901", nobody | dict.fromkeys(CARD, "")), ("20260902", GOOD | PERSON | CARD)):
        way.put(",".join(row) + "\n" + ",".join(row.values()) + "\n", f"{name}.csv")
    way.run()
    release(way.exchange)
    assert len(way.rows(SENT)) == 3
    told = {finding.incident_key for finding in watchdog.check(way.exchange)}
    assert way.run(NEXT)["accepted"] == 1
    new = next(one for one in watchdog.check(way.exchange) if one.incident_key not in told)
    (old,) = way.rows("select record_id from exchange.record where subject_kind = 'legal'")
    assert f"withdraw {old['record_id']} " in new.detail
    assert not [secret for secret in ("陈榕生", CARD["XK_XDR_ZJHM"]) if secret in str(new)]
    way.rows("delete from exchange.shipment_run returning 1")  # nothing lies anywhere any more
    assert new.incident_key not in {finding.incident_key for finding in watchdog.check(way.exchange)}


def test_a_control_character_in_one_row_keeps_no_row_from_going_back(
    way_of: Callable[..., Way], tmp_path: Path
) -> None:
    way = way_of(CSV)
    way.put(csv_of({"XK_NR": "甲\x07乙"}, {"XK_NR": "", "XK_XKWS": "-1"}), "20260901.csv")
    assert way.run()["quarantined"] == 2
    target = tmp_path / "rows.xlsx"
    assert make_return_file(way.exchange, "fz_test", DAY, DAY, target, "李样例") == 2
    (taken,) = way.rows("select kind, about, rows, taken_by from exchange.handed_out")
    assert tuple(taken.values()) == ("return-file", "fz_test", 2, "李样例")
    book = load_workbook(target).active
    assert book is not None
    head, first, second = book.iter_rows(values_only=True)
    assert first[head.index("XK_NR")] == "甲␇乙"
    assert second[head.index("XK_XKWS")] == "'-1"


@pytest.mark.parametrize("number", ["榕市监许〔2026〕1号", "榕市监许[２０２６] 1号", "榕市监许（2026）第1号"])
def test_a_record_is_found_by_its_number_whatever_its_brackets(way_of: Callable[..., Way], number: str) -> None:
    way = way_of(CSV)
    way.put(csv_of({}, {}), "20260901.csv")
    way.run()
    (record,) = way.rows("select record_id from exchange.record where document_no = '榕市监许〔2026〕1号'")
    assert find(way.exchange, number) == [record["record_id"]]
    assert [row["record_id"] for row in Pages(way.exchange.engine).find(number)["found"]] == [record["record_id"]]


SHOP = {"XK_XDR_MC": "陈榕生", "XK_XDR_LB": "个体工商户", "XK_XDR_SHXYM": "92350122MA7JH4BX04", "XK_FRDB": "陈榕生"}


@pytest.mark.parametrize(
    ("name", "operator", "shown"),
    [
        ("陈榕生", "陈 榕\u3000生", "陈**"),
        ("陈榕生（个体工商户）", "陈榕生", "陈**"),
        ("个体工商户（陈榕生）", "陈榕生", "个**"),
        ("陈榕生", "陈榕生（经营者）", "陈**"),
        ("陈榕生", "陈榕生、李秀英", "陈**"),
        ("李秀英", "陈榕生、李秀英", "李**"),
        ("李秀英、陈榕生", "陈榕生", "李**"),
        ("ＷＡＮＧ　ＬＩ", "Wang Li", "Ｗ**"),
        ("买买提·艾力", "买买提艾力", "买**"),
        ("榕生", "陈榕生", "榕生"),
        ("陈榕生茶叶店", "陈榕生", "陈榕生茶叶店"),
    ],
)
def test_an_operators_name_is_masked_as_the_shops_however_either_is_written(
    way_of: Callable[..., Way], name: str, operator: str, shown: str
) -> None:
    way = way_of(CSV)
    said = f"{name}，准予销售，自作出之日起五年内有效，经营地址为福州市鼓楼区五四路一百二十号一层，经营面积六十平方米"
    way.put(csv_of(SHOP | {"XK_XDR_MC": name, "XK_FRDB": operator, "XK_NR": said}), "20260901.csv")
    assert way.run()["accepted"] == 1
    assert [row["subject_name"] for row in way.rows("select subject_name from report.record")] == [shown]


@pytest.mark.parametrize("kind", ["个体工商户", "法人及非法人组织"])
def test_a_shop_under_its_operators_name_is_shown_with_that_masked(way_of: Callable[..., Way], kind: str) -> None:
    """As the platforms get it: an operator is a natural person, whatever the shop is filed as."""
    way = way_of(CSV)
    way.put(
        csv_of(SHOP | {"XK_XDR_LB": kind}, SHOP | {"XK_XDR_MC": "福州陈榕生茶叶店", "XK_XDR_LB": kind}), "20260901.csv"
    )
    assert way.run()["accepted"] == 2
    told = way.rows("select record_id, subject_name from report.record order by document_no")
    assert [row["subject_name"] for row in told] == ["陈**", "福州陈榕生茶叶店"]
    orders.order(way.exchange, told[0]["record_id"], "withdraw", "repair", "陈榕生来电", "应陈 榕生申请", "tester")
    assert "榕生" not in as_json(explanation(way.exchange, told[0]["record_id"]))
    shown = Pages(way.exchange.engine).record(told[0]["record_id"])
    assert shown is not None
    assert "榕生" not in page("record.html", **shown)


def test_nobody_takes_evidence_out_that_cannot_be_kept_a_record_of(way_of: Callable[..., Way], tmp_path: Path) -> None:
    way = way_of(CSV)
    way.put(csv_of({}), "20260901.csv")
    way.run()
    (row,) = way.rows("select record_id from report.record")
    given = Namespace(record_id=row["record_id"], out=tmp_path / "taken", by=None)
    with pytest.raises(IntegrityError):
        evidence.export(way.exchange, given, Console())
    assert not given.out.exists()


def test_it_is_told_from_whose_row_each_value_is_where_departments_differ(way_of: Callable[..., Way]) -> None:
    """The newest speaks first, and what it leaves open another one says: the record is a mixture of both rows."""
    way = way_of(CSV)
    way.put(csv_of({"BZ": "甲说", "XK_NR": "准予销售"}, {}), "20260901.csv")
    way.put(csv_of({"BZ": "", "XK_NR": "准予零售"}, {}), "20260902.csv")
    way.run()
    way.run(NEXT, feed="u")
    ids = {row["document_no"]: row["record_id"] for row in way.rows("select document_no, record_id from report.record")}
    mixed, alike = (ids[f"榕市监许〔2026〕{n}号"] for n in (1, 2))
    told = explanation(way.exchange, mixed)
    assert [(one["feed"], one["line_no"], one["stands_for"]) for one in told["claims"]] == [
        ("t", 2, ["BZ"]),
        ("u", 2, ["XK_NR"]),
    ]
    assert [one["stands_for"] for one in explanation(way.exchange, alike)["claims"]] == [[], []]
    shown = Pages(way.exchange.engine).record(mixed)
    assert shown is not None
    assert {one["feed"]: one["stands_for"] for one in shown["claims"]} == {"t": ["BZ"], "u": ["XK_NR"]}
    assert "说法不一而取其值的字段" in page("record.html", **shown)


def test_a_row_that_is_gone_from_quarantine_is_missed(way_of: Callable[..., Way]) -> None:
    way = way_of(CSV)
    way.put(csv_of({}, {"XK_NR": ""}), "20260901.csv")
    assert way.run()["quarantined"] == 1
    found = text(sql.source("ui/unbalanced"))
    with transaction(way.exchange.engine) as connection:
        assert connection.execute(found, {"business_date": DAY}).all() == []
        connection.exec_driver_sql("delete from exchange.quarantine")
        assert connection.execute(found, {"business_date": DAY}).scalars().all() == ["t"]


def test_an_old_file_under_a_new_name_is_told(way_of: Callable[..., Way], monkeypatch: pytest.MonkeyPatch) -> None:
    """Yesterday's file once more is quiet; one of before the corrections takes them back, and looks like good news."""
    way = way_of(CSV)
    old, corrected = csv_of({"XK_NR": "准予销售"}), csv_of({"XK_NR": "准予零售"})
    for day, content in enumerate((old, corrected, corrected, old), 1):
        way.put(content, f"2026090{day}.csv")
        way.run(date(2026, 9, day))
        page = Pages(way.exchange.engine, airflow_paused=lambda _dag: False).night(date(2026, 9, day), "")
        told = [task.why for task in page["tasks"]]
        assert [why for why in told if "逐字节相同" in why] == [
            "与 2026-09-01 的报送逐字节相同，而其间报送过别的：可能误报了旧文件，会把其后的更正改回去"
        ] * (day == 4)

    def told_on(now: str) -> list[str]:
        monkeypatch.setenv("CREDIT_EXCHANGE_NOW", f"{now}T07:00:00")
        keys = [finding.incident_key for finding in watchdog.check(way.exchange)]
        return [key for key in keys if key.startswith("replayed:")]

    assert told_on("2026-09-05") == ["replayed:t:2026-09-04"]
    assert told_on("2026-09-13") == []
    with transaction(way.exchange.engine) as connection:
        connection.exec_driver_sql("update exchange.batch set waived_by = 'office' where business_date = '2026-09-04'")
    assert told_on("2026-09-05") == [], "nothing of it was taken"


def test_a_department_reads_in_which_form_its_feed_takes_dates(way_of: Callable[..., Way]) -> None:
    way = way_of(CSV, date_formats=["%Y%m%d"])
    compact = {
        code: value.replace("-", "") for code, value in GOOD.items() if code in ("XK_JDRQ", "XK_YXQZ", "XK_YXQZI")
    }
    way.put(csv_of(compact | {"XK_JDRQ": "2026-08-20"}), "20260901.csv")
    assert way.run()["quarantined"] == 1
    (told,) = way.rows("select message from report.quarantine where rule_id = 'S09'")
    assert "请按YYYYMMDD（" in told["message"]
