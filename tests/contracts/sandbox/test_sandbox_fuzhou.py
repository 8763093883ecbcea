"""信用福州 (A) as platform-protocols.md has it, over real sockets."""

from __future__ import annotations

import gzip
import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from sandbox_senders import CREDENTIALS, USCC, FuzhouSender, penalty, permit, upsert, withdraw

from platforms import Sandbox
from platforms.digests import canonical, sm3


def test_a_stored_record_is_shown_listed_and_its_batch_can_be_asked_for(fuzhou: FuzhouSender) -> None:
    batch = fuzhou.batch([upsert("b"), upsert("a")])
    first = fuzhou.post(batch)
    assert first.json()["code"] == "0000"
    assert fuzhou.call("GET", f"batches/{batch['batch_no']}").json() == first.json()
    listed = fuzhou.call("GET", "records/permit?page=1&size=1").json()
    assert listed == {"total": 2, "records": [{"record_id": "a", "version": 1, "digest": sm3(canonical(permit()))}]}
    assert fuzhou.call("GET", "records/permit/b").json()["fields"] == permit()
    assert fuzhou.sandbox.current()["permit", "b"] == (1, sm3(canonical(permit())))
    assert fuzhou.call("GET", "batches/never").status_code == 404
    assert fuzhou.call("GET", "records/permit/never").status_code == 404
    assert fuzhou.call("GET", "records/permit?size=1001").status_code == 400


def test_versions_never_go_backwards_and_nothing_is_applied_twice(fuzhou: FuzhouSender) -> None:
    assert fuzhou.send(upsert("r", 2))["r"] == ("accepted", "", "")
    assert fuzhou.send(upsert("r", 2))["r"] == ("duplicate", "", "")
    assert fuzhou.send(upsert("r", 1))["r"][:2] == ("rejected", "1006")
    assert fuzhou.send(withdraw("r", 2))["r"][:2] == ("rejected", "1006")
    assert fuzhou.send(withdraw("r", 3))["r"] == ("accepted", "", "")
    assert fuzhou.call("GET", "records/permit/r").status_code == 404
    assert fuzhou.call("GET", "records/permit").json()["total"] == 0
    assert fuzhou.send(upsert("r", 3))["r"][:2] == ("rejected", "1006")
    assert fuzhou.send(upsert("r", 4))["r"] == ("accepted", "", "")
    assert fuzhou.send(withdraw("unknown", 1))["unknown"][:2] == ("rejected", "1007")
    ledger = fuzhou.sandbox.ledger
    assert [(a.version, a.op) for a in ledger.applies()] == [(2, "upsert"), (3, "withdraw"), (4, "upsert")]
    assert ledger.repeated() == ledger.backwards() == []


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"XK_XDR_SHXYM": USCC[:-1] + "1"}, "1002", "XK_XDR_SHXYM"),
        ({"XK_NR": ""}, "1003", "XK_NR"),
        ({"XK_XDR_SHXYM": ""}, "1003", "XK_XDR_SHXYM"),
        ({"XK_WSH": "号" * 65}, "1004", "XK_WSH"),
        ({"XK_JDRQ": "2026/11/20"}, "1005", "XK_JDRQ"),
        ({"XK_JDRQ": "2026-02-30"}, "1005", "XK_JDRQ"),
    ],
)
def test_a_bad_field_is_refused_by_code_and_name(
    fuzhou: FuzhouSender, changes: dict[str, str], code: str, field: str
) -> None:
    fields = {name: value for name, value in permit(**changes).items() if value}
    results = fuzhou.send(upsert("bad", fields=fields), upsert("good"))
    assert results == {"bad": ("rejected", code, field), "good": ("accepted", "", "")}


def test_a_name_that_does_not_belong_to_the_code_is_1001(serve: Callable[..., Sandbox]) -> None:
    sender = FuzhouSender(serve("fuzhou", subjects={USCC: "另一家虚构公司"}))
    assert sender.send(upsert("r"))["r"] == ("rejected", "1001", "XK_XDR_MC")


def test_other_data_sets_and_natural_persons_and_placeholders_are_taken(fuzhou: FuzhouSender) -> None:
    natural = {k: v for k, v in permit(XK_XDR_LB="自然人", XK_XDR_MC="张**").items() if k != "XK_XDR_SHXYM"}
    assert fuzhou.send(upsert("n", fields=natural))["n"][0] == "accepted"
    assert fuzhou.send(upsert("p", fields=permit(XK_XDR_SHXYM="0" * 17 + "X")))["p"][0] == "accepted"
    assert fuzhou.send(upsert("c", fields=penalty()), dataset="penalty")["c"][0] == "accepted"
    assert fuzhou.send(upsert("m", fields={"YF": "2026-10"}), dataset="monthly_report")["m"][0] == "accepted"
    assert fuzhou.send(upsert("x", fields={"RQ": "2026/10/01"}), dataset="article")["x"][1:] == ("1005", "RQ")


