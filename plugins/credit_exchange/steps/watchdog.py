"""The watchdog: reads our own tables and raises alerts. It needs neither the scheduler nor Airflow.

Run it from cron, a systemd timer or its own container: what it watches cannot silence it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from datetime import date, time, timedelta
from typing import Any

from credit_exchange.config.feed import Operation, TableSource
from credit_exchange.config.labels import names_of, part_label
from credit_exchange.core import business_time
from credit_exchange.core.business_time import SHANGHAI
from credit_exchange.errors import ConfigurationError, without_values
from credit_exchange.steps import reference, signs
from credit_exchange.steps.alerts import Finding, clear_others, close_mended, open_incidents, raise_alert
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.nights import QUIET
from credit_exchange.steps.retired import forgotten
from credit_exchange.stores import sql
from credit_exchange.stores.database import clocks_apart, transaction

log = logging.getLogger(__name__)
DUE = time(6, 0)
UNKNOWN_DAYS: int = Operation.model_fields["unknown_days"].default
CLOCK, FILES, LATE, HOLE, UNJUDGED = "clock:", "files:", "late:", "hole:", "unjudged:"
CIRCUIT, UNKNOWN, OVERDUE = "circuit:", "unknown:", "overdue:"
SHOWN, HELD, FORGOTTEN, NOWHERE, UNDATED = "shown:", "held:", "forgotten:", "nowhere:", "undated:"
OPENLY, REPLAYED = "openly:", "replayed:"
REPLAYED_DAYS = 7
"""For so long an old file that came again is told: whoever sent it has been asked by then."""


def check(exchange: Exchange) -> list[Finding]:
    """Look at everything once, record what is wrong, clear what is over, and return what is wrong now.

    A look that fails keeps no other from being taken: what it raised is raised at the end, of several the first.
    """
    found: list[Finding] = []
    failed: list[Exception] = []
    looks: tuple[tuple[str, Callable[[Exchange], Iterable[Finding]]], ...] = (
        (CLOCK, _clock),
        (FILES, _files),
        (LATE, _late),
        (HOLE, _holes),
        (UNJUDGED, _unjudged),
        (CIRCUIT, _circuits),
        (UNKNOWN, _unknown),
        (OVERDUE, _overdue),
        (HELD, _held),
        (FORGOTTEN, _forgotten),
        (SHOWN, _still_shown),
        (NOWHERE, _nowhere),
        (UNDATED, _undated),
        (OPENLY, _shown_openly),
        (REPLAYED, _replayed),
        (signs.CERTIFICATE, signs.certificates),
        (signs.APART, signs.clocks),
        (reference.CALENDAR, reference.unplanned),
    )
    unseen = (FORGOTTEN, UNDATED) if exchange.config.problems else ()  # what nobody can judge stays as it was told
    for prefix, look in looks:
        if prefix in unseen:
            continue
        try:
            found.extend(_record(exchange, prefix, look(exchange)))
        except Exception as error:  # noqa: BLE001 - raised below, when all others have looked
            log.warning("%s 没有查看成：%s", prefix, without_values(error))
            failed.append(error)
    try:
        close_mended(exchange)
    except Exception as error:  # noqa: BLE001 - as above
        log.warning("修复了的告警没有关闭：%s", without_values(error))
        failed.append(error)
    if failed:
        raise failed[0]
    return found


def check_late(exchange: Exchange) -> list[Finding]:
    """Look only whether last night is finished; what the missed deadline of Airflow calls."""
    return _record(exchange, LATE, _late(exchange))


def last_due() -> date:
    """Return the newest business date whose night must be finished by now (due at 06:00 the day after)."""
    now = business_time.now()
    return now.date() - timedelta(days=1 if now.time() >= DUE else 2)


def _record(exchange: Exchange, prefix: str, findings: Iterable[Finding]) -> list[Finding]:
    recorded = []
    for finding in findings:
        new = raise_alert(
            exchange, finding.incident_key, finding.severity, finding.subject, finding.detail, finding.link
        )
        recorded.append(Finding(**{**finding.__dict__, "is_new": new}))
    clear_others(exchange, prefix, [finding.incident_key for finding in recorded])
    return recorded


def _clock(exchange: Exchange) -> Iterable[Finding]:
    """Find that this machine's clock is wrong: by one that is behind no night is ever late."""
    with transaction(exchange.engine) as connection:
        apart = clocks_apart(connection)
    if apart:
        yield Finding(
            CLOCK,
            "critical",
            "看门狗所在机器的时钟与数据库的不一致",
            f"相差 {apart} 分钟；期限和漏掉的日期按这台机器的时钟判断，现在不可信；请校准两台机器的时钟（NTP）",
            "/exchange/night",
        )


