"""The operators of the DAGs: each calls one step of the exchange and hands on ids and counts, nothing else.

Everything heavy is imported when a task runs, never when a DAG is parsed.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseOperator, BaseOperatorLink
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from credit_exchange.adapters.business_date import date_of
from credit_exchange.adapters.exchange import NotReady, die_with_parent, guarded, opened
from credit_exchange.config.labels import STEP_WORDS, feed_label, part_label
from credit_exchange.errors import ConfigurationError, FatalError

if TYPE_CHECKING:
    from credit_exchange.steps.context import Exchange

FAILED_STATES = frozenset({"failed", "upstream_failed", "skipped"})
"""Nothing of a night is ever passed by on purpose: what is skipped was stopped with the run, by a person."""

NO_FEEDS = frozenset((f"feeds.{step}", "skipped") for step in ("collect", "validate", "merge"))
"""The states of the steps of feeds, as a whole, where 开始 gave none."""


class PageLink(BaseOperatorLink):
    """The button of a task that leads to the page which explains what it did."""

    name = "处理结果"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the page of what the task worked on; the night's page when it got nowhere."""
        from urllib.parse import quote

        return str(getattr(operator, "page", "") or f"/exchange/night?run_id={quote(str(ti_key.run_id))}")


class ExchangeOperator(BaseOperator):
    """Opens the exchange, does its work, names its row in the UI, and translates errors."""

    operator_extra_links = (PageLink(),)
    reopens: ClassVar[bool] = True
    """When it runs in a night that has ended, that night has no verdict until it gets one again."""
    page: str = ""

    @property
    def part(self) -> str:
        """How the night calls the part that this task belongs to."""
        return str(self.task_id)

    def execute(self, context: Any) -> Any:
        """Run the step. Raises AirflowFailException where only a person can help, else an error that is retried."""
        self.page = ""

        def work() -> Any:
            from credit_exchange.steps.nights import remember_cause, run_again

            with opened() as exchange:
                if not self.reopens:
                    return self.work(exchange, context)
                run_id = context["dag_run"].run_id
                run_again(exchange, run_id)
                done = self.work(exchange, context)
                remember_cause(exchange.engine, run_id, self.part, None)
                return done

        try:
            return guarded(work)
        except AirflowException as error:
            if self.reopens:
                self._remember(context["dag_run"].run_id, str(error))
            raise

    def _remember(self, run_id: str, cause: str) -> None:
        """Record why the step failed, for people who look at the page; without the configuration, which may be why."""
        from credit_exchange.steps.nights import remember_cause
        from credit_exchange.stores.database import connect

        try:
            engine = connect(pool_size=1)
        except ConfigurationError:  # no database is named, as the step itself has said
            return
        try:
            remember_cause(engine, run_id, self.part, cause)
        finally:
            engine.dispose()

    @abstractmethod
    def work(self, exchange: Exchange, context: Any) -> Any:
        """Do the step's work and return ids and counts."""


class OpenNight(ExchangeOperator):
    """Fixes the run's business date in our table and returns the feeds to be run, as configured at this moment."""

    ui_color = "#e8f1fb"

    def work(self, exchange: Exchange, context: Any) -> list[str]:
        """Return the ids of the feeds that deliver the date; none where the schedule comes to one that is left out on
        purpose. Raises ConfigurationError when there is no feed at all."""
        from credit_exchange.steps.collect.absence import tell_belated_of_others
        from credit_exchange.steps.nights import open_night, passed_over
        from credit_exchange.steps.reference import sync_reference

        run = context["dag_run"]
        day, kind = date_of(run), run_kind(run.run_type)
        night = open_night(exchange, run.run_id, day, kind, was_named=bool(run.partition_key))
        sync_reference(exchange)  # calendar and clocks of the configuration, for the views
        if why := passed_over(exchange, night):
            self.log.warning(
                "业务日期 %s 已登记有意不交换：%s；改变主意时请补数（加 --reprocess-behavior completed）或用分区键触发",
                night.business_date,
                why,
            )
            return []
        if not (known := len(exchange.config.ids("feed"))):
            raise ConfigurationError(f"{exchange.config.root} 中没有报送源；请检查 CREDIT_EXCHANGE_CONFIG")
        feeds = exchange.config.feeds_on(night.business_date)
        self.log.info("业务日期 %s 由 %d 个报送源报送，共 %d 个", night.business_date, len(feeds), known)
        tell_belated_of_others(exchange, feeds)
        return feeds


class ListPlatforms(ExchangeOperator):
    """Returns the platforms to be served, as configured at this moment."""

    def work(self, exchange: Exchange, context: Any) -> list[str]:
        """Return the ids of all platforms."""
        self.page = "/exchange/platforms"
        return exchange.config.ids("platform")


