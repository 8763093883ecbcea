"""The benchmark's deliveries: permits of invented legal persons, half in a CSV file, half in a front database table.

Deterministic by the number of rows. Codes are valid by checksum (GB 32100-2015, GB 11714-1997, GB 11643-1999); every
hundredth row is bad in one of three ways that both sides must find: a wrong check character of the unified social
credit code, no decision content, or a day that does not exist. Three tenths as many organisations as rows; one row in
four names the representative's identity number, which never leaves.

``python -m bench.data --rows N --csv FILE --url URL`` is a process of its own, so that its memory is nobody else's.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import psycopg

COLUMNS = [
    "XK_XDR_MC", "XK_XDR_LB", "XK_XDR_SHXYM", "XK_FRDB", "XK_FR_ZJLX", "XK_FR_ZJHM", "XK_XKWS", "XK_WSH", "XK_XKLB",
    "XK_XKZS", "XK_XKBH", "XK_NR", "XK_JDRQ", "XK_YXQZ", "XK_YXQZI", "XK_XKJG", "XK_XKJGDM", "XK_ZT", "XK_LYDW",
    "XK_LYDWDM", "BZ"
]  # fmt: skip
TABLE = "t_permit"
BUSINESS_DATE = date(2026, 11, 22)
BAD_EVERY = 100
_CHUNK = 50_000
_USCC = np.frombuffer(b"0123456789ABCDEFGHJKLMNPQRTUWXY", dtype="S1")
_DIVISIONS = ["350102", "350103", "350104", "350105", "350111", "350112", "350121", "350122", "350181"]
_AGENCIES = {
    "csv": ("福州市行政审批服务局", "11350100MB1234567N"),
    "table": ("福州市市场监督管理局", "11350100003700117T"),
}
_TRADES = ["餐饮服务", "道路运输", "食品销售", "药品零售", "建筑施工", "危险化学品经营", "公共场所卫生", "文化经营"]
_WORDS = ["鼓山", "闽江", "榕城", "三坊", "乌山", "西湖", "长乐", "金山", "螺洲", "晋安"]
Codes = npt.NDArray[np.str_]


def _values(text: npt.NDArray[np.bytes_], alphabet: npt.NDArray[np.bytes_]) -> npt.NDArray[np.int64]:
    """The value of each single character of a matrix by its place in the alphabet."""
    table = np.zeros(256, dtype=np.int64)
    table[alphabet.view(np.uint8)] = np.arange(len(alphabet))
    return table[text.view(np.uint8)]


def credit_codes(rng: np.random.Generator, count: int) -> Codes:
    """Unified social credit codes of invented companies ("91", a division of Fuzhou, "MA…"), valid by both checks."""
    body = np.empty((count, 17), dtype="S1")
    body[:, 0], body[:, 1] = b"9", b"1"
    divisions = np.array([list(code) for code in _DIVISIONS], dtype="S1")
    body[:, 2:8] = divisions[rng.integers(len(divisions), size=count)]
    body[:, 8], body[:, 9] = b"M", b"A"
    body[:, 10:16] = _USCC[rng.integers(31, size=(count, 6))]
    letters = np.frombuffer(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", dtype="S1")
    weights = np.array((3, 7, 9, 10, 5, 8, 4, 2))
    rest = 11 - (_values(body[:, 8:16].copy(), letters) * weights).sum(axis=1) % 11
    body[:, 16] = np.frombuffer(b"0123456789X0", dtype="S1")[np.where(rest == 11, 11, rest)]
    total = (_values(body.copy(), _USCC) * np.array([pow(3, place, 31) for place in range(17)])).sum(axis=1)
    whole = np.concatenate([body, _USCC[(31 - total % 31) % 31][:, None]], axis=1)
    return whole.view("S18").ravel().astype(str)


def identity_numbers(rng: np.random.Generator, count: int) -> Codes:
    """Identity numbers of invented adults, valid by check character."""
    year = rng.integers(1955, 2000, size=count) * 10_000 + rng.integers(1, 13, size=count) * 100
    born = year + rng.integers(1, 29, size=count)
    tail = rng.integers(1, 1000, size=count)
    area = np.array(_DIVISIONS)[rng.integers(len(_DIVISIONS), size=count)]
    body = np.char.add(np.char.add(area, born.astype(str)), np.char.zfill(tail.astype(str), 3))
    digits = body.astype("S17").view("S1").reshape(count, 17).view(np.uint8).astype(np.int64) - ord("0")
    total = (digits * np.array([pow(2, 17 - place) % 11 for place in range(17)])).sum(axis=1)
    return np.char.add(body, np.array(list("10X98765432"))[total % 11])


class City:
    """The organisations of one benchmark."""

    def __init__(self, rows: int) -> None:
        """Invent three tenths as many organisations as rows."""
        self._rng = np.random.default_rng(rows)
        count = max(1, rows * 3 // 10)
        self.codes = np.unique(credit_codes(self._rng, count))
        number = np.arange(len(self.codes))
        words, trades = np.array(_WORDS), np.array(_TRADES)
        middle = np.char.add(words[number % 10], words[number // 10 % 10])
        self.names = np.char.add(
            np.char.add(np.char.add("福州", middle), np.char.add(trades[number % 8], number.astype(str))), "有限公司"
        )
        family = np.array(list("陈林黄郑吴王张李刘叶"))[number % 10]
        given = np.array(list("建国志强丽华秀英晓明"))[number // 10 % 10]
        last = np.array(list("平安康宁福禄寿喜财源"))[number // 100 % 10]
        self.people = np.char.add(np.char.add(family, given), last)
        self.people_numbers = identity_numbers(self._rng, len(self.codes))

    def chunks(self, source: str, rows: int) -> Iterator[pd.DataFrame]:
        """The rows of one source ("csv" or "table"), dates written as that source does."""
        rng = np.random.default_rng([rows, len(source)])
        for start in range(0, rows, _CHUNK):
            yield self._chunk(source, rng, np.arange(start, min(start + _CHUNK, rows)))

    def _chunk(self, source: str, rng: np.random.Generator, number: npt.NDArray[np.int64]) -> pd.DataFrame:
        count = len(number)
        who = rng.integers(len(self.codes), size=count)
        days = [BUSINESS_DATE - timedelta(days=back) for back in range(28)]
        mark = "/" if source == "csv" else "-"
        decided = np.array([day.strftime(f"%Y{mark}%m{mark}%d") for day in days])[rng.integers(28, size=count)]
        trade = np.array(_TRADES)[number % len(_TRADES)]
        agency, agency_code = _AGENCIES[source]
        serial = np.char.zfill(number.astype(str), 7)
        frame = pd.DataFrame(index=pd.RangeIndex(count), columns=[], dtype="str")
        frame["XK_XDR_MC"] = self.names[who]
        frame["XK_XDR_LB"] = "法人及非法人组织"
        frame["XK_XDR_SHXYM"] = self.codes[who]
        frame["XK_FRDB"] = self.people[who]
        named = number % 4 == 0
        frame["XK_FR_ZJLX"] = np.where(named, "身份证", "")
        frame["XK_FR_ZJHM"] = np.where(named, self.people_numbers[who], "")
        frame["XK_XKWS"] = np.char.add(trade, "许可决定书")
        frame["XK_WSH"] = np.char.add(f"榕{'审批' if source == 'csv' else '市监'}许〔2026〕", np.char.add(serial, "号"))
        frame["XK_XKLB"] = np.array(["普通", "登记", "核准", "认可"])[number % 4]
        frame["XK_XKZS"] = np.char.add(trade, "许可证")
        frame["XK_XKBH"] = np.char.add("JY23501", serial)
        reasons = "，经审查，申请材料齐全，符合法定形式，依法作出准予许可的决定；经营场所位于"
        frame["XK_NR"] = np.char.add(np.char.add("准予从事", trade), f"{reasons}{_WORDS[len(source)]}路88号。")
        frame["XK_JDRQ"] = decided
        frame["XK_YXQZ"] = decided
        frame["XK_YXQZI"] = f"2029{mark}12{mark}31"
        frame["XK_XKJG"], frame["XK_XKJGDM"] = agency, agency_code
        frame["XK_ZT"] = "1"
        frame["XK_LYDW"], frame["XK_LYDWDM"] = agency, agency_code
        frame["BZ"] = np.where(number % 5 == 0, "电子证照已签发", "")
        self._spoil(frame, number, mark)
        return frame[COLUMNS]

    def _spoil(self, frame: pd.DataFrame, number: npt.NDArray[np.int64], mark: str) -> None:
        bad = number % BAD_EVERY == BAD_EVERY - 1
        kind = number // BAD_EVERY % 3
        code = frame["XK_XDR_SHXYM"]
        frame["XK_XDR_SHXYM"] = code.mask(bad & (kind == 0), code.str.slice(0, 17) + _other(code.str.slice(17)))
        frame["XK_NR"] = frame["XK_NR"].mask(bad & (kind == 1), "")
        frame["XK_JDRQ"] = frame["XK_JDRQ"].mask(bad & (kind == 2), f"2026{mark}02{mark}30")


def _other(check: pd.Series) -> pd.Series:
    """Another check character for each one."""
    return check.map({char: "1" if char != "1" else "2" for char in "0123456789ABCDEFGHJKLMNPQRTUWXY"})


def write_csv(city: City, rows: int, path: Path) -> None:
    """Write the file that the first department delivers."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        for number, chunk in enumerate(city.chunks("csv", rows)):
            chunk.to_csv(file, index=False, header=number == 0, lineterminator="\n")


