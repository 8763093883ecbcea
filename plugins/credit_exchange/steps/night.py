"""One night in one process, without Airflow: the very steps of the DAG, one after another."""

from __future__ import annotations

import dataclasses
import logging
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from functools import partial

from credit_exchange.config.labels import COUNT_WORDS, part_label
from credit_exchange.config.loader import Configuration
from credit_exchange.errors import ConfigurationError, ExchangeError, remedy_of, without_values
from credit_exchange.steps.collect import collect
from credit_exchange.steps.collect.absence import tell_belated_of_others
from credit_exchange.steps.collect.batches import newest
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.merge import merge
from credit_exchange.steps.nights import close_night, newest_run, open_night, remember_cause
from credit_exchange.steps.push import DrainResult, drain
from credit_exchange.steps.release import release
from credit_exchange.steps.validate import validate

log = logging.getLogger(__name__)


@dataclass
class NightResult:
    """How a night went: the parts that failed with what they said, and their number. run_id: whose causes they are."""

    business_date: date
    run_id: str = ""
    parts: int = 0
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Whether no part failed."""
        return not self.failed


def run_feed(exchange: Exchange, feed_id: str, business_date: date, *, recollect: bool = False) -> dict[str, int]:
    """Collect, validate and merge one feed's delivery of one business date; return the batch's counts."""
    batch_id = collect(exchange, feed_id, business_date, recollect=recollect)
    validate(exchange, batch_id)
    return {"batch_id": batch_id, **merge(exchange, batch_id)}


def run_night(
    exchange: Exchange,
    business_date: date,
    *,
    feeds: Sequence[str] = (),
    platforms: Sequence[str] = (),
    recollect: bool = False,
    say: Callable[[str], None] = log.info,
) -> NightResult:
    """Run the night of a business date. A part that fails stops only itself; all others are finished.

    `feeds` and `platforms` limit it (all by default; naming only platforms collects nothing). What is limited is no
    night of its business date: it is not recorded as one, and a late or missing night stays so. Platforms are drained
    side by side. Raises ConfigurationError for a feed or platform that does not exist, and for a feed that does not
    deliver this business date and has no batch of it, before anything is done.
    """
    for feed_id in feeds:
        is_due = exchange.config.feed(feed_id).delivers_on(business_date)
        if not is_due and newest(exchange.engine, feed_id, business_date) is None:  # what had begun can be ended
            raise ConfigurationError(
                f"按 feeds/{feed_id}.yml 的 valid_from、valid_to，业务日期 {business_date} 不由它报送；"
                "请更正 --date 或该文件"
            )
    for target in platforms:
        exchange.config.platform(target)
    is_whole = not feeds and not platforms
    run_id = f"command__{business_date}__{uuid.uuid4().hex[:12]}" if is_whole else newest_run(exchange, business_date)
    result = NightResult(business_date, run_id)
    if is_whole:
        open_night(exchange, run_id, business_date, "command")
    chosen = list(feeds) or ([] if platforms else exchange.config.feeds_on(business_date))
    if is_whole:
        tell_belated_of_others(exchange, chosen)
    for feed_id in chosen:
        label = f"feed {feed_id}"
        work = partial(run_feed, exchange, feed_id, business_date, recollect=recollect)
        _part(exchange, result, label, say, work)
    _part(exchange, result, "release", say, lambda: release(exchange))
    targets = list(platforms) or exchange.config.ids("platform")
    with ThreadPoolExecutor(max_workers=max(1, len(targets)), thread_name_prefix="drain") as pool:
        drains = {target: pool.submit(drain, exchange, target) for target in targets}
        for target, future in drains.items():
            _part(exchange, result, f"platform {target}", say, future.result)
    if is_whole:
        close_night(exchange, run_id, sorted(result.failed))
    return result


def _part(
    exchange: Exchange,
    result: NightResult,
    label: str,
    say: Callable[[str], None],
    work: Callable[[], dict[str, int] | DrainResult],
) -> None:
    """Run one part. What it raises is told and makes the night fail, but stops no other part."""
    result.parts += 1
    who = part_label(exchange.config, label)
    try:
        outcome = work()
        counted = _counted(exchange.config, outcome)
        if isinstance(outcome, DrainResult) and outcome.problem:
            result.failed[label] = outcome.problem
            say(f"✗ {who}：{outcome.problem.removeprefix(f'{who}：')}（{counted}）")
        else:
            say(f"✓ {who}：{counted}")
    except ExchangeError as error:
        result.failed[label] = str(error)
        say(f"✗ {who}：{error}")
    except Exception as error:  # a defect in one part must not take the others' night; its values are not told
        told = without_values(error)  # where a disk is full or the database gone, that and what to do comes first
        result.failed[label] = told if remedy_of(error) else f"意外错误：{told}"
        log.debug("unexpected error in %s", label, exc_info=error)
        say(f"✗ {who}：{result.failed[label]}；在命令前加 --debug 可看到全部")
    remember_cause(exchange.engine, result.run_id, label, result.failed.get(label))


def _counted(config: Configuration, outcome: dict[str, int] | DrainResult) -> str:
    """Return what a part counted, as people read it; a part of `release` counts by `<platform>.<op or effect>`."""
    counts: dict[str, int] = outcome if isinstance(outcome, dict) else dataclasses.asdict(outcome)
    told = []
    for key, count in counts.items():
        platform, _, name = key.rpartition(".")
        if count and name in COUNT_WORDS:
            told.append(f"{part_label(config, f'platform {platform}') if platform else ''}{COUNT_WORDS[name]} {count}")
    return "、".join(told) or "没有变化"
