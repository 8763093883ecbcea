"""`make run` says something at once: what takes long to import waits until after its first line."""

from __future__ import annotations

import subprocess
import sys


def test_the_launcher_starts_without_what_reads_our_tables() -> None:
    loaded = (
        "import sys; import credit_exchange.laptop.launcher; "
        "print(sorted({'alembic', 'sqlalchemy', 'pandas', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
