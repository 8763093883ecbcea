"""What each command does once the database is open."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from datetime import date
from functools import partial

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from credit_exchange.cli import evidence, night_summary, returns
from credit_exchange.cli import explain as explaining
from credit_exchange.config.labels import DELIVERY_WORDS, DIFFERENCE_WORDS, OP_WORDS, part_label
from credit_exchange.errors import FatalError, RetriableError
from credit_exchange.steps import alerts, channels, gone, nights, orders, reconcile, restored, watchdog
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.night import run_night
from credit_exchange.stores import sql
from credit_exchange.stores.database import migrate, transaction

_MOST_WAITING = 100
Action = Callable[[Exchange, argparse.Namespace, Console], int]


def night(exchange: Exchange, given: argparse.Namespace, console: Console) -> int:
    """Run a night: 0 all good, 2 a part failed."""
    migrate()
    result = run_night(
        exchange,
        given.night,
        feeds=given.feed,
        platforms=given.platform,
        recollect=given.recollect,
        say=partial(_say, console),
    )
    night_summary.show(exchange.engine, exchange.config, given.night, console)
    if result.failed:
        parts = "、".join(part_label(exchange.config, part) for part in result.failed)
        console.print(f"没有全部完成：{parts}", style="red", markup=False, highlight=False, soft_wrap=True)
    return 0 if result.good else 2


def explain(exchange: Exchange, given: argparse.Namespace, console: Console) -> int:
    """Explain one record, or every record with a document number."""
    ids = [given.record_id] if given.record_id else []
    if given.document_no:
        ids.extend(explaining.find(exchange, given.document_no))
    if not ids and given.document_no:
        raise FatalError(
            f"没有文书号为 {given.document_no!r} 的记录：请写完整的文书号；没有通过校验的行还不是记录，在问题数据里"
        )
    if not ids:
        raise FatalError("请写明是哪条记录：记录编号，或 --document-no 加完整的文书号")
    for record_id in ids:
        told = explaining.explanation(exchange, record_id)
        if given.json:
            print(explaining.as_json(told))
        else:
            explaining.show(told, exchange.config, console)
    return 0


def summary(exchange: Exchange, given: argparse.Namespace, console: Console) -> int:
    """Print a night's table."""
    night_summary.show(exchange.engine, exchange.config, given.night, console)
    return 0


def backlog(exchange: Exchange, _given: argparse.Namespace, console: Console) -> int:
    """Print what has not reached its platform."""
    with transaction(exchange.engine) as connection:
        rows = connection.execute(sql.load("summary/backlog")).mappings().all()
    table = _whole("平台", "数据集", "操作", "状态", "记录", "最早", "结果码")
    for row in rows:
        platform, dataset = row["platform"], row["dataset"]
        table.add_row(
            part_label(exchange.config, f"platform {platform}"),
            exchange.config.datasets[dataset].name if dataset in exchange.config.datasets else dataset,
            OP_WORDS[row["op"]],
            DELIVERY_WORDS[row["state"]],
            str(row["records"]),
            f"{row['oldest']:%Y-%m-%d %H:%M}",
            row["last_code"] or "",
        )
    console.print(table if rows else "各平台没有积压")
    _waiting_withdrawals(exchange, console)
    return 0


def _waiting_withdrawals(exchange: Exchange, console: Console) -> None:
    """Print which records departments withdrew that nobody ever delivered."""
    with transaction(exchange.engine) as connection:
        given = {"feed": None, "size": _MOST_WAITING}
        rows = connection.execute(sql.load("orders/waiting"), given).mappings().all()
    table = _whole("要求撤下的部门", "批次", "行号", "首次收到", "从未报送过的记录")
    for row in rows:
        since = f"{row['since']:%Y-%m-%d}"
        table.add_row(row["department_name"], str(row["batch_id"]), str(row["line_no"]), since, row["record_id"])
    if rows:
        cut = f"，只列出最早的 {len(rows)} 条" if rows[0]["in_all"] > len(rows) else ""
        table.title = f"撤下在等从未报送过的记录：共 {rows[0]['in_all']} 条{cut}"
        console.print(table)


def _whole(*headings: str) -> Table:
    """Return an empty table that cuts nothing off: what stands in its last column is copied into the next command."""
    table = Table()
    for heading in headings:
        table.add_column(heading, overflow="fold", no_wrap=heading == headings[-1])
    return table


