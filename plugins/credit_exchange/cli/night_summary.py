"""The night's table on the terminal: per department and per platform."""

from __future__ import annotations

from datetime import date
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine

from credit_exchange.config.loader import Configuration, load
from credit_exchange.stores import sql
from credit_exchange.stores.database import connect, transaction

STATES = {
    "complete": "完成",
    "partial": "部分",
    "held": "待人工",
    "missing": "未报送",
    "late": "迟到",
    "failed": "失败",
}


def print_summary(database_url: str, business_date: date, console: Console | None = None) -> None:
    """Print what was delivered, quarantined and withheld for a business date, and where the platforms stand."""
    engine = connect(database_url)
    try:
        show(engine, load(), business_date, console or Console())
    finally:
        engine.dispose()


def show(engine: Engine, config: Configuration, business_date: date, console: Console) -> None:
    """Print the two tables of a night."""
    with transaction(engine) as connection:
        feeds = connection.execute(sql.load("summary/feeds"), {"business_date": business_date}).mappings().all()
        platforms = connection.execute(sql.load("summary/platforms")).mappings().all()
    names = {name: dataset.name for name, dataset in config.datasets.items()}
    table = Table(title=f"业务日期 {business_date} 各部门报送", title_justify="left")
    table.add_column("部门", overflow="fold")
    for heading in ("数据集", "状态"):
        table.add_column(heading, no_wrap=True)
    for heading in ("报送", "入库", "未变", "问题", "待定"):
        table.add_column(heading, justify="right", no_wrap=True, min_width=4)
    for row in feeds:
        numbers = [row[f"rows_{k}"] for k in ("delivered", "accepted", "unchanged", "quarantined", "held")]
        style = "red" if row["state"] in ("failed", "missing", "held") else ""
        table.add_row(
            row["department_name"],
            names.get(row["dataset"], row["dataset"]),
            STATES[row["state"]],
            *map(str, numbers),
            style=style,
        )
    console.print(table)
    for row in feeds:
        if row["problem"]:
            console.print(f"  {row['feed']}: {row['problem']}", style="red", markup=False)
    console.print(_platforms(platforms, config, names))


def _platforms(rows: Any, config: Configuration, names: dict[str, str]) -> Table:
    table = Table(
        title="各平台现状（公示中、已撤下、待上报、待回执、被退回、待人工、按规则不予提供）", title_justify="left"
    )
    for heading in ("平台", "数据集"):
        table.add_column(heading, no_wrap=True)
    for heading in ("公示", "撤下", "待报", "待回", "退回", "待定", "不予"):
        table.add_column(heading, justify="right", no_wrap=True, min_width=4)
    for row in rows:
        platform = config.platforms.get(row["platform"])
        numbers = ("published", "withdrawn", "waiting", "awaiting", "rejected", "held", "withheld")
        table.add_row(
            platform.name if platform else row["platform"],
            names.get(row["dataset"], row["dataset"]),
            *(str(row[key]) for key in numbers),
        )
    return table
