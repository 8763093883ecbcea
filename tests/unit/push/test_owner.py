"""A lease's owner is known to be gone only when that is certain."""

from __future__ import annotations

import subprocess
import sys

from credit_exchange.steps.push import owner


def test_a_drain_at_work_is_not_gone_and_an_ended_one_is() -> None:
    with owner.working() as name:
        assert not owner.surely_gone(name)
    assert owner.surely_gone(name)


def test_an_ended_process_is_gone() -> None:
    program = "from credit_exchange.steps.push import owner\nwith owner.working() as name: print(name)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60,
                          env={"PYTHONPATH": ":".join(sys.path)})  # fmt: skip
    assert owner.surely_gone(done.stdout.strip())


def test_another_process_at_work_is_not_gone_until_it_ends() -> None:
    with owner.working() as name:
        here = name.split("|")[0]
    with subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE) as other:
        name = f"{here}|{other.pid}|{owner._started(other.pid)}|1"
        assert not owner.surely_gone(name)
        assert owner.surely_gone(f"{here}|{other.pid}|1|1"), "the number was given to another process since"
    assert owner.surely_gone(name)


def test_other_machines_and_odd_names_are_never_judged() -> None:
    with owner.working() as name:
        elsewhere = name.replace(name.split(" ")[0], "another-host", 1)
    for odd in (elsewhere, "", "|||", "somebody", "host|12|x"):
        assert not owner.surely_gone(odd)
