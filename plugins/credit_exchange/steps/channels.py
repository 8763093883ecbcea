"""Mail and webhook without Airflow: what the watchdog tells people with, and what the Airflow notifiers build on.

Connections: `credit_smtp` (host, port, login, password; extra `to` = addresses, `from_email`, `disable_ssl`,
`disable_tls`, `timeout`, for Airflow's notifier `retry_limit`, 0 by default: what failed is told again within minutes)
and `credit_webhook` (host = the whole URL of the group robot, or password = the URL; extra `form` = wecom, dingtalk or
json). The same connections serve Airflow's notifiers.
"""

from __future__ import annotations

import json
import logging
import os
import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass, replace
from email.message import EmailMessage
from html import escape
from typing import Any

import requests
import urllib3

from credit_exchange.config.connections import Connection
from credit_exchange.errors import ConfigurationError, RetriableError
from credit_exchange.steps.alerts import Alert, ChannelAbsent, ChannelFailed, ChannelSilent
from credit_exchange.steps.deadline import Deadline
from credit_exchange.steps.session import Session

log = logging.getLogger(__name__)
SMTP_CONNECTION = "credit_smtp"
WEBHOOK_CONNECTION = "credit_webhook"
SEVERITY_NAMES = {"info": "提示", "warning": "警告", "critical": "严重"}
_TIMEOUT = (5.0, 15.0)
_TOTAL_SECONDS = 30.0
"""For all of a robot's answer: one that sends a byte now and then would keep everybody else from being told."""
_MAX_REPLY = 64 * 1024
_MAX_TEXT = 2000
"""Bytes of a text for a group robot: WeCom refuses one of more than 2,048."""

Resolve = Callable[[str], Connection]


def find(resolve: Resolve, conn_id: str) -> Connection:
    """Return a channel's connection; raises ChannelAbsent when it is not defined, ChannelFailed when nobody can say."""
    try:
        return resolve(conn_id)
    except ConfigurationError as error:
        raise ChannelAbsent(str(error)) from None
    except RetriableError as error:
        raise ChannelFailed(str(error)) from None


def subject_line(alert: Alert) -> str:
    """Return the one line that a person reads first."""
    return f"[信用信息交换·{SEVERITY_NAMES[alert.severity]}] {alert.subject}"


def lines(alert: Alert) -> list[str]:
    """Return the message as lines of plain text."""
    text = [subject_line(alert), alert.detail, f"事件：{alert.incident_key}", f"发生：{alert.raised_at:%Y-%m-%d %H:%M}"]
    if alert.link:
        base = os.environ.get("AIRFLOW__API__BASE_URL", "").rstrip("/")
        text.append(f"详情：{base}{alert.link}")
    return [line for line in text if line]


def html(alert: Alert) -> str:
    """Return the message as HTML for mail, every value escaped."""
    return "".join(f"<p>{escape(line)}</p>" for line in lines(alert))


def mail_failed(conn_id: str, error: Exception) -> ChannelFailed:
    """Return what it means that a mail did not leave: the server refused it, or nobody answers there."""
    refused = isinstance(error, smtplib.SMTPException) and not isinstance(
        error, smtplib.SMTPServerDisconnected | smtplib.SMTPConnectError
    )
    return (ChannelFailed if refused else ChannelSilent)(f"mail server of {conn_id}: {type(error).__name__}")


def recipients(connection: Connection) -> list[str]:
    """Return the addresses of extra `to` (a list, or one text with commas). Raises ChannelAbsent when there is none."""
    given = connection.extra.get("to") or ""
    found = [part.strip() for part in (given.split(",") if isinstance(given, str) else given) if part.strip()]
    if not found:
        raise ChannelAbsent(f"connection {connection.conn_id}: extra `to` names nobody")
    return found


