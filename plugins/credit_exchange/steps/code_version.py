"""Which code took a delivery: what the deployment calls it, else the commit of the clone, else a digest of the code."""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path

from credit_exchange.core.canonical import sm3_hex

_ROOT = Path(__file__).resolve().parents[3]
_COMMIT = re.compile(r"[0-9a-f]{40,64}", re.ASCII)


@cache
def code_version() -> str:
    """Return CREDIT_EXCHANGE_VERSION, else the first 12 digits of the commit, else `sources-` and those of a digest."""
    given = os.environ.get("CREDIT_EXCHANGE_VERSION", "").strip()
    return given[:100] or commit_of(_ROOT) or f"sources-{_digest()}"


def commit_of(clone: Path) -> str:
    """Return the commit that is checked out, or an empty text where there is no clone; Git itself is not needed."""
    try:
        place = clone / ".git"
        if place.is_file():  # a worktree of another clone
            place = clone / place.read_text(encoding="utf-8").removeprefix("gitdir:").strip()
        shared = place / "commondir"
        common = place / shared.read_text(encoding="utf-8").strip() if shared.is_file() else place
        head = (place / "HEAD").read_text(encoding="utf-8").strip()
        if head.startswith("ref:"):
            name = head.removeprefix("ref:").strip()
            loose = common / name
            head = loose.read_text(encoding="utf-8").strip() if loose.is_file() else _packed(common, name)
    except (OSError, UnicodeDecodeError):
        return ""
    return head[:12] if _COMMIT.fullmatch(head) else ""


def _packed(common: Path, name: str) -> str:
    lines = (common / "packed-refs").read_text(encoding="utf-8").splitlines()
    return next((line.split()[0] for line in lines if line.endswith(f" {name}")), "")


def _digest() -> str:
    places = [*(_ROOT / "plugins").rglob("*.py"), *(_ROOT / "include" / "sql").rglob("*.sql")]
    return sm3_hex(b"".join(path.read_bytes() for path in sorted(places)))[:12]
