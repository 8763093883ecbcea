"""判定: how a night ended, by what its tasks came to and by what our tables say; who has to know is told.

A task that was marked as success by hand did nothing, and a step that succeeded before another one changed its input
has more to do: so tasks are not believed alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from credit_exchange.config.labels import NO_CAUSE, STEP_WORDS, UNRELEASED, UNSENT, part_label
from credit_exchange.steps.alerts import clear_others, raise_alert
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.nights import Night, close_night, night_of, remember_cause, unreleased, unsent
from credit_exchange.stores import sql
from credit_exchange.stores.database import transaction

_UNMERGED = "数据没有收到或没有归并，任务可能被手工标记为成功"


def judge(
    exchange: Exchange, run_id: str, by_tasks: Mapping[str, str], feeds: Sequence[str], platforms: Sequence[str]
) -> dict[str, str]:
    """Close the night of a run and raise an incident for each part that failed; return part -> the step that failed.

    by_tasks: the same as the run's tasks say it. feeds, platforms: the ids that the run began with. Parts are
    `feed <id>`, `platform <id>` and, for everything else, the task's id. Incidents of parts that are in order are
    closed. Raises FatalError when the run was never opened.
    """
    night = night_of(exchange, run_id)
    unmerged = {f"feed {feed}": str(step) for feed, step in _found(exchange, "alerts/unmerged", night, feeds=feeds)}
    failed = unmerged | dict(by_tasks)
    failed |= {f"feed {feed}": "行数不符" for (feed,) in _found(exchange, "ui/unbalanced", night)}
    waiting = unreleased(exchange, night.business_date)
    if waiting:
        failed.setdefault("release", "release")
        remember_cause(exchange.engine, run_id, "release", UNRELEASED.format(waiting))
    for platform, records in unsent(exchange, run_id, night.business_date, platforms).items():
        part = f"platform {platform}"
        if part not in failed:
            failed[part] = "push"
            remember_cause(exchange.engine, run_id, part, UNSENT.format(records))
    close_night(exchange, run_id, sorted(failed))
    causes = dict.fromkeys(unmerged.keys() - by_tasks.keys(), _UNMERGED)
    causes |= dict(_found(exchange, "alerts/causes", night, run_id=run_id))
    causes |= {part: "；".join(problems) for part, problems in exchange.config.broken.items()}
    _tell_of(exchange, run_id, night, failed, causes)
    return failed


def _tell_of(
    exchange: Exchange, run_id: str, night: Night, failed: Mapping[str, str], causes: Mapping[str, str]
) -> None:
    """Raise an incident for each failed part of a night, and close those of the parts that did not fail."""
    prefix = f"night:{night.business_date}:"
    link = f"/exchange/night?date={night.business_date}"
    for part, step in failed.items():
        subject = f"业务日期 {night.business_date}：{part_label(exchange.config, part)} 没有完成"
        remember_cause(exchange.engine, run_id, part, causes.get(part) or NO_CAUSE)  # first: see alerts.close_mended
        raise_alert(exchange, prefix + part, "warning", subject, _told(part, step, causes.get(part)), link)
    clear_others(exchange, prefix, [prefix + part for part in failed])


def _told(part: str, step: str, cause: str | None) -> str:
    """Return what an alert says of a part that failed: where, why and what to do. No other night collects its date."""
    why = f"原因：{cause[:300]}" if cause else "原因见这一环节的任务日志"
    what, later = "这一环节的任务", "，或等下一夜自动再试"
    if part.startswith("feed "):  # 校验 by itself judges what has landed again, not what has been delivered since
        what, later = "它的「采集」", "；以后的夜晚不会补做这一天的数据"
    return f"环节：{STEP_WORDS.get(step, step)}；{why}；排除后清除{what}（含下游）{later}"


def _found(exchange: Exchange, name: str, night: Night, **given: Any) -> list[Any]:
    """Return what a statement finds for the business date of a night."""
    with transaction(exchange.engine) as connection:
        return list(connection.execute(sql.load(name), {"business_date": night.business_date, **given}))
