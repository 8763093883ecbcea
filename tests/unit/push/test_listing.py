"""A platform's list counts when all of it came: what is missing from a list that was cut short is not missing there."""

from __future__ import annotations

import json
import re
from datetime import date
from typing import Any

import pytest
from canned import Answers, dialect, reply

from credit_exchange.config.platform import RetryPolicy
from credit_exchange.core.crypto import Keys
from credit_exchange.steps.push.dialects import fujian_task, listing
from credit_exchange.steps.push.dialects.base import CallResult, Kind, Lost, NotSent, Refusal, Reply
from credit_exchange.steps.push.dialects.listing import Listed, NoList, pages

POLICY = RetryPolicy(attempts=3, first_seconds=0.001, max_seconds=0.002)
DIGEST = f"{11:064x}"
DAYS = [date(2026, 11, 2), date(2026, 11, 3)]


def rows(*numbers: int) -> list[Listed]:
    return [Listed("permit", f"r{number}", 1) for number in numbers]


def read(*answers: tuple[int, list[Listed]] | Exception) -> tuple[list[Listed], list[int]]:
    """All records of a list, and which pages were asked for."""
    left, asked = list(answers), list[int]()

    def page(number: int) -> tuple[int, list[Listed]]:
        asked.append(number)
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    found = [one for some in pages(POLICY, page) for one in some]
    assert left == []
    return found, asked


def test_pages_are_read_until_there_are_as_many_records_as_the_platform_says() -> None:
    assert read((0, [])) == ([], [1])
    assert read((2, rows(1, 2))) == (rows(1, 2), [1])
    assert read((5, rows(1, 2)), (5, rows(3, 4)), (5, rows(5))) == (rows(1, 2, 3, 4, 5), [1, 2, 3])
    assert read((4, rows(1, 2)), (3, rows(3))) == (rows(1, 2, 3), [1, 2]), "one was taken down meanwhile"
    assert read((3, rows(1, 2)), (4, rows(3)), (4, rows(4))) == (rows(1, 2, 3, 4), [1, 2, 3]), "one was added meanwhile"


def test_an_empty_page_before_the_total_is_asked_for_again_and_then_is_no_end() -> None:
    """Else all that was not given would count as missing, and be sent again."""
    assert read((3, rows(1, 2)), (3, []), (3, rows(3))) == (rows(1, 2, 3), [1, 2, 2])
    with pytest.raises(NoList, match="第 2 页没有记录，而平台称共有 5 条，只给出 2 条"):
        read((5, rows(1, 2)), (5, []), (5, []), (5, []))


REFUSED = {refusal: NoList(CallResult(Kind.REFUSED, refusal=refusal, retry_after=0.001)) for refusal in Refusal}


@pytest.mark.parametrize(
    "error",
    [Lost("x"), NotSent("x"), NoList(CallResult(Kind.UNKNOWN)), REFUSED[Refusal.BUSY], REFUSED[Refusal.SIGN_AGAIN]],
)
def test_a_page_that_did_not_come_is_asked_for_again_a_few_times(error: Exception) -> None:
    assert read((3, rows(1, 2)), error, error, (3, rows(3))) == (rows(1, 2, 3), [1, 2, 2, 2])
    with pytest.raises(type(error)):
        read(error, error, error)


@pytest.mark.parametrize("refusal", sorted(set(Refusal) - {Refusal.BUSY, Refusal.SIGN_AGAIN}))
def test_what_is_refused_for_good_is_not_asked_for_again(refusal: Refusal) -> None:
    with pytest.raises(NoList):
        read(REFUSED[refusal])


BAD: list[Any] = [None, {}, ["r1"], [{"n": 1}], [{"i": 1, "n": 1}], [{"i": "", "n": 1}]]
BAD += [[{"i": "r1"}], [{"i": "r1", "n": "1"}], [{"i": "r1", "n": True}], [{"i": "r1", "n": 1}, None]]


@pytest.mark.parametrize("items", BAD)
@pytest.mark.parametrize("platform", ["fuzhou", "fujian"])
def test_a_page_that_is_not_what_was_agreed_is_none(platform: str, items: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "stop_after_attempt", lambda _attempts: lambda _state: True)
    with pytest.raises(NoList):
        asked(platform, page(platform, 1, items))
    with pytest.raises(NoList):
        asked(platform, page(platform, None, []))
    with pytest.raises(NoList, match="500"):
        asked(platform, Reply(500, {}, page(platform, 0, []).body))


