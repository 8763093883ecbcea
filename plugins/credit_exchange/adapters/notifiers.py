"""People are told through Airflow's notifiers: mail by SmtpNotifier, group robots by our own, which reads answers."""

from __future__ import annotations

import asyncio
import smtplib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseNotifier
from airflow.sdk.exceptions import AirflowException

from credit_exchange.adapters.exchange import guarded, opened

if TYPE_CHECKING:
    from credit_exchange.config.connections import Connection
    from credit_exchange.steps.alerts import Alert
    from credit_exchange.steps.context import Exchange

    Resolve = Callable[[str], Connection]


class WebhookNotifier(BaseNotifier):
    """Posts an alert to a WeCom or DingTalk robot (connection `credit_webhook`) and checks the `errcode` of the answer.

    `notify` raises ChannelFailed when the robot did not take the message.
    """

    def __init__(self, alert: Alert, connection: Connection, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alert = alert
        self.connection = connection

    def notify(self, context: Any) -> None:
        """Post the alert."""
        from credit_exchange.steps.channels import post_webhook

        post_webhook(self.connection, self.alert)

    async def async_notify(self, context: Any) -> None:
        """Post the alert without blocking the triggerer."""
        await asyncio.to_thread(self.notify, context)


class WebhookNotifierChannel:
    """The group robot as a channel of steps.alerts."""

    name = "webhook"

    def __init__(self, resolve: Resolve) -> None:
        self.resolve = resolve

    def send(self, alert: Alert) -> None:
        """Tell an alert; raises ChannelAbsent or ChannelFailed."""
        from credit_exchange.steps.channels import WEBHOOK_CONNECTION, find

        WebhookNotifier(alert, find(self.resolve, WEBHOOK_CONNECTION)).notify({})


class SmtpNotifierChannel:
    """Mail as a channel of steps.alerts, sent by Airflow's SmtpNotifier with the connection `credit_smtp`."""

    name = "mail"

    def __init__(self, resolve: Resolve) -> None:
        self.resolve = resolve

    def send(self, alert: Alert) -> None:
        """Tell an alert; raises ChannelAbsent or ChannelFailed."""
        from airflow.providers.smtp.hooks.smtp import SmtpHook
        from airflow.providers.smtp.notifications.smtp import SmtpNotifier

        from credit_exchange.steps.alerts import ChannelFailed
        from credit_exchange.steps.channels import SMTP_CONNECTION, find, html, mail_failed, recipients, subject_line

        class Once(SmtpHook):  # six tries at a server that says nothing are three minutes, for each alert
            @property
            def smtp_retry_limit(self) -> int:
                return int(self.conn.extra_dejson.get("retry_limit") or 0)

        connection = find(self.resolve, SMTP_CONNECTION)
        notifier = SmtpNotifier(
            smtp_conn_id=SMTP_CONNECTION,
            to=recipients(connection),
            from_email=str(connection.extra.get("from_email") or connection.login or "credit-exchange@localhost"),
            subject=subject_line(alert),
            html_content=html(alert),
        )
        notifier.hook = Once(smtp_conn_id=SMTP_CONNECTION)
        failed: ChannelFailed | None = None
        try:
            notifier.notify({})  # not called: BaseNotifier.__call__ hides a failed delivery, and would render the text
        except (OSError, smtplib.SMTPException, AirflowException) as error:
            failed = mail_failed(SMTP_CONNECTION, error)
        if failed:
            raise failed


def channels(resolve: Resolve) -> list[SmtpNotifierChannel | WebhookNotifierChannel]:
    """Return the channels that an Airflow process tells people on."""
    return [SmtpNotifierChannel(resolve), WebhookNotifierChannel(resolve)]


def tell(exchange: Exchange) -> int:
    """Tell every incident nobody was told of yet, through Airflow's notifiers; return how many were told."""
    from credit_exchange.steps.alerts import notify

    return notify(exchange, channels(exchange.resolve))


class NightLateNotifier(BaseNotifier):
    """What Airflow calls when a night missed its deadline: it looks into our own tables and records one incident a gap.

    Airflow's word is not taken for it: a night that was finished under another run raises nothing.
    """

    async def async_notify(self, context: Any) -> None:
        """Look, record and tell, without blocking the triggerer."""
        await asyncio.to_thread(self.notify, context)

    def notify(self, context: Any) -> None:
        """Look, record and tell."""

        def work() -> None:
            from credit_exchange.steps.watchdog import check_late

            with opened(whatever_the_files=True) as exchange:
                check_late(exchange)
                tell(exchange)

        guarded(work)
