"""The city keeps its word: same arguments same bytes, every defect planted, one key line for every delivered row."""

from __future__ import annotations

import ast
import csv
import io
import json
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
import requests
from lxml import etree
from openpyxl import load_workbook
from sqlalchemy import create_engine, text
from stdnum.cn import ric, uscc

from city import codes, faults, home, serve
from city.__main__ import main
from city.columns import columns, extra_columns
from city.days import night
from city.defects import DEFECTS
from city.departments import BY_ID, DEPARTMENTS, FEEDS
from city.generate import file_of, generate

UNTIL = date(2026, 11, 22)
DAYS = [UNTIL - timedelta(days=back) for back in (2, 1, 0)]
FILES = [spec for spec in FEEDS if not spec.windowed]


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def key(home_dir: Path, feed: str, day: date) -> list[dict]:
    path = home_dir / "key" / feed / f"{day.isoformat()}.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def all_lines(home_dir: Path) -> list[dict]:
    return [line for spec in FEEDS for day in DAYS for line in key(home_dir, spec.feed, day)]


def test_the_same_arguments_give_the_same_bytes(city_made, tmp_path):
    generate(tmp_path / "home", tmp_path / "inbox", seed=7, until=UNTIL, days=3)
    assert tree(tmp_path / "home") == tree(city_made[0])
    assert tree(tmp_path / "inbox") == tree(city_made[1])


def test_another_seed_gives_another_city(city_made, tmp_path):
    generate(tmp_path / "home", tmp_path / "inbox", seed=8, until=UNTIL, days=1, volume=0.2)
    name = file_of(BY_ID["fz_zjj_permit"], UNTIL)
    assert (tmp_path / "inbox" / name).read_bytes() != (city_made[1] / name).read_bytes()


def test_one_more_day_changes_no_earlier_day(city_made, tmp_path):
    for back in (2, 1, 0):
        generate(tmp_path / "home", tmp_path / "inbox", seed=7, until=UNTIL - timedelta(days=back), days=1)
    assert tree(tmp_path / "inbox") == tree(city_made[1])
    assert tree(tmp_path / "home") == tree(city_made[0])


def test_another_seed_in_the_same_home_is_refused(city_made, tmp_path):
    with pytest.raises(home.CityError, match="seed"):
        generate(city_made[0], tmp_path, seed=9, until=UNTIL, days=1)


def test_at_least_ten_departments_and_all_six_forms():
    assert len({spec.department for spec in FEEDS}) >= 10
    assert {spec.form for spec in FEEDS} == {"table", "csv", "xlsx", "zip", "http"}
    assert {spec.encoding for spec in FEEDS if spec.form == "csv"} == {"utf-8", "utf-8-sig", "gb18030"}
    assert {spec.dataset for spec in FEEDS if spec.standard == "v2016"} == {"permit", "penalty"}


def test_every_defect_is_planted_every_night(city_made):
    for day in DAYS:
        planted = {line["defect"] for spec in FEEDS for line in key(city_made[0], spec.feed, day)}
        assert set(DEFECTS) <= planted
        assert {"changed", "repeat", "conflict", "withdrawal", "reinstatement"} <= planted


def test_every_reject_rule_is_tripped(city_made):
    rules = {rule for line in all_lines(city_made[0]) for rule in line["rules"]}
    assert rules >= {f"S{n:02d}" for n in (1, 2, 3, 4, 6, 7, 8, 9, 13, 14, 17, 18)}
    assert {w for line in all_lines(city_made[0]) for w in line["warnings"]} == {"S05", "S08-unit", "S10"}


