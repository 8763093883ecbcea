"""Data sets that nobody wrote a line of Python for go the whole way: `other_data_sets` is what a newcomer adds.

Commitments (one field for codes and ID numbers), a black list with natural persons, violations in tenders, and
articles, which are about nobody.
"""

from __future__ import annotations

import csv
import os
import shutil
import sqlite3
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from openpyxl import Workbook
from town import Town, town

from credit_exchange.cli.main import main
from credit_exchange.config.loader import config_root
from credit_exchange.steps.orders import order
from credit_exchange.steps.reconcile import reconcile

FILES = Path(__file__).with_name("other_data_sets")
DAY = date(2026, 11, 20)
COMPANY, OTHER = ("福州螺洲嘉和贸易有限公司", "91350105MAXG0TEQ24"), ("福州乌山华榕物流有限公司", "91350112MAYYWC9047")
SHOP, OPERATOR = ("福州市乌山博雅鱼丸店", "92350112MAN518Y07L"), "陈杰婉"
PERSON, BOTH = ("江英敏", "350181199108270956"), ("欧阳建国", "350112198111178598")
"""The second one's number passes as an organisation's code too, as one in 31 does."""
KINDS = {COMPANY: "法人及非法人组织", OTHER: "法人及非法人组织", SHOP: "个体工商户"}
WINDOW = ("福州市行政审批服务局", "113501000037002134")


def commitment(number: int, who: tuple[str, str], **changes: str) -> dict[str, str]:
    return {
        "承诺编码": f"35010020261118{number:06d}", "承诺人名称": who[0], "承诺人类别": KINDS.get(who, "自然人"),
        "承诺人代码": who[1], "承诺类型": "容缺受理型", "承诺事由": "申请食品经营许可",
        "承诺内容": f"{who[0]}（{who[1]}，13805911234）承诺补齐材料", "违诺责任": "撤销许可",
        "承诺作出日期": "2026-11-18", "承诺有效期": "2026-12-18", "承诺履行状态": "全部履行", "承诺受理单位": WINDOW[0],
        "受理单位代码": WINDOW[1], "公开类型": "可向社会公开", "操作": "", "原因": "",
    } | changes  # fmt: skip


def listed(number: int, who: tuple[str, str], updated: str, **changes: str) -> dict[str, str]:
    person = who not in KINDS
    return {
        "name": who[0], "kind": KINDS.get(who, "自然人"), "uscc": "" if person else who[1],
        "rep": OPERATOR if who == SHOP else "", "idtype": "身份证" if person else "", "idno": who[1] if person else "",
        "wh": f"榕人社列〔2026〕{number}号", "list": "拖欠农民工工资", "yj": "保障农民工工资支付条例第四十八条",
        "ss": f"{who[0]}（{who[1]}）拖欠农民工工资" + (f"，经营者{OPERATOR}" if who == SHOP else ""),
        "rdrq": "2026-11-10", "je": "123456.78", "jzq": "2029-11-10", "op": "", "why": "", "update_time": updated,
    } | changes  # fmt: skip


def violation(number: int, who: tuple[str, str], **changes: str) -> dict[str, str]:
    return {
        "当事人名称": who[0], "代码": who[1], "文号": f"榕建招处〔2026〕{number}号", "违法行为": "串通投标",
        "处理依据": "招标投标法第五十三条", "处理决定": "罚款", "罚款": "12345.6", "标段数": "3",
        "处理时间": "2026-10-20", "限制期至": "", "公告截止": "", "操作": "", "原因": "",
    } | changes  # fmt: skip


def article(number: int, **changes: str) -> dict[str, str]:
    said = {"编号": f"信{number}", "标题": "诚信宣传月", "正文": "咨询电话13805911234", "发布日期": "2026-11-19"}
    return said | changes


ROWS: dict[str, dict[int, list[dict[str, str]]]] = {
    "fz_zwfw/commitment": {
        0: [commitment(1, COMPANY), commitment(2, SHOP), commitment(3, PERSON), commitment(4, BOTH),
            commitment(5, OTHER, 公开类型="不可公开"), commitment(6, BOTH, 承诺人类别="法人及非法人组织")],
        1: [commitment(1, COMPANY, 承诺事由="申请卫生许可"), commitment(3, PERSON, 操作="撤下", 原因="错报")],
        2: [commitment(3, PERSON, 操作="恢复", 原因="误撤")],
    },
    "fz_jw/tv": {
        0: [violation(1, COMPANY, 限制期至="2027-10-20"), violation(2, OTHER, 处理时间="2026-05-21"),
            violation(3, BOTH)],
        1: [violation(1, COMPANY, 限制期至="2027-10-20", 罚款="99999.99")],
    },
    "fz_xyb/article": {0: [article(1), article(2)], 1: [article(1, 标题="改题")]},
}  # fmt: skip
LISTED = [
    listed(1, COMPANY, f"{DAY} 10:00:00"),
    listed(2, SHOP, f"{DAY} 10:01:00"),
    listed(3, PERSON, f"{DAY} 10:02:00"),
    listed(4, BOTH, f"{DAY} 10:03:00", yj=""),
    listed(5, BOTH, f"{DAY} 10:04:00", kind="法人及非法人组织", uscc=BOTH[1], idtype="", idno=""),
]
REFUSED = {("commitment", "S03"), ("tender_violation", "S03"), ("black_list", "S03")}


