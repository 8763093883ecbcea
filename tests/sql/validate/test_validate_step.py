"""The validate step on a real PostgreSQL and a real object store: nothing lost, nothing in clear, safe to run again."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import date
from typing import Any

import pyarrow.parquet as pq
import pytest
from office import GOOD, WRONG, Office, Part
from sqlalchemy import text

from credit_exchange.core.crypto import open_sealed
from credit_exchange.errors import FatalError, HoldForPerson
from credit_exchange.steps import orders
from credit_exchange.steps.merge import merge
from credit_exchange.steps.validate import validate, volume
from credit_exchange.stores.database import transaction
from samples import PERSON


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
    office.rows('update exchange.batch set source_detail = \'{"file": "x.csv"}\' returning 1')
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
    assert batch["source_detail"] == {"file": "x.csv", "repeats": 1}
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
    assert PERSON["XK_XDR_ZJHM"] in kept
    assert "陈某乙" in kept
    page = office.exchange.landing.get_bytes(office.batch(number)["docs_uri"]).decode()
    shown = page + str(office.rows("select * from exchange.quarantine_reason")) + str(row) + str(office.batch(number))
    for secret in (PERSON["XK_XDR_ZJHM"], "陈某乙", GOOD["XK_XDR_MC"], GOOD["XK_XDR_SHXYM"]):
        assert secret not in shown
    assert "许可内容" in page
    assert PERSON["XK_XDR_ZJHM"] not in str(office.accepted(number))


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
    told = (batch["stage"], batch["state"], batch["problem"], batch["rows_held"])
    assert told == ("validated", "failed", None, 0), "it waits for nobody, and is not merged yet"


def test_a_column_that_falls_empty_waits_until_a_person_approves_it_once(office: Office) -> None:
    def night(day: int, representative: str) -> int:
        return office.deliver([{"XK_FRDB": representative}] * 24 + [PERSON], day)

    for day in (1, 2, 3):
        usual = night(day, "林某甲")
        office.validate(usual)
        merge(office.exchange, usual)
    number = night(4, "")
    with pytest.raises(HoldForPerson, match="法定代表人平常100%有值、本次0%"):
        office.validate(number)
    held = office.batch(number)
    assert held["state"] == "held"
    page = office.exchange.landing.get_bytes(held["docs_uri"]).decode()
    assert page.count("明显空缺") == 1
    assert '<td>法人及非法人组织</td><td class="n">0 / 24</td><td class="n">0%</td>' in page
    with transaction(office.exchange.engine) as connection:
        approved = "update exchange.batch set approved_by = 'reviewer', approved_reason = '已核实' where batch_id = :id"
        connection.execute(text(approved), {"id": number})
    office.validate(number)
    merge(office.exchange, number)
    office.validate(night(5, ""))


def test_a_day_that_is_taken_in_later_is_compared_with_the_days_around_it(office: Office) -> None:
    """Else all days before a column was delivered would wait for a person, each of them, whatever was approved."""
    statement = """insert into exchange.batch (
            feed, department, department_name, dataset, schema_version, business_date, stage, state,
            rows_delivered, filled, generation
        ) select :feed, 'fz_a', 'a', 'permit', 'v2019', cast(:day as date), :stage, :state, :rows,
            jsonb_build_object('day', cast(:day as text)), :generation"""
    about = {"feed": "fz_gulou_permit", "business_date": date(2026, 10, 20)}
    others: list[dict[str, Any]] = [
        {"feed": "fz_taijiang_permit"},
        {"stage": "validated"},
        {"state": "missing"},
        {"rows": 0},
        {"generation": 1},  # was collected again
    ]
    with transaction(office.exchange.engine) as connection:
        for day in (*range(1, 6), 19, 20, *range(21, 31)):
            given = {"feed": about["feed"], "day": f"2026-10-{day:02}", "rows": day, "stage": "merged"}
            given |= {"state": {25: "partial", 26: "late"}.get(day, "complete"), "generation": 2}
            connection.execute(text(statement), given)
            for n, other in enumerate(others):
                connection.execute(text(statement), given | {"rows": 999, "generation": 3 + n} | other)
        found = volume.history(connection, about)
        newest = volume.history(connection, about | {"business_date": date(2026, 11, 1)})
    assert [one["day"][-2:] for one in found.filled] == ["19", "21", "22", "23", "24", "25", "26"]
    assert (found.batches, found.rows, newest.rows) == (7, 23, 27)
    assert [one["day"][-2:] for one in newest.filled] == ["30", "29", "28", "27", "26", "25", "24"]


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


@pytest.mark.parametrize("ending", ["taken", "held", "unreadable"])
def test_what_a_person_gave_up_while_it_was_read_stays_as_it_was_told(office: Office, ending: str) -> None:
    number = office.deliver([WRONG if ending == "held" else {}] * 2)
    office.rows("update exchange.batch set problem = '未报送', state = 'missing' returning 1")

    def read(*given: Any) -> Iterator[Part]:
        orders.waive_batch(office.exchange, number, "系统停用", "office")
        if ending == "unreadable":
            raise FatalError("文件已损坏")
        yield from office.read(*given)

    with nullcontext() if ending == "taken" else pytest.raises(FatalError if ending == "unreadable" else HoldForPerson):
        validate(office.exchange, number, reader=read)
    batch = office.batch(number)
    assert (batch["stage"], batch["state"], batch["problem"], batch["waived_by"]) == (
        *("merged", "missing", "未报送", "office"),
    )
    assert batch["accepted_uri"] is None


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
