"""Many incidents at once: told in one message where they are alike, in no more than a channel takes."""

from __future__ import annotations

import re

import pytest
from servers import Mailbox, Robot, through_airflow
from sqlalchemy import text

from credit_exchange.config.connections import from_environment
from credit_exchange.steps.alerts import notify, raise_alert
from credit_exchange.steps.channels import without_airflow
from credit_exchange.steps.context import Exchange


def raise_many(exchange: Exchange, number: int) -> None:
    for one in range(number):
        raise_alert(
            exchange, f"night:2026-11-22:feed f{one:03}", "warning", f"第 {one:03} 局没有完成", "没有收到" * 99, "/x"
        )


def test_what_comes_by_the_hundred_is_told_in_one_message(
    exchange: Exchange, mailbox: Mailbox, robot: Robot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the inbox is not mounted: a robot takes twenty messages a minute, and nobody reads three hundred mails.

    What is worse is still told by itself, and what one channel refused goes there again in one message, too.
    """
    raise_many(exchange, 300)
    raise_alert(exchange, "forgotten:china:permit", "critical", "仍在公示", "", "/y")
    robot.errcode = 93000
    assert notify(exchange, through_airflow()) == 0
    assert (len(mailbox.mails), len(robot.bodies)) == (2, 2)
    robot.errcode = 0
    assert notify(exchange, without_airflow(from_environment)) == 301
    assert (len(mailbox.mails), len(robot.bodies)) == (2, 4)
    told = sorted((body["text"]["content"] for body in robot.bodies[2:]), key=len)
    assert "仍在公示" in told[0]
    assert "300 项告警" in told[1]
    assert "第 000 局没有完成" in told[1]
    assert "详情：/x" in told[1]
    with exchange.engine.connect() as connection:
        rows = connection.execute(text("select distinct channels, notified_at is null from exchange.alert")).all()
    assert [tuple(found) for found in rows] == [(["mail:sent", "webhook:sent"], False)]
    raise_many(exchange, 301)
    assert notify(exchange, without_airflow(from_environment)) == 1
    assert "第 300 局没有完成" in robot.bodies[-1]["text"]["content"]


def test_in_one_message_goes_only_of_what_the_same_became_on_each_channel(
    exchange: Exchange, mailbox: Mailbox, robot: Robot
) -> None:
    """Else what nobody was told of by mail would be taken for told, with what had been."""
    raise_many(exchange, 11)
    robot.errcode = 93000
    assert notify(exchange, through_airflow()) == 0
    robot.errcode = 0
    with exchange.engine.begin() as connection:  # what was never tried goes before what is worse and was
        connection.exec_driver_sql("update exchange.alert set severity = 'critical'")
    for one in range(11):
        raise_alert(exchange, f"later:{one}", "warning", f"后来的第 {one:02} 项", "", "/y")
    assert notify(exchange, without_airflow(from_environment)) == 22
    assert [len(re.findall("后来的第|局没有完成", body["text"]["content"])) for body in robot.bodies] == [8, 8, 8]
    first, second = (
        "".join(part.get_payload(decode=True).decode() for part in mail.walk() if not part.is_multipart())
        for mail in mailbox.mails
    )
    assert "局没有完成" in first
    assert "后来的第 00 项" in second
    assert "局没有完成" not in second
    assert "后来的第 00 项" in robot.bodies[1]["text"]["content"], "what was never tried goes first"
    assert "局没有完成" in robot.bodies[2]["text"]["content"]


def test_what_another_worker_is_telling_keeps_nothing_from_being_told(exchange: Exchange, robot: Robot) -> None:
    """It has locked all that are alike, and may wait for a channel for minutes."""
    raise_many(exchange, 11)
    raise_alert(exchange, "forgotten:china:permit", "critical", "仍在公示", "", "/y")
    with exchange.engine.begin() as other:
        other.exec_driver_sql("select from exchange.alert where severity = 'warning' for update")
        assert notify(exchange, without_airflow(from_environment)) == 1
    assert ["仍在公示" in body["text"]["content"] for body in robot.bodies] == [True]
    assert notify(exchange, without_airflow(from_environment)) == 11


@pytest.mark.parametrize("number", [1, 300])
def test_a_group_robot_gets_no_more_than_it_takes(exchange: Exchange, robot: Robot, number: int) -> None:
    """WeCom refuses a text of more than 2,048 bytes: it would be tried again every five minutes, for ever."""
    for one in range(number):
        subject = f"配置文件有错，第 {one} 局的行政许可不能运行，其余照常"
        raise_alert(
            exchange, f"files:{one}", "critical", subject, "include/feeds/x.yml 第 3 行：应为文本；" * 60, "/exchange/z"
        )
    notify(exchange, without_airflow(from_environment))
    [body] = robot.bodies
    told = body["text"]["content"]
    assert len(told.encode("utf-8")) <= 2048
    assert told.startswith("[信用信息交换·严重]")
    assert "\n详情：/exchange/" in told
