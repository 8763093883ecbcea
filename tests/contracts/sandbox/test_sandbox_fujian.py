"""信用福建 (B) as platform-protocols.md has it, over real sockets."""

from __future__ import annotations

import base64
import gzip
import uuid
from collections.abc import Callable
from typing import Any

import pytest
import requests
from sandbox_senders import FujianSender, fujian_row, line, penalty

from platforms import Sandbox
from platforms.digests import canonical, sm3


def test_a_task_is_queued_runs_and_is_done_with_a_receipt(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve("fujian", task_seconds=3600)
    sender = FujianSender(sandbox)
    sender.login()
    task_id = sender.upload([line("r")])["data"]["task_id"]
    for state, begins in (("QUEUED", "running_at"), ("RUNNING", "due_at"), ("DONE", "due_at")):
        data = sender.get(f"/exchange/task/{task_id}")["data"]
        assert data["state"] == state
        with sandbox.platform.store.transaction() as store:  # time for the next one has come
            store.execute(f"UPDATE task SET {begins} = {begins} - 3600")
    assert data["accepted"] == 1
    assert data["rejected"] == []
    assert data["receipt_no"]
    assert sandbox.current() == {("permit", "r"): (1, sm3(canonical(fujian_row())))}


def test_tokens_are_needed_live_only_so_long_and_may_die(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve("fujian", token_seconds=0)
    sender = FujianSender(sandbox)
    assert sender.upload([line("r")])["code"] == "E401"
    assert sender.login(client_secret="wrong")["code"] == "E403"
    assert sender.login(grant_type="password")["code"] == "E400"
    assert sender.login()["data"]["expires_in"] == 0
    assert sender.upload([line("r")])["code"] == "E401"
    sandbox.platform.token_seconds = 1800  # type: ignore[union-attr]
    sender.login()
    sandbox.faults.add("upload", "token_dies")
    assert sender.upload([line("r")])["code"] == "E401"
    sender.login()
    assert sender.upload([line("r")])["code"] == "0"


def test_the_same_task_key_gives_the_same_task_and_stores_nothing_twice(fujian: FujianSender) -> None:
    key = uuid.uuid4().hex
    first = fujian.upload([line("r")], task_key=key)["data"]["task_id"]
    assert fujian.upload([line("r")], task_key=key)["data"]["task_id"] == first
    assert fujian.get("/exchange/task", task_key=key)["code"] == "0"
    assert fujian.wait(first)["accepted"] == 1
    assert fujian.get("/exchange/task", task_key="never")["code"] == "E404"
    assert fujian.get("/exchange/task/never")["code"] == "E404"


def test_versions_withdrawals_and_reinstatement(fujian: FujianSender) -> None:
    done = fujian.run(line("r", 2), line("r", 2), line("r", 1), line("r", 1, "D"), line("r", 2, "D"), line("x", 1, "D"))
    assert done["accepted"] == 1
    assert [(r["line"], r["rule"]) for r in done["rejected"]] == [
        (2, "DUP"), (3, "OLD"), (4, "OLD"), (5, "DUP"), (6, "NONE")
    ]  # fmt: skip
    assert fujian.run(line("r", 3, "D"))["accepted"] == 1
    assert fujian.run(line("r", 4, "D"))["rejected"][0]["rule"] == "NONE"
    assert fujian.get("/exchange/list", catalog="frxk", date="20261120")["data"] == {"total": 0, "items": []}
    assert fujian.run(line("r", 4))["accepted"] == 1


def test_each_catalog_has_its_own_rows_and_a_record_in_two_is_an_anomaly(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve("fujian")
    sender = FujianSender(sandbox)
    sender.login()
    person = fujian_row(xk_xdr_lb="自然人")
    sender.run(line("r", 1))
    assert sender.run(line("r", 2, row=person), catalog="zrrxk")["accepted"] == 1
    assert {key: ver for key, (ver, _) in sandbox.platform.current().items()} == {("frxk", "r"): 1, ("zrrxk", "r"): 2}
    assert sandbox.ledger.anomalies == ["a record is shown in two catalogs at once"]
    sandbox.ledger.anomalies.clear()
    assert sender.run(line("r", 2, "D"))["accepted"] == 1
    assert ["not newer" in anomaly for anomaly in sandbox.ledger.anomalies] == [True]
    sandbox.ledger.anomalies.clear()
    sender.run(line("r", 3, "D"), catalog="zrrxk")
    sender.run(line("r", 4))
    assert sandbox.ledger.anomalies == []


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"xk_wsh": "号" * 65}, "LEN"), ({"xk_jdrq": "2026-11-20"}, "DATE"), ({"xk_nr": ""}, "REQ"),
        ({"xk_xdr_shxym": "91350100MA00000001"}, "CODE"), ({"XK_BZ": "x"}, "COL"), ({"xk_xdr_lb": "自然人"}, "CAT"),
    ],
)  # fmt: skip
def test_a_bad_line_is_rejected_by_rule(fujian: FujianSender, changes: dict[str, str], rule: str) -> None:
    done = fujian.run(line("bad", row=fujian_row(**changes)), line("good"))
    assert done["accepted"] == 1
    assert [(r["line"], r["id"], r["rule"]) for r in done["rejected"]] == [(1, "bad", rule)]
    if rule == "LEN":
        assert done["rejected"][0]["msg"] == "存在字段长度不匹配"


