"""The night's table on the terminal: per department and per platform."""

from __future__ import annotations

from datetime import date
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine

from credit_exchange.config.labels import ABSENT, BATCH_WORDS, ROW_WORDS, WAIVED, part_label, told_apart
from credit_exchange.config.loader import Configuration, as_it_is
from credit_exchange.stores import sql
from credit_exchange.stores.database import connect, transaction

PLATFORM_WORDS = {
    "published": "正在公示",
    "withdrawn": "已经撤下",
    "waiting": "等待上报",
    "awaiting": "等待回执",
    "rejected": "平台退回",
    "held": "人工确认",
    "withheld": "按规不报",
}
"""Where the records of a platform stand now."""


def print_summary(database_url: str, business_date: date, console: Console | None = None) -> None:
    """Print what was delivered, quarantined and withheld for a business date, and where the platforms stand."""
    engine = connect(database_url)
    try:
        show(engine, as_it_is(), business_date, console or Console())
    finally:
        engine.dispose()


def show(
    engine: Engine, config: Configuration, business_date: date, console: Console, *, tried_out: bool = False
) -> set[str]:
    """Print the two tables of a night, and between them what went wrong with whom; return the batches' own problems.

    tried_out: in a throw-away database, whose batches' numbers are those of other deliveries in ours.
    """
    with transaction(engine) as connection:
        feeds = connection.execute(sql.load("summary/feeds"), {"business_date": business_date}).mappings().all()
        platforms = connection.execute(sql.load("summary/platforms")).mappings().all()
        run = connection.execute(sql.load("ui/night_runs"), {"business_date": business_date}).mappings().first()
    names = {name: dataset.name for name, dataset in config.datasets.items()}
    console.print(_feeds(feeds, business_date, names) if feeds else f"业务日期 {business_date}：没有报送批次")
    for row in feeds:
        if row["problem"]:
            who = f"{row['department_name']} · {names.get(row['dataset'], row['dataset'])}"
            # it names the department already, in front of what happened
            problem = str(row["problem"]).removeprefix(f"{row['department_name']}（{row['feed']}）").lstrip(": ：")
            number = "" if tried_out else f"（报送批次 {row['batch_id']}）"
            text, style = f"  {who}{number}：{problem}", "red"
            if row["waived_by"]:
                text, style = f"{text}；{row['waived_by']} 登记{WAIVED}：{row['waived_reason']}", ""
            console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)
    told = {f"feed {row['feed']}" for row in feeds if row["problem"]}
    for part, cause in (run["causes"] if run else {}).items():
        if part not in told:
            who = part_label(config, part)
            text = f"  {who}：{cause.removeprefix(f'{who}：')}"
            console.print(text, style="red", markup=False, highlight=False, soft_wrap=True)
    if platforms:
        console.print()
        console.print(_platforms(platforms, config, names))
    return {row["problem"] for row in feeds if row["problem"]}


def _table(title: str, *, show_footer: bool = False) -> Table:
    """Return an empty table that leaves room for a department's name on a terminal of 80 columns."""
    return Table(
        title=title,
        title_justify="left",
        show_footer=show_footer,
        box=SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        collapse_padding=True,
    )


def _feeds(rows: Any, business_date: date, names: dict[str, str]) -> Table:
    table = _table(f"业务日期 {business_date}：各部门报送（行）", show_footer=True)
    table.add_column("部门", overflow="fold", footer=f"合计（{len(rows)} 个批次）")
    for heading in ("数据集", "状态"):
        table.add_column(heading, no_wrap=True)
    for key, word in ROW_WORDS.items():
        table.add_column(word, justify="right", no_wrap=True, min_width=4, footer=str(sum(row[key] for row in rows)))
    for row in told_apart(rows):
        table.add_row(
            f"{row['department_name']}（{row['system']}）" if row["system"] else row["department_name"],
            names.get(row["dataset"], row["dataset"]),
            WAIVED if row["waived_by"] else ABSENT if row["is_absent"] else BATCH_WORDS[row["state"]],
            *(str(row[key]) for key in ROW_WORDS),
            style="red" if row["state"] in ("failed", "missing", "held") and not row["waived_by"] else "",
        )
    return table


def _platforms(rows: Any, config: Configuration, names: dict[str, str]) -> Table:
    table = _table("各平台现在（条）")
    for heading in ("平台", "数据集"):
        table.add_column(heading, no_wrap=True)
    for word in PLATFORM_WORDS.values():
        table.add_column(f"{word[:2]}\n{word[2:]}", justify="right", no_wrap=True, min_width=4)
    for row in rows:
        platform = config.platforms.get(row["platform"])
        table.add_row(
            platform.name if platform else row["platform"],
            names.get(row["dataset"], row["dataset"]),
            *(str(row[key]) for key in PLATFORM_WORDS),
        )
    return table
