"""The Chinese words of the states in our tables, and which of them are bad, need care, or are over and done with."""

from __future__ import annotations

from credit_exchange.config.labels import (
    ABSENT,
    BATCH_WORDS,
    CALL_WORDS,
    OP_WORDS,
    REFUSAL_WORDS,
    SHIPMENT_WORDS,
    SUBJECT_WORDS,
    WAIVED,
)

WORKING_WORDS = {"collecting": "采集中", "validating": "校验中", "merging": "归并中"}
"""What a night that runs is doing with a batch."""
WORDS = {
    **BATCH_WORDS,
    **SHIPMENT_WORDS,
    **OP_WORDS,
    **WORKING_WORDS,
    "waived": WAIVED,
    "absent": ABSENT,
    "open": "待更正",
    "corrected": "已更正",
    "dismissed": "不再更正",
    "current": "有效",
    "withdrawn": "已撤下",
    "expired": "已到期",
    "send": "发送",
    "withhold": "不予发送",
    "hold": "待人工确认",
    "release": "发布决定改变",
    "closed": "正常",
    "half_open": "试探中",
    "good": "全部完成",
    "content": "新内容",
    "withdrawal": "撤下",
    "reinstatement": "恢复",
    "reinstate": "恢复",
    "expiry": "到期",
    "reject": "退回",
    "warn": "提示",
    "scheduled": "定时",
    "backfill": "补数",
    "manual": "手工",
    "command": "命令行",
    "critical": "严重",
    "warning": "警告",
    "info": "提示",
    "department": "部门",
    "repair": "信用修复",
    "objection": "异议处理",
    "court": "法院",
    "office": "信用主管部门",
    **SUBJECT_WORDS,
}
CHANNEL_WORDS = {"mail": "邮件", "webhook": "群消息", "sent": "已发", "skipped": "未配置", "failed": "失败"}
NIGHT_WORDS = {"partial": "未全部完成"}
CIRCUIT_WORDS = {"open": "暂停上报"}
ATTEMPT_WORDS = {"send": "发送", "ask": "查询", "poll": "取回执", **CALL_WORDS, **REFUSAL_WORDS}
"""What was called for, and what came of it."""
BAD = frozenset({"missing", "failed", "unknown", "rejected", "reject", "critical"})
CARE = frozenset(
    {"partial", "held", "hold", "late", "retry", "awaiting_receipt", "warn", "warning", "half_open", "withhold", "open"}
)
IDLE = frozenset(
    {
        *WORKING_WORDS,
        "waived",
        "absent",
        "superseded",
        "cancelled",
        "dismissed",
        "withdrawn",
        "expired",
        "withdraw",
        "ready",
        "sending",
        "info",
    }
)
