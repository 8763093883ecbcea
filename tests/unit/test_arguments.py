"""The command line's arguments: a slip is told in one line, and never looks like a night of which a part failed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from credit_exchange.cli.main import main


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["night", "--date", "2026-13-24"], "'2026-13-24' 不是日期；请写作 2026-11-22"),
        (["night", "--date", "2026-11-22", "--feed"], "参数 --feed：后面要写一个值"),
        (["approve", "seven", "--reason", "x"], "'seven' 不是整数"),
        (["approve", "7", "--reason", "  "], "请写明原因"),
        (["waive", "7", "--reason", "  "], "请写明原因"),
        (["forecast"], "没有 'forecast'，可选 "),
        (["withdraw", "r", "--authority", "court"], "缺少参数 --reason"),
        (["restored"], "缺少参数，请写其中一个：--reason --begin"),
        (["restored", "--begin", "--reason", "x"], "不能同时用 --begin"),
        (["night", "--dates"], "没有这样的参数：--dates"),
        (["withdraw", "r", "--authority", "me", "--reason", "x"], "没有 'me'，可选 "),
    ],
)
def test_a_wrong_argument_is_one_line_and_exit_status_one(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    shown = capsys.readouterr()
    assert ended.value.code == 1
    assert shown.err.startswith("错误：")
    assert told in shown.err
    assert shown.err.count("\n") == 1
    assert not shown.out


def test_no_night_before_its_business_date_has_ended(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is landed stays: rows that come later that day would never be collected."""
    monkeypatch.setenv("CREDIT_EXCHANGE_NOW", "2026-11-22T23:00:00")
    assert main(["night", "--date", "2026-11-22"]) == 1
    assert "业务日期 2026-11-22 还没有过完" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--repair", "missing"], "--repair 要同时写明原因"),
        (["--record", "r1", "--reason", "x"], "--reason 只与 --repair 一起写"),
    ],
)
def test_what_is_repaired_is_said_with_its_reason(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """And nobody thinks that a reason alone repairs something."""
    assert main(["reconcile", *arguments]) == 1
    assert told in capsys.readouterr().err


def test_dates_in_the_wrong_order_make_no_empty_return_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "rows.xlsx"
    days = ["--since", "2026-11-22", "--until", "2026-11-21"]
    assert main(["return-file", "fz_gulou", *days, "--out", str(target)]) == 1
    assert "--until 2026-11-21 早于 --since 2026-11-22" in capsys.readouterr().err
    assert not target.exists()


def test_a_database_that_cannot_be_reached_is_told_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CREDIT_EXCHANGE_DATABASE_URL", "postgresql://somebody:secret@127.0.0.1:1/nowhere")
    monkeypatch.setattr("credit_exchange.stores.database.time.sleep", lambda _seconds: None)
    assert main(["backlog"]) == 1
    told = capsys.readouterr().err
    assert "连接不上数据库，请检查 CREDIT_EXCHANGE_DATABASE_URL" in told
    assert "secret" not in told
    assert told.count("\n") == 1


def test_a_defect_is_told_without_its_text_which_may_quote_a_row(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise ValueError("张三 110101199003070011")

    monkeypatch.setattr("credit_exchange.cli.main.load", broken)
    assert main(["config", "check"]) == 1
    told = capsys.readouterr().err
    assert "unexpected builtins.ValueError at cli/main.py:" in told
    assert "110101199003070011" not in told
    with pytest.raises(ValueError, match="张三"):
        main(["--debug", "config", "check"])


def test_whoever_reads_only_the_beginning_sees_no_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w", encoding="utf-8", buffering=1) as pipe:
        monkeypatch.setattr("sys.stdout", pipe)
        assert main(["schema", "dataset"]) == 0
    assert capsys.readouterr().err == ""


def test_work_goes_on_when_nobody_reads_what_it_says(tmp_path: Path) -> None:
    """`night … | head` stopped the night where its second line was due, with the platforms still to come."""
    done = tmp_path / "done"
    code = (
        "import sys; from credit_exchange.cli.main import Lasting; told = Lasting()\n"
        "for _ in range(99): told.print('福州' * 999)\n"
        f"open({str(done)!r}, 'w').close(); sys.exit(2)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2] / "plugins")}
    ours, theirs = os.pipe()
    os.close(ours)
    try:
        command = [sys.executable, "-c", code]
        ended = subprocess.run(command, env=environment, stdout=theirs, stderr=subprocess.PIPE, text=True, check=False)
    finally:
        os.close(theirs)
    assert (ended.returncode, ended.stderr) == (2, "")
    assert done.exists()