def order(exchange: Exchange, given: argparse.Namespace, console: Console) -> int:
    """Withdraw or reinstate a record."""
    by = (given.authority, given.reason, given.legal_basis, given.by)
    told = orders.order(exchange, given.record_id, given.command, *by)
    if told:
        _say(console, told)
        return 0
    platforms = " ".join(f"--platform {platform}" for platform in exchange.config.platforms)
    console.print(
        f"已登记；下一夜执行，现在就要执行可运行：python -m credit_exchange night {platforms}",
        highlight=False,
        soft_wrap=True,
    )
    return 0


def approve(exchange: Exchange, given: argparse.Namespace, console: Console) -> int:
    """Approve a held delivery."""
    day, feed = orders.approve_batch(exchange, given.batch_id, given.reason, given.by)
    console.print(
        "已放行；请在 Airflow 里清除该报送源的「采集」（含下游）收下这一批，或运行："
        f"python -m credit_exchange night --date {day} --feed {feed}",
        highlight=False,
        soft_wrap=True,
    )
    return 0


def waive(exchange: Exchange, given: argparse.Namespace, console: Console) -> int:
    """State that a delivery is not waited for any more."""
    day, feed = orders.waive_batch(exchange, given.batch_id, given.reason, given.by)
    console.print(
        f"已登记：{day} 的这一批不再等待，其中的数据一行都没有收下；请在 Airflow 里清除该报送源的「采集」（含下游），"
        "当夜即不再为它报错（以后送到了，再清除一次即收下），或运行："
        f"python -m credit_exchange night --date {day} --feed {feed}",
        highlight=False,
        soft_wrap=True,
    )
    return 0


def dismiss(exchange: Exchange, given: argparse.Namespace, console: Console) -> int:
    """Dismiss a quarantined row."""
    orders.dismiss(exchange, given.batch_id, given.line_no, given.reason, given.by)
    console.print(f"已登记为不再更正：报送批次 {given.batch_id} 第 {given.line_no} 行", highlight=False)
    return 0


def settle(exchange: Exchange, given: argparse.Namespace, console: Console) -> int:
    """Record what became of a shipment, as the platform's people confirmed."""
    orders.settle(exchange, given.shipment_no, given.fate, given.reason, given.by)
    console.print("已登记；要重新上报的，和在等它的，随下一夜上报")
    return 0


def skip(exchange: Exchange, given: argparse.Namespace, console: Console) -> int:
    """Record that business dates are left out on purpose."""
    days = nights.skip(exchange, given.date, given.until or given.date, given.reason, given.by)
    told = f"已登记 {'、'.join(map(str, days))} 有意不交换：不再为此告警"
    console.print(told, highlight=False, soft_wrap=True)
    return 0


def restore(exchange: Exchange, given: argparse.Namespace, console: Console) -> int:
    """State that the database was restored from a backup, or that this is about to be stated."""
    if given.begin:
        restored.begin(exchange)
        _say(
            console,
            "发布和上报都已停止；请补做备份之后的业务日期（采集到归并），"
            "再运行 python -m credit_exchange restored --reason …",
        )
        return 0
    done = restored.state(exchange, given.reason, given.by)
    told = [
        f"已登记：落地区中有撤下、恢复指令 {done.kept} 条，其中 {done.orders} 条是找回的；"
        f"各记录的版本从 {done.first_version} 起，高于各平台可能已有的",
        "漏掉的业务日期都归并好以后，请在 Airflow 里清除「发布」（含下游），或运行：python -m credit_exchange night；"
        "在那之前只执行撤下",
    ]
    if done.lists_none:
        told.append(
            "撤下、恢复指令曾另存到落地区，现在却一条也列不出来：落地区可能缺对象，或账号没有列出对象的权限；"
            "请先核对（恢复好后再运行一次本命令），否则备份之后下达的指令须逐条重新下达，已撤下的记录才不会重新公示"
        )
    if done.unsure:
        told.append(
            f"以下 {len(done.unsure)} 条记录不应公示，而恢复前是否已上报、是否已撤下，数据库里已无从知道："
            "请运行 python -m credit_exchange reconcile 查明（仍公示的用 --repair shown 撤下），"
            f"没有清单的平台请逐条核对：{' '.join(done.unsure)}"
        )
    for line in told:
        _say(console, line)
    return 0


