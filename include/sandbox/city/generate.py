"""Makes deliveries in the inbox and the answer key."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

from city import faults, home, oracle
from city.days import delivery
from city.departments import FEEDS, FeedSpec
from city.forms import delivered_bytes, manifest


def generate(
    home_dir: Path, inbox: Path, seed: int, until: date, days: int = 1, volume: float = 1.0, broken: bool = False
) -> home.City:
    """Make the deliveries of `days` business dates up to `until`, and the key for all days made so far in `home_dir`.

    Files go to `inbox`, tables and services are made from `city.json` (see load-database and serve). With `broken`, the
    last day has broken deliveries. Raises city.home.CityError when `home_dir` holds another city.
    """
    city, wanted = home.extended(home_dir, seed, volume, until, days, broken)
    for day in wanted:
        for spec in FEEDS:
            if not spec.windowed:
                _deliver(city, spec, day, inbox)
    _write_key(home_dir, city)
    home.write(home_dir, city)
    return city


def file_of(spec: FeedSpec, day: date) -> str:
    """A file feed's path below the inbox."""
    return spec.path.format(date=f"{day:%Y%m%d}", iso=day.isoformat())


def _deliver(city: home.City, spec: FeedSpec, day: date, inbox: Path) -> None:
    path = inbox / file_of(spec, day)
    sign = path.with_name(path.name + ".ok")
    faulty = day in city.faulty
    if faulty and spec.feed == faults.MISSING:
        path.unlink(missing_ok=True)
        sign.unlink(missing_ok=True)
        return
    rows = delivery(city.seed, spec, day, city.volume)
    if faulty and spec.feed == faults.SHRUNKEN:
        rows = rows[: faults.SHRUNKEN_ROWS]
    data = delivered_bytes(spec, day, rows)
    sign_bytes = manifest(spec, data, len(rows)) if spec.manifest else None
    if faulty and spec.feed == faults.HALF_WRITTEN:
        data = faults.half(data)
    home.replace(path, data)
    if sign_bytes is not None:
        home.replace(sign, sign_bytes)


def _write_key(home_dir: Path, city: home.City) -> None:
    key = oracle.answer_key(city.seed, city.days, city.volume, city.faulty)
    for (feed, day), lines in key.lines.items():
        home.replace(home_dir / "key" / feed / f"{day.isoformat()}.jsonl", _json_lines(lines))
    home.replace(home_dir / "key" / "final.jsonl", _json_lines(key.final))
    told = {day.isoformat(): {f: list(s) for f, s in faults.EXPECTED.items()} for day in sorted(city.faulty)}
    home.replace(home_dir / "key" / "faults.json", (json.dumps(told, indent=1) + "\n").encode())


def _json_lines(lines: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()
