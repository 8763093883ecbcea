"""Tiny deliveries for the validate step: good rows whose codes are valid by checksum, and a bench that judges them."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import samples
from credit_exchange.config import files
from credit_exchange.config.catalog import Dataset
from credit_exchange.config.feed import Feed
from credit_exchange.core.crypto import Keys
from credit_exchange.steps.validate.checks import Case
from credit_exchange.steps.validate.expectations import Judge
from credit_exchange.steps.validate.identity import identify
from credit_exchange.steps.validate.normalise import Normaliser, version_of
from credit_exchange.steps.validate.plan import plan

KEYS = Keys.derive("11" * 32, "22" * 32)
DAY = date(2026, 9, 1)
CATALOG = Path(__file__).resolve().parents[3] / "include" / "catalog"

PERMIT = samples.PERMIT | {
    "XK_WSH": "榕市监许〔2026〕0012号",
    "XK_JDRQ": "2026/08/20",
    "XK_YXQZ": "2026/08/20",
    "XK_YXQZI": "2031/08/19",
}
PERSON = samples.PERSON
PENALTY = {
    "CF_XDR_MC": "福州示例贸易有限公司",
    "CF_XDR_LB": "法人及非法人组织",
    "CF_XDR_SHXYM": "9135010026017703XW",
    "CF_FRDB": "林某甲",
    "CF_WSH": "榕市监罚〔2026〕7号",
    "CF_WFXW": "虚假宣传",
    "CF_SY": "在网页上作引人误解的宣传",
    "CF_YJ": "反不正当竞争法第二十条",
    "CF_CFLB": "罚款",
    "CF_NR": "罚款人民币2000元",
    "CF_NR_FK": "0.2",
    "CF_JDRQ": "2026/08/20",
    "CF_YXQ": "2027/08/20",
    "CF_CFJG": "福州市市场监督管理局",
    "CF_CFJGDM": "11230500001755309F",
    "CF_SJLY": "福州市市场监督管理局",
    "CF_SJLYDM": "11230500001755309F",
}


def feed(of: str = "permit", columns: Any = None, **extra: Any) -> Feed:
    """A CSV feed of this data set."""
    given = {
        "department": {"code": "fz_test", "name": "测试局"},
        "dataset": of,
        "owner": "联络员",
        "contact": "t@example.invalid",
        "source": {"form": "csv", "path": "x.csv"},
        "columns": {code: code for code in (columns or (PERMIT if of == "permit" else PENALTY))},
    }
    return Feed.model_validate(given | extra)


class Bench:
    """Runs one data set's rows through normalising and judging, without files or database."""

    def __init__(self, of: Dataset) -> None:
        self.dataset = of
        self.good = PERMIT if of.dataset == "permit" else PENALTY
        self._judges: dict[str, Judge] = {}

    def sheet(self, rows: list[dict[str, str]], **options: Any) -> Any:
        """The normalised sheet of these raw rows."""
        the_feed = feed(self.dataset.dataset, **options)
        version = version_of(self.dataset, the_feed.schema_version)
        raw = pd.DataFrame(rows, dtype="str")
        return Normaliser(self.dataset, the_feed, version).sheet(raw)

    def judge(self, rows: list[dict[str, str]], *, whole: bool = False, **options: Any) -> list[set[tuple[str, str]]]:
        """Per row the (rule, field) pairs that failed. rows are changes to a good row, unless `whole`."""
        rows = rows if whole else [self.good | row for row in rows]
        sheet = self.sheet(rows, **options)
        version = version_of(self.dataset, options.get("schema_version"))
        who = identify(self.dataset, KEYS, sheet.frame)
        judge = self._judges.setdefault(version.id, Judge(self.dataset, version))
        case = Case(self.dataset, version, sheet, who.kind, who.code, who.identified, DAY)
        failures = judge.judge(case)
        judge.finish()
        found: list[set[tuple[str, str]]] = [set() for _ in rows]
        for item in judge.planned:
            for position in failures.get(item.column, np.array([], dtype=int)):
                found[position].add((item.rule.id, item.field))
        return found

    def messages(self, **options: Any) -> list[tuple[str, str, str]]:
        """Rule, field and what the department reads of it, for a feed of these options."""
        the_feed = feed(self.dataset.dataset, **options)
        planned = plan(self.dataset, version_of(self.dataset, the_feed.schema_version), the_feed)
        return [(item.rule.id, item.field, item.message) for item in planned]

    def rules(self, changes: list[dict[str, str]]) -> list[set[str]]:
        """The rule ids that each changed row fails."""
        return [{rule for rule, _ in row} for row in self.judge(changes)]


def dataset(name: str) -> Dataset:
    problems: list[str] = []
    found = {d.dataset: d for _, d in files.files(CATALOG.parent, "catalog", Dataset, problems)}
    assert not problems
    return found[name]
