"""What each platform's answers mean, also those it should never give: what is not clear is never taken for done."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from canned import HOST, Answers, dialect, outcomes, reply, shipment

from credit_exchange.steps.push.dialects import fujian_task
from credit_exchange.steps.push.dialects.base import Kind, NotSent, Refusal, Reply

LOGIN = {"code": "0", "data": {"access_token": "t", "expires_in": 1800}}


@pytest.fixture(autouse=True)
def _logged_out() -> None:
    fujian_task._TOKENS.clear()


RECEIPT = {"code": "0000", "batch_no": "s1", "receipt_no": "FZ1"}


def result_of(number: int, **said: object) -> dict[str, object]:
    return {"record_id": f"r{number}", "version": number, "status": "accepted"} | said


# --- on every wire

REFUSED = {
    400: Refusal.MALFORMED,
    401: Refusal.CREDENTIALS,
    403: Refusal.NOT_ALLOWED,
    409: Refusal.SIGN_AGAIN,
    413: Refusal.TOO_LARGE,
    429: Refusal.BUSY,
}


@pytest.mark.parametrize("platform", ["fuzhou", "fujian", "china"])
def test_only_the_listed_statuses_mean_that_nothing_was_stored(platform: str) -> None:
    """Whatever stands in the body, also where it would be a fine answer."""
    sent = shipment(body=b"<ROWDATA></ROWDATA>")
    fine = {
        "fuzhou": RECEIPT | {"results": [result_of(1), result_of(2), result_of(3)]},
        "fujian": {"code": "0", "data": {"task_id": "t1"}},
        "china": b"<RESULT><CODE>00</CODE></RESULT>",
    }[platform]
    for status in (201, 202, 204, 301, 302, *range(400, 430), 451, *range(500, 512), 520):
        # on 信用福建 401 is tried again with a new token
        wire = Answers(*[reply(LOGIN)] * (platform == "fujian"), reply(fine, status), reply(LOGIN), reply(fine, status))
        result = dialect(platform).send(sent, wire)
        fujian_task._TOKENS.clear()
        assert result.refusal is REFUSED.get(status), status
        assert result.kind is (Kind.REFUSED if status in REFUSED else Kind.UNKNOWN), status
        assert result.credentials_refused == (status == 401), status


# --- 信用福州


@pytest.mark.parametrize(
    ("changed", "one", "op", "expected"),
    [
        ({}, {}, "upsert", "delivered: delivered: delivered:"),
        ({}, {"status": "duplicate"}, "upsert", "delivered:duplicate delivered: delivered:"),
        ({}, {"status": "rejected", "code": "1006"}, "upsert", "reconcile:1006 delivered: delivered:"),
        ({}, {"status": "rejected", "code": "1007"}, "upsert", "rejected:1007 delivered: delivered:"),
        ({}, {"status": "rejected", "code": "1007"}, "withdraw", "delivered:1007 delivered: delivered:"),
        ({}, {"status": "rejected", "code": "1099"}, "upsert", "again:1099 delivered: delivered:"),
        ({}, {"status": "pending"}, "upsert", "unknown"),
        ({}, {"status": None}, "upsert", "unknown"),
        ({}, {"version": 2}, "upsert", "unknown"),
        ({}, {"version": True}, "upsert", "unknown"),
        ({"code": "0001"}, {}, "upsert", "unknown"),
        ({"batch_no": "s2"}, {}, "upsert", "unknown"),
        ({"receipt_no": " "}, {}, "upsert", "unknown"),
        ({"results": {}}, {}, "upsert", "unknown"),
        ({"results": []}, {}, "upsert", "unknown"),
        ({"results": [result_of(1), result_of(1), result_of(3)]}, {}, "upsert", "unknown"),
    ],
)
def test_a_receipt_counts_when_all_of_it_fits_what_was_sent(
    changed: dict[str, object], one: dict[str, object], op: str, expected: str
) -> None:
    receipt = RECEIPT | {"results": [result_of(1, **one), result_of(2), result_of(3)]} | changed
    assert outcomes(dialect("fuzhou").send(shipment(op), Answers(reply(receipt)))) == expected
    assert outcomes(dialect("fuzhou").ask(shipment(op), Answers(reply(receipt)))) == expected


def test_a_batch_is_absent_by_one_status_only() -> None:
    for status in (404, 405, 410, 500):
        result = dialect("fuzhou").ask(shipment(), Answers(reply(RECEIPT, status)))
        assert result.kind is (Kind.ABSENT if status == 404 else Kind.UNKNOWN)


# --- 信用福建

DONE = {"state": "DONE", "receipt_no": "FJ1", "accepted": 2, "rejected": [{"line": 2, "id": "r2", "rule": "LEN"}]}


def rejected(*lines: object, accepted: object = None) -> dict[str, object]:
    return {"accepted": 3 - len(lines) if accepted is None else accepted, "rejected": list(lines)}


@pytest.mark.parametrize(
    ("changed", "op", "expected"),
    [
        ({}, "upsert", "delivered: rejected:LEN delivered:"),
        (rejected(), "upsert", "delivered: delivered: delivered:"),
        (rejected({"line": 2, "id": "r2", "rule": "DUP"}), "upsert", "delivered: delivered:DUP delivered:"),
        (rejected({"line": 2, "id": "r2", "rule": "OLD"}), "upsert", "delivered: reconcile:OLD delivered:"),
        (rejected({"line": 2, "id": "r2", "rule": "NONE"}), "upsert", "delivered: rejected:NONE delivered:"),
        (rejected({"line": 2, "id": "r2", "rule": "NONE"}), "withdraw", "delivered: delivered:NONE delivered:"),
        (rejected({"line": 2, "id": "r1", "rule": "LEN"}), "upsert", "unknown"),
        (rejected({"line": 4, "id": "r4", "rule": "LEN"}), "upsert", "unknown"),
        (rejected({"line": 4, "rule": "LEN"}), "upsert", "unknown"),
        (rejected({"line": True, "id": "r1", "rule": "LEN"}), "upsert", "unknown"),
        (rejected(*[{"line": 2, "id": "r2", "rule": "LEN"}] * 2), "upsert", "unknown"),
        (rejected("r2"), "upsert", "unknown"),
        (rejected(accepted=2), "upsert", "unknown"),
        (rejected(accepted="3"), "upsert", "unknown"),
        ({"rejected": None}, "upsert", "unknown"),
        ({"receipt_no": ""}, "upsert", "unknown"),
        ({"state": "QUEUED"}, "upsert", "pending"),
        ({"state": "RUNNING"}, "upsert", "pending"),
        ({"state": "FAILED"}, "upsert", "refused:failed"),
        ({"state": "done"}, "upsert", "unknown"),
        ({"state": None}, "upsert", "unknown"),
    ],
)
def test_a_task_counts_when_all_of_it_fits_what_was_sent(changed: dict[str, object], op: str, expected: str) -> None:
    answer = reply({"code": "0", "data": DONE | changed})
    result = dialect("fujian").poll(shipment(op), Answers(reply(LOGIN), answer))
    assert outcomes(result) == expected
    assert result.task_id == ("t1" if expected == "pending" else None)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"code": "0", "data": {"task_id": "t1"}}, "pending"),
        ({"code": "0", "data": {"task_id": ""}}, "unknown"),
        ({"code": "0", "data": None}, "unknown"),
        ({"code": 0, "data": {"task_id": "t1"}}, "unknown"),
        ({"code": "E400"}, "refused:malformed"),
        ({"code": "E403"}, "refused:not_allowed"),
        ({"code": "E413"}, "refused:too_large"),
        ({"code": "E429", "data": {"retry_after": 7}}, "refused:busy"),
        ({"code": "E422"}, "refused:malformed"),
        ({"code": "E500"}, "unknown"),
        ({"code": "1"}, "unknown"),
    ],
)
def test_an_upload_was_surely_not_taken_by_codes_of_one_kind_only(answer: dict[str, Any], expected: str) -> None:
    result = dialect("fujian").send(shipment(), Answers(reply(LOGIN), reply(answer)))
    assert outcomes(result) == expected
    assert result.retry_after == (7 if "E429" in answer.values() else None)


def test_a_task_is_absent_by_one_code_only_and_is_looked_for_by_its_key_where_it_has_no_number() -> None:
    for code, expected in {"E404": "absent", "E400": "refused:malformed", "E500": "unknown"}.items():
        wire = Answers(reply({"code": code}))
        fujian_task._TOKENS[HOST, ""] = ("t", float("inf"))
        assert outcomes(dialect("fujian").ask(shipment(), wire)) == expected
        assert wire.calls == [("/exchange/task?task_key=key", False)]
    for task_id, path in ((None, "?task_key=key"), ("t/1", "/t%2F1")):
        wire = Answers(reply({"code": "0", "data": DONE}))
        dialect("fujian").poll(replace(shipment(), task_id=task_id), wire)
        assert wire.calls == [(f"/exchange/task{path}", False)]


@pytest.mark.parametrize("dead", [reply({"code": "E401"}), reply(b"", 401)])
def test_a_dead_token_is_renewed_once_and_then_refused(dead: Reply) -> None:
    taken = reply({"code": "0", "data": {"task_id": "t1"}})
    wire = Answers(reply(LOGIN), dead, reply(LOGIN), taken, taken)
    assert dialect("fujian").send(shipment(), wire).kind is Kind.PENDING
    assert dialect("fujian").send(shipment(), wire).kind is Kind.PENDING  # with the token that is known
    assert [login for _, login in wire.calls] == [True, False, True, False, False]
    result = dialect("fujian").send(shipment(), Answers(dead, reply(LOGIN), dead))
    assert (result.refusal, result.credentials_refused) == (Refusal.CREDENTIALS, True)


@pytest.mark.parametrize("answer", [{"code": "E403"}, {"code": "E401"}])
def test_who_may_not_log_in_has_wrong_credentials_and_the_answer_is_not_kept(answer: dict[str, Any]) -> None:
    result = dialect("fujian").send(shipment(), Answers(reply(answer | {"data": {"access_token": "secret"}})))
    assert (result.refusal, result.credentials_refused, result.reply) == (Refusal.CREDENTIALS, True, b"")


@pytest.mark.parametrize("answer", [reply(b"", 500), reply({"code": "0", "data": {"expires_in": 9}}), reply(b"<html>")])
def test_a_login_without_a_token_sent_nothing(answer: Reply) -> None:
    with pytest.raises(NotSent):
        dialect("fujian").send(shipment(), Answers(answer))


@pytest.mark.parametrize(("lives", "after", "logins"), [(1800, 1769, 1), (1800, 1771, 2), (20, 9, 1), (20, 11, 2)])
def test_a_token_is_renewed_before_its_end(
    monkeypatch: pytest.MonkeyPatch, lives: int, after: int, logins: int
) -> None:
    clock = [1000.0]
    monkeypatch.setattr(fujian_task.time, "monotonic", lambda: clock[0])
    login = reply({"code": "0", "data": {"access_token": "t", "expires_in": lives}})
    fine = reply({"code": "0", "data": {"task_id": "t1"}})
    wire = Answers(login, fine, *[login] * (logins - 1), fine)
    for _ in range(2):
        dialect("fujian").send(shipment(), wire)
        clock[0] += after
    assert sum(is_login for _, is_login in wire.calls) == logins
