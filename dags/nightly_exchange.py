"""### 夜间信用信息交换

一次运行 = 一个**业务日期**（分区键，北京时间，每天 01:30 处理前一日）。

1. 每个报送源一行：采集 → 校验 → 归并。某部门失败只影响自己。
2. 发布：按共享规则决定每个平台得到什么。
3. 每个平台一行：并行上报；慢的平台不拖累其他平台。
4. 汇总先于判定，部分失败的夜晚也有下游；判定列出全部未完成的部分并使运行失败。

**红了怎么办**：看「判定」的信息，修复后清除失败的那一行（包含下游，不选「只清除失败任务」）。没送达的下一夜自动补送；
没收到、没归并的部门数据不会自动补，须清除。
**补数**：`airflow backfill create --dag-id nightly_exchange --from-date 2026-11-01 --to-date 2026-11-07T23:59`
（终点是时刻，要写 `T23:59`）。任意顺序，可与夜间运行并行。已有运行的日期会跳过，加
`--reprocess-behavior completed` 则重跑。
**部署**：`CREDIT_EXCHANGE_FIRST_DATE`（yyyy-mm-dd）是第一个业务日期，调度从它开始补齐；不设置时取解析当日的前一天，
停机跨日会漏掉中间的夜晚，生产环境必须设置。`CREDIT_EXCHANGE_RETRY_SECONDS` 是重试间隔（默认 120 秒）。
"""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.sdk import DAG, Asset, TriggerRule, task_group
from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert

from credit_exchange.adapters import tasks
from credit_exchange.adapters.business_date import KEY_FORMAT, first_start
from credit_exchange.adapters.deadline import NightDue
from credit_exchange.adapters.notifiers import NightLateNotifier
from credit_exchange.adapters.timetable import NightTimetable

NIGHT = Asset(name="credit_exchange/night", group="credit_exchange")
RETRY = timedelta(seconds=float(os.environ.get("CREDIT_EXCHANGE_RETRY_SECONDS") or 120))
# set by the task as soon as it knows its department or platform; it fails before that where the configuration is broken
FEED = "{{ label | default(task.feed) }}"
PLATFORM = "{{ label | default(task.platform) }}"

with DAG(
    dag_id="nightly_exchange",
    dag_display_name="夜间信用信息交换",
    description="每夜：采集、校验、归并、发布、上报",
    doc_md=__doc__,
    schedule=NightTimetable("30 1 * * *", timezone="Asia/Shanghai", run_offset=-1, key_format=KEY_FORMAT),
    start_date=first_start(os.environ.get("CREDIT_EXCHANGE_FIRST_DATE", "")),
    catchup=True,
    max_active_runs=1,  # backfills are counted apart; the locks are ours, in PostgreSQL
    tags=["信用信息交换", "每夜"],
    default_args={
        "owner": "credit-exchange",
        "retries": 2,
        "retry_delay": RETRY,
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(minutes=15),
        "execution_timeout": timedelta(hours=1),
    },
    deadline=DeadlineAlert(
        name="06:00 前完成",
        reference=NightDue(),
        interval=timedelta(0),
        callback=AsyncCallback(NightLateNotifier),
    ),
) as dag:
    feeds = tasks.OpenNight(task_id="open_night", task_display_name="开始", execution_timeout=timedelta(minutes=5))

    @task_group(group_id="feeds", group_display_name="各部门报送")
    def feed_steps(feed: str) -> None:
        """Collect, validate and merge one feed."""
        collect = tasks.Collect(task_id="collect", task_display_name="采集", feed=feed, map_index_template=FEED)
        validate = tasks.Validate(
            task_id="validate", task_display_name="校验", feed=feed, batch_id=collect.output, map_index_template=FEED
        )
        merge = tasks.Merge(
            task_id="merge", task_display_name="归并", feed=feed, batch_id=collect.output, map_index_template=FEED
        )
        validate >> merge

    every_feed = feed_steps.expand(feed=feeds.output)
    platforms = tasks.ListPlatforms(
        task_id="platforms", task_display_name="平台清单", execution_timeout=timedelta(minutes=5)
    )
    release = tasks.Release(task_id="release", task_display_name="发布", trigger_rule=TriggerRule.ALL_DONE)
    push = tasks.Push.partial(
        task_id="push",
        task_display_name="上报",
        trigger_rule=TriggerRule.ALL_DONE,  # what earlier nights left is sent even when tonight's release failed
        map_index_template=PLATFORM,
        retries=1,  # a drain retries by itself; once more after a pause is for short outages
        execution_timeout=timedelta(hours=3),
    ).expand(platform=platforms.output)
    summary = tasks.Summary(
        task_id="summary",
        task_display_name="汇总",
        outlets=[NIGHT],
        trigger_rule=TriggerRule.ALL_DONE,
        execution_timeout=timedelta(minutes=10),
    )
    verdict = tasks.Verdict(
        task_id="verdict",
        task_display_name="判定",
        feeds_task="open_night",
        platforms_task="platforms",
        trigger_rule=TriggerRule.ALL_DONE,
        execution_timeout=timedelta(minutes=10),
    )
    every_feed >> release >> push >> summary >> verdict
    # where only what failed is cleared, 汇总 is not: the verdict must wait for each part by itself
    [every_feed, release, push] >> verdict
