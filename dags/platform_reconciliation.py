"""### 平台核对

每周日把各平台的公示清单与本系统登记的逐条核对：应公示而没有的、不应公示而有的、版本或内容不同的。
信用中国没有清单，每次逐条查询 500 条：此前不一致的在前，其余已撤下的和公示中的各占一半，最久没有查询过的先查。
有不一致时本任务失败并告警，逐条见 `report.difference`；核实后用命令安排重新上报或撤下：
`python -m credit_exchange reconcile --repair shown --reason …`。
夜间运行不等待它，它也不改动任何记录。
"""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from airflow.sdk import DAG

from credit_exchange.adapters import tasks

with DAG(
    dag_id="platform_reconciliation",
    dag_display_name="平台核对",
    description="平台公示的与本系统登记的是否一致",
    doc_md=__doc__,
    schedule="0 10 * * 0",
    start_date=datetime(2026, 1, 1, tzinfo=ZoneInfo("Asia/Shanghai")),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=True,  # switched on where platforms have agreed to be read as a whole
    tags=["信用信息交换"],
    default_args={
        "owner": "credit-exchange",
        "retries": 2,  # a list that could not be read whole; nothing that was read is kept
        "retry_delay": timedelta(minutes=10),
        "execution_timeout": timedelta(hours=4),  # a million records are a thousand pages, each when it is our turn
    },
) as dag:
    tasks.Reconcile(task_id="reconcile", task_display_name="核对清单")