def test_amounts_are_in_yuan_with_two_decimals(fujian: FujianSender) -> None:
    right, wrong = fujian_row(penalty()), fujian_row(penalty(), cf_nr_fk="0.2")
    done = fujian.run(line("a", row=right), line("b", row=wrong), catalog="frcf")
    assert [(r["id"], r["rule"]) for r in done["rejected"]] == [("b", "AMT")]


def _packed(plain: bytes) -> dict[str, Any]:
    return {"data": base64.b64encode(gzip.compress(plain)).decode(), "sm3": sm3(plain)}


@pytest.mark.parametrize(
    "spoil",
    [
        {"catalog": "other"}, {"line_count": 2}, {"sm3": "0" * 64}, {"data": "***"}, {"task_key": ""}, {"more": 1},
        {"data": base64.b64encode(b"not gzip").decode()}, _packed(b"not json"), _packed(b'{"id": "r"}'),
        _packed(canonical(line("r") | {"ver": "1"})), {"line_count": "1"},
    ],
)  # fmt: skip
def test_a_malformed_upload_is_e400(fujian: FujianSender, spoil: dict[str, Any]) -> None:
    assert fujian.upload([line("r")], **spoil)["code"] == "E400"


def test_more_than_2000_lines_are_e413(fujian: FujianSender) -> None:
    assert fujian.upload([line(str(n), row={"a": "b"}) for n in range(2001)], "xycn")["code"] == "E413"


def test_summary_and_list_are_by_decision_date(fujian: FujianSender) -> None:
    other = fujian_row(xk_jdrq="20261119")
    fujian.run(line("b", 2), line("a", 1), line("c", row=other))
    summary = fujian.get("/exchange/summary", catalog="frxk", date="20261120")["data"]
    assert summary == {"count": 2, "sm3": sm3(b"a:1\nb:2")}
    listed = fujian.get("/exchange/list", catalog="frxk", date="20261120", page="1")["data"]
    assert listed == {"total": 2, "items": [{"id": "a", "ver": 1}, {"id": "b", "ver": 2}]}
    assert fujian.get("/exchange/list", catalog="frxk", date="20261120", page="2")["data"]["items"] == []
    assert fujian.get("/exchange/summary", catalog="frxk", date="2026-11-20")["code"] == "E400"


def test_in_a_table_that_nobody_laid_down_the_decision_date_is_the_earliest(fujian: FujianSender) -> None:
    """Columns come in the order of their names: a 公示截止期 may stand before it."""
    row = {"bl_gsjzq": "20291110", "bl_rdrq": "20261110", "bl_wh": "榕人社列〔2026〕1号"}
    fujian.run(line("a", row=row), catalog="heiming")
    assert fujian.get("/exchange/list", catalog="heiming", date="20261110", page="1")["data"]["total"] == 1
    assert fujian.get("/exchange/list", catalog="heiming", date="20291110", page="1")["data"]["total"] == 0


def test_a_failed_task_stores_nothing_and_may_come_again_under_a_new_key(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve("fujian")
    sender = FujianSender(sandbox)
    sender.login()
    sandbox.faults.add("upload", "task_failed")
    assert sender.run(line("r"))["state"] == "FAILED"
    assert sandbox.current() == {}
    assert sender.run(line("r"))["accepted"] == 1


def test_scripted_answers_busy_never_done_and_reject(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve("fujian")
    sender = FujianSender(sandbox)
    sender.login()
    sandbox.faults.add("upload", "busy", retry_after=7)
    busy = sender.upload([line("r")])
    assert (busy["code"], busy["data"]) == ("E429", {"retry_after": 7})
    sandbox.faults.add("upload", "reject", records=["r"], code="LEN")
    assert sender.run(line("r"), line("s"))["rejected"][0]["id"] == "r"
    sandbox.faults.add("upload", "task_never_done", seconds=0.3)
    task_id = sender.upload([line("t")])["data"]["task_id"]
    assert sender.get(f"/exchange/task/{task_id}")["data"]["state"] in ("QUEUED", "RUNNING")
    assert sender.wait(task_id)["state"] == "DONE"


def test_another_path_is_an_html_404(fujian: FujianSender) -> None:
    answer = requests.get(f"{fujian.url}/exchange/other", timeout=30)
    assert answer.status_code == 404
    assert "html" in answer.headers["Content-Type"]
