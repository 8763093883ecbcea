"""### 平台回执

每 5 分钟查询一次平台已受理但未答复（awaiting_receipt）或结果不明（unknown）的上报批次；没有就什么也不做。
夜间运行不等待这些回执。未通知的告警也在这里再发一次。
"""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from airflow.sdk import DAG

from credit_exchange.adapters import tasks

with DAG(
    dag_id="platform_receipts",
    dag_display_name="平台回执",
    description="查询平台未答复的上报批次",
    doc_md=__doc__,
    schedule="*/5 * * * *",
    start_date=datetime(2026, 1, 1, tzinfo=ZoneInfo("Asia/Shanghai")),
    catchup=False,
    max_active_runs=1,
    tags=["信用信息交换"],
    default_args={
        "owner": "credit-exchange",
        "retries": 0,  # the next round is five minutes away
        "execution_timeout": timedelta(minutes=30),
        # before the night's tasks: behind hundreds of them it would come round once in a night, and tell alerts as late
        "priority_weight": 1000,
        "weight_rule": "absolute",
    },
) as dag:
    tasks.PollReceipts(task_id="poll", task_display_name="查询回执")