@pytest.fixture
def place(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    """An exchange with the shipped catalogue, platforms and rules, and with the files of `other_data_sets`."""
    for folder in ("catalog", "platforms", "sharing", "calendar"):
        shutil.copytree(config_root() / folder, tmp_path / "config" / folder)
    shutil.copytree(FILES, tmp_path / "config", dirs_exist_ok=True)
    monkeypatch.setenv("CREDIT_EXCHANGE_CONFIG", str(tmp_path / "config"))
    with town(tmp_path, database_url, days=3, volume=0.01) as made:
        deliver(tmp_path)
        yield made


def deliver(root: Path) -> None:
    for name, days in ROWS.items():
        for after, rows in days.items():
            path = root / "inbox" / f"{name}_{DAY + timedelta(days=after):%Y%m%d}"
            path.parent.mkdir(exist_ok=True)
            if name.endswith("commitment"):
                book = Workbook()
                for cells in (list(rows[0]), *(list(row.values()) for row in rows)):
                    book.active.append(cells)
                book.save(path.with_suffix(".xlsx"))
            else:
                with path.with_suffix(".csv").open("w", encoding="utf-8", newline="") as file:
                    writer = csv.DictWriter(file, list(rows[0]))
                    writer.writeheader()
                    writer.writerows(rows)
    with sqlite3.connect(root / "front.db") as front:
        front.execute(f"create table t_black ({', '.join(f'{name} text' for name in LISTED[0])})")
        marks = ", ".join("?" * len(LISTED[0]))
        front.executemany(f"insert into t_black values ({marks})", [list(row.values()) for row in LISTED])


def night(place: Town, after: int) -> None:
    """The night of so many days after the first, on its own morning."""
    day = DAY + timedelta(days=after)
    os.environ["CREDIT_EXCHANGE_NOW"] = f"{day + timedelta(days=1)}T01:30:00"  # town puts it back as it was
    assert place.night(day).good


def shown(place: Town) -> dict[str, dict[str, Any]]:
    """What each platform shows: data set or catalogue, and number -> fields."""
    fuzhou = place.platforms["fuzhou"].platform.store.read("select dataset, fields from record where shown")
    fujian = place.platforms["fujian"].platform.store.read("select catalog, content from record where shown")
    found: dict[str, dict[str, Any]] = {}
    for name, content in (*fuzhou, *fujian):
        fields = orjson.loads(content)
        number = next(fields[c] for c in ("CN_BM", "BL_WH", "TV_WH", "AR_BH", "cn_bm", "bl_wh", "tv_wh") if c in fields)
        found.setdefault(name, {})[number] = fields
    return found


def test_what_is_added_as_files_needs_nothing_else(place: Town, capsys: pytest.CaptureFixture[str]) -> None:
    """Each goes where it is taken and released, in the form of the wire; persons are masked, and none is taken for an
    organisation; articles are about who publishes them."""
    assert main(["config", "check"]) == 0
    assert "提示：" not in capsys.readouterr().out
    night(place, 0)
    there = shown(place)
    numbers = {name: len(records) for name, records in there.items()}
    assert numbers == {
        "commitment": 4, "black_list": 4, "tender_violation": 2, "article": 2, "xycn": 4, "heiming": 3, "ztb": 2,
    }  # fmt: skip
    assert place.platforms["china"].current() == {}
    assert place.query("select distinct dataset, rule_id from report.quarantine order by 1") == [
        {"dataset": dataset, "rule_id": rule} for dataset, rule in sorted(REFUSED)
    ]
    for secret in (PERSON[0], BOTH[0], OPERATOR, PERSON[1], BOTH[1], "13805911234"):
        assert secret not in str(there), "a person's name or number left"
    assert there["black_list"]["榕人社列〔2026〕2号"]["BL_MC"] == SHOP[0]
    fine, ours = there["ztb"]["榕建招处〔2026〕1号"], there["tender_violation"]["榕建招处〔2026〕1号"]
    assert (ours["TV_CLSJ"], ours["TV_FK"], ours["TV_BID"]) == ("2026-10-20", "1.23456", "3")
    assert (fine["tv_clsj"], fine["tv_fk"], fine["tv_bid"], fine["tv_ggjz"]) == (
        "20261020",
        "12345.60",
        "3",
        "20271020",
    )
    assert place.query("select distinct subject_name from report.record where dataset = 'article'") == [
        {"subject_name": "福州市发展和改革委员会"}
    ]


def test_what_changes_is_withdrawn_or_ends_is_so_there(place: Town) -> None:
    for after in range(3):
        night(place, after)
    there = shown(place)
    assert there["commitment"]["35010020261118000001"]["CN_SY"] == "申请卫生许可"
    assert there["ztb"]["榕建招处〔2026〕1号"]["tv_fk"] == "99999.99"
    assert there["article"]["信1"]["AR_BT"] == "改题"
    assert "35010020261118000003" in there["xycn"], "withdrawn and brought back"
    assert set(there["ztb"]) == set(there["tender_violation"]) == {"榕建招处〔2026〕1号"}, "six months are over"
    number = "榕人社列〔2026〕1号"
    record = place.query("select record_id from report.record where document_no = :number", number=number)[0]
    order(place.exchange, str(record["record_id"]), "withdraw", "repair", "信用修复", "", "tester")
    night(place, 2)
    assert all(number not in shown(place)[name] for name in ("black_list", "heiming"))
    place.check_receivers()
    for platform in ("fuzhou", "fujian"):
        compared = reconcile(place.exchange, platform)
        assert compared is not None
        assert compared.differences == ()
    before = place.traces()
    night(place, 2)
    assert place.traces() == before, "the same night again changes nothing"
