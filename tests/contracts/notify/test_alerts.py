"""Alerts: one row an incident, told once, through real servers."""

from __future__ import annotations

import getpass
import json
import re
import shutil
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from email.header import decode_header, make_header
from pathlib import Path
from typing import Any

import pytest
from servers import Mailbox, Robot, through_airflow
from sqlalchemy import text

from credit_exchange.cli.main import main
from credit_exchange.config.connections import Connection, from_environment
from credit_exchange.core import business_time
from credit_exchange.errors import RetriableError
from credit_exchange.laptop.ports import free_port
from credit_exchange.steps import alerts, watchdog
from credit_exchange.steps.alerts import clear_others, notify, raise_alert
from credit_exchange.steps.channels import without_airflow
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.nights import close_night, open_night

TEXT = ("night:2026-11-22:feed fz_scjg_permit", "warning", "市场监管局 失败", "环节：collect <b>", "/exchange/night")


def row(exchange: Exchange) -> Any:
    with exchange.engine.connect() as connection:
        return connection.execute(text("select * from exchange.alert")).mappings().one()


@pytest.mark.parametrize("way", ["airflow", "watchdog"])
def test_an_incident_reaches_mail_and_webhook_once(
    exchange: Exchange, mailbox: Mailbox, robot: Robot, way: str
) -> None:
    channels = through_airflow() if way == "airflow" else without_airflow(from_environment)
    assert raise_alert(exchange, *TEXT) is True
    assert raise_alert(exchange, *TEXT) is False
    assert notify(exchange, channels) == 1
    assert notify(exchange, channels) == 0
    assert raise_alert(exchange, *TEXT) is False
    assert notify(exchange, channels) == 0
    [mail] = mailbox.mails
    assert "市场监管局 失败" in str(make_header(decode_header(mail["Subject"])))
    assert "a@city.example" in mail["To"]
    [body] = robot.bodies
    assert "市场监管局 失败" in body["text"]["content"]
    found = row(exchange)
    assert found["times"] == 3
    assert found["notified_at"] is not None
    assert found["channels"] == ["mail:sent", "webhook:sent"]


def test_many_workers_tell_an_incident_once(exchange: Exchange, robot: Robot) -> None:
    for number in range(5):
        raise_alert(exchange, f"{TEXT[0]}{number}", *TEXT[1:])
    with ThreadPoolExecutor(6) as pool:
        told = sum(pool.map(lambda _: notify(exchange, without_airflow(from_environment)), range(6)))
    assert told == 5
    assert len(robot.bodies) == 5


def test_a_refusal_inside_http_200_is_not_taken_for_delivery_and_is_tried_again(
    exchange: Exchange, mailbox: Mailbox, robot: Robot
) -> None:
    robot.errcode = 93000
    raise_alert(exchange, *TEXT)
    assert notify(exchange, through_airflow()) == 0
    assert row(exchange)["channels"] == ["mail:sent", "webhook:failed"]
    robot.errcode = 0
    assert notify(exchange, through_airflow()) == 1
    assert len(mailbox.mails) == 1
    assert len(robot.bodies) == 2


def test_a_robot_that_leads_elsewhere_without_end_fills_no_memory(exchange: Exchange, robot: Robot) -> None:
    robot.flood = 64 * 1024 * 1024
    raise_alert(exchange, *TEXT)
    assert notify(exchange, without_airflow(from_environment)) == 0
    assert row(exchange)["channels"] == ["mail:skipped", "webhook:failed"]
    assert robot.flood > 0


@pytest.mark.parametrize("instead", ["drips", "cut"])
def test_a_robot_that_does_not_finish_its_answer_has_not_taken_the_message(
    exchange: Exchange, mailbox: Mailbox, robot: Robot, monkeypatch: pytest.MonkeyPatch, instead: str
) -> None:
    """And keeps nobody else from being told."""
    monkeypatch.setattr("credit_exchange.steps.channels._TOTAL_SECONDS", 0.5)
    robot.instead = instead
    raise_alert(exchange, *TEXT)
    notify(exchange, without_airflow(from_environment))
    assert row(exchange)["channels"] == ["mail:sent", "webhook:failed"]


def test_without_connections_nobody_is_told_and_the_alert_says_so(
    exchange: Exchange, caplog: pytest.LogCaptureFixture
) -> None:
    raise_alert(exchange, *TEXT)
    assert notify(exchange, without_airflow(from_environment)) == 0
    assert "请配置连接 credit_smtp" in caplog.text
    found = row(exchange)
    assert found["channels"] == ["mail:skipped", "webhook:skipped"]
    assert found["notified_at"] is None


