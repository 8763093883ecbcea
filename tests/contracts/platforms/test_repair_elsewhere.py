"""信用福建 shows a record of ours where it does not belong: what a person orders takes it down there and brings it back
to where it belongs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from beside import tampered
from moving import ordered, push, query, quiet, shown, told
from world import SEND

from credit_exchange.config.labels import MENDED
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.reconcile import reconcile, repair
from credit_exchange.steps.release import release
from platforms import Sandbox

pytestmark = [pytest.mark.usefixtures("a_night"), pytest.mark.parametrize("kind", ["fujian"])]
GONE = "update record set shown = 0 where catalog = ?"
ELSEWHERE = "update record set catalog = 'zrrxk', ver = 5, decided = '20261110' where catalog = ?"
BACK = "update record set shown = 1, decided = '20261102' where catalog = ?"


@pytest.mark.parametrize("what", ["missing", "version"])
@pytest.mark.parametrize("corrected", [False, True])
def test_what_is_shown_only_or_in_another_version_where_it_was_before_it_moved_is_moved_again(
    exchange: Exchange, sandbox: Sandbox, what: str, corrected: bool
) -> None:
    """As a platform shows it that was restored from a backup. The old catalogue tells more about a natural person."""
    for day, subject in enumerate(("legal", "person"), 1):
        told(exchange, day, subject)
        push(exchange)
    assert shown(sandbox) == {"zrrxk": 3}
    tampered(sandbox, BACK, "frxk")
    if what == "missing":
        tampered(sandbox, GONE, "zrrxk")
    else:
        tampered(sandbox, "update record set ver = 2 where catalog = ?", "zrrxk")
    done = reconcile(exchange, "fujian")
    assert done is not None
    assert done.counts == {what: 1, "shown": 1}
    assert repair(exchange, "fujian", MENDED, "平台恢复过备份", "tester") == (1, 0)
    assert release(exchange, ["fujian"]) == {"fujian.withdraw": 1, "fujian.upsert": 1}
    if corrected:  # before anything of it was sent
        assert told(exchange, 3, "person", "准予零售") == {"fujian.withdraw": 1, "fujian.upsert": 1}
    assert push(exchange).problem is None
    assert list(shown(sandbox)) == ["zrrxk"], "never in two catalogues, and not held for ever"
    assert [(a.op, a.key[0]) for a in sandbox.ledger.applies()[-2:]] == [("withdraw", "frxk"), ("upsert", "zrrxk")]
    done = reconcile(exchange, "fujian")
    assert done is not None
    assert (done.agrees, done.waiting) == (True, 0)
    waiting = "select state from report.delivery where state not in ('delivered', 'superseded', 'cancelled')"
    assert query(exchange, waiting) == []
    quiet(exchange, sandbox)


@pytest.mark.parametrize("sent", ["from here", "by a database that was lost"])
def test_what_is_shown_in_a_catalogue_to_which_it_was_never_brought_from_here_is_taken_down_there(
    exchange: Exchange, sandbox: Sandbox, sent: str
) -> None:
    """A database that was lost had moved it: this one knows of the other catalogue only, or of none."""
    told(exchange, 20, "legal")
    push(exchange)
    tampered(sandbox, ELSEWHERE, "frxk")
    if sent != "from here":
        query(exchange, "delete from exchange.release returning 1")
    ordered(exchange, "withdraw")
    push(exchange)
    assert shown(sandbox) == {"zrrxk": 5}
    done = reconcile(exchange, "fujian")
    assert done is not None
    assert [(one.place, one.kind) for one in done.differences] == [("zrrxk", "shown")]
    assert repair(exchange, "fujian", ["shown"], "信用修复后仍公示", "tester") == (1, 0)
    for _ in range(2):  # where it was before it counts as lying there as well
        release(exchange, ["fujian"])
        assert push(exchange).problem is None
    assert shown(sandbox) == {}
    release(exchange, ["fujian"])
    quiet(exchange, sandbox)
    done = reconcile(exchange, "fujian")
    assert done is not None
    assert (done.agrees, done.waiting) == (True, 0)


def test_what_is_missing_where_it_belongs_and_shown_where_it_never_was_comes_back_to_the_one_from_the_other(
    exchange: Exchange, sandbox: Sandbox
) -> None:
    told(exchange, 20, "legal", fields={"XK_JDRQ": "2026-11-10"})
    push(exchange)
    tampered(sandbox, ELSEWHERE, "frxk")
    done = reconcile(exchange, "fujian")
    assert done is not None
    assert done.counts == {"missing": 1, "shown": 1}
    assert repair(exchange, "fujian", MENDED, "平台放错了目录", "tester") == (1, 0)
    release(exchange, ["fujian"])
    [takedown] = query(exchange, "select reason from exchange.outbox where op = 'withdraw'")
    assert "类别更正" not in takedown["reason"], "it leaves with the takedown, and nobody corrected anything"
    assert push(exchange).problem is None
    assert list(shown(sandbox)) == ["frxk"]
    assert reconcile(exchange, "fujian") == replace(done, differences=())
    quiet(exchange, sandbox)


def test_what_a_department_corrects_to_belong_where_the_platform_shows_it_comes_there(
    exchange: Exchange, sandbox: Sandbox
) -> None:
    """The takedown leaves the other catalogue: one where it belongs would take down what is right, and end the way."""
    told(exchange, 20, "legal", fields={"XK_JDRQ": "2026-11-10"})
    push(exchange)
    tampered(sandbox, ELSEWHERE, "frxk")
    done = reconcile(exchange, "fujian")
    assert done is not None
    assert repair(exchange, "fujian", MENDED, "平台放错了目录", "tester") == (1, 0)
    assert told(exchange, 21, "person") == {"fujian.withdraw": 1, "fujian.upsert": 1}
    assert (push(exchange).held, list(shown(sandbox))) == (0, ["zrrxk"])
    quiet(exchange, sandbox)


@pytest.mark.parametrize("released", [True, False])
def test_a_takedown_that_the_platform_does_not_take_goes_again_to_where_it_is_shown(
    exchange: Exchange, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, released: bool
) -> None:
    """Whatever is compared in between. In another catalogue nothing lies, and it would count as done."""
    told(exchange, 20, "legal", fields={"XK_JDRQ": "2026-11-10"})
    push(exchange)
    tampered(sandbox, ELSEWHERE, "frxk")
    if not released:
        ordered(exchange, "withdraw")
        push(exchange)
    reconcile(exchange, "fujian")
    assert repair(exchange, "fujian", MENDED, "平台放错了目录", "tester") == (1, 0)
    release(exchange, ["fujian"])
    sandbox.faults.add(SEND["fujian"], "reject", times=-1, records="all", code="AUTH", message="无权撤下")
    assert "撤下没有被平台接受" in str(push(exchange).problem)
    sandbox.faults.clear()
    reconcile(exchange, "fujian")
    for night in (24, 25):
        monkeypatch.setenv("CREDIT_EXCHANGE_NOW", f"2026-11-{night}T01:30:00")
        release(exchange, ["fujian"])
        assert push(exchange).problem is None
    assert list(shown(sandbox)) == (["frxk"] if released else [])
    done = reconcile(exchange, "fujian")
    assert done is not None
    assert (done.agrees, done.waiting) == (True, 0)


def test_what_nobody_ordered_to_be_taken_down_elsewhere_stays_there_and_keeps_nothing_back(
    exchange: Exchange, sandbox: Sandbox
) -> None:
    """A difference is told to people; what they do not order is not done."""
    told(exchange, 20, "legal", fields={"XK_JDRQ": "2026-11-10"})
    push(exchange)
    (here,) = sandbox.platform.store.read("select * from record")
    there = ["zrrxk" if value == "frxk" else value for value in here]
    tampered(sandbox, f"insert into record values ({','.join('?' * len(there))})", *there)
    done = reconcile(exchange, "fujian")
    assert done is not None
    assert [(one.place, one.kind) for one in done.differences] == [("zrrxk", "shown")]
    assert told(exchange, 21, "legal", "准予零售", fields={"XK_JDRQ": "2026-11-10"}) == {"fujian.upsert": 1}
    assert push(exchange).delivered == 1
    assert shown(sandbox) == {"frxk": 2, "zrrxk": 1}
