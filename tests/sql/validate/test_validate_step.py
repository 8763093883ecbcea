"""The validate step on a real PostgreSQL and a real object store: nothing lost, nothing in clear, safe to run again."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from sqlalchemy import text

from credit_exchange.config import loader
from credit_exchange.config.connections import Connection
from credit_exchange.core.crypto import open_sealed
from credit_exchange.errors import FatalError, HoldForPerson
from credit_exchange.steps import orders
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.merge import merge
from credit_exchange.steps.validate import validate
from credit_exchange.stores.database import connect, transaction
from credit_exchange.ui.pages import Pages
from samples import PERMIT

FEED = "fz_test_permit"
INCLUDE = Path(__file__).resolve().parents[3] / "include"
GOOD = PERMIT | {"XK_JDRQ": "2026/08/20", "XK_YXQZ": "2026/08/20", "XK_YXQZI": "2031/08/19"}
WRONG = {"XK_XDR_SHXYM": "9135010026017703XA"}
ID = "11010519491231002X"
PERSON = {
    "XK_XDR_LB": "自然人",
    "XK_XDR_SHXYM": "",
    "XK_FRDB": "",
    "XK_XDR_MC": "陈某乙",
    "XK_XDR_ZJLX": "身份证",
    "XK_XDR_ZJHM": ID,
}


@dataclass
class Part:
    """A chunk as the collect step reads it."""

    frame: pd.DataFrame
    line_no: Any
    row_problems: list[tuple[int, str, str, str]] = field(default_factory=list)


class Office:
    """An exchange with one feed, and a way to deliver rows to it."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.chunk = 100

    def deliver(self, rows: list[dict[str, str]], day: int = 1, problems: Any = (), generation: int = 1) -> int:
        """A collected batch of these changes to a good row (document numbers 1, 2, … unless given)."""
        self.problems = list(problems)
        whole = [GOOD | {"XK_WSH": f"榕市监许〔2026〕{n}号"} | row for n, row in enumerate(rows, 1)]
        self.frame = pd.DataFrame(whole, columns=None if whole else list(GOOD), dtype="str")
        with transaction(self.exchange.engine) as connection:
            return int(
                connection.execute(
                    text(
                        "insert into exchange.batch (feed, department, department_name, dataset, schema_version, "
                        "business_date, generation, stage, state, digest, landed_uri) values (:feed, 'fz_test', "
                        "'测试局', 'permit', 'v2019_790', :day, :generation, 'collected', 'failed', 'd', 'raw/x') "
                        "returning batch_id"
                    ),
                    {"feed": FEED, "day": date(2026, 9, day), "generation": generation},
                ).scalar_one()
            )

    def read(self, _exchange: Exchange, _batch_id: int, _rows: int) -> Iterator[Part]:
        for start in range(0, len(self.frame), self.chunk):
            part = self.frame.iloc[start : start + self.chunk].reset_index(drop=True)
            lines = np.arange(start, start + len(part)) + 2
            here = [(p - start, *rest) for p, *rest in self.problems if start <= p < start + self.chunk]
            yield Part(part, lines, here)

    def validate(self, batch_id: int) -> dict[str, int]:
        return validate(self.exchange, batch_id, reader=self.read)

    def rows(self, statement: str, **parameters: Any) -> list[dict[str, Any]]:
        with transaction(self.exchange.engine) as connection:
            return [dict(row) for row in connection.execute(text(statement), parameters).mappings()]

    def batch(self, batch_id: int) -> dict[str, Any]:
        return self.rows("select * from exchange.batch where batch_id = :id", id=batch_id)[0]

    def accepted(self, batch_id: int) -> list[dict[str, Any]]:
        found = self.exchange.landing.get_bytes(self.batch(batch_id)["accepted_uri"])
        return list(pq.read_table(io.BytesIO(found)).to_pylist())

    def quarantined(self, batch_id: int) -> dict[int, set[str]]:
        found: dict[int, set[str]] = {}
        for row in self.rows(
            "select line_no, rule_id from exchange.quarantine join exchange.quarantine_reason using (quarantine_id) "
            "where batch_id = :id",
            id=batch_id,
        ):
            found.setdefault(row["line_no"], set()).add(row["rule_id"])
        return found


