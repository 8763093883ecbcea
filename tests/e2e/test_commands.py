"""The command line against a night of the sandbox city: what a data engineer types in the morning."""

from __future__ import annotations

import getpass
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from openpyxl import load_workbook
from sqlalchemy import text
from town import UNTIL, Town, town

from credit_exchange.cli.main import main
from credit_exchange.laptop.launcher import _locked
from credit_exchange.laptop.ports import Ports, free_port
from credit_exchange.laptop.postgres import EmbeddedPostgres
from credit_exchange.laptop.settings import Laptop
from credit_exchange.stores import sql
from credit_exchange.ui.pages import Pages

FEEDS = ["fz_gulou_permit", "fz_xfj_penalty"]


@pytest.fixture(scope="module")
def before(
    pg_server: EmbeddedPostgres, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Town]:
    pg_server.create_database("commands", template=migrated_template)
    with town(tmp_path_factory.mktemp("commands"), pg_server.url("commands")) as made:
        yield made


@pytest.fixture(scope="module")
def night(before: Town) -> tuple[int, str]:
    """The night of two feeds and a platform: its exit status, and what it said."""
    feeds = [part for feed in FEEDS for part in ("--feed", feed)]
    with redirect_stdout(StringIO()) as told:
        status = main(["night", "--date", str(UNTIL), *feeds, "--platform", "fuzhou"])
    return status, told.getvalue()


@pytest.fixture
def city(before: Town, night: tuple[int, str]) -> Town:
    """The morning after it, whichever test is picked."""
    return before


def test_a_night_by_command_says_what_became_of_every_part(night: tuple[int, str]) -> None:
    status, told = night
    assert status == 0
    assert "福州市消防救援支队" in told
    assert "信用福州" in told


def test_what_is_limited_to_some_parts_is_no_night_of_its_date(city: Town) -> None:
    """Else a night that never ran would count as finished, and nobody would be told that it is missing."""
    assert main(["night", "--date", "2026-10-02", "--platform", "fuzhou"]) == 0
    assert city.query("select run_id from exchange.night where business_date = '2026-10-02'") == []


def test_a_failed_part_gives_exit_status_two(city: Town, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["night", "--date", "2026-10-01", "--feed", FEEDS[0], "--platform", "fuzhou"]) == 2
    assert "没有收到 " in capsys.readouterr().out.replace("\n", "")


