"""What an answer means for a shipment: settled, asked again, sent again, split, or given to a person."""

from __future__ import annotations

from collections import Counter

from credit_exchange.config.platform import Platform
from credit_exchange.steps.push.claim import STATE_OF, Claimer, Leased
from credit_exchange.steps.push.desk import Desk
from credit_exchange.steps.push.dialects.base import CallResult, Kind, Outcome, Refusal, Verdict
from credit_exchange.steps.push.gate import Gate, Stop
from credit_exchange.steps.push.waiting import pause, retry_after

_MALFORMED_IN_A_ROW = 3
_BUSY_IN_A_ROW = 100
_ABOUT_ONE = (200, 500)
"""Answers to a question about one shipment that do not settle it, and say nothing of the platform as a whole."""


class Settler:
    """Writes outcomes and remembers, for one drain, what has been tried often enough."""

    def __init__(self, platform: Platform, desk: Desk, gate: Gate, claimer: Claimer) -> None:
        self._platform = platform
        self._desk = desk
        self._gate = gate
        self._claimer = claimer
        self.counts: Counter[str] = Counter()
        self.skip_shipments: set[str] = set()
        self.skip_records: set[int] = set()
        self.last_problem = ""
        self._failed: Counter[str] = Counter()
        self._again: Counter[tuple[str, int]] = Counter()
        self.troubled = True
        """The platform failed lately, as far as was seen when the last call began: a success has to be written."""
        self._malformed = 0
        self._busy = 0

    # --- after sending

    def sent(self, leased: Leased, attempt: int, result: CallResult) -> None:
        """Settle what came of sending. Raises Stop when the platform must not be called any more."""
        number = leased.shipment.label.shipment_no
        if result.refusal is not Refusal.MALFORMED:
            self._malformed = 0
        if result.kind is Kind.STORED and self._complete(leased, result):
            self._settle(leased, attempt, result)
            self._fine()
        elif result.kind is Kind.PENDING:
            wait = self._platform.poll_seconds
            self._desk.record(leased, attempt, result, state="awaiting_receipt", wait=wait)
            self._fine()
        elif result.kind is Kind.REFUSED:
            self._refused(leased, attempt, result)
        else:
            self._failed[number] += 1
            wait = self._platform.settle_after_seconds
            self._desk.record(leased, attempt, result, state="unknown", wait=wait)
            self._trouble(result)

    def _refused(self, leased: Leased, attempt: int, result: CallResult) -> None:
        """Nothing was stored: the same bytes again, later, unless they are what the platform cannot take."""
        match result.refusal:
            case Refusal.TOO_LARGE:
                self._split(leased, attempt, result)
            case Refusal.MALFORMED:
                self._give_back(leased, attempt, result)
            case Refusal.BUSY:
                wait = retry_after(result.retry_after, self._platform.retry)
                self._desk.record(leased, attempt, result, state="retry", wait=wait)
                self._wait_for_platform(wait)
            case Refusal.CREDENTIALS:
                self._desk.record(leased, attempt, result, state="retry")
                self._trouble(result)
            case _:
                number = leased.shipment.label.shipment_no
                self._failed[number] += 1
                wait = self._pause_or_skip(number)
                self._desk.record(leased, attempt, result, state="retry", wait=wait)
                if result.refusal is Refusal.UNREACHABLE:
                    self._trouble(result)

    def _split(self, leased: Leased, attempt: int, result: CallResult) -> None:
        count = len(leased.shipment.lines)
        if count > 1:
            # the records go back and come again in halves
            lane = leased.shipment.label.lane
            self._claimer.most[lane] = min((count + 1) // 2, self._claimer.most.get(lane, count))
            self._desk.dissolve(leased, attempt, result, "超过平台允许的大小，拆成两半重新装入")
            return
        verdict = Verdict(Outcome.REJECTED, result.code, "单条记录超过平台允许的大小")
        self._settle(leased, attempt, CallResult(Kind.STORED, {1: verdict}, code=result.code, reply=result.reply))

    def _give_back(self, leased: Leased, attempt: int, result: CallResult) -> None:
        """The platform calls a whole shipment malformed: its contract or our configuration changed, not the records."""
        self._desk.dissolve(leased, attempt, result, f"平台不接受整批的格式（{result.code}），其中的记录下次重新装入")
        self.skip_records |= {line.outbox_id for line in leased.shipment.lines}
        self._malformed += 1
        self.last_problem = (
            f"平台不接受整个上报批次的格式（{result.code}）；请对照平台接口检查 platforms/{self._platform.platform}.yml"
        )
        if self._malformed >= _MALFORMED_IN_A_ROW:
            reason = (
                f"接口约定不符：平台连续 {self._malformed} 次不接受整个上报批次的格式（{result.code}）；"
                f"请对照平台接口检查 platforms/{self._platform.platform}.yml 及其 dialect"
            )
            self._gate.open(reason)
            raise Stop(f"{self._platform.name}：{reason}")

    # --- after asking

    def asked(self, leased: Leased, attempt: int, result: CallResult) -> None:
        """Settle what came of asking about an unknown shipment or looking at a task."""
        number = leased.shipment.label.shipment_no
        if result.kind is Kind.STORED and self._complete(leased, result):
            self._settle(leased, attempt, result)
            self._fine()
            return
        if result.kind is Kind.PENDING:
            wait = self._platform.poll_seconds
            self._desk.record(leased, attempt, result, state="awaiting_receipt", wait=wait)
            self._fine()
            return
        if result.kind is Kind.ABSENT and self._failed[number] < self._platform.retry.attempts:
            # surely never arrived: the same bytes under the same key, and no other version may overtake them
            self._desk.record(leased, attempt, result, state="ready")
            return
        busy = result.refusal is Refusal.BUSY
        if not busy:
            self._failed[number] += 1
        wait = retry_after(result.retry_after, self._platform.retry) if busy else self._pause_or_skip(number)
        self._desk.record(leased, attempt, result, state=leased.before, wait=wait)
        if busy:
            self._wait_for_platform(wait)
        elif result.kind is not Kind.ABSENT and (result.http_status not in _ABOUT_ONE or result.credentials_refused):
            self._trouble(result)
        elif result.kind is not Kind.ABSENT:
            # it must not keep the circuit open for all others, night after night: it is what is looked at first
            self.last_problem = result.problem or f"{result.words}（{result.code}）"

    # --- common

    def _complete(self, leased: Leased, result: CallResult) -> bool:
        return result.verdicts.keys() == {line.line_no for line in leased.shipment.lines}

    def _settle(self, leased: Leased, attempt: int, result: CallResult) -> None:
        alike = result.alike()
        waits: dict[int, float] = {}
        together: dict[int, float] = {}  # what comes again from one shipment comes at one time, in one shipment
        for line in leased.shipment.lines if alike is None or alike.outcome is Outcome.AGAIN else ():
            if result.verdicts[line.line_no].outcome is Outcome.AGAIN:
                version = (line.record_id, line.version)
                self._again[version] += 1
                if self._again[version] >= self._platform.retry.attempts:
                    self.skip_records.add(line.outbox_id)
                    self.last_problem = f"平台未能保存其中一些记录（{result.code}）；下次上报时再试"
                else:
                    count = self._again[version]
                    waits[line.line_no] = together.setdefault(count, pause(self._platform.retry, count))
        self._desk.record(leased, attempt, result, state="settled", waits=waits)
        if alike is None:
            states = Counter(STATE_OF[verdict.outcome] for verdict in result.verdicts.values())
        else:
            states = Counter({STATE_OF[alike.outcome]: len(result.verdicts)})
        del states["retry"]
        self.counts.update(states)
        self._busy = 0

    def _pause_or_skip(self, number: str) -> float:
        """Return the pause before the next try; after the last one of this drain none, for the next drain."""
        if self._failed[number] >= self._platform.retry.attempts:
            self.skip_shipments.add(number)
            return 0.0
        return pause(self._platform.retry, self._failed[number])

    def _wait_for_platform(self, seconds: float) -> None:
        self._gate.pause(seconds)
        self.last_problem = f"平台要求等待 {seconds:.0f} 秒"
        self._busy += 1
        if self._busy >= _BUSY_IN_A_ROW:
            raise Stop(f"{self._platform.name}：平台连续 {self._busy} 次答复繁忙，其余留待下次上报")

    def _fine(self) -> None:
        """The platform took a shipment: that ends its trouble, if it had any."""
        if self.troubled:
            self._gate.success()
            self.troubled = False

    def _trouble(self, result: CallResult) -> None:
        """Count a failure of the platform; refused credentials stop everything at once."""
        self.troubled = True
        problem = result.problem or f"{result.words}（{result.code}）"
        self.last_problem = problem
        if result.credentials_refused:
            reason = f"平台不接受凭证（{result.code}）；请更正连接 {self._platform.connection}"
            self._gate.open(reason)
            raise Stop(f"{self._platform.name}：{reason}，本次不再上报")
        self._gate.failure(problem)
