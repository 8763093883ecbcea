"""Every scripted misbehaviour does what its name says, and the ledger tells what really happened."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from sandbox_senders import CREDENTIALS, ChinaSender, FuzhouSender, permit, upsert

import platforms
from platforms import Sandbox

Serve = Callable[..., Sandbox]


@pytest.mark.parametrize("name", ["500", "502", "503", "504", "429", "401", "redirect", "unlisted_status"])
def test_a_status_is_answered_instead_of_the_work(serve: Serve, name: str) -> None:
    sandbox = serve("fuzhou")
    sender = FuzhouSender(sandbox)
    sandbox.faults.add("records", name)
    answer = sender.post(sender.batch([upsert("r")]))
    assert answer.status_code == {"redirect": 302, "unlisted_status": 418}.get(name) or int(name.isdigit() and name)
    assert sandbox.current() == {}
    assert sender.send(upsert("r"))["r"][0] == "accepted"


def test_retry_after_comes_in_every_form(serve: Serve) -> None:
    sandbox = serve("fuzhou")
    sender = FuzhouSender(sandbox)
    for wanted in (5, "date", "1000000000", None):
        sandbox.faults.add("records", "429", retry_after=wanted)
    headers = [sender.post(sender.batch([upsert("r")])).headers.get("Retry-After") for _ in range(4)]
    assert headers[0] == "5"
    assert str(headers[1]).endswith("GMT")
    assert headers[2:] == ["1000000000", None]


@pytest.mark.parametrize(
    ("name", "options", "stored"),
    [
        ("commit_then_close", {}, True), ("commit_then_close", {"reset": True}, True),
        ("close_before_commit", {}, False),
        ("hang", {"seconds": 0.2}, False), ("hang", {"seconds": 0.2, "commit": True}, True),
        ("truncate", {"bytes": 9}, True),
    ],
)  # fmt: skip
def test_a_reply_is_lost_before_or_after_the_commit(
    serve: Serve, name: str, options: dict[str, object], stored: bool
) -> None:
    sandbox = serve("fuzhou")
    sender = FuzhouSender(sandbox)
    sandbox.faults.add("records", name, **options)
    batch = sender.batch([upsert("r")])
    with pytest.raises(requests.RequestException):
        _ = sender.post(batch).content
    assert (("permit", "r") in sandbox.current()) is stored
    assert sender.call("GET", f"batches/{batch['batch_no']}").status_code == (200 if stored else 404)


def test_answers_of_the_wrong_form_come_after_the_commit(serve: Serve) -> None:
    sandbox = serve("fuzhou")
    sender = FuzhouSender(sandbox)
    sandbox.faults.add("records", "html_200", commit=True)
    assert "<html>" in sender.post(sender.batch([upsert("a")])).text
    sandbox.faults.add("records", "truncate", bytes=9, honest_length=True)
    assert len(sender.post(sender.batch([upsert("b")])).content) == 9
    sandbox.faults.add("records", "504", commit=True)
    assert sender.post(sender.batch([upsert("c")])).status_code == 504
    sandbox.faults.add("records", "results_short")
    assert sender.post(sender.batch([upsert("d")])).json()["results"] == []
    sandbox.faults.add("records", "results_extra")
    assert len(sender.post(sender.batch([upsert("e")])).json()["results"]) == 2
    assert len(sandbox.current()) == 5


def test_records_can_be_rejected_or_asked_for_again(serve: Serve) -> None:
    sandbox = serve("fuzhou")
    sender = FuzhouSender(sandbox)
    sandbox.faults.add("records", "reject", records=["a"], code="1001", field="XK_XDR_MC")
    sandbox.faults.add("records", "1099", records=1)
    assert sender.send(upsert("a"), upsert("b")) == {
        "a": ("rejected", "1001", "XK_XDR_MC"),
        "b": ("accepted", "", ""),
    }
    assert sender.send(upsert("c"))["c"][:2] == ("rejected", "1099")
    assert sender.send(upsert("c"))["c"][0] == "accepted"
    sandbox.faults.add("records", "nonce_refused")
    assert sender.post(sender.batch([upsert("d")])).status_code == 409


def test_slow_and_dribbling_answers_take_their_time(serve: Serve) -> None:
    sandbox = serve("fuzhou")
    sender = FuzhouSender(sandbox)
    sandbox.faults.add("list", "slow", seconds=0.2)
    sandbox.faults.add("list", "dribble", seconds=0.02, bytes=4)
    for _ in range(2):
        started = time.monotonic()
        assert sender.call("GET", "records/permit").json()["total"] == 0
        assert time.monotonic() - started > 0.1


def test_times_and_after_count_matching_requests(serve: Serve) -> None:
    sandbox = serve("fuzhou")
    sender = FuzhouSender(sandbox)
    sandbox.faults.add("list", "503", times=2, after=1)
    assert [sender.call("GET", "records/permit").status_code for _ in range(4)] == [200, 503, 503, 200]
    with pytest.raises(ValueError, match="no endpoint"):
        sandbox.faults.add("lists", "503")
    with pytest.raises(ValueError, match="does not exist at fuzhou"):
        sandbox.faults.add("list", "busy")


def test_down_closes_connections_stop_refuses_them_and_both_end(serve: Serve) -> None:
    sandbox = serve("china")
    sender = ChinaSender(sandbox)
    sandbox.down()
    with pytest.raises(requests.ConnectionError):
        sender.permits(permit())
    sandbox.up()
    assert sender.permits(permit()) == ("00", "")
    sandbox.stop()
    with pytest.raises(requests.ConnectionError, match="refused"):
        sender.permits(permit())
    sandbox.start()
    assert sender.permits(permit()) == ("05", "1")
    assert sandbox.forget("permission", permit()["XK_WSH"], permit()["XK_XKJGDM"], permit()["XK_XDR_SHXYM"]) == 1
    assert sender.permits(permit()) == ("00", "")


def test_another_process_steers_it_over_http(serve: Serve) -> None:
    sandbox = serve("fuzhou")
    sender, control = FuzhouSender(sandbox), sandbox.control_url
    line = {"endpoint": "records", "fault": "503", "times": 1}
    assert requests.post(f"{control}/faults", json=line, timeout=30).json()[0]["fault"] == "503"
    assert requests.post(f"{control}/faults", json={"endpoint": "x", "fault": "503"}, timeout=30).status_code == 400
    assert requests.delete(f"{control}/faults", timeout=30).json() == []
    sender.send(upsert("r"))
    ledger = requests.get(f"{control}/ledger", timeout=30).json()
    assert [apply["key"] for apply in ledger["applies"]] == [["permit", "r"]]
    assert ledger["requests"][0]["headers"]["Idempotency-Key"]
    assert requests.get(f"{control}/state", timeout=30).json()["shown"] == 1
    requests.post(f"{control}/down", json={"until_up": True}, timeout=30)
    with pytest.raises(requests.ConnectionError):
        sender.call("GET", "records/permit")
    requests.post(f"{control}/up", timeout=30)
    assert sender.call("GET", "records/permit").status_code == 200


def test_the_ledger_would_show_a_second_apply_and_a_step_back(serve: Serve) -> None:
    sandbox = serve("fuzhou")
    sender = FuzhouSender(sandbox)
    sender.send(upsert("r", 3))
    sandbox.forget("permit", "r")  # only a platform that lost its memory lets these two happen
    sender.send(upsert("r", 3))
    sandbox.forget("permit", "r")
    sender.send(upsert("r", 1))
    assert [apply.version for apply in sandbox.ledger.repeated()] == [3]
    assert [apply.version for apply in sandbox.ledger.backwards()] == [1]


def test_the_command_serves_all_three_and_stops_cleanly(tmp_path: Path) -> None:
    (tmp_path / "credentials.json").write_text(json.dumps(CREDENTIALS))
    script = {"china": [{"endpoint": "query_permission", "fault": "503"}]}
    (tmp_path / "faults.json").write_text(json.dumps(script))
    root = Path(platforms.__file__).parents[1]
    command = [sys.executable, "-m", "platforms", "--home", str(tmp_path / "home"), "--ports", "0,0,0",
               "--credentials-file", str(tmp_path / "credentials.json"),
               "--faults-file", str(tmp_path / "faults.json")]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(root)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().split() for _ in range(3)]
        assert [words[0] for words in lines] == ["fuzhou", "fujian", "china"]
        answer = requests.get(f"{lines[2][2]}/query/permission?wsh=a&jgdm=b", timeout=30)
        assert answer.status_code == 503
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    assert sorted(path.name for path in (tmp_path / "home").glob("*.sqlite")) == [
        "china.sqlite", "fujian.sqlite", "fuzhou.sqlite"
    ]  # fmt: skip
