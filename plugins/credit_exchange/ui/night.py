"""What a business date comes to: what has to be done about it, in the order in which a person should look.

Pure arrangement of rows that were read; nothing is read here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Any, Literal

from credit_exchange.config.labels import NO_CAUSE, UNRELEASED, WAIVED, feed_label, told_apart
from credit_exchange.config.loader import Configuration

Row = Mapping[str, Any]
Standing = Literal["none", "running", "again", "lost", "ended"]
LONGEST = timedelta(hours=6)
"""Longer than a night takes: a run from the command line that has no verdict after it was killed."""
COUNTS = ("total", "delivered", "rejected", "awaiting", "unknown", "backlog", "over")
SHOWN = 30
"""Things to do that a page lists at once; of more, the others unfold."""
_NEXT = {"expected": ("collecting", "采集"), "collected": ("validating", "校验"), "validated": ("merging", "归并")}
"""By the stage that a batch has reached: what is being done with it, and the task that does it."""
NO_REASON = "没有留下原因：运行中断，或出了意外的错误；见 Airflow 里的任务日志"
_FIRST = {"failed": 0, "missing": 1, "held": 2, "partial": 3, "late": 4}
_ABOUT = {"feed": "个报送源", "platform": "个平台", "part": "个步骤", "config": "处配置错误", "alert": "项告警"}
_COMMAND = "python -m credit_exchange"
_MEND = "排除原因后清除失败的任务（含下游），或运行"


@dataclass(frozen=True)
class Task:
    """One thing to do: how bad (`bad` or `care`), its word, who, why, what to do, where to click, what to type.

    about: feed, platform, part (of the run), run, config or alert. contact: whom to call.
    """

    kind: str
    word: str
    who: str
    why: str
    detail: str = ""
    href: str = ""
    command: str = ""
    about: str = "feed"
    contact: str = ""


@dataclass(frozen=True)
class Verdict:
    """The sentence at the top of the page. kind: bad, care, good or idle."""

    kind: str
    text: str


def standing(run: Row | None, airflow: str | None, now: datetime) -> Standing:
    """Return where the newest run of a date stands; `again`: a part of one that had ended runs once more.

    airflow: the state of Airflow's own run, "" where there is none; None for a run that is not Airflow's. `lost` is a
    run that will not reach its verdict by itself: Airflow's has ended or is gone, a command's is too old.
    """
    if run is None:
        return "none"
    if run["outcome"] is not None:
        return "ended"
    alive = now - run["started_at"] < LONGEST if airflow is None else airflow in ("queued", "running")
    if not alive:
        return "lost"
    return "running" if run["finished_at"] is None else "again"


def while_running(batches: Iterable[Row]) -> list[dict[str, Any]]:
    """Return the batches of a night that runs.

    Each is recorded as failed until it is merged; what has really failed has a reason.
    """
    return [
        {**batch, "state": _NEXT[batch["stage"]][0]}
        if batch["state"] == "failed" and not batch["problem"] and batch["stage"] in _NEXT
        else dict(batch)
        for batch in batches
    ]


def in_order(batches: Iterable[Row]) -> list[Row]:
    """Return the batches with those in trouble first, and told apart where a department has several of a data set."""

    def key(batch: Row) -> tuple[int, str, str]:
        last = len(_FIRST)
        place = last if batch.get("waived_by") else _FIRST.get(batch["state"], last)
        return place, batch["department_name"], batch["feed"]

    return sorted(told_apart(batches), key=key)


def by_platform(deliveries: Iterable[Row], withheld: Iterable[Row]) -> dict[str, dict[str, int]]:
    """Return the sums of the deliveries of each platform, and how many records were `kept` from it."""
    sums: dict[str, dict[str, int]] = {}
    empty = dict.fromkeys((*COUNTS, "kept"), 0)
    for row in deliveries:
        platform = sums.setdefault(row["platform"], dict(empty))
        for name in COUNTS:
            platform[name] += row[name]
    for row in withheld:
        sums.setdefault(row["platform"], dict(empty))["kept"] += row["records"]
    return dict(sorted(sums.items()))


def by_rule(withheld: Iterable[Row]) -> list[dict[str, Any]]:
    """Return what was not released, one line a data set and rule, with the number of records for each platform."""
    lines: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in withheld:
        key = (row["dataset"], row["effect"], row["deciding_rule"], row["legal_basis"])
        line = lines.setdefault(key, {**row, "platforms": {}})
        line["platforms"][row["platform"]] = line["platforms"].get(row["platform"], 0) + row["records"]
    return sorted(lines.values(), key=lambda line: (line["dataset"], -max(line["platforms"].values())))


def to_do(
    day: date,
    batches: Iterable[Row],
    sums: Mapping[str, Mapping[str, int]],
    states: Mapping[str, Row],
    run: Row | None,
    unbalanced: Sequence[str],
    alerts: Iterable[Row],
    names: Mapping[str, str],
    datasets: Mapping[str, str],
    parts: Mapping[str, str],
    contacts: Mapping[str, str] = MappingProxyType({}),
    *,
    running: bool = False,
    unreleased: int = 0,
) -> list[Task]:
    """Return what has to be done about a business date, the worst first.

    run: the newest one of the date, with the parts that failed and why. parts: how people call each part; contacts:
    whom to call about a feed. unreleased: records that were merged and about which nothing was decided. While the
    night is running, what it may still do by itself is nobody's task, and nothing is to be run beside it.
    """
    found: list[Task] = []
    seen = set()
    causes: Mapping[str, str] = run["causes"] if run and not running else {}
    failed_parts: Sequence[str] = run["failed_parts"] if run else ()
    for batch in batches:
        part = f"feed {batch['feed']}"
        seen.add(part)
        contact = contacts.get(batch["feed"], "")
        tasks = _of_batch(day, batch, datasets, batch["feed"] in unbalanced, causes.get(part, ""))
        found += [replace(task, contact=contact) for task in tasks]
    for platform, counts in sums.items():
        seen.add(f"platform {platform}")
        paused, now_with = states.get(platform, {}), counts
        if running:
            now_with = {**counts, "awaiting": 0} | (
                {} if paused.get("circuit") == "open" else {"backlog": 0, "unknown": 0}
            )
        found.extend(_of_platform(day, platform, now_with, paused, names, causes.get(f"platform {platform}", "")))
    if unreleased and not running:
        seen.add("release")
        told = "清除「发布」（含下游），或运行"
        command = f"{_COMMAND} night --date {day}"
        found.append(Task("bad", "没有发布", "发布", UNRELEASED.format(unreleased), told, "", command, "part"))
    for part in () if running else failed_parts:
        if part not in seen:
            who = parts.get(part, part)
            command = f"{_COMMAND} night --date {day}"  # the whole night: a part by itself does not finish it
            found.append(
                Task(
                    "bad",
                    "失败",
                    who,
                    causes.get(part) or NO_CAUSE,
                    _MEND,
                    command=command,
                    about="part",
                )
            )
    found.extend(
        Task("bad", "告警", str(a["subject"]), str(a["detail"]), href=str(a["link"] or ""), about="alert")
        for a in alerts
        if a["severity"] == "critical"
    )
    if running:
        found = [replace(task, detail="", command="") for task in found]
    is_long = len(found) > SHOWN  # then what concerns everybody does not stand below hundreds of departments
    return sorted(found, key=lambda task: (task.kind != "bad", is_long and task.about == "feed"))


def of_lost(day: date, run: Row) -> Task:
    """Return what to do about a run that will not reach its verdict by itself."""
    if run["kind"] == "command":
        why = f"从命令行运行，超过 {LONGEST.seconds // 3600} 小时没有判定：应是中途被停止"
        return Task("bad", "没有判定", "最近一次运行", why, "再运行一次", "", f"{_COMMAND} night --date {day}", "run")
    why = "Airflow 里的这次运行已经结束或被删除，却没有走到「判定」"
    told = "在 Airflow 里清除「发布」（含下游），即发布、上报并重新判定；这次运行已被删除时运行下面的命令"
    return Task("bad", "没有判定", "最近一次运行", why, told, "", f"{_COMMAND} night --date {day}", "run")


def of_unknown(run_id: str) -> Task:
    """Return what to do about a run of Airflow that our tables do not know."""
    why = "这次运行没有登记业务日期：它的「开始」没有完成，或数据库后来从备份恢复过"
    told = "看它的任务「开始」的日志；排除原因后清除「开始」（含下游）。本页其余是最近的业务日期的，与它无关"
    return Task("bad", "没有登记", run_id, why, told, about="run")


def instead(day: date, told: Verdict) -> Verdict:
    """Return the sentence of the newest date where a run was asked for that carries none."""
    return Verdict("bad", f"这次运行没有登记业务日期；最近的业务日期 {day}：{told.text}")


def of_files(problems: Mapping[str, Sequence[str]]) -> list[Task]:
    """Return what to do about configuration files that are wrong. problems: by how people call the part they stop."""
    told = "改好后清除失败的任务（含下游）；检查用下面的命令"
    command = f"{_COMMAND} config check"
    return [
        Task("bad", "配置有错", who, "；".join(what), told, command=command, about="config")
        for who, what in problems.items()
    ]


def progress(batches: Sequence[Row], feeds: int, sums: Mapping[str, Mapping[str, int]]) -> str:
    """Return how far a night that runs has come. feeds: how many there are."""
    working = {word for word, _ in _NEXT.values()}
    done = sum(batch["state"] not in working for batch in batches)
    told = f"报送源处理完 {done} / {max(feeds, len(batches))} 个"
    total = sum(counts["total"] for counts in sums.values())
    left = sum(counts[name] for counts in sums.values() for name in ("awaiting", "unknown", "backlog"))
    return f"{told}；上报有结果 {total - left:,} / {total:,} 条" if total else told


def not_due(config: Configuration, day: date, batches: Sequence[Row]) -> list[str]:
    """Return, as people read them, the feeds that by their files do not deliver this date, and did not."""
    away = {*config.feeds} - {*config.feeds_on(day)} - {str(batch["feed"]) for batch in batches}
    return [feed_label(config, feed) for feed in sorted(away)]


def verdict(
    day: date,
    runs: Sequence[Row],
    tasks: Sequence[Task],
    batches: Sequence[Row],
    skipped: Sequence[Row] = (),
    stands: Standing = "ended",
) -> Verdict:
    """Return the sentence that answers "is the night all right?"."""
    bad, care = _counted(tasks, "bad"), _counted(tasks, "care")
    if stands in ("running", "again"):
        runs_now = "正在运行" if stands == "running" else "正在重新运行"
        return Verdict("bad" if bad else "idle", f"{runs_now}，到现在出错：{bad}" if bad else runs_now)
    if stands == "lost":
        return Verdict("bad", "最近一次运行没有判定" + (f"，没有完成：{bad}" if bad else ""))
    if skipped and not (batches and any(run["finished_at"] for run in runs)):  # the schedule passes over it
        return Verdict("idle", f"有意不交换：{skipped[0]['reason']}（{skipped[0]['skipped_by']}）")
    if bad:
        return Verdict("bad", f"没有全部完成：{bad}" + (f"；等人处理：{care}" if care else ""))
    if care:
        return Verdict("care", f"等人处理：{care}")
    if not runs and not batches:
        return Verdict("idle", f"{day} 还没有运行过")
    quarantined = sum(batch["rows_quarantined"] for batch in batches)
    waived = sum(bool(batch.get("waived_by")) for batch in batches)
    told = f"；{quarantined:,} 行有问题，由部门更正" if quarantined else "，没有要处理的"
    return Verdict("good", f"全部完成{f'，其中 {waived} 个报送批次{WAIVED}' if waived else ''}{told}")


def of_platforms(
    platforms: Sequence[Row],
    refused: Mapping[str, int],
    names: Mapping[str, str],
    causes: Mapping[str, str] = MappingProxyType({}),
    differ: Mapping[str, int] = MappingProxyType({}),
) -> Verdict:
    """Return the sentence that answers "does everything arrive?".

    refused: records a person must see, by platform. causes: why the newest try of a platform failed. differ: how many
    records a platform showed otherwise than was delivered when it was last compared.
    """
    if not platforms:
        return Verdict("idle", "还没有上报过")
    told, bad = [], False
    for row in platforms:
        waiting = row["ready"] + row["in_flight"] + row["unknown"]
        failed = row["platform"] in causes
        parts = ["暂停上报"] if row["circuit"] == "open" else ["上次失败"] if failed else []
        parts += [f"未送完 {waiting:,} 条"] if waiting else []
        stuck = refused.get(row["platform"], 0)
        parts += [f"要处理 {stuck:,} 条"] if stuck else []
        other = differ.get(row["platform"], 0)
        parts += [f"与平台清单不一致 {other:,} 条"] if other else []
        bad = bad or failed or row["circuit"] == "open" or bool(row["unknown"] or stuck or other)
        if parts:
            told.append(f"{names.get(row['platform'], row['platform'])} {'、'.join(parts)}")
    return Verdict("bad" if bad else "care" if told else "good", "；".join(told) or "全部送达，没有要处理的")


def _counted(tasks: Sequence[Task], kind: str) -> str:
    counts = ((word, sum(t.kind == kind and t.about == about for t in tasks)) for about, word in _ABOUT.items())
    return "、".join(f"{count} {word}" for word, count in counts if count)


def _of_batch(day: date, batch: Row, datasets: Mapping[str, str], unbalanced: bool, cause: str) -> Iterable[Task]:
    who = f"{batch['department_name']} · {datasets.get(batch['dataset'], batch['dataset'])}"
    who += f"（{batch['system']}）" if batch.get("system") else ""
    href, feed, state = f"/exchange/batch/{batch['batch_id']}", batch["feed"], batch["state"]
    problem = str(batch["problem"] or "").removeprefix(f"{batch['department_name']}（{feed}）").lstrip(": ：")
    again = f"{_COMMAND} night --date {day} --feed {feed}"
    step = _NEXT.get(str(batch.get("stage")), _NEXT["expected"])[1]
    if unbalanced:
        why = "收到的行数不等于采纳、问题、未变、待确认之和，或有问题行从库中消失；请停止使用并报告"
        yield Task("bad", "行数不符", who, why, href=href)
    if batch.get("replayed"):
        why = f"与 {batch['replayed']} 的报送逐字节相同，而其间报送过别的：可能误报了旧文件，会把其后的更正改回去"
        told = "与部门核实；确系误报的，请部门重新报送正确的文件，再运行"
        yield Task("care", "疑似旧文件", who, why, told, href, f"{again} --recollect")
    if batch.get("waived_by"):  # what was wrong with it is nobody's task any more
        return
    if state == "missing":
        why = problem or "没有收到，或文件还没有写完"
        yield Task("bad", "未报送", who, why, f"请部门报送；收到后清除「{step}」（含下游），或运行", href, again)
    elif state == "failed":
        if step == "校验":  # by itself it judges what has landed again, not what the department has delivered since
            step = "采集"
        told = f"排除原因后清除「{step}」（含下游），或运行"
        yield Task("bad", "失败", who, problem or cause or NO_REASON, told, href, again)
    elif state == "held":
        approve = f'{_COMMAND} approve {batch["batch_id"]} --reason "原因" && {again}'
        told = "与部门核实：重新报送后清除「采集」（含下游）；内容无误时放行，再清除「采集」（含下游）或运行第二条命令"
        yield Task("care", "待人工确认", who, problem or "整批等待人工确认", told, href, approve)
    elif cause:  # what an earlier run took is there; what this one would have done with it is not known
        told = f"此前收下的数据还在。{_MEND}"
        yield Task("bad", "失败", who, cause, told, href, again)
    elif batch["rows_held"]:
        yield Task("care", "待人工确认", who, f"{batch['rows_held']:,} 行等待人工确认", problem, href)


def _of_platform(
    day: date, platform: str, counts: Mapping[str, int], state: Row, names: Mapping[str, str], cause: str
) -> Iterable[Task]:
    parts = [
        f"{word} {counts[key]:,} 条"
        for key, word in (
            ("backlog", "积压"),
            ("unknown", "结果不明"),
            ("rejected", "被退回"),
            ("awaiting", "等待回执"),
        )
        if counts[key]
    ]
    if not parts and not cause:
        return
    name = names.get(platform, platform)
    paused = state.get("circuit") == "open" and bool(counts["backlog"] or counts["awaiting"] or counts["unknown"])
    why = "、".join(parts)
    if paused:
        why += f"；连续失败 {state['failures']} 次，暂停上报：{state.get('reason') or '没有留下原因'}"
    elif cause:
        why = "；".join(filter(None, (why, cause.removeprefix(f"{name}："))))
    again = bool(counts["backlog"] or counts["unknown"] or counts["awaiting"])
    advice = []
    if counts["rejected"]:
        advice.append("被退回的由部门更正后重新报送，点平台看是哪些")
    if paused:
        advice.append("凭证不被接受要人处理，其他原因恢复后自动补报")
    elif counts["backlog"]:
        advice.append("积压的下一夜自动补报" + ("，前提是原因已消除" if cause else ""))
    if counts["unknown"]:
        advice.append("结果不明的先向平台查询再决定是否补报，超过一天会告警")
    if counts["awaiting"]:
        advice.append("等待回执的每 5 分钟查询一次")
    if again or cause:
        advice.append("不想等可运行")
    yield Task(
        "bad" if paused or cause or counts["unknown"] or counts["rejected"] else "care",
        "暂停上报" if paused else "失败" if cause else "未送完" if again else "被退回",
        name,
        why,
        "；".join(advice),
        f"/exchange/platforms?platform={platform}",
        f"{_COMMAND} night --date {day} --platform {platform}" if again or cause else "",
        "platform",
    )
