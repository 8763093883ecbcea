"""The promises for invented histories: after every night each platform, record and waiting row is as `reference` says.

HISTORIES=40 plays that many beside the fixed one, HISTORIES_FROM=100 others than before; a difference is told with the
story of its document, played again alone.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from checks import play
from invented import history

from credit_exchange.laptop.postgres import EmbeddedPostgres

SHORT = [("short 2", 30, 3)]
"""One with two nights at once and killed processes; CI plays no more."""
BEGIN = int(os.environ.get("HISTORIES_FROM", "0"))
LONG = [(f"long {number}", 50, 5) for number in range(BEGIN, BEGIN + int(os.environ.get("HISTORIES", "0")))]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("seed", "documents", "days"), SHORT + LONG)
def test_every_night_leaves_what_the_reference_says(
    pg_server: EmbeddedPostgres, migrated_template: str, tmp_path: Path, seed: str, documents: int, days: int
) -> None:
    made = history(seed, documents=documents, days=days)

    def differences(name: str) -> list[tuple[str, ...]]:
        (tmp_path / name).mkdir()
        pg_server.create_database(name, template=migrated_template)
        try:
            return play(tmp_path / name, pg_server.url(name), made)
        finally:
            pg_server.drop_database(name)

    found = differences(f"played_{abs(hash(seed))}")
    guilty = {number for _, number, *_ in found} & {document.number for document in made.documents}
    if guilty:
        made = made.only(min(guilty))
        alone = differences(f"again_{abs(hash(seed))}")
        story = "\n".join(str(row) for document in made.documents for row in document.rows)
        pytest.fail("\n".join([*map(str, found[:10]), "alone:", *map(str, alone[:10]), story]))
    assert found == []