def test_one_address_that_is_refused_keeps_the_alert_from_nobody_else_and_is_told(
    exchange: Exchange, mailbox: Mailbox, caplog: pytest.LogCaptureFixture
) -> None:
    mailbox.unknown = {"b@city.example"}
    raise_alert(exchange, *TEXT)
    assert notify(exchange, without_airflow(from_environment)) == 1
    assert len(mailbox.mails) == 1
    assert "1 个收件人被邮件服务器拒收" in caplog.text


def test_an_incident_that_comes_back_is_a_new_one(exchange: Exchange, robot: Robot) -> None:
    raise_alert(exchange, *TEXT)
    notify(exchange, without_airflow(from_environment))
    assert clear_others(exchange, TEXT[0], []) == [TEXT[0]]
    assert clear_others(exchange, TEXT[0], []) == []
    assert raise_alert(exchange, *TEXT) is True
    assert notify(exchange, without_airflow(from_environment)) == 1
    assert len(robot.bodies) == 2


def only_the_webhook_tells(exchange: Exchange) -> None:
    """With Airflow and without: mail fails, and the other channel is told all the same."""
    for channels in (through_airflow(), without_airflow(from_environment)):
        raise_alert(exchange, *TEXT)
        notify(exchange, channels)
        assert row(exchange)["channels"] == ["mail:failed", "webhook:sent"]
        clear_others(exchange, TEXT[0], [])


def test_a_dead_mail_server_does_not_keep_the_webhook_from_being_told(
    exchange: Exchange, robot: Robot, monkeypatch: pytest.MonkeyPatch
) -> None:
    extra = {"to": "a@city.example", "disable_ssl": True, "disable_tls": True, "timeout": 2, "retry_limit": 1}
    value = {"conn_type": "smtp", "host": "127.0.0.1", "port": free_port(), "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_CREDIT_SMTP", json.dumps(value))
    only_the_webhook_tells(exchange)