@pytest.fixture
def office(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    """A configuration with the real catalogue and one feed, on a fresh database and a fresh store."""
    shutil.copytree(INCLUDE / "catalog", tmp_path / "include" / "catalog")
    (tmp_path / "include" / "feeds").mkdir()
    feed = {
        "department": {"code": "fz_test", "name": "测试局"},
        "dataset": "permit",
        "owner": "联络员",
        "contact": "t@example.invalid",
        "source": {"form": "csv", "path": "x.csv"},
        "columns": {code: code for code in [*GOOD, "XK_XDR_ZJLX", "XK_XDR_ZJHM"]},
        "operation": {"column": "操作", "withdraw": ["撤下"], "reason_column": "原因"},
        "contract": {"bad_rows_max_share": 0.9},
    }
    (tmp_path / "include" / "feeds" / f"{FEED}.yml").write_text(yaml.safe_dump(feed), encoding="utf-8")
    monkeypatch.setenv("CREDIT_EXCHANGE_LANDING", str(tmp_path / "landing"))
    monkeypatch.setenv("CREDIT_EXCHANGE_NOW", "2026-09-10T02:00:00")
    keys = Connection("credit_keys", login="22" * 32, password="11" * 32)
    engine = connect(database_url)
    yield Office(Exchange(loader.load(tmp_path / "include"), engine, lambda _: keys))
    engine.dispose()


def test_every_row_is_accounted_for(office: Office) -> None:
    office.chunk = 3
    number = office.deliver(
        [
            {},
            {"XK_NR": ""},  # 3
            PERSON,
            WRONG | {"XK_JDRQ": "昨天"},  # 5
            {"XK_WSH": "榕市监许〔2026〕9号"},
            {"XK_WSH": "榕市监许[2026]9号"},  # 7: only the brackets differ, which is different content
            {"XK_WSH": "榕市监许〔2026〕1号"},  # an equal repeat of the first row, chunks later
            {"SECRET": "也许"},  # 9: waits for a person
            {"_operation": "撤下", "_reason": "法院撤销", "XK_NR": ""},
        ],
        problems=[(2, "NUM01", "XK_XDR_GSZC", "单元格为数字")],
    )
    counts = office.validate(number)
    assert counts["rows_delivered"] == 9
    assert counts["rows_accepted"] == 2
    assert counts["rows_quarantined"] == 5
    assert counts["rows_held"] == 1
    assert counts["repeats"] == 1
    assert office.quarantined(number) == {
        3: {"S01"},
        4: {"NUM01"},
        5: {"S03", "S09"},
        6: {"S13"},
        7: {"S13"},
        9: {"S15-secret"},
    }
    batch = office.batch(number)
    assert (batch["stage"], batch["rows_quarantined"], batch["rows_held"]) == ("validated", 5, 1)
    assert batch["source_detail"] == {"repeats": 1}
    assert [(r["line_no"], r["operation"], r["reason"]) for r in office.accepted(number)] == [
        (2, "upsert", None),
        (10, "withdraw", "法院撤销"),
    ]
    ids = pq.read_table(io.BytesIO(office.exchange.landing.get_bytes(batch["identities_uri"])))
    assert ids.column_names == ["line_no", "record_id", "sequence", "content_digest"]
    assert ids["record_id"].to_pylist() == [
        r["record_id"] for r in office.accepted(number) if r["operation"] == "upsert"
    ]
    checks = {(r["rule_id"], r["field"]): r for r in office.rows("select * from exchange.batch_check")}
    assert checks["S01", "XK_NR"]["failed"] == 1
    assert checks["S01", "XK_NR"]["checked"] == 8
    assert checks["S13", "XK_WSH"]["failed"] == 2
    assert checks["NUM01", "XK_XDR_GSZC"]["failed"] == 1


def test_a_misspelt_withdrawal_is_not_published_as_a_record(office: Office) -> None:
    number = office.deliver([{"_operation": "撤消", "_reason": "法院撤销"}, {"XK_WSH": "榕市监许〔2026〕2号"}])
    assert office.validate(number)["rows_accepted"] == 1
    assert office.quarantined(number) == {2: {"OP01"}}


def test_system_columns_that_nobody_can_use_quarantine_their_row_and_nothing_else(office: Office) -> None:
    order = {"_operation": "撤下", "_reason": "法院撤销", "_sequence": "7"}
    long = "长" * 20_000
    changes: list[dict[str, str]] = [
        {"_sequence": long},
        {"_reason": long},
        {"_operation": long},
        {"XK_XKJGDM": "A" * 20_000},
        {"XK_XDR_SHXYM": "A" * 20_000, "XK_XDR_SHZZ": "A" * 20_000},
        {"XK_XDR_LB": "自然人", "XK_XDR_SHXYM": "", "XK_XDR_ZJLX": long, "XK_XDR_ZJHM": long},
        {"XK_JDRQ": long, "XK_YXQZI": long, "XK_NR": long, "XK_XDR_LB": long, "XK_FRDB": long},
        {},
    ]
    number = office.deliver([order | one for one in changes])
    office.validate(number)
    assert {line: rules for line, rules in office.quarantined(number).items() if line < 6} == {
        2: {"SEQ01", "OP03"},
        3: {"OP02", "OP03"},
        4: {"OP01"},
        5: {"S16", "OP03"},
    }
    merge(office.exchange, number)
    orders = office.rows("select line_no from exchange.withdrawal_order order by line_no")
    assert {6, 7, 8, 9} - set(office.quarantined(number)) == {row["line_no"] for row in orders}
    assert 9 not in office.quarantined(number)


def test_what_else_stands_in_two_withdrawals_of_a_record_is_no_contradiction(office: Office) -> None:
    order = {"_operation": "撤下", "_reason": "法院撤销"}
    first = {"XK_WSH": "榕市监许[2026]1号"}
    number = office.deliver([order, order | first, order | first | {"XK_NR": "更正后的内容"}])
    counts = office.validate(number)
    assert office.quarantined(number) == {}
    assert (counts["rows_accepted"], counts["repeats"]) == (1, 2)


def test_again_changes_nothing(office: Office) -> None:
    number = office.deliver([{}, {"XK_NR": ""}, {}])
    first = office.validate(number)
    before = office.batch(number)
    assert office.validate(number)["rows_quarantined"] == first["rows_quarantined"]
    assert office.batch(number) == before
    assert len(office.quarantined(number)) == 1


def test_the_row_is_kept_whole_and_nothing_personal_is_in_clear(office: Office) -> None:
    number = office.deliver([PERSON | {"XK_NR": ""}, PERSON, {}])
    office.validate(number)
    row = office.rows("select * from exchange.quarantine")[0]
    kept = open_sealed(office.exchange.keys, bytes(row["row_sealed"])).decode()
    assert ID in kept
    assert "陈某乙" in kept
    page = office.exchange.landing.get_bytes(office.batch(number)["docs_uri"]).decode()
    shown = page + str(office.rows("select * from exchange.quarantine_reason")) + str(row) + str(office.batch(number))
    for secret in (ID, "陈某乙", GOOD["XK_XDR_MC"], GOOD["XK_XDR_SHXYM"]):
        assert secret not in shown
    assert "许可内容" in page
    assert ID not in str(office.accepted(number))


def test_a_row_that_comes_again_keeps_its_first_day_and_a_good_one_corrects_it(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.validate(office.deliver([WRONG, {}, {}], day=1))
    monkeypatch.setenv("CREDIT_EXCHANGE_NOW", "2026-09-11T02:00:00")
    office.validate(office.deliver([WRONG, {}, {}], day=2))
    seen = office.rows("select first_seen_at, state from exchange.quarantine order by batch_id")
    assert seen[0] == seen[1]
    office.validate(last := office.deliver([{}, {}, {}], day=3))
    for day, generation in ((1, 2), (3, 2), (4, 1)):  # once more: what came before it, and after it
        office.validate(office.deliver([WRONG, {}, {}], day=day, generation=generation))
    rows = office.rows("select state, corrected_by_batch, settled_at from exchange.quarantine order by batch_id")
    told = [(r["state"], r["corrected_by_batch"], r["settled_at"] is None) for r in rows]
    assert told == [("corrected", last, False)] * 3 + [("open", None, True)] * 2


def test_a_row_that_is_dismissed_stays_dismissed_however_often_it_is_delivered(office: Office) -> None:
    numbers = [office.deliver([WRONG, {"XK_NR": ""}, {}], day=day) for day in (1, 2)]
    for number in numbers:
        office.validate(number)
    orders.dismiss(office.exchange, numbers[0], 2, "部门确认不再更正", "tester")
    office.validate(office.deliver([WRONG, {"XK_NR": ""}, {}], day=3))
    found = office.rows("select line_no, state, settled_by from exchange.quarantine order by batch_id, line_no")
    assert [(r["line_no"], r["state"], r["settled_by"]) for r in found] == [
        (2, "dismissed", "tester"),
        (3, "open", None),
    ] * 3
    shown = Pages(office.exchange.engine).quarantine("", "", None)
    assert shown["open_rows"] == 1, "delivered three times, it waits once"
    assert [(row["business_date"].day, row["line_no"]) for row in shown["rows"]] == [(3, 3)]
    with pytest.raises(FatalError, match="没有待更正的问题数据"):
        orders.dismiss(office.exchange, numbers[1], 2, "再次", "tester")


def test_neither_an_older_day_nor_rows_that_contradict_one_another_correct_a_row(office: Office) -> None:
    office.validate(office.deliver([WRONG, {"XK_NR": ""}, {}], day=5))
    office.validate(office.deliver([{}, {}, {}], day=4))
    same = {"XK_WSH": "榕市监许〔2026〕1号"}
    office.validate(office.deliver([same, same | {"XK_NR": "准予经营（变更）"}, {}], day=6))
    assert [r["state"] for r in office.rows("select state from exchange.quarantine")] == ["open"] * 4


def test_another_department_corrects_nothing(office: Office) -> None:
    office.validate(office.deliver([{"XK_NR": ""}, {}, {}], day=4))
    number = office.deliver([{}, {}, {}], day=5)
    with transaction(office.exchange.engine) as connection:
        connection.execute(text("update exchange.batch set department = 'fz_other' where batch_id = :n"), {"n": number})
    office.validate(number)
    assert [r["state"] for r in office.rows("select state from exchange.quarantine")] == ["open"]


@pytest.mark.parametrize("who", [{"XK_XDR_SHXYM": ""}, WRONG, PERSON | {"XK_XDR_ZJHM": ""}])
def test_a_withdrawal_by_name_alone_of_what_goes_by_a_code_is_not_taken_for_done(
    office: Office, who: dict[str, str]
) -> None:
    order = {"_operation": "撤下"} | who
    number = office.deliver([order, order | {"XK_XDR_LB": ""}, order | {"XK_XDR_SHXYM": "0" * 17 + "X"}, {}])
    office.validate(number)
    assert office.quarantined(number) == {2: {"S16", "OP03"}, 3: {"S16", "OP03"}}
    assert [row["line_no"] for row in office.accepted(number)] == [4, 5]  # what has no code goes by its name
    office.validate(office.deliver([{"_operation": "撤下"}] * 2, day=2))
    corrected = [] if "XK_XDR_MC" in who else ["corrected"] * 2
    assert [r["state"] for r in office.rows("select state from exchange.quarantine where state <> 'open'")] == corrected


@pytest.mark.parametrize(
    ("known", "order"),
    [
        ({}, {"_operation": "撤消"}),
        ({}, {"_operation": "撤消"} | WRONG),
        ({"XK_XDR_SHXYM": "0" * 17 + "X", "XK_XDR_GSZC": "350112564678810"}, {"_operation": "撤消"}),
        ({}, {"_operation": "撤下", "_sequence": "-1"}),
    ],
)
def test_a_withdrawal_in_quarantine_is_settled_by_a_withdrawal_and_not_by_the_next_full_file(
    office: Office, known: dict[str, str], order: dict[str, str]
) -> None:
    first = office.deliver([known, {}, {}], day=1)
    office.validate(first)
    merge(office.exchange, first)
    office.validate(office.deliver([order, {}, {}], day=2))
    states = "select state from exchange.quarantine"
    office.validate(office.deliver([{}, {}, {}], day=3))
    assert [row["state"] for row in office.rows(states)] == ["open"]
    office.validate(office.deliver([{"_operation": "撤下"}, {}, {}], day=4))
    assert [row["state"] for row in office.rows(states)] == ["corrected"]


def test_what_cannot_have_been_a_withdrawal_is_settled_by_the_record(office: Office) -> None:
    office.validate(office.deliver([{"_operation": "新增"}, {}, {}], day=1))
    office.validate(office.deliver([{}, {}, {}], day=2))
    assert [row["state"] for row in office.rows("select state from exchange.quarantine")] == ["corrected"]


def test_a_delivery_of_bad_rows_waits_until_a_person_approves_it(office: Office) -> None:
    number = office.deliver([{"XK_NR": ""}] * 4)
    with pytest.raises(HoldForPerson, match="超过约定的90%"):
        office.validate(number)
    batch = office.batch(number)
    assert (batch["state"], batch["stage"], batch["rows_delivered"], batch["rows_held"]) == ("held", "collected", 4, 4)
    assert batch["docs_uri"]
    assert office.quarantined(number) == {}
    with transaction(office.exchange.engine) as connection:
        connection.execute(text("update exchange.batch set approved_by = 'reviewer', approved_reason = '已核实'"))
    assert office.validate(number)["rows_quarantined"] == 4
    batch = office.batch(number)
    assert (batch["stage"], batch["problem"], batch["rows_held"]) == ("validated", None, 0)


def test_an_empty_delivery_is_a_valid_one(office: Office) -> None:
    number = office.deliver([])
    assert office.validate(number)["rows_delivered"] == 0
    assert office.accepted(number) == []


def test_what_the_reader_cannot_read_is_written_to_the_batch(office: Office) -> None:
    number = office.deliver([{}])

    def broken(*_: Any) -> Iterator[Part]:
        yield from office.read(office.exchange, number, 1)
        raise FatalError("测试局 x.csv：缺少列 决定文书号；请补列后重新报送")

    with pytest.raises(FatalError, match="缺少列"):
        validate(office.exchange, number, reader=broken)
    batch = office.batch(number)
    assert (batch["stage"], batch["state"]) == ("collected", "failed")
    assert "缺少列" in batch["problem"]
    assert office.validate(number)["rows_accepted"] == 1


def test_a_batch_that_was_not_collected_is_refused(office: Office) -> None:
    number = office.deliver([{}])
    with transaction(office.exchange.engine) as connection:
        connection.execute(text("update exchange.batch set stage = 'expected'"))
    with pytest.raises(FatalError, match="请先采集"):
        office.validate(number)


def test_chunking_does_not_change_the_verdict(office: Office) -> None:
    rows = [{"XK_WSH": "甲〔2026〕1号", "XK_NR": str(n % 2)} for n in range(4)] + [{"XK_WSH": "乙〔2026〕1号"}] * 3
    verdicts = []
    for generation, size in enumerate((1, 2, 100), 1):
        office.chunk = size
        number = office.deliver(rows, generation=generation)
        counts = office.validate(number)
        verdicts.append((counts, office.quarantined(number), [r["line_no"] for r in office.accepted(number)]))
    assert verdicts[0] == verdicts[1] == verdicts[2]
    assert verdicts[0][0]["rows_quarantined"] == 4
    assert verdicts[0][0]["repeats"] == 2