def test_who_does_not_sign_rightly_is_401_and_who_is_late_or_repeats_is_409(fuzhou: FuzhouSender) -> None:
    batch = fuzhou.batch([upsert("r")])
    assert fuzhou.post(batch, secret="wrong").status_code == 401
    assert fuzhou.post(batch, X_App_Key="other").status_code == 401
    assert fuzhou.post(batch, stamp="20200101000000").status_code == 409
    assert fuzhou.post(batch, nonce="n" * 65).status_code == 409
    assert fuzhou.post(batch, nonce="once").status_code == 200
    assert fuzhou.call("GET", "records/permit", nonce="once").status_code == 409
    bare = requests.get(f"{fuzhou.sandbox.url}/api/v1/records/permit", timeout=30)
    assert bare.status_code == 401


def test_the_same_key_gives_the_first_receipt_and_other_bodies_are_422(fuzhou: FuzhouSender) -> None:
    batch, key = fuzhou.batch([upsert("r")]), uuid.uuid4().hex
    first, second = fuzhou.post(batch, key), fuzhou.post(batch, key)
    assert first.content == second.content
    assert fuzhou.post(batch | {"batch_no": "other"}, key).status_code == 422
    assert fuzhou.post(batch).status_code == 400  # the batch number under a second key
    assert fuzhou.call("POST", "records/permit", json.dumps(batch).encode()).status_code == 400  # no key at all
    assert len(fuzhou.sandbox.ledger.applies()) == 1


@pytest.mark.parametrize(
    "spoil",
    [
        {"record_count": 2}, {"dataset": "penalty"}, {"batch_no": ""}, {"sent_at": "2026-11-21 01:30:00"},
        {"records": [], "record_count": 0}, {"more": 1}, {"records": [upsert("r", 0)]},
        {"records": [{**upsert("r"), "reason": "only for R"}]}, {"records": [upsert("r", fields=permit(XK_NR=""))]},
        {"records": [upsert("r", fields=permit(XK_TYPO="x"))]},
        {"records": [{"op": "R", "record_id": "r", "version": 1}]},
    ],
)  # fmt: skip
def test_a_malformed_batch_is_400_and_stores_nothing(fuzhou: FuzhouSender, spoil: dict[str, Any]) -> None:
    batch = fuzhou.batch([upsert("r")]) | spoil
    assert fuzhou.post(batch, path="permit").status_code == 400
    assert fuzhou.sandbox.current() == {}
    assert fuzhou.call("GET", f"batches/{batch['batch_no'] or 'none'}").status_code == 404


def test_limits_hold_for_records_bytes_and_decompressed_bytes(fuzhou: FuzhouSender) -> None:
    assert fuzhou.post(fuzhou.batch([upsert(str(n)) for n in range(500)])).status_code == 200
    assert fuzhou.post(fuzhou.batch([upsert(str(n)) for n in range(501)])).status_code == 413
    large = fuzhou.batch([upsert("r", fields={"TEXT": "x" * 5_300_000})], "article")
    assert fuzhou.post(large).status_code == 413
    packed = gzip.compress(json.dumps(large).encode())
    headers = {"Content_Encoding": "gzip", "Idempotency_Key": "k"}
    assert fuzhou.call("POST", "records/article", packed, **headers).status_code == 413
    small = gzip.compress(json.dumps(fuzhou.batch([upsert("g")])).encode())
    assert fuzhou.call("POST", "records/permit", small[:-4], **headers).status_code == 400
    assert fuzhou.call("POST", "records/permit", small, **headers).status_code == 200


def test_a_restart_keeps_records_receipts_nonces_and_the_ledger(tmp_path: Path) -> None:
    batch = None
    for round_ in (1, 2):
        with Sandbox("fuzhou", store=str(tmp_path / "a.sqlite"), credentials=CREDENTIALS["fuzhou"]) as sandbox:
            sender = FuzhouSender(sandbox)
            batch = batch or sender.batch([upsert("r")])
            assert sender.post(batch, "key").status_code == 200
            assert sender.call("GET", "records/permit", nonce="n").status_code == (200 if round_ == 1 else 409)
            assert len(sandbox.ledger.applies()) == 1
            assert ("permit", "r") in sandbox.current()