@pytest.mark.parametrize("way", ["airflow", "watchdog"])
def test_a_mail_server_that_says_nothing_is_waited_for_once_whatever_there_is_to_tell(
    exchange: Exchange,
    robot: Robot,
    monkeypatch: pytest.MonkeyPatch,
    silent_server: tuple[int, list[socket.socket]],
    way: str,
) -> None:
    """Else ten alerts of a red night hold up its verdict until that is killed, and receipts are asked for half an hour
    later. The webhook is told all of them meanwhile."""
    port, taken = silent_server
    extra = {"to": "a@city.example", "disable_ssl": True, "disable_tls": True, "timeout": 1}
    value = {"conn_type": "smtp", "host": "127.0.0.1", "port": port, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_CREDIT_SMTP", json.dumps(value))
    for number in range(3):
        raise_alert(exchange, f"{TEXT[0]}{number}", *TEXT[1:])
    for call in (1, 2):
        notify(exchange, through_airflow() if way == "airflow" else without_airflow(from_environment))
        while len(taken) < call:  # it was connected to, and takes note of that now
            time.sleep(0.01)
        assert len(taken) == call
    assert len(robot.bodies) == 3


def test_what_nobody_was_told_goes_before_what_failed_and_a_call_ends_in_time(
    exchange: Exchange, robot: Robot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A channel may be so slow that a call does not come to the end: the next one goes on there."""
    monkeypatch.setattr(alerts, "LONGEST", 0.0)
    robot.errcode = 93000
    for number in range(3):
        raise_alert(exchange, f"{TEXT[0]}{number}", *TEXT[1:])
    for _ in range(4):
        notify(exchange, without_airflow(from_environment))
    told = [re.search(r"scjg_permit(\d)", str(body)) for body in robot.bodies]
    assert [found[1] for found in told if found] == ["0", "1", "2", "0"]


@pytest.mark.parametrize(
    "value",
    [
        {"conn_type": "smtp", "host": "127.0.0.1", "extra": {"to": "a@city.example", "timeout": "half a minute"}},
        {"conn_type": "smtp", "host": "127.0.0.1", "extra": {"to": 7}},
        {"conn_type": "smtp", "host": "m" * 70 + ".example", "extra": {"to": "a@city.example"}},
    ],
)
def test_a_channel_that_is_set_up_wrongly_keeps_no_other_from_being_told(
    exchange: Exchange, robot: Robot, monkeypatch: pytest.MonkeyPatch, value: dict[str, Any]
) -> None:
    """Nor does it end the task that tells: a verdict would not name what failed."""
    monkeypatch.setenv("AIRFLOW_CONN_CREDIT_SMTP", json.dumps(value))
    only_the_webhook_tells(exchange)


def test_a_connection_that_nobody_can_give_keeps_no_other_channel_from_being_told(
    exchange: Exchange, robot: Robot
) -> None:
    from credit_exchange.adapters.notifiers import channels

    def resolve(conn_id: str) -> Connection:
        if conn_id == "credit_smtp":
            raise RetriableError("连接 credit_smtp：Airflow 的 API 服务没有给出")
        return from_environment(conn_id)

    for some in (channels(resolve), without_airflow(resolve)):
        raise_alert(exchange, *TEXT)
        notify(exchange, some)
        assert row(exchange)["channels"] == ["mail:failed", "webhook:sent"]
        clear_others(exchange, TEXT[0], [])


def finished(exchange: Exchange, day: str) -> None:
    open_night(exchange, f"run_{day}", date.fromisoformat(day), "scheduled")
    close_night(exchange, f"run_{day}", [])


def test_a_gap_of_nights_is_one_incident_and_backfills_raise_none(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDIT_EXCHANGE_NOW", "2026-11-20T05:59:00")
    finished(exchange, "2026-11-18")
    assert watchdog.check(exchange) == []
    monkeypatch.setenv("CREDIT_EXCHANGE_NOW", "2026-11-20T06:00:00")
    [finding] = watchdog.check(exchange)
    assert (finding.incident_key, finding.is_new) == ("late:2026-11-19", True)
    for now in ("2026-11-21T07:00:00", "2026-11-22T07:00:00"):
        monkeypatch.setenv("CREDIT_EXCHANGE_NOW", now)
        [finding] = watchdog.check_late(exchange)
        assert (finding.incident_key, finding.is_new) == ("late:2026-11-19", False)
    finished(exchange, "2026-11-19")  # caught up from its beginning: still the same incident
    [finding] = watchdog.check_late(exchange)
    assert (finding.incident_key, finding.is_new) == ("late:2026-11-19", False)
    finished(exchange, "2026-11-21")
    open_night(exchange, "backfill_1", date(2026, 11, 1), "backfill")
    assert watchdog.check(exchange) == []
    assert alerts.open_incidents(exchange, "late:") == []


def test_a_watchdog_whose_own_clock_is_wrong_says_so(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    """A day behind it would find no night late."""
    with monkeypatch.context() as patch:
        patch.setattr(business_time, "now", lambda: datetime.now(business_time.SHANGHAI) - timedelta(hours=26))
        assert [found.incident_key for found in watchdog.check(exchange)] == ["clock:"]
        assert "相差 1560 分钟" in row(exchange)["detail"]
    watchdog.check(exchange)
    assert alerts.open_incidents(exchange, "clock:") == []


def test_wrong_files_are_told_by_the_watchdog_which_goes_on_without_them(
    exchange: Exchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """They stop every task before it can tell anybody: nothing may depend on them that watches."""
    monkeypatch.setenv("CREDIT_EXCHANGE_NOW", "2026-11-20T06:00:00")
    monkeypatch.setenv("CREDIT_EXCHANGE_DATABASE_URL", str(exchange.engine.url.render_as_string(hide_password=False)))
    finished(exchange, "2026-11-18")
    kept = "forgotten:china:permit"  # nobody can judge it now
    raise_alert(exchange, kept, "critical", "在公示", "", "")
    shutil.copytree(exchange.config.root, tmp_path / "files", ignore=shutil.ignore_patterns("sandbox", "sql"))
    monkeypatch.setenv("CREDIT_EXCHANGE_CONFIG", str(tmp_path / "files"))
    feed, rules = (tmp_path / "files" / name for name in ("feeds/fz_gulou_permit.yml", "sharing/20_privacy.yml"))
    whole = {path: path.read_text(encoding="utf-8") for path in (feed, rules)}
    for path in (feed, rules):
        path.write_text(whole[path] + ": [", encoding="utf-8")
    assert main(["watchdog"]) == 0
    incidents = ["files:all", "files:feed fz_gulou_permit"]
    assert sorted(alerts.open_incidents(exchange, "")) == [*incidents, kept, "late:2026-11-19"]
    assert "20_privacy.yml 第 " in capsys.readouterr().out

    rules.write_text(whole[rules], encoding="utf-8")
    assert main(["watchdog"]) == 0
    assert alerts.open_incidents(exchange, "files:") == incidents[1:]
    assert alerts.open_incidents(exchange, "forgotten:") == []
    feed.write_text(whole[feed], encoding="utf-8")
    assert main(["watchdog"]) == 0
    assert alerts.open_incidents(exchange, "files:") == []


def test_a_cleared_run_keeps_its_business_date(exchange: Exchange) -> None:
    first = open_night(exchange, "manual__1", date(2026, 11, 22), "manual")
    again = open_night(exchange, "manual__1", date(2026, 11, 23), "manual")
    assert again == first


def test_circuits_unknown_shipments_and_held_batches_are_told_and_cleared(exchange: Exchange) -> None:
    with exchange.engine.begin() as connection:
        connection.execute(
            text("insert into exchange.platform_state (platform, circuit, failures) values ('a', 'open', 5)")
        )
        connection.execute(
            text(
                "insert into exchange.shipment (shipment_no, platform, dataset, op, batch_no, idem_key, body_sealed,"
                " body_digest, records, state, sent_at) values"
                " ('s1', 'a', 'permit', 'upsert', 'b', 'k', '', '', 7, 'unknown', now() - interval '61 minutes'),"
                " ('s2', 'b', 'permit', 'upsert', 'b', 'k', '', '', 7, 'unknown', now() - interval '5 minutes')"
            )
        )
        connection.execute(
            text(
                "insert into exchange.batch (feed, department, department_name, dataset, schema_version, business_date,"
                " state) values ('f', 'd', '某局', 'permit', '1', '2026-11-22', 'held')"
            )
        )
    keys = [finding.incident_key for finding in watchdog.check(exchange)]
    assert keys == ["circuit:a", "unknown:a", "held:f:2026-11-22"]
    with exchange.engine.begin() as connection:
        connection.execute(text("update exchange.platform_state set circuit = 'closed'"))
        connection.execute(text("update exchange.shipment set state = 'settled'"))
        connection.execute(text("update exchange.batch set state = 'complete'"))
    assert watchdog.check(exchange) == []
    assert alerts.open_incidents(exchange, "") == []


def test_a_look_that_fails_keeps_nothing_else_from_being_found_and_told(
    exchange: Exchange, robot: Robot, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with exchange.engine.begin() as connection:
        connection.execute(text("insert into exchange.platform_state (platform, circuit) values ('fujian', 'open')"))
    monkeypatch.setenv("CREDIT_EXCHANGE_FIRST_DATE", "1.11.2026")
    assert main(["watchdog"]) == 1
    assert "CREDIT_EXCHANGE_FIRST_DATE" in capsys.readouterr().err
    assert ["信用福建暂停上报" in str(body) for body in robot.bodies] == [True]


def test_the_command_that_is_told_ends_a_shipment_without_an_outcome(exchange: Exchange) -> None:
    with exchange.engine.begin() as connection:
        connection.execute(
            text(
                "insert into exchange.shipment (shipment_no, platform, dataset, op, batch_no, idem_key, body_sealed, "
                "body_digest, records, state, tries) "
                "values ('s1', 'fujian', 'permit', 'withdraw', 'b', 'k', '', '', 7, 'awaiting_receipt', 1)"
            )
        )
        connection.execute(
            text(
                "insert into exchange.attempt (shipment_no, kind, fence, started_at) "
                "values ('s1', 'send', 1, now() - interval '25 hours'), ('s1', 'poll', 1, now())"
            )
        )
    [finding] = watchdog.check(exchange)
    assert "信用福建" in finding.subject
    assert "撤下 7 条" in finding.detail
    command = re.search(r"python -m credit_exchange (settle s1 --as delivered --reason) ", finding.detail)
    assert command
    assert main([*command[1].split(), "平台张三 13805911234 已确认"]) == 0
    assert watchdog.check(exchange) == []
    with exchange.engine.connect() as connection:
        (row,) = connection.execute(text("select state, code, problem from exchange.shipment")).all()
    assert (row.state, row.code) == ("settled", "STATED")
    assert getpass.getuser() in row.problem
    assert "13805911234" not in row.problem
    assert main(["settle", "s1", "--as", "afresh", "--reason", "x"]) == 1
    assert main(["settle", "s2", "--as", "afresh", "--reason", "x"]) == 1
