"""What a business date comes to: what has to be done about it, in the order in which a person should look.

Pure arrangement of rows that were read; nothing is read here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

Row = Mapping[str, Any]
COUNTS = ("total", "delivered", "rejected", "awaiting", "unknown", "backlog", "over")
_HINTS = {
    "missing": "没有收到，或文件还没有写完；请联系部门，收到后重新运行",
    "failed": "采集或处理失败；查明原因后重新运行",
}
_FIRST = {"failed": 0, "missing": 1, "held": 2, "partial": 3, "late": 4}
_ABOUT = {"feed": "个报送源", "platform": "个平台", "part": "个步骤", "alert": "项告警"}
_COMMAND = "python -m credit_exchange"


@dataclass(frozen=True)
class Task:
    """One thing to do: how bad (`bad` or `care`), its word, who it is about, why, where to click, what to type.

    about: feed, platform, part (of the run) or alert.
    """

    kind: str
    word: str
    who: str
    why: str
    detail: str = ""
    href: str = ""
    command: str = ""
    about: str = "feed"


@dataclass(frozen=True)
class Verdict:
    """The sentence at the top of the page. kind: bad, care, good or idle."""

    kind: str
    text: str


def in_order(batches: Iterable[Row]) -> list[Row]:
    """Return the batches with those in trouble first."""
    return sorted(batches, key=lambda b: (_FIRST.get(b["state"], 9), b["department_name"], b["feed"]))


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
    failed_parts: Sequence[str],
    unbalanced: Sequence[str],
    alerts: Iterable[Row],
    names: Mapping[str, str],
    datasets: Mapping[str, str],
    parts: Mapping[str, str],
) -> list[Task]:
    """Return what has to be done about a business date, the worst first. parts: how people call each part."""
    found: list[Task] = []
    seen = set()
    for batch in batches:
        seen.add(f"feed {batch['feed']}")
        found.extend(_of_batch(day, batch, datasets, batch["feed"] in unbalanced))
    for platform, counts in sums.items():
        seen.add(f"platform {platform}")
        found.extend(_of_platform(day, platform, counts, states.get(platform, {}), names))
    for part in failed_parts:
        if part not in seen:
            who = parts.get(part, part)
            command = f"{_COMMAND} night --date {day}"  # the whole night: a part by itself does not finish it
            found.append(
                Task("bad", "失败", who, "最近一次运行中这一部分没有完成；见任务日志", command=command, about="part")
            )
    found.extend(
        Task("bad", "告警", str(a["subject"]), str(a["detail"]), href=str(a["link"] or ""), about="alert")
        for a in alerts
        if a["severity"] == "critical"
    )
    return sorted(found, key=lambda task: task.kind != "bad")


def verdict(
    day: date, runs: Sequence[Row], tasks: Sequence[Task], batches: Sequence[Row], skipped: Sequence[Row] = ()
) -> Verdict:
    """Return the sentence that answers "is the night all right?"."""
    bad, care = _counted(tasks, "bad"), _counted(tasks, "care")
    if runs and runs[0]["outcome"] is None:
        runs_now = "正在运行" if runs[0]["finished_at"] is None else "正在重新运行"
        return Verdict("bad" if bad else "idle", f"{runs_now}，到现在出错：{bad}" if bad else runs_now)
    if skipped and not any(run["finished_at"] for run in runs):
        return Verdict("idle", f"有意不交换：{skipped[0]['reason']}（{skipped[0]['skipped_by']}）")
    if bad:
        return Verdict("bad", f"没有全部完成：{bad}" + (f"；等人处理：{care}" if care else ""))
    if care:
        return Verdict("care", f"等人处理：{care}")
    if not runs and not batches:
        return Verdict("idle", f"{day} 还没有运行过")
    quarantined = sum(batch["rows_quarantined"] for batch in batches)
    told = f"；{quarantined:,} 行有问题，由部门更正" if quarantined else "，没有要处理的"
    return Verdict("good", f"全部完成{told}")


def of_platforms(platforms: Sequence[Row], refused: Mapping[str, int], names: Mapping[str, str]) -> Verdict:
    """Return the sentence that answers "does everything arrive?". refused: records a person must see, by platform."""
    if not platforms:
        return Verdict("idle", "还没有上报过")
    told, bad = [], False
    for row in platforms:
        waiting = row["ready"] + row["in_flight"] + row["unknown"]
        parts = ["暂停上报"] if row["circuit"] == "open" else []
        parts += [f"未送完 {waiting:,} 条"] if waiting else []
        stuck = refused.get(row["platform"], 0)
        parts += [f"要处理 {stuck:,} 条"] if stuck else []
        bad = bad or row["circuit"] == "open" or bool(row["unknown"] or stuck)
        if parts:
            told.append(f"{names.get(row['platform'], row['platform'])} {'、'.join(parts)}")
    return Verdict("bad" if bad else "care" if told else "good", "；".join(told) or "全部送达，没有要处理的")


def _counted(tasks: Sequence[Task], kind: str) -> str:
    counts = ((word, sum(t.kind == kind and t.about == about for t in tasks)) for about, word in _ABOUT.items())
    return "、".join(f"{count} {word}" for word, count in counts if count)


def _of_batch(day: date, batch: Row, datasets: Mapping[str, str], unbalanced: bool) -> Iterable[Task]:
    who = f"{batch['department_name']} · {datasets.get(batch['dataset'], batch['dataset'])}"
    href, feed, state = f"/exchange/batch/{batch['batch_id']}", batch["feed"], batch["state"]
    problem = str(batch["problem"] or "").removeprefix(f"{batch['department_name']}（{feed}）").lstrip(": ：")
    again = f"{_COMMAND} night --date {day} --feed {feed}"
    if unbalanced:
        yield Task("bad", "行数不符", who, "收到的行数不等于采纳、问题、未变、待确认之和；请停止使用并报告", href=href)
    if state in _HINTS:
        yield Task("bad", "未报送" if state == "missing" else "失败", who, _HINTS[state], problem, href, again)
    elif state == "held":
        approve = f'{_COMMAND} approve {batch["batch_id"]} --reason "原因" && {again}'
        yield Task("care", "待人工确认", who, problem or "整批等待人工确认", href=href, command=approve)
    elif batch["rows_held"]:
        yield Task("care", "待人工确认", who, f"{batch['rows_held']:,} 行等待人工确认", problem, href)


def _of_platform(
    day: date, platform: str, counts: Mapping[str, int], state: Row, names: Mapping[str, str]
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
    if not parts:
        return
    paused = state.get("circuit") == "open" and bool(counts["backlog"] or counts["awaiting"] or counts["unknown"])
    why = "、".join(parts)
    if paused:
        why += f"；连续失败 {state['failures']} 次，暂停上报，恢复后自动补报"
    again = bool(counts["backlog"] or counts["unknown"] or counts["awaiting"])
    if counts["rejected"]:
        why += "；被退回的由部门更正后重新报送，点平台看是哪些"
    yield Task(
        "bad" if paused or counts["unknown"] or counts["rejected"] else "care",
        "暂停上报" if paused else "未送完" if again else "被退回",
        names.get(platform, platform),
        why,
        str(state.get("reason") or "") if paused else "",
        f"/exchange/platforms?platform={platform}",
        f"{_COMMAND} night --date {day} --platform {platform}" if again else "",
        "platform",
    )
