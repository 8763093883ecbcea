"""What pages say while a DAG is paused in Airflow: nothing that it does by itself comes any more."""

from __future__ import annotations

from credit_exchange.ui.night import Task, Verdict


def of_paused() -> Task:
    """Return what to do about a DAG that is paused: nothing that it does by itself comes any more."""
    why = "这个 DAG 在 Airflow 里被暂停：不再开始任何运行（补数也不开始），已开始的停在半路"
    told = "在 Airflow 里打开它的开关；停在半路的会接着做，错过的业务日期会按顺序补上"
    return Task("bad", "已暂停", "DAG 夜间信用信息交换", why, told, about="run")


def while_paused(told: Verdict, *, running: bool) -> Verdict:
    """Return the sentence of a date while the DAG is paused. running: a run of the date has begun and not ended."""
    return Verdict("bad", "停在半路：DAG 已暂停" if running else f"{told.text}；DAG 已暂停")


def of_paused_receipts() -> Task:
    """Return what to do about the DAG of receipts that is paused."""
    why = "这个 DAG 在 Airflow 里被暂停：平台没有答复的要等下一夜上报时才查询；没有通知到人的告警到那时才再通知"
    return Task("care", "已暂停", "DAG 平台回执", why, "在 Airflow 里打开它的开关", about="run")


def while_receipts_paused(told: Verdict) -> Verdict:
    """Return a page's sentence while that DAG is paused."""
    return Verdict("care" if told.kind in ("good", "idle") else told.kind, f"{told.text}；DAG 平台回执 已暂停")
