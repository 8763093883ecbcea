"""The city's memory: which days were made with which seed, in `city.json` below the sandbox's home."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path


class CityError(Exception):
    """The city cannot do what it was asked; the message says why and what to do."""


@dataclass(frozen=True)
class City:
    """Everything that the deliveries and the key depend on."""

    seed: int
    volume: float
    days: frozenset[date]
    faulty: frozenset[date] = frozenset()


def read(home: Path) -> City:
    """The city made in `home`. Raises CityError when there is none."""
    path = home / "city.json"
    if not path.is_file():
        raise CityError(f"{path} does not exist: run `python -m city generate` first")
    told = json.loads(path.read_text(encoding="utf-8"))
    return City(
        int(told["seed"]),
        float(told["volume"]),
        frozenset(date.fromisoformat(day) for day in told["days"]),
        frozenset(date.fromisoformat(day) for day in told["faulty"]),
    )


def extended(home: Path, seed: int, volume: float, until: date, days: int, faults: bool) -> tuple[City, list[date]]:
    """The city of `home` with `days` more days up to `until`, and those days in order.

    Raises CityError when `home` holds a city of another seed or volume.
    """
    if not 1 <= days <= 3660 or not 0 < volume <= 100:
        raise CityError("days must be 1 to 3660 and volume above 0 and at most 100")
    wanted = [until - timedelta(days=back) for back in range(days - 1, -1, -1)]
    known, faulty = frozenset[date](), frozenset[date]()
    if (home / "city.json").is_file():
        city = read(home)
        if (city.seed, city.volume) != (seed, volume):
            raise CityError(
                f"{home} holds a city with seed {city.seed} and volume {city.volume}; use these, or an empty --home"
            )
        known, faulty = city.days, city.faulty
    # faults are of the last day; made again without them, the day is whole
    faulty = (faulty - frozenset(wanted)) | (frozenset({until}) if faults else frozenset())
    return City(seed, volume, known | frozenset(wanted), faulty), wanted


def write(home: Path, city: City) -> None:
    """Remember the city."""
    told = {
        "seed": city.seed,
        "volume": city.volume,
        "days": [day.isoformat() for day in sorted(city.days)],
        "faulty": [day.isoformat() for day in sorted(city.faulty)],
    }
    replace(home / "city.json", (json.dumps(told, indent=1) + "\n").encode())


def replace(path: Path, data: bytes) -> None:
    """Write a file whole: a reader sees the old or the new one, never a part. Equal bytes are not written again."""
    if path.is_file() and path.read_bytes() == data:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(path.name + ".writing")
    half.write_bytes(data)
    half.replace(path)