def post_webhook(connection: Connection, alert: Alert) -> None:
    """Post an alert to a group robot. Raises ChannelFailed when it was not taken.

    WeCom and DingTalk answer HTTP 200 with an `errcode` other than 0 when they refuse, so the body decides.
    """
    url = connection.password if connection.password.startswith(("http://", "https://")) else connection.base_url
    text = "\n".join(lines(alert))
    body: dict[str, Any] = {"msgtype": "text", "text": {"content": _within(alert)}}
    if connection.extra.get("form") == "json":
        body = {"incident": alert.incident_key, "severity": alert.severity, "text": text}
    try:
        with (
            Session() as session,
            Deadline(session, _TOTAL_SECONDS) as deadline,
            session.post(url, json=body, timeout=_TIMEOUT, allow_redirects=False, stream=True) as reply,
        ):
            raw = reply.raw.read(_MAX_REPLY, decode_content=True)
            status = reply.status_code
            if deadline.over:  # a body without a length ends where the connection ends: this end was ours
                raise ChannelSilent(f"webhook {connection.conn_id}: no whole answer in {_TOTAL_SECONDS:g} s")
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        # the URL holds the robot's key: name the kind of trouble only
        raise ChannelSilent(f"webhook {connection.conn_id}: {type(error).__name__}") from None
    if status != 200:
        raise ChannelFailed(f"webhook {connection.conn_id} answered HTTP {status}")
    _check_errcode(connection, raw)


def _within(alert: Alert) -> str:
    """Return the message as a robot takes it: of what is too long the detail is cut, since the link shows the rest."""
    text = "\n".join(lines(alert))
    over = len(text.encode("utf-8")) - _MAX_TEXT
    if over <= 0:
        return text
    detail = alert.detail.encode("utf-8")
    kept = detail[: max(0, len(detail) - over - len("……".encode()))].decode("utf-8", errors="ignore")
    return "\n".join(lines(replace(alert, detail=f"{kept}……")))


def _check_errcode(connection: Connection, raw: bytes) -> None:
    try:
        answer = json.loads(raw.decode("utf-8")) if raw.strip() else {}
    except ValueError:
        answer = {}
    code = answer.get("errcode", answer.get("code", 0)) if isinstance(answer, dict) else 0
    if code not in (0, "0"):
        raise ChannelFailed(f"webhook {connection.conn_id} refused the message with errcode {str(code)[:20]}")


@dataclass
class WebhookChannel:
    """A group robot, without Airflow."""

    resolve: Resolve
    name: str = "webhook"

    def send(self, alert: Alert) -> None:
        """Post an alert. Raises ChannelAbsent or ChannelFailed."""
        post_webhook(find(self.resolve, WEBHOOK_CONNECTION), alert)


@dataclass
class MailChannel:
    """Mail by SMTP, without Airflow."""

    resolve: Resolve
    name: str = "mail"

    def send(self, alert: Alert) -> None:
        """Send an alert by mail. Raises ChannelAbsent or ChannelFailed."""
        connection = find(self.resolve, SMTP_CONNECTION)
        message = EmailMessage()
        message["Subject"] = subject_line(alert)
        message["To"] = ", ".join(recipients(connection))
        message["From"] = str(connection.extra.get("from_email") or connection.login or "credit-exchange@localhost")
        message.set_content("\n".join(lines(alert)))
        try:
            self._deliver(connection, message)
        except (OSError, smtplib.SMTPException) as error:
            raise mail_failed(connection.conn_id, error) from None

    @staticmethod
    def _deliver(connection: Connection, message: EmailMessage) -> None:
        timeout = float(connection.extra.get("timeout") or 30)
        plain = bool(connection.extra.get("disable_ssl"))
        host = connection.host.split("://")[-1]
        context = ssl.create_default_context()
        server: smtplib.SMTP = (
            smtplib.SMTP(host, connection.port or 25, timeout=timeout)
            if plain
            else smtplib.SMTP_SSL(host, connection.port or 465, timeout=timeout, context=context)
        )
        with server:
            if plain and not connection.extra.get("disable_tls"):
                server.starttls(context=context)
            if connection.login and connection.password:
                server.login(connection.login, connection.password)
            refused = server.send_message(message)
        if refused:  # the others have it; once more would be twice for them
            log.warning("%s：%d 个收件人被邮件服务器拒收；请核对 extra 的 to", connection.conn_id, len(refused))


def without_airflow(resolve: Resolve) -> list[MailChannel | WebhookChannel]:
    """Return both channels for processes that must not need Airflow, such as the watchdog."""
    return [MailChannel(resolve), WebhookChannel(resolve)]
