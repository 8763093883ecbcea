"""What an answer means for a shipment: settled, asked again, sent again, split, or given to a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from credit_exchange.config.platform import Platform
from credit_exchange.steps.push.apart import Apart, Finding
from credit_exchange.steps.push.claim import STATE_OF, Claimer, Leased
from credit_exchange.steps.push.desk import Desk
from credit_exchange.steps.push.dialects.base import CallResult, Kind, Outcome, Refusal, Verdict
from credit_exchange.steps.push.gate import Gate, Stop
from credit_exchange.steps.push.streams import Stream
from credit_exchange.steps.push.trouble import Trouble
from credit_exchange.steps.push.waiting import pause, retry_after

_BUSY_IN_A_ROW = 100
_FOR_ALL = (Refusal.UNREACHABLE, Refusal.SIGN_AGAIN)
"""What any other shipment would have met as well: nobody is there, or a clock is off."""
_ANSWERS = (200, 500)
"""Answers to a question about one shipment that do not settle it, and show that the platform is there."""


_REFUSED = (Outcome.REJECTED, Outcome.HELD, Outcome.RECONCILE)
_STILL_SHOWN = "没有撤下，记录可能仍在平台公示，每夜自动再试；请与平台核对原因"


def _of_takedowns(result: CallResult) -> CallResult:
    """Return what a platform said about takedowns: one that it did not take is for a person, not for the department."""
    verdicts = {
        number: Verdict(Outcome.HELD, v.code, "；".join(filter(None, (v.message, _STILL_SHOWN))))
        if v.outcome in _REFUSED
        else v
        for number, v in result.verdicts.items()
    }
    return replace(result, verdicts=verdicts)


class Settler:
    """Writes outcomes and remembers, for one drain, what has been tried often enough."""

    def __init__(self, platform: Platform, desk: Desk, gate: Gate, claimer: Claimer, names: Mapping[str, str]) -> None:
        """names: how people call the data sets."""
        self._platform = platform
        self._desk = desk
        self._gate = gate
        self._claimer = claimer
        self.counts: Counter[str] = Counter()
        self.skip_shipments: set[str] = set()
        self.skip_records: set[int] = set()
        self.last_problem = ""
        self.unanswered: set[str] = set()
        """Shipments that the platform was asked about since it last answered such a question."""
        self.not_taken_down = 0
        """Records whose takedown the platform did not take: they are still shown there."""
        self.unseen: dict[str, str] = {}
        """Shipments of which the last look found nothing out, and why."""
        self._failed: Counter[str] = Counter()
        self._absent: Counter[str] = Counter()
        self._unsure: dict[str, str] = {}
        """Shipments of which sending did not say what became of them, and what it said."""
        self._again: Counter[tuple[str, int]] = Counter()
        self.trouble = Trouble(platform, gate, claimer.stopped, names)
        self.apart = Apart()
        """What was refused as a whole, and goes afresh in parts."""
        self._busy = 0

    # --- after sending

    def sent(self, leased: Leased, attempt: int, result: CallResult) -> None:
        """Settle what came of sending. Raises Stop when the platform must not be called any more."""
        number = leased.shipment.label.shipment_no
        if result.kind is Kind.STORED and self._complete(leased, result):
            self._settle(leased, attempt, result)
            self._took(leased)
        elif result.kind is Kind.PENDING:
            wait = self._platform.poll_seconds
            self._desk.record(leased, attempt, result, state="awaiting_receipt", wait=wait)
            self._took(leased)
        elif result.kind is Kind.REFUSED:
            self._refused(leased, attempt, result)
        else:
            self._failed[number] += 1
            self._unsure[number] = result.problem or f"{result.words}（{result.code}）"
            wait = self._platform.settle_after_seconds
            self._desk.record(leased, attempt, result, state="unknown", wait=wait)
            self._trouble(leased, result)

    def _refused(self, leased: Leased, attempt: int, result: CallResult) -> None:
        """Nothing was stored: the same bytes again, later, unless they are what the platform cannot take."""
        match result.refusal:
            case Refusal.TOO_LARGE | Refusal.MALFORMED:
                self._part(leased, attempt, result)
            case Refusal.BUSY:
                wait = retry_after(result.retry_after, self._platform.retry)
                self._desk.record(leased, attempt, result, state="retry", wait=wait)
                self._wait_for_platform(wait)
            case Refusal.CREDENTIALS | Refusal.NOT_ALLOWED:
                self._desk.record(leased, attempt, result, state="retry")
                self._trouble(leased, result)
            case _:
                number = leased.shipment.label.shipment_no
                self._failed[number] += 1
                wait = self._pause_or_skip(number)
                self._desk.record(leased, attempt, result, state="retry", wait=wait)
                self._trouble(leased, result)

    def _part(self, leased: Leased, attempt: int, result: CallResult) -> None:
        """A whole shipment is refused, and not for a while: its records go afresh, unless it is known which it is."""
        too_large = result.refusal is Refusal.TOO_LARGE
        words = "超过平台允许的大小" if too_large else f"平台不接受整批的格式（{result.code}）"
        shipment, count = leased.shipment, len(leased.shipment.lines)
        finding = self.apart.refused(shipment, too_large=too_large)
        if too_large:
            lane, most = shipment.label.lane, self._claimer.most
            if count > 1 and self.apart.is_size(lane):
                most[lane] = min((count + 1) // 2, most.get(lane, count))
            if count == 1:  # it is the record's own size that is too large, not that of shipments
                most.pop(lane, None)
        if finding is Finding.GUILTY:
            self._guilty(leased, attempt, result)
            return
        self.skip_records |= {line.outbox_id for line in shipment.lines}
        if finding is Finding.SPLIT:
            self._desk.dissolve(leased, attempt, result, f"{words}，拆成更小的批次重新装入")
        else:
            self._desk.dissolve(leased, attempt, result, f"{words}，其中的记录下次重新装入")
        contract = f"请对照平台接口检查 platforms/{self._platform.platform}.yml"
        why = result.said
        why = f"，平台称：{why}" if why else ""
        if finding is Finding.BROKEN:
            reason = f"{words}，拆成单条仍连续不被接受{why}；{contract} 及其 dialect"
            self.trouble.stop(Stream.of(shipment.label), f"接口约定不符：{reason}")
        elif finding is Finding.ASIDE:
            self.last_problem = f"{words}{why}；{contract}"

    def _guilty(self, leased: Leased, attempt: int, result: CallResult) -> None:
        """One record is what the platform cannot take: for its department, or of a takedown for a person here."""
        words = "单条记录超过平台允许的大小" if result.refusal is Refusal.TOO_LARGE else "平台不接受这条记录的格式"
        message = "：".join(filter(None, (words, result.said)))
        verdict = Verdict(Outcome.REJECTED, result.code, message)
        self._settle(leased, attempt, CallResult(Kind.STORED, {1: verdict}, code=result.code, reply=result.reply))

    def keeps_back(self, leased: Leased) -> bool:
        """Give a shipment back for the next drain, if nothing of its kind is sent any more."""
        if Stream.of(leased.shipment.label) not in self._claimer.stopped:
            return False
        self._desk.put_back(replace(leased, before="retry"), None)  # so that a takedown need not wait for it
        self.skip_shipments.add(leased.shipment.label.shipment_no)
        return True

    # --- after asking

    def asked(self, leased: Leased, attempt: int, result: CallResult) -> None:
        """Settle what came of asking about an unknown shipment or looking at a task."""
        number = leased.shipment.label.shipment_no
        unseen = self.unseen.pop(number, None)
        denied = result.refusal is Refusal.NOT_ALLOWED
        answered = result.further or (result.http_status in _ANSWERS and not denied)
        known = result.kind in (Kind.STORED, Kind.PENDING, Kind.ABSENT)
        if result.further or known:
            self._busy = 0
        if answered or known:
            self.unanswered.clear()
        if leased.before == "unknown" and result.kind in (Kind.STORED, Kind.PENDING):
            self.trouble.took(Stream.of(leased.shipment.label))  # when it was sent, only the answer was lost
        if result.kind is Kind.STORED and self._complete(leased, result):
            self._settle(leased, attempt, result)
            self.trouble.fine()
            return
        if result.kind is Kind.PENDING:
            wait = self._platform.poll_seconds
            self._desk.record(leased, attempt, result, state="awaiting_receipt", wait=wait)
            self.trouble.fine()
            return
        self._absent[number] += result.kind is Kind.ABSENT
        lost = self._failed[number] >= self._platform.retry.attempts
        # also what was taken, and is not known there afterwards, goes again so many times only
        if result.kind is Kind.ABSENT and (lost or self._absent[number] < self._platform.retry.attempts):
            # surely never arrived: the same bytes under the same key, unless a record of it was overtaken meanwhile
            if lost:
                self.skip_shipments.add(number)
                self.last_problem = f"{result.words}（{result.code}）"
                if number in self._unsure:
                    self.last_problem += f"；发送时：{self._unsure[number]}"
            self._desk.record(leased, attempt, result, state="retry")
            return
        if result.refusal is Refusal.FAILED:
            self._given_up(leased, attempt, result)
            return
        busy = result.refusal is Refusal.BUSY
        if not busy and not result.further:
            self._failed[number] += 1
        wait = retry_after(result.retry_after, self._platform.retry) if busy else self._pause_or_skip(number)
        if denied:
            self.skip_shipments.add(number)
        self._desk.record(leased, attempt, result, state=leased.before, wait=wait)
        problem = result.problem or f"{result.words}（{result.code}）"
        if busy:
            if unseen is not None:
                self.unseen[number] = unseen
            self._wait_for_platform(wait)
            return
        self.unseen[number] = problem
        if result.refusal is Refusal.UNREACHABLE or result.credentials_refused:
            self._trouble(leased, result)
        elif result.kind is not Kind.ABSENT:
            # no failure of the platform: one shipment would close it to all others, night after night
            if not answered:
                self.unanswered.add(number)
            self.last_problem = f"批次 {number}：{problem}"

    def _given_up(self, leased: Leased, attempt: int, result: CallResult) -> None:
        """The platform took a shipment and failed on all of it: which record it is, if it is one, is found in time.

        Answers come hours later, in another process: how small the next shipments are is kept with the records.
        """
        lines = leased.shipment.lines
        versions = [(line.record_id, line.version) for line in lines]
        self._again.update(versions)
        times = max((self._again[version] for version in versions), default=0)
        wait = 0.0
        if times < self._platform.retry.attempts:
            wait = pause(self._platform.retry, times)
        else:
            self.skip_records |= {line.outbox_id for line in lines}
        message = "：".join(filter(None, ("平台任务失败，整批都没有保存", result.said)))
        states = self._desk.failed(leased, attempt, result, message, wait)
        if states["retry"]:
            self.last_problem = f"{message}（{result.code}）；拆小后重新上报，以找出引起失败的记录"
        self.counts.update({state: count for state, count in states.items() if state != "retry"})
        self.not_taken_down += states.get("held", 0)  # of what is given up, only takedowns are held
        self._busy = 0
        self.trouble.fine()

    # --- common

    def _complete(self, leased: Leased, result: CallResult) -> bool:
        return result.verdicts.keys() == {line.line_no for line in leased.shipment.lines}

    def _settle(self, leased: Leased, attempt: int, result: CallResult) -> None:
        if leased.shipment.label.op == "withdraw":
            result = _of_takedowns(result)
            self.not_taken_down += sum(v.outcome in _REFUSED for v in result.verdicts.values())
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

    def _took(self, leased: Leased) -> None:
        self._busy = 0
        self.apart.taken(leased.shipment)
        self.trouble.took(Stream.of(leased.shipment.label))

    def _trouble(self, leased: Leased, result: CallResult) -> None:
        """Count a failure of the platform, or of a part of it; refused credentials stop everything at once."""
        problem = result.problem or f"{result.words}（{result.code}）"
        if result.refusal is Refusal.SIGN_AGAIN:
            problem += "；请核对本机时钟"
        denied = result.refusal is Refusal.NOT_ALLOWED
        if denied:
            problem += f"；请核对连接 {self._platform.connection} 的凭证和权限"
        self.last_problem = problem
        if result.credentials_refused:
            reason = f"平台不接受凭证（{result.code}）；请更正连接 {self._platform.connection}"
            self._gate.open(reason)
            raise Stop(f"{self._platform.name}：{reason}，本次不再上报")
        for_all = result.refusal in _FOR_ALL
        self.trouble.failed(Stream.of(leased.shipment.label), problem, for_all=for_all, for_good=denied)
