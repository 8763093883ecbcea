"""The commands of `python -m credit_exchange`. Exit status: 0 all good, 1 cannot go on, 2 a part failed."""

from __future__ import annotations

import argparse
import getpass
import json
import logging
import os
import re
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console

from credit_exchange.config.base import Model
from credit_exchange.config.catalog import Dataset
from credit_exchange.config.connections import from_environment
from credit_exchange.config.feed import Feed
from credit_exchange.config.labels import MENDED
from credit_exchange.config.loader import load
from credit_exchange.config.platform import Platform
from credit_exchange.config.sharing import SharingFile
from credit_exchange.core.business_time import ended, last_business_date, today
from credit_exchange.errors import ExchangeError, FatalError, is_full, remedy_of, without_values

SCHEMAS: dict[str, type[Model]] = {"feed": Feed, "platform": Platform, "dataset": Dataset, "sharing": SharingFile}

_SLIPS = (
    (r"^the following arguments are required: ", "缺少参数 "),
    (r"^one of the arguments (.+) is required", r"缺少参数，请写其中一个：\1"),
    (r"^unrecognized arguments: ", "没有这样的参数："),
    (r"^ambiguous option: (\S+) could match ", r"\1 不明确，可能是 "),
    (r"^argument ([^:]+): ", r"参数 \1："),
    (r"invalid choice: (.+?) \(choose from (.+)\)$", r"没有 \1，可选 \2"),
    (r"invalid \w+ value: (.+)$", r"\1 不是整数"),
    (r"expected one argument$", "后面要写一个值"),
    (r"not allowed with argument ", "不能同时用 "),
)
"""What argparse says of a slip, and what we say; what is not listed stays as it is."""


class Parser(argparse.ArgumentParser):
    """A parser that speaks Chinese, with 1 as exit status of a wrong argument: 2 says that a part of a night failed."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given, add_help=False)
        self._positionals.title, self._optionals.title = "参数", "选项"
        self.add_argument("-h", "--help", action="help", help="显示这份说明")

    def format_help(self) -> str:
        """Return the help, its first word in Chinese."""
        return super().format_help().replace("usage: ", "用法：", 1)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong in one line and exit with status 1."""
        told = message
        for pattern, chinese in _SLIPS:
            told = re.sub(pattern, chinese, told)
        self.exit(1, f"错误：{told}；用法见 {self.prog} --help\n")