@pytest.mark.parametrize("platform", ["fuzhou", "fujian"])
def test_who_may_not_read_the_list_is_told_so_at_once(platform: str) -> None:
    denied = reply({"code": "E403"}, 403) if platform == "fuzhou" else reply({"code": "E403"})
    with pytest.raises(NoList) as error:
        asked(platform, denied)
    assert error.value.result.refusal is Refusal.NOT_ALLOWED


@pytest.mark.parametrize("digest", [None, "", DIGEST[1:], DIGEST.upper(), 1])
def test_a_list_that_tells_no_content_where_it_should_is_none(digest: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "stop_after_attempt", lambda _attempts: lambda _state: True)
    with pytest.raises(NoList, match="清单中某条的内容摘要不符合约定"):
        asked("fuzhou", reply({"total": 1, "records": [{"record_id": "r1", "version": 1, "digest": digest}]}))


@pytest.mark.parametrize("name", ["r 1", "350102199001011234", "张三", "x" * 65, "=1+1", "r1\n", "\ud800"])
def test_what_somebody_else_sent_under_another_kind_of_id_is_told_apart_without_it(name: str) -> None:
    """It keeps nothing of ours from being compared, and a person's number is kept nowhere."""
    told = {"code": "0", "data": {"total": 2, "items": [{"id": name, "ver": 1}, {"id": "r1", "ver": 1}]}}
    found, _ = asked("fujian", *[reply(json.dumps(told).encode())] * 4)
    assert [one.record_id for one in found[:2]] == [name, "r1"]
    digests = {listing.fit_to_keep(name, Keys.derive("e" * 64, key * 64)) for key in "ab"}
    assert len(digests) == 2, "by trying numbers nobody without the key finds out which it is"
    assert all(re.fullmatch("sm3:[0-9a-f]{32}", digest) for digest in digests)
    assert listing.fit_to_keep("r1", Keys.derive("e" * 64, "a" * 64)) == "r1"


NAMES = {"fuzhou": {"i": "record_id", "n": "version"}, "fujian": {"i": "id", "n": "ver"}}


def page(platform: str, total: Any, items: Any) -> Reply:
    """One page; `i` and `n` stand for the platform's names of a record's id and version."""
    given = items
    if isinstance(items, list):
        given = [{NAMES[platform][k]: v for k, v in x.items()} if isinstance(x, dict) else x for x in items]
    if platform == "fuzhou":
        with_digest = [{"digest": DIGEST} | x if isinstance(x, dict) else x for x in given or []]
        return reply({"total": total, "records": with_digest if isinstance(items, list) else items})
    return reply({"code": "0", "data": {"total": total, "items": given}})


def asked(platform: str, *answers: Reply) -> tuple[list[Listed], list[str]]:
    """What a list of permits came to, and what was called."""
    fujian_task._TOKENS.clear()
    login = reply({"code": "0", "data": {"access_token": "t", "expires_in": 1800}})
    wire = Answers(*[login] * (platform == "fujian"), *answers)
    it: Any = dialect(platform)
    found = [one for some in it.listing("permit", DAYS, wire) for one in some]
    return found, [path for path, login in wire.calls if not login]


def test_each_platform_is_asked_for_all_that_it_shows() -> None:
    one, most = {"i": "r1", "n": 3}, {"i": "r:2._-X", "n": 2**63}
    assert asked("fuzhou", page("fuzhou", 2, [one]), page("fuzhou", 2, [most])) == (
        [Listed("permit", "r1", 3, DIGEST), Listed("permit", "r:2._-X", 2**62, DIGEST)],
        [f"/api/v1/records/permit?page={number}&size=1000" for number in (1, 2)],
    )
    nothing = page("fujian", 0, [])
    found, calls = asked("fujian", nothing, page("fujian", 2, [one]), page("fujian", 2, [most]), nothing, nothing)
    assert found == [Listed("frxk", "r1", 3), Listed("frxk", "r:2._-X", 2**62)]
    assert calls == [
        f"/exchange/list?catalog={catalog}&date={day}&page={number}"
        for catalog, day, number in (
            ("frxk", 20261102, 1),
            ("frxk", 20261103, 1),
            ("frxk", 20261103, 2),
            ("zrrxk", 20261102, 1),
            ("zrrxk", 20261103, 1),
        )
    ]