def _files(exchange: Exchange) -> Iterable[Finding]:
    """Find files that are wrong: an incident for each feed or platform, one for what stops everything."""
    everything = {"all": exchange.config.problems} if exchange.config.problems else {}
    for part, problems in (everything | dict(exchange.config.broken)).items():
        what = "整个交换不能运行" if part == "all" else f"{part_label(exchange.config, part)} 不能运行，其余照常"
        yield Finding(
            f"{FILES}{part}",
            "critical",
            f"配置文件有错，{what}",
            f"{'；'.join(problems)[:1000]}；改好后用 python -m credit_exchange config check 检查，"
            "再清除失败的任务（含下游）",
            "/exchange/night",
        )


def _late(exchange: Exchange) -> list[Finding]:
    last = last_due()
    given = {"last": last, "first_configured": _first_date()}
    missing = [row["day"] for row in _rows(exchange, "alerts/unfinished_nights", given)]
    if last not in missing:
        return []  # older holes are no late news: they are told as such, and a backfill raises no storm
    start = last
    while start - timedelta(days=1) in missing:
        start -= timedelta(days=1)
    # one incident for the whole gap, also while it is being caught up from its beginning
    key = next(iter(open_incidents(exchange, LATE)), f"{LATE}{start}")
    nights = (last - start).days + 1
    return [
        Finding(
            key,
            "critical",
            f"业务日期 {last} 的夜间交换到 06:00 仍未完成",
            f"自 {start} 起共 {nights} 个业务日期没有完成的交换；请检查 DAG 是否被暂停、调度器和运行状态",
            f"/exchange/night?date={last}",
        )
    ]


def _holes(exchange: Exchange) -> Iterable[Finding]:
    """Find what was passed by: an incident a hole, its key the dates it had when it was told, however it is filled.

    A date belongs to one incident only. A hole that nights are on their way through is not told, but one that was told
    stays open until each of its dates has a finished night.
    """
    first_configured = _first_date()
    quiet_since = business_time.now() - QUIET
    given = {"last": last_due(), "first_configured": first_configured, "quiet_since": quiet_since}
    holes = _rows(exchange, "alerts/holes", given)
    left = {day for hole in holes for day in _days(hole["first_day"], hole["last_day"])}
    incidents: dict[str, list[date]] = {}
    for key in open_incidents(exchange, HOLE):  # the oldest keeps its dates
        first, last = map(date.fromisoformat, key.removeprefix(HOLE).split("/"))
        incidents[key] = sorted(day for day in left if first <= day <= last)
        left.difference_update(incidents[key])
    for hole in holes:
        days = [day for day in _days(hole["first_day"], hole["last_day"]) if day in left]
        if days and hole["is_quiet"]:
            incidents[f"{HOLE}{days[0]}/{days[-1]}"] = days
    begun = {day for hole in holes for day in hole["begun"]}
    for key, days in incidents.items():
        if days:
            yield _hole(key, days, [day for day in days if day in begun], is_configured=first_configured is not None)


def _hole(key: str, days: list[date], begun: list[date], *, is_configured: bool) -> Finding:
    span = f"{days[0]}" if len(days) == 1 else f"{days[0]} 至 {days[-1]}"
    parts = [
        f"未完成：{_listed(days)}；其后的业务日期已完成",
        f"请补数：airflow backfill create --dag-id nightly_exchange --from-date {days[0]} --to-date {days[-1]}T23:59"
        " --reprocess-behavior completed",  # else Airflow passes by a date that has a run, also one without a verdict
    ]
    if begun:
        parts.append(f"其中 {_listed(begun)} 已开始未结束，请先在 Airflow 中查看：仍在运行或排队的不会被补数")
    until = "" if len(days) == 1 else f" --until {days[-1]}"
    parts.append(f"如有意不做，请登记：python -m credit_exchange skip {days[0]}{until} --reason 原因")
    if not is_configured:
        parts.append("如这些日期本不需要交换，请设置 CREDIT_EXCHANGE_FIRST_DATE")
    return Finding(
        key,
        "warning",
        f"业务日期 {span}（共 {len(days)} 天）的夜间交换被跳过，没有完成",
        "；".join(parts),
        f"/exchange/night?date={days[0]}",
    )