def test_a_record_is_explained_from_its_source_line_to_its_receipt(
    city: Town, capsys: pytest.CaptureFixture[str]
) -> None:
    (row,) = city.query(
        "select record_id, document_no from report.delivery join report.record using (record_id) limit 1"
    )
    assert main(["explain", "--document-no", row["document_no"], "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["versions"][0]["line_no"] >= 1
    assert told["versions"][0]["source_digest"]
    assert told["releases"][0]["rules"]
    receipts = {d["platform"]: d["receipt_no"] for d in told["deliveries"]}
    assert receipts["fuzhou"]
    assert main(["explain", row["record_id"]]) == 0
    shown = capsys.readouterr().out
    for word in ("信用主体", "原始字节 SM3", "适用的规则", "回执号", "已送达", "信用福州 fuzhou"):
        assert word in shown
    assert "deciding_rule" not in shown


@pytest.mark.parametrize("part", [["--feed", "fz_nobody_permit"], ["--platform", "nowhere"]])
def test_a_night_of_what_does_not_exist_does_nothing(
    city: Town, capsys: pytest.CaptureFixture[str], part: list[str]
) -> None:
    assert main(["night", "--date", str(UNTIL), "--feed", FEEDS[0], *part]) == 1
    told = capsys.readouterr()
    assert f"没有{'报送源' if part[0] == '--feed' else '平台'} {part[1]!r}；现有：" in told.err
    assert not told.out


def test_an_unknown_record_is_told_without_a_traceback(city: Town, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "nothing"]) == 1
    assert "没有记录 nothing" in capsys.readouterr().err


def test_the_return_file_holds_the_rows_as_delivered_with_their_reasons(city: Town, tmp_path: Path) -> None:
    target = tmp_path / "rows.xlsx"
    target.touch(mode=0o644)  # one of yesterday that everybody may read, and somebody has open
    with target.open("rb") as opened:
        assert main(["return-file", "fz_gulou", "--out", str(target)]) == 0
        assert not opened.read()
    assert [path.name for path in tmp_path.iterdir()] == ["rows.xlsx"]
    rows = list(load_workbook(target).active.iter_rows(values_only=True))
    held = city.query("select count(distinct line_no) as n from report.quarantine where department = 'fz_gulou'")[0][
        "n"
    ]
    assert len(rows) == held + 1
    assert oct(target.stat().st_mode & 0o777) == "0o600"
    assert all(re.search(r"S\d\d", str(row[3])) for row in rows[1:])
    assert all(re.fullmatch(r"行政许可（fz_gulou_permit），文件 \S+\.csv", str(row[0])) for row in rows[1:])
    assert rows[0][4:6] == ("行政相对人名称", "行政相对人类别"), "as the department calls its columns, in its order"
    assert {"操作类型", "更新时间"} <= set(rows[0])
    assert not re.search(r"XK_|[^\w]_\w", str(rows))


def test_who_delivers_an_older_table_finds_its_own_columns_in_the_reasons(city: Town, tmp_path: Path) -> None:
    path = Path(city.environment["CREDIT_EXCHANGE_INBOX"]) / f"fz_jyj/XK_{UNTIL:%Y%m%d}.csv"
    path.write_text(path.read_text("utf-8").replace(",普通,", ",普通许可,"), "utf-8")
    assert main(["night", "--date", str(UNTIL), "--feed", "fz_jyj_permit", "--platform", "fuzhou"]) == 0
    target = tmp_path / "rows.xlsx"
    assert main(["return-file", "fz_jyj", "--out", str(target)]) == 0
    head, *rows = load_workbook(target).active.iter_rows(values_only=True)
    assert "审批类别" in head
    assert any("S07 审批类别 审批类别不在规定范围内" in str(row[3]) for row in rows)
    # the older table has one date for two fields of today's, and its department is told of it once
    assert max(str(row[3]).count("不是有效日期") for row in rows) == 1
    page = Pages(city.exchange.engine).quarantine("fz_jyj_permit", "S09", None)
    assert max(row["messages"].count("不是有效日期") for row in page["rows"]) == 1


def test_a_row_that_is_delivered_again_as_it_was_goes_back_once(city: Town, tmp_path: Path) -> None:
    part = ["--feed", "fz_gulou_permit", "--platform", "fuzhou"]
    assert main(["return-file", "fz_gulou", "--out", str(tmp_path / "before.xlsx")]) == 0
    assert main(["night", "--date", str(UNTIL), *part, "--recollect"]) == 0
    assert main(["return-file", "fz_gulou", "--out", str(tmp_path / "after.xlsx")]) == 0
    before, after = (
        [row[2:] for row in load_workbook(tmp_path / name).active.iter_rows(values_only=True)]
        for name in ("before.xlsx", "after.xlsx")
    )
    assert after == before


def test_the_return_file_shows_the_character_that_no_workbook_can_hold(city: Town, tmp_path: Path) -> None:
    """A row is often held for such a character: one of them must not cost the department its whole return file."""
    assert main(["night", "--date", str(UNTIL), "--feed", "fz_zwfw_permit", "--platform", "fuzhou"]) == 0
    (bad,) = city.query(
        "select line_no from report.quarantine where feed = 'fz_zwfw_permit' and rule_id = 'S18' and field = 'XK_NR'"
    )
    assert main(["return-file", "fz_zwfw", "--out", str(tmp_path / "rows.xlsx")]) == 0
    rows = list(load_workbook(tmp_path / "rows.xlsx").active.iter_rows(values_only=True))
    [shown] = [row[rows[0].index("XK_NR")] for row in rows if row[2] == str(bad["line_no"])]
    assert re.search("[\N{SYMBOL FOR NULL}-\N{SYMBOL FOR UNIT SEPARATOR}]", str(shown))


def test_a_slip_in_the_departments_name_makes_no_empty_return_file(
    city: Town, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["return-file", FEEDS[0], "--out", str(tmp_path / "rows.xlsx")]) == 1
    assert "没有部门 'fz_gulou_permit'；现有：" in capsys.readouterr().err
    assert not (tmp_path / "rows.xlsx").exists()


def test_evidence_is_a_folder_with_the_platforms_own_words(city: Town, tmp_path: Path) -> None:
    (row,) = city.query("select record_id from report.delivery where state = 'delivered' limit 1")
    assert main(["evidence", row["record_id"], "--out", str(tmp_path / "e")]) == 0
    (reply,) = (tmp_path / "e").glob("*.reply")
    assert b"receipt_no" in reply.read_bytes()
    assert json.loads((tmp_path / "e" / "differs.json").read_bytes()) == []
    assert main(["evidence", row["record_id"], "--out", str(tmp_path / "later")]) == 0
    told = json.loads((tmp_path / "later" / "explanation.json").read_bytes())
    assert [taken["taken_by"] for taken in told["handed_out"]] == [getpass.getuser()], (
        "who took it before is part of it"
    )


def test_the_summary_says_of_the_platforms_what_the_views_say(city: Town) -> None:
    """It reads all that was decided once, by itself: the views are what the outside relies on."""
    told = city.query(sql.source("summary/platforms"))
    assert told
    for row in told:
        given = {"platform": row["platform"], "dataset": row["dataset"]}
        for view in ("published", "withheld"):
            counted = f"select count(*) as n from report.{view} where platform = :platform and dataset = :dataset"
            assert city.query(counted, **given) == [{"n": row[view]}]


def test_evidence_says_what_was_changed_after_it_was_written(
    city: Town, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the export would otherwise hand out as proof."""
    (row,) = city.query(
        "select record_id, shipment_no from report.delivery where state = 'delivered' and dataset = 'permit' limit 1"
    )

    def change(statement: str) -> None:
        with city.exchange.engine.begin() as connection:
            assert connection.execute(text(statement), row).rowcount == 1

    content = "update exchange.record_version set content = {} where record_id = :record_id"
    shipment = "update exchange.shipment set reply_digest = {}, body_sealed = {} where shipment_no = :shipment_no"
    change(content.format("replace(content, '准予', '不准予')"))
    change(shipment.format("'x' || reply_digest", "body_sealed || 'x'"))
    try:
        assert main(["evidence", row["record_id"], "--out", str(tmp_path / "e")]) == 2
    finally:
        change(content.format("replace(content, '不准予', '准予')"))
        change(shipment.format("substr(reply_digest, 2)", "substr(body_sealed, 1, length(body_sealed) - 1)"))
    differs = json.loads((tmp_path / "e" / "differs.json").read_bytes())
    assert [one.split(" ")[-1] for one in differs] == ["版的内容", "的字节", "的答复"]
    assert list((tmp_path / "e").glob("*.reply")) == []
    assert "不能作为证据" in capsys.readouterr().out
    assert main(["evidence", row["record_id"], "--out", str(tmp_path / "again")]) == 0


def test_withdrawing_by_command_reaches_the_platform(city: Town) -> None:
    (row,) = city.query("select record_id from report.published where platform = 'fuzhou' limit 1")
    arguments = ["--authority", "repair", "--reason", "信用修复", "--legal-basis", "发改委令第36号"]
    assert main(["withdraw", row["record_id"], *arguments]) == 0
    assert main(["night", "--date", str(UNTIL), "--platform", "fuzhou"]) == 0
    assert row["record_id"] not in {key[1] for key in city.platforms["fuzhou"].current()}
    assert main(["backlog"]) == 0
    assert main(["watchdog"]) == 0


def test_a_record_that_is_reinstated_is_no_longer_counted_among_those_that_are_gone(
    city: Town, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where it stands now is asked, not what was done."""

    def gone() -> int:
        capsys.readouterr()
        assert main(["summary", "--date", str(UNTIL)]) == 0
        rows = re.findall(r"(?m)^信用福州 +\S+ +\d+ +(\d+) ", capsys.readouterr().out)
        assert rows
        return sum(map(int, rows))

    assert main(["night", "--date", str(UNTIL), "--platform", "fuzhou"]) == 0
    (row,) = city.query("select record_id from report.published where platform = 'fuzhou' limit 1")
    before = gone()
    for action, more in (("withdraw", 1), ("reinstate", 0)):
        assert main([action, row["record_id"], "--authority", "office", "--reason", "核实"]) == 0
        assert main(["night", "--date", str(UNTIL), "--platform", "fuzhou"]) == 0
        assert gone() == before + more


def test_a_dry_run_writes_and_sends_nothing(city: Town, capsys: pytest.CaptureFixture[str]) -> None:
    before = city.query("select count(*) as n from exchange.batch"), len(city.platforms["fuzhou"].ledger.requests())
    assert main(["dry-run", "--feed", "fz_wjw_permit", "--date", str(UNTIL)]) == 0
    assert "福州市卫生健康委员会" in capsys.readouterr().out
    after = city.query("select count(*) as n from exchange.batch"), len(city.platforms["fuzhou"].ledger.requests())
    assert before == after


def test_a_dry_run_names_no_batch_since_its_own_is_gone_and_the_number_is_another_ones(
    city: Town, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever types `waive 1` after it means the department that he tried out."""
    assert main(["dry-run", "--feed", "fz_wjw_permit", "--date", str(UNTIL - timedelta(days=40))]) == 2
    told = capsys.readouterr().out
    assert "福州市卫生健康委员会 · 行政许可：没有收到" in told
    assert told.count("没有收到") == 1
    assert "报送批次" not in told


OF_THE_CITY = {"CREDIT_EXCHANGE_DATABASE_URL", "CREDIT_EXCHANGE_LANDING"}
"""A database and its landing belong together."""


def test_without_a_database_the_embedded_one_is_used_and_keeps_its_data(city: Town, tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if k not in OF_THE_CITY}
    tmp_path.chmod(0o755)
    environment |= {
        "CREDIT_EXCHANGE_HOME": str(tmp_path / "home"),
        "CREDIT_EXCHANGE_DATABASE_PORT": str(free_port()),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    night = [sys.executable, "-m", "credit_exchange", "night", "--date", str(UNTIL), "--feed", FEEDS[0]]
    first = subprocess.run(
        [*night, "--platform", "fuzhou"], env=environment, capture_output=True, text=True, timeout=200
    )
    assert first.returncode == 0, first.stdout + first.stderr
    summary = [sys.executable, "-m", "credit_exchange", "summary", "--date", str(UNTIL)]
    again = subprocess.run(summary, env=environment, capture_output=True, text=True, timeout=200)
    assert "福州市鼓楼区" in again.stdout, again.stderr


def test_while_a_red_night_runs_the_commands_speak_of_it(tmp_path: Path) -> None:
    """Also from a terminal that knows nothing of the ports it was given: a server of their own would end its server."""
    tmp_path.chmod(0o755)
    home = tmp_path / "home"
    laptop = Laptop.of(home / "faults", Ports.free())
    of_the_city = ("CREDIT_EXCHANGE_DATABASE_URL", "CREDIT_EXCHANGE_INBOX")
    environment = {k: v for k, v in os.environ.items() if k not in of_the_city} | {
        "CREDIT_EXCHANGE_HOME": str(home),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "credit_exchange", *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200)

    with _locked(laptop):
        early = run("backlog")
        assert early.returncode == 1
        assert f"make run 正在 {laptop.home} 运行（进程 {os.getpid()}）" in early.stderr
        server = laptop.start_server()
        try:
            told = run("backlog")
            tried = run("dry-run", "--feed", "fz_wlj_permit", "--date", str(UNTIL))
            assert server.running(), "it belongs to the red night"
        finally:
            server.stop()
            server.delete()
    assert (told.returncode, told.stdout) == (0, "各平台没有积压\n"), told.stderr
    assert str(laptop.home) in told.stderr
    assert f"投放目录 {laptop.home / 'inbox'}" in tried.stdout, "a dry run reads what the red night was delivered"