def fill_table(city: City, rows: int, url: str) -> None:
    """Fill the second department's front table; every row was last changed on the business date."""
    names = [name.lower() for name in COLUMNS]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"DROP TABLE IF EXISTS {TABLE}".encode())
        columns = ", ".join(f"{name} text" for name in names)
        connection.execute(f"CREATE TABLE {TABLE} (id bigserial, {columns}, update_time timestamp)".encode())
        statement = f"COPY {TABLE} ({', '.join(names)}, update_time) FROM STDIN WITH (FORMAT csv)"
        with connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
            for chunk in city.chunks("table", rows):
                text = io.StringIO()
                chunk.assign(update_time=f"{BUSINESS_DATE} 18:00:00").to_csv(text, index=False, header=False)
                copy.write(text.getvalue())
        connection.execute(f"CREATE INDEX ON {TABLE} (update_time)".encode())
        connection.execute(f"VACUUM ANALYZE {TABLE}".encode())


def main() -> None:
    """Make both deliveries."""
    parser = argparse.ArgumentParser(prog="python -m bench.data", description=__doc__)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--csv", type=Path, required=True)
    parser.add_argument("--url", required=True, help="postgresql:// address of the front database")
    arguments = parser.parse_args()
    city = City(arguments.rows)
    half = arguments.rows // 2
    write_csv(city, arguments.rows - half, arguments.csv)
    fill_table(city, half, arguments.url)


if __name__ == "__main__":
    main()