def day(text: str) -> date:
    """Return a date. Raises ArgumentTypeError with an example when the text is none."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} 不是日期；请写作 2026-11-22") from None


def reason(text: str) -> str:
    """Return why somebody decided something. Raises ArgumentTypeError for blanks: it is read when it is asked why."""
    if not text.strip():
        raise argparse.ArgumentTypeError("请写明原因")
    return text


def parser() -> argparse.ArgumentParser:
    """Return the command line's grammar."""
    top = Parser(
        prog="python -m credit_exchange",
        description="福州信用信息交换",
        epilog="退出状态：0 全部完成，1 无法继续（参数不对也是），2 有部分未完成",
    )
    top.add_argument("--debug", action="store_true", help="显示意外错误出在哪里（写在命令之前）")
    commands = top.add_subparsers(dest="command", required=True, metavar="命令", title="命令")

    config = commands.add_parser("config", help="检查整个配置目录")
    config.add_argument("action", choices=["check"], help="指出哪个文件、哪一行、怎样改")
    schema = commands.add_parser("schema", help="打印一种配置文件的 JSON Schema")
    schema.add_argument("kind", choices=sorted(SCHEMAS), help="哪一种文件")
    commands.add_parser("migrate", help="把数据库结构升级到最新")

    night = commands.add_parser("night", help="不用 Airflow，在本进程里运行一夜")
    night.add_argument("--date", type=day, help="业务日期（默认最近一个）")
    night.add_argument("--feed", action="append", default=[], help="只运行这个报送源（可多次写）")
    night.add_argument("--platform", action="append", default=[], help="只上报这个平台（可多次写）")
    night.add_argument("--recollect", action="store_true", help="重新采集，作为该批次新的一次")

    dry = commands.add_parser("dry-run", help="试运行一个报送源：不写入、不上报")
    dry.add_argument("--feed", required=True, help="include/feeds 下的文件名，不带 .yml")
    dry.add_argument("--date", type=day, help="业务日期（默认最近一个）")

    explain = commands.add_parser("explain", help="说明一条记录从哪来、为什么这样、到了哪里")
    explain.add_argument("record_id", nargs="?", help="记录编号，见报表和页面")
    explain.add_argument("--document-no", help="按完整的文书号查")
    explain.add_argument("--json", action="store_true", help="输出 JSON，供程序用")

    summary = commands.add_parser("summary", help="一夜的汇总表")
    summary.add_argument("--date", type=day, help="业务日期（默认最近一个）")
    commands.add_parser("backlog", help="还没有送达平台的，以及等待记录的撤下")
    commands.add_parser("watchdog", help="检查期限、漏掉的日期、暂停的平台、卡住的状态并告警；不需要 Airflow")

    for action, text in (("withdraw", "从各平台撤下一条记录"), ("reinstate", "恢复一条已撤下的记录")):
        order = commands.add_parser(action, help=text)
        order.add_argument("record_id", help="记录编号，见报表和页面")
        order.add_argument(
            "--authority",
            required=True,
            choices=["repair", "objection", "court", "office"],
            help="由谁决定：repair 信用修复，objection 异议处理，court 法院，office 信用主管部门",
        )
        order.add_argument("--reason", required=True, type=reason, help="原因")
        order.add_argument("--legal-basis", default="", help="法律依据和条款")
    approve = commands.add_parser("approve", help="放行一个待人工确认的报送批次")
    approve.add_argument("batch_id", type=int, help="报送批次号，见批次页")
    approve.add_argument("--reason", required=True, type=reason, help="核实的结果")
    waive = commands.add_parser("waive", help="登记一个没有收到、读不了或待人工确认的报送批次不再等待，一行都不收")
    waive.add_argument("batch_id", type=int, help="报送批次号，见批次页")
    waive.add_argument("--reason", required=True, type=reason, help="部门的哪一位、怎样说的")
    dismiss = commands.add_parser("dismiss", help="登记一行问题数据不再更正")
    dismiss.add_argument("batch_id", type=int, help="报送批次号，见批次页")
    dismiss.add_argument("line_no", type=int, help="行号，见批次页")
    dismiss.add_argument("--reason", required=True, type=reason, help="不再更正的原因")

    settle = commands.add_parser("settle", help="平台一直没有给出结果的上报批次：登记与平台核实的结果")
    settle.add_argument("shipment_no", help="上报批次号，见「上报平台」页")
    settle.add_argument(
        "--as",
        dest="fate",
        required=True,
        choices=["delivered", "afresh"],
        help="delivered 全部收到，afresh 全部没有收到",
    )
    settle.add_argument("--reason", required=True, type=reason, help="平台的哪一位、怎样说的")

    skip = commands.add_parser("skip", help="登记漏掉的业务日期是有意不交换的")
    skip.add_argument("date", type=day, help="第一个业务日期")
    skip.add_argument("--until", type=day, help="最后一个（默认只这一天）")
    skip.add_argument("--reason", required=True, type=reason, help="原因")

    reconcile = commands.add_parser(
        "reconcile", help="把平台公示的与本系统登记的逐条核对；信用中国没有清单，每次只查一部分"
    )
    reconcile.add_argument("--platform", action="append", default=[], help="只核对这个平台（可多次写）")
    reconcile.add_argument(
        "--repair",
        action="append",
        default=[],
        choices=MENDED,
        help="下一次发布时更正这一种：shown 撤下不应公示的，missing、version、content 重新上报（可多次写）",
    )
    reconcile.add_argument(
        "--record",
        action="append",
        default=[],
        help="没有清单的平台先查这一条；与 --repair 一起写：只更正它（可多次写）",
    )
    reconcile.add_argument("--reason", default="", help="与 --repair 一起写：核实的结果")

    restored = commands.add_parser("restored", help="登记本数据库是从备份恢复的，找回此后的撤下和恢复指令，继续上报")
    stated = restored.add_mutually_exclusive_group(required=True)
    stated.add_argument("--reason", type=reason, help="哪一天的备份，为什么恢复")
    stated.add_argument("--begin", action="store_true", help="落地区也恢复过：先停止发布和上报，补做后再登记")

    returns = commands.add_parser("return-file", help="把一个部门的问题数据写成 XLSX 退回")
    returns.add_argument("department", help="部门代号，如 fz_gulou")
    returns.add_argument("--since", type=day, help="第一个业务日期（默认全部）")
    returns.add_argument("--until", type=day, help="最后一个业务日期（默认全部）")
    returns.add_argument("--out", type=Path, required=True, help="XLSX 文件；已有的会被替换")
    evidence = commands.add_parser("evidence", help="导出一条记录的证据：全过程、上报批次、平台答复，并核对摘要")
    evidence.add_argument("record_id", help="记录编号，见报表和页面")
    evidence.add_argument("--out", type=Path, required=True, help="一个新的目录")
    return top