def _unjudged(exchange: Exchange) -> Iterable[Finding]:
    """Find runs that have no verdict though their date was finished: an incident a run. They went on after their end,
    where Airflow may call them a success though a part failed, or a later run of the date never reached its own."""
    for row in _rows(exchange, "alerts/unjudged", {"since": business_time.now() - QUIET}):
        day = row["business_date"]
        what, why = "重跑后没有判定", "可能只清除了部分任务，没有包含下游"
        remedy = "请在 Airflow 中清除它失败或重跑的任务（含下游，不选“只清除失败任务”）"
        if row["is_new"]:
            what, why = "停在半路，没有判定", "已收下的数据可能没有归并"
            remedy = "请在 Airflow 中清除它的「开始」（含下游）；已被删除或从命令行运行的，请运行 "
            remedy += f"python -m credit_exchange night --date {day}"
        yield Finding(
            f"{UNJUDGED}{row['run_id']}",
            "warning",
            f"业务日期 {day} 的一次运行{what}",
            f"自 {row['since']:%Y-%m-%d %H:%M} 起没有结论：{why}；{remedy}",
            f"/exchange/night?date={day}",
        )


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _listed(days: list[date]) -> str:
    """Return dates in order as people write them: 2026-11-03 至 2026-11-05、2026-11-09."""
    one, known = timedelta(days=1), set(days)
    starts = [day for day in days if day - one not in known]
    ends = [day for day in days if day + one not in known]
    return "、".join(f"{a}" if a == b else f"{a} 至 {b}" for a, b in zip(starts, ends, strict=True))


def _circuits(exchange: Exchange) -> Iterable[Finding]:
    for row in _rows(exchange, "alerts/open_circuits"):
        yield Finding(
            f"{CIRCUIT}{row['platform']}",
            "warning",
            f"{_name(exchange, row['platform'])}暂停上报",
            f"连续失败 {row['failures']} 次；{str(row['reason'])[:300]}",
            "/exchange/platforms",
        )


def _unknown(exchange: Exchange) -> Iterable[Finding]:
    for row in _rows(exchange, "alerts/unknown_shipments"):
        yield Finding(
            f"{UNKNOWN}{row['platform']}",
            "critical",
            f"{_name(exchange, row['platform'])}有 {row['shipments']} 个上报批次超过 1 小时结果不明",
            f"涉及 {row['records']} 条记录，最早 {row['since']:%Y-%m-%d %H:%M}；系统先查询再补报，请核对平台",
            "/exchange/platforms",
        )


def _overdue(exchange: Exchange) -> Iterable[Finding]:
    """Find what nobody has found out about for a day: an incident a platform and day of sending, told once."""
    incidents: dict[tuple[str, date], list[Any]] = {}
    for row in _rows(exchange, "push/overdue", {"platform": None}):
        incidents.setdefault((row["platform"], row["since"].astimezone(SHANGHAI).date()), []).append(row)
    for (platform, day), rows in incidents.items():
        number = rows[0]["shipment_no"]
        takedowns = sum(row["records"] for row in rows if row["op"] == "withdraw")
        yield Finding(
            f"{OVERDUE}{platform}:{day}",
            "critical",
            f"{_name(exchange, platform)}有 {len(rows)} 个 {day} 送出的上报批次超过一天没有查到结果",
            f"涉及 {sum(row['records'] for row in rows)} 条记录（其中撤下 {takedowns} 条），如批次 {number}；"
            "系统继续查询，这些记录的新版本和撤下要等到有结果才会送出；请与平台核实每个批次，再登记："
            f"python -m credit_exchange settle {number} --as delivered --reason 原因"
            "（全部没有收到时用 --as afresh，重新上报）",
            f"/exchange/platforms?platform={platform}",
        )


def _name(exchange: Exchange, platform: str) -> str:
    """Return how people call a platform, also one whose file is gone."""
    known = exchange.config.platforms.get(platform)
    return known.name if known else f"平台 {platform} "


def _held(exchange: Exchange) -> Iterable[Finding]:
    for row in _rows(exchange, "alerts/held_batches"):
        yield Finding(
            f"{HELD}{row['feed']}:{row['business_date']}",
            "warning",
            f"{row['department_name']} 的报送批次等待人工确认（{row['feed']}，{row['business_date']}）",
            str(row["problem"])[:500],
            f"/exchange/batch/{row['batch_id']}",
        )


def _replayed(exchange: Exchange) -> Iterable[Finding]:
    since = business_time.last_business_date() - timedelta(days=REPLAYED_DAYS)
    for row in _rows(exchange, "alerts/replayed", {"since": since}):
        yield Finding(
            f"{REPLAYED}{row['feed']}:{row['business_date']}",
            "warning",
            f"{row['department_name']} 报送的可能是旧文件（{row['feed']}，{row['business_date']}）",
            f"与 {row['same_as']} 的报送逐字节相同，而其间报送过别的，会把其后的更正改回去：请与部门核实；"
            "确系误报的，请部门重新报送正确的文件，再运行 python -m credit_exchange night "
            f"--date {row['business_date']} --feed {row['feed']} --recollect；"
            f"无误的不用处理，{REPLAYED_DAYS} 天后自动关闭",
            f"/exchange/batch/{row['batch_id']}",
        )


