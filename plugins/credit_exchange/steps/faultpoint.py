"""Named points at which a test may kill the process; without CREDIT_EXCHANGE_FAULT they do nothing."""

from __future__ import annotations

import os
import signal


def faultpoint(name: str) -> None:
    """Kill this process with SIGKILL when CREDIT_EXCHANGE_FAULT is `<name>:kill`."""
    if os.environ.get("CREDIT_EXCHANGE_FAULT") == f"{name}:kill":
        os.kill(os.getpid(), signal.SIGKILL)