class _FeedOperator(ExchangeOperator):
    """A step of one feed; its row in the UI is named by department and data set."""

    template_fields = ("feed", "batch_id")

    def __init__(self, *, feed: Any, batch_id: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.feed = feed
        self.batch_id = batch_id

    @property
    def part(self) -> str:
        """The feed, whichever of its steps this is."""
        return f"feed {self.feed}"

    def work(self, exchange: Exchange, context: Any) -> Any:
        """Name the row, then run the step."""
        context["label"] = feed_label(exchange.config, self.feed)
        if self.batch_id is not None:
            self.page = f"/exchange/batch/{int(self.batch_id)}"
        return self.step(exchange, context)

    @property
    def batch(self) -> int:
        """The batch that 采集 gave. Raises FatalError when it gave none: marked as success by hand it runs nothing."""
        if self.batch_id is None:
            raise FatalError(f"{self.feed}：采集没有给出批次（可能被手工标记为成功）；请清除它的采集（含下游）重新运行")
        return int(self.batch_id)

    @abstractmethod
    def step(self, exchange: Exchange, context: Any) -> Any:
        """Run the step of this feed."""


class Collect(_FeedOperator):
    """采集: lands what the feed delivers for the night's business date and returns the batch's id."""

    ui_color = "#e6f4ea"

    def step(self, exchange: Exchange, context: Any) -> int:
        """Return the id of the batch."""
        from credit_exchange.steps.collect import collect
        from credit_exchange.steps.nights import night_of

        night = night_of(exchange, context["dag_run"].run_id)
        batch_id = collect(exchange, self.feed, night.business_date)
        self.page = f"/exchange/batch/{int(batch_id)}"
        return int(batch_id)


class Validate(_FeedOperator):
    """校验: judges every row by the catalogue's rules and returns the counts."""

    ui_color = "#fef7e0"

    def step(self, exchange: Exchange, context: Any) -> dict[str, int]:
        """Return the counts of the batch."""
        from credit_exchange.steps.validate import validate

        return counts(validate(exchange, self.batch))


class Merge(_FeedOperator):
    """归并: merges accepted rows into the record of truth and returns the counts."""

    ui_color = "#fce8e6"

    def step(self, exchange: Exchange, context: Any) -> dict[str, int]:
        """Return the counts of the merge."""
        from credit_exchange.steps.merge import merge

        return counts(merge(exchange, self.batch))


class Release(ExchangeOperator):
    """发布: decides by the sharing rules what each platform gets."""

    def work(self, exchange: Exchange, context: Any) -> dict[str, int]:
        """Return the counts of decisions."""
        from credit_exchange.steps.release import release

        return counts(release(exchange))


class Push(ExchangeOperator):
    """上报: drains one platform's outbox; its row in the UI is named by the platform."""

    template_fields = ("platform",)
    ui_color = "#e8eaf6"

    def __init__(self, *, platform: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.platform = platform

    @property
    def part(self) -> str:
        """The platform."""
        return f"platform {self.platform}"

    def work(self, exchange: Exchange, context: Any) -> dict[str, int]:
        """Return the counts of deliveries. Raises when the platform could not be served."""
        from credit_exchange.steps.push import drain

        die_with_parent()
        context["label"] = exchange.config.platform(self.platform).name
        self.page = f"/exchange/platforms?platform={self.platform}"
        result = drain(exchange, self.platform)
        if result.problem:
            raise NotReady(result.problem)  # which names the platform
        return counts(vars(result))


class Summary(ExchangeOperator):
    """汇总: emits the night's asset, before the verdict, so that a partly failed night has its consumers too."""

    def work(self, exchange: Exchange, context: Any) -> dict[str, int]:
        """Return the night's totals."""
        from credit_exchange.steps.nights import night_of
        from credit_exchange.stores import sql
        from credit_exchange.stores.database import transaction

        night = night_of(exchange, context["dag_run"].run_id)
        with transaction(exchange.engine) as connection:
            given = {"business_date": night.business_date}
            totals = counts(connection.execute(sql.load("ui/night_totals"), given).mappings().one())
        for asset in self.outlets:
            context["outlet_events"][asset].extra = {"business_date": night.business_date.isoformat(), **totals}
        return totals


class Verdict(ExchangeOperator):
    """判定: states how the night ended, records and tells what failed, and fails the run when any part did."""

    reopens = False

    def __init__(self, *, feeds_task: str, platforms_task: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.feeds_task = feeds_task
        self.platforms_task = platforms_task

    def work(self, exchange: Exchange, context: Any) -> dict[str, int]:
        """Close the night. Raises AirflowFailException naming every failed part."""
        from credit_exchange.adapters.notifiers import tell
        from credit_exchange.steps.verdict import judge

        run, ti = context["dag_run"], context["ti"]
        states = ti.get_task_states(dag_id=run.dag_id, run_ids=[run.run_id]).get(run.run_id, {})
        feeds = ti.xcom_pull(task_ids=self.feeds_task)
        if feeds == []:  # Airflow skips their steps then
            states = {key: state for key, state in states.items() if (key, state) not in NO_FEEDS}
        mapped = {"feed": feeds or [], "platform": ti.xcom_pull(task_ids=self.platforms_task) or []}
        by_tasks = failed_parts(states, mapped, own=self.task_id)
        failed = judge(exchange, run.run_id, by_tasks, mapped["feed"], mapped["platform"])
        tell(exchange)
        if failed:
            listing = "；".join(
                f"{part_label(exchange.config, part)}（{STEP_WORDS.get(step, step)}）"
                for part, step in sorted(failed.items())
            )
            raise AirflowFailException(
                f"{len(failed)} 个部分未完成：{listing}。修复后清除对应任务（部门的清除「采集」，含下游）即可补齐"
            )
        return {"failed": 0}


class PollReceipts(ExchangeOperator):
    """回执: asks about what platforms took and have not answered for; does nothing when there is nothing."""

    reopens = False
    PROBLEM: ClassVar[str] = "回执查询未完成"

    def work(self, exchange: Exchange, context: Any) -> dict[str, int]:
        """Return the number of platforms asked. Raises when one of them could not be asked; the others were."""
        from credit_exchange.adapters.notifiers import tell
        from credit_exchange.steps.push import poll_receipts
        from credit_exchange.stores import sql
        from credit_exchange.stores.database import transaction

        self.page = "/exchange/platforms"
        with transaction(exchange.engine) as connection:
            waiting = list(connection.execute(sql.load("ui/platforms_waiting")).scalars())
        tell(exchange)
        if not waiting:
            return {"platforms": 0}
        die_with_parent()
        problems = []
        for platform in waiting:
            try:
                result = guarded(partial(poll_receipts, exchange, platform))
            except Exception as error:  # noqa: BLE001 - one platform must not keep the others from being asked
                problems.append(f"{platform}: {error}")
            else:
                problems += [str(result.problem)] if result.unseen else []
        if problems:
            raise NotReady(f"{self.PROBLEM}: {'; '.join(problems)}")
        return {"platforms": len(waiting)}


class Reconcile(ExchangeOperator):
    """核对: compares what platforms list with what was delivered to them; fails when something differs."""

    reopens = False
    PROBLEM: ClassVar[str] = "平台核对未完成"

    def work(self, exchange: Exchange, context: Any) -> dict[str, int]:
        """Return for each platform how many records were compared; raises when one differs or cannot be read."""
        from credit_exchange.adapters.notifiers import tell
        from credit_exchange.steps.reconcile import reconcile

        self.page = "/exchange/platforms"
        compared, problems, differ = dict[str, int](), list[str](), list[str]()
        for platform_id, platform in exchange.config.platforms.items():
            try:
                done = guarded(partial(reconcile, exchange, platform_id))
            except Exception as error:  # noqa: BLE001 - one platform must not keep the others from being compared
                problems.append(str(error))
                continue
            if done is not None:
                compared[platform_id] = done.compared if done.asked is None else done.asked
                differ += [] if done.agrees else [f"{platform.name}：{done.told}"]
        tell(exchange)
        if problems:
            raise NotReady(f"{self.PROBLEM}：{'；'.join(problems + differ)}")
        if differ:
            raise FatalError(f"{'；'.join(differ)}；逐条和处理办法见「上报平台」页")
        return compared


def run_kind(run_type: Any) -> Any:
    """Return how our table calls Airflow's kind of run: scheduled, backfill or manual."""
    kind = str(getattr(run_type, "value", run_type)).lower()
    if "backfill" in kind:
        return "backfill"
    return "scheduled" if kind == "scheduled" else "manual"


def counts(result: Mapping[str, Any] | Any) -> dict[str, int]:
    """Return only the whole numbers of a step's result: nothing else may stand in an XCom."""
    items = result.items() if hasattr(result, "items") else vars(result).items()
    return {str(k): int(v) for k, v in items if isinstance(v, int) and not isinstance(v, bool)}


def failed_parts(states: Mapping[str, str], mapped: Mapping[str, list[str]], own: str) -> dict[str, str]:
    """Return part -> its first failed step, from the run's task states (keys as `feeds.collect_3`).

    Parts are `feed <id>`, `platform <id>` and, for everything else, the task's id.
    """
    found: dict[str, str] = {}
    for key, state in states.items():
        if str(state) not in FAILED_STATES:
            continue
        task, _, index = key.rpartition("_")
        kind = {"feeds.": "feed", "push": "platform"}.get(task[: task.find(".") + 1] or task)
        if kind and index.isdigit() and int(index) < len(mapped[kind]):
            part, step = f"{kind} {mapped[kind][int(index)]}", task.rpartition(".")[2]
        elif key == own:
            continue
        else:
            part, step = key, key
        # the step that really failed is named, not those that waited for it
        if part not in found or str(state) == "failed":
            found[part] = step
    return found