def test_every_outcome_and_every_fate_occurs(city_made):
    lines = all_lines(city_made[0])
    assert {line["outcome"] for line in lines} == {"accepted", "unchanged", "quarantined"}
    fates = {fate.split(":")[0] for line in lines for fate in line["platforms"].values()}
    assert fates == {"send", "withhold", "withdraw", "withdrawn", "expired"}
    final = [json.loads(line) for line in (city_made[0] / "key/final.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {record["status"] for record in final} == {"current", "withdrawn", "expired"}
    assert any(record["conflict"] for record in final)


def test_a_night_stays_small(city_made):
    lines = [line for spec in FEEDS for line in key(city_made[0], spec.feed, UNTIL)]
    assert 500 <= len(lines) <= 1200
    sent = [x for x in lines if x["outcome"] == "accepted" and x["platforms"].get("china") == "send"]
    assert len(sent) <= 700


def test_records_at_one_agency_have_one_subject_per_document_unless_planted(city_made):
    final = [json.loads(line) for line in (city_made[0] / "key/final.jsonl").read_text(encoding="utf-8").splitlines()]
    seen: dict[tuple, set] = {}
    for record in final:
        place = (record["dataset"], record["agency_code"], record["document_no"])
        seen.setdefault(place, set()).add(record["subject_code"])
    several = [names for names in seen.values() if len(names) > 1]
    assert len(several) == len(DAYS)  # two_parties


@pytest.mark.parametrize("spec", FILES, ids=lambda spec: spec.feed)
@pytest.mark.parametrize("day", DAYS, ids=str)
def test_files_hold_one_row_for_each_key_line(city_made, spec, day):
    data = (city_made[1] / file_of(spec, day)).read_bytes()
    lines = key(city_made[0], spec.feed, day)
    name = columns(spec)["XK_WSH" if spec.dataset == "permit" else "CF_WSH"]
    if spec.form == "csv":
        assert data.startswith(b"\xef\xbb\xbf") is (spec.encoding == "utf-8-sig")
        content = data.decode(spec.encoding)
        rows = list(csv.reader(io.StringIO(content.replace("\x00", ""), newline="")))
        assert rows[0] == [*columns(spec).values(), *extra_columns(spec)]
        documents = {n: row[rows[0].index(name)] for n, row in enumerate(rows[1:], start=2)}
    elif spec.form == "xlsx":
        sheet = load_workbook(io.BytesIO(data)).worksheets[0]
        place = next(cell.column for cell in sheet[3] if cell.value == name)
        documents = {n: sheet.cell(n, place).value for n in range(4, sheet.max_row + 1) if sheet.cell(n, place).value}
    else:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            (member,) = archive.namelist()
            root = etree.fromstring(archive.read(member))
        documents = {n: row.findtext(name) for n, row in enumerate(root, start=1)}
    assert documents == {line["line_no"]: line["document_no"] for line in lines}


@pytest.mark.parametrize("spec", [s for s in FILES if s.manifest], ids=lambda spec: spec.feed)
def test_manifests_fit(city_made, spec):
    data = (city_made[1] / file_of(spec, UNTIL)).read_bytes()
    sign = (city_made[1] / (file_of(spec, UNTIL) + ".ok")).read_text()
    rows = len(key(city_made[0], spec.feed, UNTIL))
    told = json.loads(sign) if spec.manifest == "json" else dict(line.split("=") for line in sign.splitlines())
    assert (int(told["rows"]), int(told["bytes"])) == (rows, len(data))


def test_gb18030_has_four_byte_characters(city_made):
    data = (city_made[1] / file_of(BY_ID["fz_cgw_penalty"], UNTIL)).read_bytes()
    with pytest.raises(UnicodeDecodeError):
        data.decode("gb2312")
    assert any(len(char.encode("gb18030")) == 4 for char in data.decode("gb18030"))


def test_codes_are_valid_by_an_outside_judge():
    for department in DEPARTMENTS.values():
        assert uscc.is_valid(department.uscc)
    rows = [row for spec in FEEDS for row in night(7, spec, UNTIL, 1.0, frozenset(DAYS)) if not row.rules]
    for row in rows:
        code, number = row.get("XDR_SHXYM"), row.get("XDR_ZJHM")
        if code and code != codes.PLACEHOLDER and code.isascii():
            assert uscc.is_valid(code)
        if number and row.get("XDR_ZJLX") == "身份证" and int(number[6:10]) < 2005:
            assert ric.calc_check_digit(number) == number[-1]


def test_the_front_database_is_filled_and_can_be_filled_again(city_made, empty_database_url):
    url = empty_database_url
    assert main(["load-database", "--url", url, "--home", str(city_made[0])]) == 0
    assert main(["load-database", "--url", url, "--home", str(city_made[0])]) == 0
    engine = create_engine(url)
    window = "select xk_wsh from t_xzxk where update_time >= :a and update_time < :b order by update_time, id"
    with engine.connect() as connection:
        bounds = {"a": "2026-11-21 00:00:00", "b": "2026-11-23 00:00:00"}
        found = [row[0] for row in connection.execute(text(window), bounds)]
    engine.dispose()
    lines = key(city_made[0], "fz_scjg_permit", UNTIL)
    assert sorted(found) == sorted(line["document_no"] for line in lines)


def test_a_front_table_keeps_the_order_of_the_key():
    city = home.City(7, 1.0, frozenset(DAYS))
    for spec in (s for s in FEEDS if s.windowed):
        stamps = [row.updated for row in night(city.seed, spec, UNTIL, city.volume, city.days)]
        assert stamps == sorted(stamps)


@contextmanager
def served(home_dir: Path, faulty: bool = False) -> Iterator[str]:
    server = serve.server(home_dir, 0, "t0ken", faulty)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


@pytest.fixture
def service(city_made):
    with served(city_made[0]) as base:
        yield base


def ask(base: str, feed: str, page: int, token: str = "t0ken") -> requests.Response:
    query = {"updated_from": "2026-11-21T00:00:00", "updated_to": "2026-11-23T00:00:00", "page": page, "size": 20}
    return requests.get(base + BY_ID[feed].path, query, headers={"Authorization": f"Bearer {token}"}, timeout=(5, 10))


def test_the_service_pages_through_the_key(city_made, service):
    for feed in ("fz_yjj_penalty", "fz_zwfw_permit"):
        found: list[str] = []
        for page in range(1, 20):
            data = ask(service, feed, page).json()["data"]
            found += [item["xk_wsh" if feed.endswith("permit") else "cf_wsh"] for item in data["items"]]
            if len(found) == data["total"]:
                break
        assert found == [line["document_no"] for line in key(city_made[0], feed, UNTIL)]


def test_the_service_wants_its_token(service):
    assert ask(service, "fz_yjj_penalty", 1, token="wrong").status_code == 401
    assert ask(service, "fz_yjj_penalty", 0).status_code == 400


@pytest.mark.parametrize(
    "given",
    ["2026-11-22", "20261122", "2026-11-22 00:00:00", "2026-11-22T00:00:00+08:00", "2026-11-22T00:00:00 08:00",
     "2026-11-21T16:00:00+00:00", "20261122000000"],
)  # fmt: skip
def test_times_are_understood_in_any_usual_form(given):
    assert serve.moment(given) == datetime(2026, 11, 22)


def test_faults_break_the_last_day_only_and_mend(city_made, tmp_path):
    generate(tmp_path / "home", tmp_path / "inbox", seed=7, until=UNTIL, days=2, broken=True)
    whole, broken = tree(city_made[1]), tree(tmp_path / "inbox")
    bad = {name for name in whole if "22" in name and whole[name] != broken.get(name)}
    specs = (BY_ID[faults.HALF_WRITTEN], BY_ID[faults.MISSING], BY_ID[faults.SHRUNKEN])
    half, missing, shrunken = (file_of(spec, UNTIL) for spec in specs)
    assert bad == {half, missing, missing + ".ok", shrunken}
    assert {line["outcome"] for line in key(tmp_path / "home", faults.SHRUNKEN, UNTIL)} == {"held"}
    assert len(key(tmp_path / "home", faults.SHRUNKEN, UNTIL)) == faults.SHRUNKEN_ROWS
    assert key(tmp_path / "home", faults.UNAVAILABLE, UNTIL) == []
    assert "2026-11-22" in json.loads((tmp_path / "home/key/faults.json").read_text())
    with served(tmp_path / "home", faulty=True) as base:
        assert ask(base, faults.UNAVAILABLE, 1).status_code == 503
        generate(tmp_path / "home", tmp_path / "inbox", seed=7, until=UNTIL, days=2)
        assert ask(base, faults.UNAVAILABLE, 1).status_code == 200
    assert all(whole[name] == data for name, data in tree(tmp_path / "inbox").items())


def test_the_city_imports_nothing_of_the_exchange():
    for path in Path(serve.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [name for name in names if name.startswith(("credit_exchange", "airflow"))], path.name
