"""How people call the parts and steps of a night, for alerts and pages alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from credit_exchange.config.loader import Configuration  # heavy: a DAG that is parsed needs the words only

STEP_WORDS = {
    "open_night": "开始",
    "collect": "采集",
    "validate": "校验",
    "merge": "归并",
    "platforms": "平台清单",
    "release": "发布",
    "push": "上报",
    "summary": "汇总",
}
"""The steps: their display names in the DAG."""
UNRELEASED = "有 {:,} 条记录已经归并而没有发布：「发布」没有在归并之后运行"
UNSENT = "有 {:,} 条已经发布而没有上报：「上报」没有在发布之后运行"
"""What is wrong where the number of such records is not 0."""
NO_CAUSE = "最近一次运行中这一部分没有完成；原因见 Airflow 里的任务日志"
"""Why a part failed that could not say it."""
BATCH_WORDS = {
    "complete": "完整",
    "partial": "部分",
    "held": "待人工确认",
    "missing": "未报送",
    "late": "迟到",
    "failed": "失败",
}
"""The states of a batch."""
ABSENT = "无报送"
"""What is said of a batch that is complete since nothing was delivered and its contract allows that."""
WAIVED = "不再等待"
"""What a person stated of a batch: nothing of it will be taken, and its night goes on without it."""
SUBJECT_WORDS = {"legal": "法人及非法人组织", "person": "自然人", "sole_trader": "个体工商户"}
"""The kinds of subject."""

ROW_WORDS = {
    "rows_delivered": "收到",
    "rows_accepted": "采纳",
    "rows_unchanged": "未变",
    "rows_quarantined": "问题",
    "rows_held": "待确认",
}
"""What became of the rows of a batch; the first is the sum of the others."""
DELIVERY_WORDS = {
    "ready": "待上报",
    "sending": "上报中",
    "awaiting_receipt": "等待回执",
    "unknown": "结果不明",
    "delivered": "已送达",
    "rejected": "被退回",
    "retry": "待重试",
    "held": "待人工确认",
    "superseded": "被新版本取代",
    "cancelled": "已取消",
}
"""The states of a delivery."""

SHIPMENT_WORDS = DELIVERY_WORDS | {"settled": "已结清"}
"""The states of a shipment."""

OP_WORDS = {"upsert": "报送", "withdraw": "撤下"}
"""What a delivery does."""

DIFFERENCE_WORDS = {
    "missing": "应公示而平台上没有",
    "version": "平台上是另一个版本",
    "content": "平台上的内容不同",
    "shown": "不应公示而平台上有",
    "unknown": "平台上有而本系统没有",
}
"""How a platform's list differs from what was delivered to it."""
MENDED = tuple(kind for kind in DIFFERENCE_WORDS if kind != "unknown")
"""The differences that can be mended from here."""

COUNT_WORDS = (
    ROW_WORDS | DELIVERY_WORDS | OP_WORDS | {"awaiting": "等待回执", "withhold": "不予发送", "hold": "待人工确认"}
)
"""What the parts of a night count."""

CALL_WORDS = {
    "stored": "平台已判定",
    "pending": "平台已受理",
    "refused": "未收下",
    "absent": "平台没有收到过",
    "unknown": "结果不明",
}
"""What a call to a platform came to."""
REFUSAL_WORDS = {
    "credentials": "凭证不被接受",
    "not_allowed": "平台不允许",
    "too_large": "批次过大",
    "malformed": "格式不被接受",
    "busy": "平台繁忙",
    "sign_again": "需重新签名",
    "unreachable": "连接不上",
    "failed": "任务失败",
}
"""Why a platform stored nothing of it."""

RULE_WORDS = {
    "S01": "必填项",
    "S02": "代码表",
    "S03": "主体代码",
    "S04": "证件",
    "S05": "类别与代码不符",
    "S06": "代表人证件",
    "S07": "类别用词",
    "S08": "条件必填与金额",
    "S09": "日期",
    "S10": "机关代码",
    "S13": "同批重复",
    "S14": "超长",
    "S15": "涉密、程序与范围",
    "S16": "记录标识",
    "S17": "不属于处罚",
    "S18": "乱码",
    "S19": "个人号码",
    "S19-name": "本人姓名",
    "OP01": "操作类型",
    "OP02": "操作原因",
    "OP03": "操作未执行",
    "SEQ01": "先后次序",
    "NUM01": "数字格式",
    "ROW01": "行不完整",
    "CELL01": "单元格出错",
}
"""What the checks are about: the rule list of the standard (a variant is named `S08-unit`), and what readers find."""
DECISION_WORDS = {
    "WITHDRAWN": "记录已撤下",
    "EXPIRED": "公示期届满",
    "RETIRED": "数据集已停止向该平台报送",
    "NO-RULE": "没有规则放行",
}
"""The release decisions that no rule of the sharing files makes."""


def rule_label(rule_id: str) -> str:
    """Return a check's id with what it is about, e.g. S09 日期; a rule that only its own file knows as it is."""
    word = RULE_WORDS.get(rule_id) or RULE_WORDS.get(rule_id.partition("-")[0], "")
    return f"{rule_id} {word}".rstrip()


def names_of(config: Configuration, dataset: str | None = None) -> dict[str, dict[str, str]]:
    """Return by kind how people call what tables know by id: data sets, fields, departments, platforms, rules.

    dataset: whose fields come first, since two data sets may call one code differently.
    """
    mine = config.datasets.get(dataset or "")
    return {
        "datasets": {key: dataset.name for key, dataset in config.datasets.items()},
        "fields": {
            code: field.name
            for one in (*config.datasets.values(), *([mine] if mine else []))
            for code, field in one.fields.items()
        },
        "departments": {feed.department.code: feed.department.name for feed in config.feeds.values()},
        "platforms": {key: platform.name for key, platform in config.platforms.items()},
        "rules": DECISION_WORDS | {rule.id: rule.name for rule in config.sharing},
    }


def feed_label(config: Configuration, feed_id: str) -> str:
    """Return 部门 · 数据集 of a feed, with its id where the department delivers that by several systems.

    Raises ConfigurationError when there is none of this id.
    """
    feed = config.feed(feed_id)
    label = f"{feed.department.name} · {config.dataset_of(feed_id).name}"
    alike = [
        one.department.name == feed.department.name and one.dataset == feed.dataset for one in config.feeds.values()
    ]
    return f"{label}（{feed_id}）" if sum(alike) > 1 else label


def told_apart(batches: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return batches, each with its `system`: the feed's id where a department has several of a data set, else ""."""
    rows = [dict(batch) for batch in batches]
    alike = Counter((row["department_name"], row["dataset"]) for row in rows)
    return [row | {"system": row["feed"] if alike[row["department_name"], row["dataset"]] > 1 else ""} for row in rows]


def part_label(config: Configuration, part: str) -> str:
    """Return how people call a part: `feed <id>`, `platform <id>`, or a step; by its id where nobody knows its name."""
    kind, _, name = part.partition(" ")
    if kind == "feed" and name in config.feeds:
        return feed_label(config, name)
    if kind == "platform" and name in config.platforms:
        return config.platform(name).name
    kinds = {"feed": "报送源", "platform": "平台"}
    return f"{kinds[kind]} {name}" if kind in kinds else STEP_WORDS.get(part, part)