class Lasting(Console):
    """A console whose reader may leave, as head does: the work goes on, and ends with the status that it has."""

    def on_broken_pipe(self) -> None:
        """Say no more; what is printed after this goes nowhere."""
        self.quiet = True
        _to_nowhere()


def _to_nowhere() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python writes the rest when it ends


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    given = parser().parse_args(arguments)
    logging.basicConfig(level=logging.DEBUG if given.debug else logging.WARNING, format="%(levelname)s %(message)s")
    console = Lasting()
    try:
        return _run(given, console)
    except ExchangeError as error:
        if given.debug:
            raise
        print(f"错误：{error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # whoever reads it, as head or less, has seen enough
        _to_nowhere()
        return 0
    except KeyboardInterrupt:
        print("已中断；做完的都保留，再运行一次即可做完其余的", file=sys.stderr)
        return 130
    except Exception as error:
        if given.debug:
            raise
        print(f"错误：{_unexpected(error)}", file=sys.stderr)
        return 1


def _unexpected(error: Exception) -> str:
    """Say what an error that nobody raised on purpose is; its own text may hold a person's data."""
    import psycopg
    from sqlalchemy.exc import OperationalError

    if isinstance(error, OSError) and error.filename is not None:
        full = "；磁盘满了，请腾出空间后再运行" if is_full(error) else ""
        return f"{error.filename}: {error.strerror}{full}"
    cause = error.orig if isinstance(error, OperationalError) else error
    if isinstance(cause, psycopg.OperationalError) and cause.sqlstate is None:  # the server itself has a state to tell
        first = str(cause).splitlines()[0]
        return f"连接不上数据库，请检查 CREDIT_EXCHANGE_DATABASE_URL：{first}"
    told = without_values(error)
    return told if remedy_of(error) else f"意外错误（{told}）；在命令前加 --debug 可看全部"


def _checked(given: argparse.Namespace) -> None:
    """Raise FatalError for dates that cannot be meant together or yet."""
    if given.command == "night" and given.date:
        ended(given.date)
    since, until = getattr(given, "since", None), getattr(given, "until", None)
    if given.command == "reconcile" and given.repair and not given.reason.strip():
        raise FatalError("--repair 要同时写明原因：--reason …")
    if given.command == "reconcile" and not given.repair and given.reason:
        raise FatalError("--reason 只与 --repair 一起写：要更正哪一种")
    if since and until and until < since:
        raise FatalError(f"--until {until} 早于 --since {since}")


def _run(given: argparse.Namespace, console: Console) -> int:
    _checked(given)
    if given.command == "schema":
        print(json.dumps(SCHEMAS[given.kind].model_json_schema(), ensure_ascii=False, indent=2))
        return 0
    if given.command == "config":
        from credit_exchange.steps import readiness

        found = load()
        readiness.check(found)
        for note in readiness.notes(found):
            console.print(f"提示：{note}", markup=False, highlight=False, soft_wrap=True)
        console.print(
            f"{found.root}：{len(found.datasets)} 个数据集，{len(found.feeds)} 个报送源，"
            f"{len(found.platforms)} 个平台，{len(found.sharing)} 条共享规则，全部正确",
            soft_wrap=True,
        )
        return 0
    if given.command == "migrate":
        from credit_exchange.stores.database import migrate

        migrate()
        return 0
    if given.command == "dry-run":
        from credit_exchange.cli.dry_run import dry_run
        from credit_exchange.cli.embedded import surroundings

        with surroundings():
            return dry_run(given.feed, given.date or last_business_date(), console)
    return _with_exchange(given, console)


def _with_exchange(given: argparse.Namespace, console: Console) -> int:
    """Run the commands that need the database; heavy modules are imported only here."""
    from credit_exchange.adapters.connections import resolve_by_command
    from credit_exchange.cli import actions
    from credit_exchange.cli.embedded import database
    from credit_exchange.steps.context import Exchange

    with database():
        # the watchdog must not need what it watches
        is_watchdog = given.command == "watchdog"
        resolve = from_environment if is_watchdog else resolve_by_command
        exchange = Exchange.open(resolve, whatever_the_files=is_watchdog)
        try:
            given.by = getpass.getuser()
            given.night = getattr(given, "date", None) or last_business_date()
            given.today = today()
            return actions.ACTIONS[given.command](exchange, given, console)
        finally:
            exchange.engine.dispose()
