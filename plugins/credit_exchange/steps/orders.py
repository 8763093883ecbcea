"""撤下与恢复: explicit withdrawals and reinstatements by the credit office; what else a person states or decides."""

from __future__ import annotations

from datetime import date, datetime

from credit_exchange.config.labels import SHIPMENT_WORDS
from credit_exchange.core.business_time import SHANGHAI, today
from credit_exchange.core.numbers_in_text import scrub_text
from credit_exchange.errors import ExchangeError, FatalError
from credit_exchange.steps import people, restored
from credit_exchange.steps.context import Exchange
from credit_exchange.stores import sql
from credit_exchange.stores.database import transaction


def unknown_record(record_id: str) -> FatalError:
    """Return the error of a record that does not exist, with where its id can be found."""
    return FatalError(f"没有记录 {record_id}；记录编号可在「记录查询」页或用 explain --document-no 查到")


def order(
    exchange: Exchange, record_id: str, action: str, authority: str, reason: str, legal_basis: str, ordered_by: str
) -> str:
    """Record that a record is to be withdrawn or reinstated; the next release and drain carry it out.

    action: withdraw or reinstate; authority: repair, objection, court or office. Returns what is to be told where the
    order changes nothing, or is kept in the database only, else an empty text. A further order to withdraw is kept,
    since it may stand on another basis; one to reinstate what nobody withdrew is not: it would outdo a withdrawal that
    a department delivers late. Raises FatalError for an unknown record; a withdrawal that waits for one can be taken
    back.
    """
    with transaction(exchange.engine) as connection:
        known = connection.execute(sql.load("orders/standing"), {"record_id": record_id}).one()
        if known.status is None and (action, known.action) != ("reinstate", "withdraw"):
            raise unknown_record(record_id)
        if action == "reinstate" and known.action != "withdraw":
            return f"记录 {record_id} 没有人要求撤下，没有要恢复的，未作登记"
        names = people.names(exchange.config.datasets.values(), connection, [record_id]).get(record_id, ())
        numbers = people.numbers(exchange, connection, [record_id]).get(record_id, ())
        given = {
            "record_id": record_id,
            "action": action,
            "authority": authority,
            "reason": people.without_numbers(reason, numbers),
            # pages show it as it is
            "legal_basis": people.without(people.without_numbers(legal_basis, numbers), names),
            "business_date": today().isoformat(),
            # real time: two orders of one business moment still have an order among themselves; and written as a
            # department's update times are, so that of one day's orders the latest stands, whoever gave it
            "sequence": datetime.now(SHANGHAI).replace(tzinfo=None).isoformat(" ", "microseconds"),
            "ordered_by": ordered_by,
        }
        connection.execute(sql.load("orders/insert"), given)
    told = []
    if known.status is None:
        told.append(f"已取消等待记录 {record_id} 的撤下；平台上没有这条记录，不需要上报")
    elif action == known.action:
        told.append(f"记录 {record_id} 此前已撤下：已作为又一道指令登记，不需要上报")
    try:
        restored.keep_order(exchange, given)
    except ExchangeError as error:  # a takedown does not wait for the object store
        told.append(f"已登记，但没有另存到落地区（{error}）：数据库若从备份恢复，须重新下达")
    return "；".join(told)


def approve_batch(exchange: Exchange, batch_id: int, reason: str, approved_by: str) -> tuple[date, str]:
    """Approve a held delivery and return its business date and feed: running that again takes it.

    Raises FatalError when it is not held, or was collected again since.
    """
    with transaction(exchange.engine) as connection:
        given = {"batch_id": batch_id, "reason": scrub_text(reason), "approved_by": approved_by}
        found = connection.execute(sql.load("orders/approve_batch"), given).one_or_none()
    if found is None:
        raise FatalError(f"报送批次 {batch_id} 不是待人工确认的，或此后已重新采集，没有要放行的；请看夜间页上的批次")
    return found.business_date, found.feed


def waive_batch(exchange: Exchange, batch_id: int, reason: str, waived_by: str) -> tuple[date, str]:
    """State that a delivery that is missing, failed or held is not waited for any more; return its date and feed.

    Nothing of it is taken; running its feed again succeeds without it, and takes what is delivered after all. Raises
    FatalError when nothing is wrong with it, it is being worked on, or it was collected again since.
    """
    with transaction(exchange.engine) as connection:
        given = {"batch_id": batch_id, "reason": scrub_text(reason), "waived_by": waived_by}
        found = connection.execute(sql.load("orders/waive_batch"), given).one_or_none()
    if found is None:
        raise FatalError(
            f"报送批次 {batch_id} 不是未报送、失败或待人工确认的，或此后已重新采集，或早已登记，没有要登记的；"
            "请看夜间页上的批次"
        )
    return found.business_date, found.feed


def dismiss(exchange: Exchange, batch_id: int, line_no: int, reason: str, dismissed_by: str) -> None:
    """Dismiss a quarantined row, however often it was or will be delivered: it will not be corrected.

    Raises FatalError when no such row is open.
    """
    with transaction(exchange.engine) as connection:
        done = connection.execute(
            sql.load("orders/dismiss"),
            {"batch_id": batch_id, "line_no": line_no, "reason": scrub_text(reason), "dismissed_by": dismissed_by},
        )
        if not done.rowcount:
            raise FatalError(f"报送批次 {batch_id} 第 {line_no} 行没有待更正的问题数据；行号见批次页的「问题行」")


def settle(exchange: Exchange, shipment_no: str, fate: str, reason: str, settled_by: str) -> None:
    """State what became of a shipment of which the platform does not say it, as its people confirmed.

    fate: `delivered` (all its records arrived), or `afresh` (none did: what is not overtaken goes in a new shipment).
    Raises FatalError when it is unknown, settled, was never sent, or is being asked about at this moment.
    """
    code = "STATED"
    statement = f"{settled_by} 与平台核实后登记（{fate}）：{scrub_text(reason)}"
    with transaction(exchange.engine) as connection:
        given = {"shipment_no": shipment_no, "code": code, "statement": statement}
        if connection.execute(sql.load("orders/settle"), given).one_or_none() is None:
            found = connection.execute(sql.load("orders/shipment_state"), given).one_or_none()
            if found is None:
                raise FatalError(f"没有上报批次 {shipment_no}；批次号见告警和「上报平台」页")
            raise FatalError(
                f"上报批次 {shipment_no} 现在{SHIPMENT_WORDS[found.state]}，发送过 {found.tries} 次："
                "只有结果不明或等待回执的可以登记；如正是，系统此刻正在查询它，请几分钟后再试"
            )
        if fate == "afresh":
            connection.execute(sql.load("push/lines_afresh"), given)