def compare(exchange: Exchange, given: argparse.Namespace, console: Console) -> int:
    """Compare platforms' lists with what was delivered; 0 when they agree or all that differs is ordered, else 2.

    A platform that cannot be read does not keep the others from being compared.
    """
    good, unseen = True, set(given.record if given.repair else ())
    for platform_id in given.platform or exchange.config.platforms:
        name = exchange.config.platform(platform_id).name
        _say(console, f"正在核对 {name}，需要几秒到几分钟……")
        try:
            done = reconcile.reconcile(exchange, platform_id, given.record)
        except RetriableError as error:
            _say(console, f"错误：{error}")
            good = False
            continue
        if done is None:
            _say(console, f"{name}：没有清单可读，也不能逐条查询，没有核对")
            continue
        _say(console, f"{name}：{done.scope}，{done.told or '全部一致'}")
        if done.differences:
            console.print(_differences(done.differences))
            good = _mended(exchange, given, console, platform_id, done) and good
        unseen -= {one.record_id for one in done.differences}
    if unseen:
        _say(console, f"没有安排更正，这次没有核对到它们，或没有发现不一致：{' '.join(sorted(unseen))}")
    return 0 if good and not unseen else 2


def _differences(found: Sequence[reconcile.Difference]) -> Table:
    """Return what differs as a table that a terminal of 80 columns does not fold."""
    title = f"只列出前 {_MOST_WAITING} 条，全部见 report.difference" if len(found) > _MOST_WAITING else None
    table = Table(
        title=title, title_justify="left", box=SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True
    )
    for heading in ("记录", "不一致", "本系统", "平台", "目录"):
        table.add_column(heading, no_wrap=heading in ("记录", "不一致"), overflow="fold")
    for one in found[:_MOST_WAITING]:
        ours, theirs = ("—" if number is None else str(number) for number in (one.our_version, one.their_version))
        table.add_row(one.record_id, DIFFERENCE_WORDS[one.kind], ours, theirs, one.place)
    return table


def _mended(
    exchange: Exchange, given: argparse.Namespace, console: Console, platform_id: str, done: reconcile.Reconciled
) -> bool:
    """Order the repair of what was found if asked to, say what is to be done; tell whether nothing is left."""
    name = exchange.config.platform(platform_id).name
    if not given.repair:
        _say(console, f"{name}：{done.advice(platform_id)}")
        return False
    ordered, left = reconcile.repair(exchange, platform_id, given.repair, given.reason, given.by, only=given.record)
    if ordered:
        _say(
            console,
            f"{name}：{ordered} 条将在下一次发布时重新上报或撤下（night 或清除「发布」及其下游）；"
            "送达以后请再核对一次，一致了告警才关闭",
        )
    if left:
        _say(
            console,
            f"{name}：其余 {left} 条不在这次更正之内，或本系统不能更正（没有记录、另有公示、版本无法接续），"
            "后者请与平台联系",
        )
    return not left


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def return_file(exchange: Exchange, given: argparse.Namespace, console: Console) -> int:
    """Write a department's return file."""
    since, until = given.since or date(2000, 1, 1), given.until or given.today
    count = returns.make_return_file(exchange, given.department, since, until, given.out, given.by)
    told = f"已把 {count} 行写入 {given.out}（权限 0600：内有该部门自己的数据，只交给该部门）"
    console.print(told if count else f"没有待更正的行；{given.out} 里只有表头", soft_wrap=True)
    return 0


def watch(exchange: Exchange, _given: argparse.Namespace, console: Console) -> int:
    """Check what a failed component could not report itself, and tell people once; 0 when it could look and tell."""
    ways = channels.without_airflow(exchange.resolve)
    gone.reach(exchange, ways)
    with gone.writable(ways):
        try:
            for finding in watchdog.check(exchange):
                console.print(
                    f"{channels.SEVERITY_NAMES[finding.severity]}：{finding.subject}：{finding.detail}",
                    markup=False,
                    soft_wrap=True,
                )
        finally:  # what it found is told, also where it could not look at everything
            told = alerts.notify(exchange, ways)
            console.print(f"本次通知到人的告警：{told} 项", highlight=False)
    return 0


ACTIONS: dict[str, Action] = {
    "night": night,
    "explain": explain,
    "summary": summary,
    "backlog": backlog,
    "withdraw": order,
    "reinstate": order,
    "approve": approve,
    "waive": waive,
    "dismiss": dismiss,
    "settle": settle,
    "skip": skip,
    "reconcile": compare,
    "restored": restore,
    "return-file": return_file,
    "evidence": evidence.export,
    "watchdog": watch,
}
