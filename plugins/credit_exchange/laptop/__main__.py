"""`python -m credit_exchange.laptop run|stop|status`."""

from __future__ import annotations

import argparse
import sys

from rich.console import Console

from credit_exchange.errors import ExchangeError
from credit_exchange.laptop.launcher import EXIT_BROKEN, Launcher, stop
from credit_exchange.laptop.room import told
from credit_exchange.laptop.settings import Laptop, chosen_home


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m credit_exchange.laptop", description="在一台机器上运行整个交换")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="启动全部，运行最近一夜，直到 Ctrl-C")
    run.add_argument("--once", action="store_true", help="这一夜结束就退出：0 全部完成，2 有部分未完成")
    run.add_argument(
        "--faults",
        action="store_true",
        help="加入损坏的报送和异常的平台，数据另存于 <home>/faults",
    )
    commands.add_parser("stop", help="停止正在运行的")
    commands.add_parser("status", help="看是否在运行")
    commands.add_parser("clean", help="停止，并删除数据库文件")
    chosen = parser.parse_args(arguments)
    console = Console(stderr=False)
    try:
        base = Laptop.of()
        homes = [base, Laptop.of(base.home / "faults")] if (base.home / "faults").exists() else [base]
        if chosen.command == "run":
            # apart from the good nights: what was landed and delivered for a date once is never replaced
            laptop = Laptop.of(base.home / "faults") if chosen.faults else base
            return Launcher(laptop, console, once=chosen.once, faults=chosen.faults).run()
        for laptop in homes:
            if chosen.command == "clean":
                stop(laptop)
                laptop.server().delete()
            elif chosen.command == "stop":
                console.print(f"{laptop.home}：{'已停止' if stop(laptop) else '没有在运行'}", soft_wrap=True)
            else:
                found = laptop.running()
                what = f"正在运行（进程 {found[0]}），{found[1].ui_url}" if found else "没有在运行"
                console.print(f"{laptop.home}：{what}", soft_wrap=True, highlight=False)
    except (ExchangeError, OSError) as error:
        console.print(told(error, [chosen_home()]), style="red", markup=False, highlight=False, soft_wrap=True)
        return EXIT_BROKEN
    return 0


if __name__ == "__main__":
    sys.exit(main())