def _forgotten(exchange: Exchange) -> Iterable[Finding]:
    for one in forgotten(exchange):
        key = f"{FORGOTTEN}{one.platform}:{one.dataset}"
        yield Finding(key, "critical", one.what, one.remedy, f"/exchange/platforms?platform={one.platform}")


def _still_shown(exchange: Exchange) -> Iterable[Finding]:
    told = [key.removeprefix(SHOWN) for key in open_incidents(exchange, SHOWN)]
    for row in _rows(exchange, "alerts/held_takedowns", {"told": told}):
        yield Finding(
            f"{SHOWN}{row['platform']}",
            "critical",
            f"{_name(exchange, row['platform'])}没有接受 {row['records']} 条撤下，这些记录可能仍在公示",
            f"最早决定于 {row['since']:%Y-%m-%d %H:%M}，平台答复 {row['codes'] or '无代码'}；每夜自动再试，"
            f"请与平台核对原因，或请平台自行撤下；全过程见 python -m credit_exchange explain {row['record_id']}",
            f"/exchange/platforms?platform={row['platform']}",
        )


def _nowhere(exchange: Exchange) -> Iterable[Finding]:
    """Find withdrawals of records that nobody delivered: an incident a feed, until they come or are taken back."""
    waiting: dict[str, list[Any]] = {}
    now = business_time.now()
    for row in _rows(exchange, "orders/waiting", {"feed": None, "size": None}):
        feed = exchange.config.feeds.get(row["feed"])
        days = feed.operation.unknown_days if feed is not None and feed.operation is not None else UNKNOWN_DAYS
        if row["since"] < now - timedelta(days=days):
            waiting.setdefault(row["feed"], []).append(row)
    for name, rows in waiting.items():
        first = rows[0]
        yield Finding(
            f"{NOWHERE}{name}",
            "warning",
            f"{first['department_name']} 要求撤下的 {len(rows)} 条记录从未报送过（{name}）",
            f"最早 {first['since']:%Y-%m-%d} 收到，如报送批次 {first['batch_id']} 第 {first['line_no']} 行；"
            "可能文书号、机关代码或相对人写错，要撤下的记录仍在公示：请与部门核对，由部门以正确的标识重新报送；"
            f"写错的用 python -m credit_exchange reinstate {first['record_id']} --authority office --reason 原因 取消",
            f"/exchange/quarantine?feed={name}",
        )


def _undated(exchange: Exchange) -> Iterable[Finding]:
    """Find tables with rows that no business date takes: an incident a feed, until each has an update time."""
    for row in _rows(exchange, "alerts/undated_rows"):
        feed = exchange.config.feeds.get(row["feed"])
        if feed is None or not isinstance(feed.source, TableSource):
            continue
        yield Finding(
            f"{UNDATED}{row['feed']}",
            "warning",
            f"{row['department_name']} 的表有 {row['undated']} 行没有可用的更新时间（{row['feed']}）",
            f"表 {feed.source.table} 的列 {feed.source.updated_at} 为空，或不是 YYYY-MM-DD hh:mm:ss，"
            "任何业务日期都不会取到这些行；请部门填上更新时间：填为当天的，当夜即采集",
            f"/exchange/batch/{row['batch_id']}",
        )


def _shown_openly(exchange: Exchange) -> Iterable[Finding]:
    """Find people who were filed as companies and corrected since, whose full name still lies at a platform: an
    incident a department and data set, until the old records are taken down."""
    names = names_of(exchange.config)
    for row in _rows(exchange, "alerts/filed_as_companies"):
        department = names["departments"].get(row["department"], row["department"])
        yield Finding(
            f"{OPENLY}{row['department']}:{row['dataset']}",
            "critical",
            f"{department}有 {row['records']} 条记录既按单位、又按自然人或个体工商户报送，按单位的仍以全名公示",
            f"数据集 {row['dataset']}：机关、文书号和名称都相同，如 {row['record_id']}（另一条是 {row['other_id']}）；"
            "请与部门核对，确非单位的逐条撤下按单位的记录："
            f"python -m credit_exchange withdraw {row['record_id']} --authority office --reason 类别更正",
            f"/exchange/record/{row['record_id']}",
        )


def _first_date() -> date | None:
    given = os.environ.get("CREDIT_EXCHANGE_FIRST_DATE", "").strip()
    try:
        return date.fromisoformat(given) if given else None
    except ValueError:
        raise ConfigurationError(f"CREDIT_EXCHANGE_FIRST_DATE={given!r} 不是日期；请写作 2026-11-01") from None


def _rows(exchange: Exchange, name: str, given: dict[str, Any] | None = None) -> list[Any]:
    with transaction(exchange.engine) as connection:
        return list(connection.execute(sql.load(name), given or {}).mappings())
