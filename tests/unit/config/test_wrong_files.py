"""One small mistake each: what could only fail at night is refused when the configuration is loaded.

Every error names file, line and remedy.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from credit_exchange.cli.main import main
from credit_exchange.config import checks
from credit_exchange.config.loader import load
from credit_exchange.errors import ConfigurationError
from credit_exchange.steps import readiness
from credit_exchange.steps.validate.checks import CHECKS

FEED, OLD, TABLE = "feeds/fz_gulou_permit.yml", "feeds/fz_xfj_penalty.yml", "feeds/fz_scjg_permit.yml"
PENALTY, PERMIT = "catalog/penalty.yml", "catalog/permit.yml"
CHINA, FUJIAN, FUZHOU = "platforms/china.yml", "platforms/fujian.yml", "platforms/fuzhou.yml"
PRIVACY = "sharing/20_privacy.yml"
PART = 7
"""Lines of the longest part that is told by its beginning: a sharing rule."""


def refused(root: Path, name: str, old: str, new: str) -> str:
    """Make one mistake; return the one line that tells of it.

    It names the file and the mistake's line, or where the part that holds it begins: what does not fit together there
    has no line of its own.
    """
    path = root / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    changed = text.replace(old, new, 1)
    path.write_text(changed, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        readiness.check(load(root))
    lines = str(caught.value).splitlines()[1:]
    assert len(lines) == 1, lines
    line = re.match(rf"  {re.escape(str(path))}, line (\d+): ", lines[0])
    assert line, lines[0]
    mistake = text[: text.index(old)].count("\n") + 1
    assert mistake - PART <= int(line[1]) <= mistake + new.count("\n"), (line[1], mistake)
    return lines[0]


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        # a feed's dates and files
        (FEED, '["%Y/%m/%d"]', '["%Y/%m"]', "请写全 %Y、%m 和 %d"),
        (FEED, '["%Y/%m/%d"]', '["%Y/%m/%d", "%y-%m-%d"]',
         "date_formats.1: Value error, 日期格式 '%y-%m-%d' 中不能使用 %y"),
        (FEED, '["%Y/%m/%d"]', "[]", "at least 1 item"),
        (FEED, "fz_gulou/full", "../fz_gulou/full", "must lie below the inbox: no / at the beginning, no .."),
        (FEED, "fz_gulou/full", "/fz_gulou/full", "must lie below the inbox"),
        (FEED, "full_{date}", "full_{day}", "may hold {date} and {iso} as placeholders"),
        (FEED, "full_{date}", "full_{date.year}", "may hold {date} and {iso} as placeholders"),
        (FEED, "full_{date}", "full_{date", "cannot be read as a path with {date} or {iso}"),
        (FEED, "  encoding: utf-8", '  delimiter: "||"', "must be one ASCII character"),
        (FEED, "  encoding: utf-8", "  manifest: {suffix: ok}", "manifest.suffix: String should match pattern"),
        (FEED, "  settle_seconds: 0", "  settle_seconds: .inf", "settle_seconds: Input should be a finite number"),
        # a feed's columns and operations
        (FEED, "  XK_WSH:", "  XK_WHS:", "columns.XK_WHS: permit v2019_790 has no such field; did you mean XK_WSH?"),
        (OLD, "  CF_CFLB1:", "  CF_CFLB:", "columns.CF_CFLB: penalty v2016 has no such field; did you mean CF_CFLB"),
        (OLD, "  CF_SJLY:", "  CF_SJLX:", "constants.CF_SJLX: penalty v2016 has no such field; did you mean CF_SJLY?"),
        (FEED, "sequence:", "values: {XK_TZ: {a: b}}\nsequence:", "values.XK_TZ: permit v2019_790 has no such field"),
        (FEED, "sequence:", "values: {XK_YXQZI: {长期: 2099-12-31}}\nsequence:",
         "values.XK_YXQZI.长期: text is expected, and without quotes this is a date; put it in quotes"),
        (FEED, "sequence:", "values: {XK_ZT: {有效: 1}}\nsequence:", "this is a number; put it in quotes"),
        (FEED, "sequence:", "constants: {BZ: no}\nsequence:", "this is true or false; put it in quotes"),
        (FEED, "sequence:", "units: {XK_NR: yuan}\nsequence:", "units.XK_NR: permit v2019_790 has no such amount"),
        (OLD, "ignore: [序号]", "ignore: [序号, 备注]",
         "ignore.1: '备注' stands for BZ as well; drop it from one of them"),
        (FEED, "reinstate: [恢复]", "reinstate: [恢复, 注销]", "'注销' cannot mean both withdraw and reinstate"),
        (FEED, "reinstate: [恢复]", "reinstate: [恢复, 注 销]", "'注销' cannot mean both withdraw and reinstate"),
        (FEED, "max_rows: 20000", "max_rows: 2", "min_rows is above max_rows"),
        # a data set's rules
        (PENALTY, "check: amount", "check: amounts", "check: Value error, there is no check 'amounts'; use one of"),
        (PENALTY, 'limit: "10000"', "limit: 一万", "`limit` must be a number for at_most"),
        (PENALTY, 'limit: "11,12,13", ', "", "the check agency_code needs a `limit`"),
        (PENALTY, "fields: [CF_XDR_LB, CF_XDR_SHXYM]", "fields: [CF_XDR_LB]",
         "sole_trader_prefix needs `fields`: 2 of them, not 1"),
        (PENALTY, "check: identity,", "check: identity, on_failure: warn,", "on_failure must be reject or hold"),
        (PENALTY, "check: amount, fields: [CF_NR_FK", "check: amount, fields: [CF_NR",
         "CF_NR is of type text, amount reads decimal"),
        (PENALTY, "date_order, fields: [CF_JDRQ, CF_YXQ]", "date_order, fields: [CF_JDRQ, CF_YX]",
         "did you mean CF_YXQ?"),
        (PENALTY, "in_values, fields: [CF_XDR_LB]", "in_values, fields: [CF_NR]",
         "CF_NR is of type text, in_values reads enum"),
        (PENALTY, "check: max_length,", "check: max_length, fields: [CF_JDRQ],",
         "max_length needs `length` of CF_JDRQ; add it"),
        (PENALTY, "{field: CF_CFLB, op: contains, value: 罚款}", "{field: CF_NR_FK, op: gt, value: 零}",
         "compare it with a number"),
        (PENALTY, "[{field: _subject_kind, op: eq", "[{field: _subject_knd, op: eq", "did you mean _subject_kind?"),
        # a data set's fields, publication and clocks
        (PENALTY, "decided_on: CF_JDRQ", "decided_on: CF_WSH",
         "identity.decided_on: CF_WSH is of type text and must be a date"),
        (PENALTY, "tax: CF_XDR_SWDJ", "tax: CF_XDR_SWDH", "identity.subject.tax: the current version has no field"),
        (PENALTY, "length: 64, personal: id_number, sharing: conditional", "length: 64, sharing: conditional",
         "CF_XDR_ZJHM holds ID numbers and would lie open and be sent; write `personal: id_number` there"),
        (PENALTY, "starts: CF_JDRQ", "starts: CF_JDRG",
         "clocks.0.starts: the current version has no field 'CF_JDRG'; did you mean CF_JDRQ?"),
        (PENALTY, "end_field: CF_GSJZQ", "end_field: CF_CFJG", "must be a date here"),
        (PENALTY, "since: 2023-05-01", "since: 2019-07-01",
         "periods.3.since: another period begins on 2019-07-01 as well"),
        (PENALTY, "minor: [0, 3], general: [3, 36]", "minor: [3, 0], general: [3, 36]",
         "[3, 0] must be [months at least, months at most]"),
        (PENALTY, "minor: [0, 3], general: [3, 36]", "minor: [0, 3], general: [3]",
         "periods.3.general.1: Field required"),
        (PENALTY, "minor: [0, 3], general: [3, 36], ", "minor: [0, 3], ", "periods.3.general: Field required"),
        (PENALTY, "  - id: v2016", "  - id: v2019_790", "'v2019_790' stands twice; give one of them another id"),
        (PENALTY, "  - {code: PROCEDURE,", "  - {code: BZ, name: 注}\n      - {code: PROCEDURE,",
         "the field BZ stands twice"),
        (PENALTY, "CF_JZQ: CF_YXQ", "CF_JZQ: CF_YXZ", "crosswalk.CF_JZQ: the current version has no field 'CF_YXZ'"),
        (PENALTY, "[CF_CFLB1, CF_CFLB2]", "[CF_CFLB1, CF_CFLB3]",
         "CF_CFLB3 is not among the fields of v2016; did you mean CF_CFLB"),
        (PENALTY, "waived: [CF_NR_FK", "waived: [CF_NR_FX",
         "versions.1.waived.CF_NR_FX: the current version has no field"),
        (PENALTY, 'constants: {CF_YXQ: "2', 'constants: {CF_YXO: "2',
         "constants.CF_YXO: the current version has no field"),
        # platforms
        (CHINA, "dialect: china_xml", "dialect: china_xmll",
         "dialect: there is no dialect 'china_xmll'; known: china_xml, fujian_task"),
        (CHINA, "    endpoint: importPenaltyXml\n", "",
         "datasets.penalty.endpoint: china_xml needs endpoint and kind; add `endpoint`"),
        (CHINA, "kind: penalty", "kind: permission", "permit has the kind 'permission' already; each needs its own"),
        (CHINA, "kind: penalty", "kind: penalty\n    omit: [CF_WSH]",
         "a record is found there by its CF_WSH; it cannot be left out"),
        (CHINA, "kind: penalty", "kind: penalty\n    fields: {CF_WSH: 1 号}",
         "'1 号' cannot be the name of an XML element"),
        (FUJIAN, 'catalog: {"*": xycn}', "{}", "fujian_task needs a catalog; add one for each kind it takes: legal"),
        (FUJIAN, "{legal: frxk", "{legl: frxk", "there is no kind of subject 'legl'; did you mean legal?"),
        (FUJIAN, "person: zrrxk}", "person: zrrxk}\n    fields: {XK_NR: xk_wsh}", "are one name in lower case"),
        (FUZHOU, "  permit: {}", "  permit: {omit: [XK_NRR]}",
         "datasets.permit.omit.0: permit has no field 'XK_NRR'; did you mean XK_NR?"),
        (FUZHOU, "  permit: {}", "  permit: {fields: {XK_NRR: nr}}",
         "datasets.permit.fields.XK_NRR: permit has no field"),
        (FUZHOU, "  permit: {}", "  permit: {fields: {XK_NR: BZ}}", "XK_NR and BZ would both travel as 'BZ'"),
        (FUZHOU, "  commitment: {}", "  comitment: {}",
         "datasets.comitment: not in the catalogue; add catalog/comitment.yml"),
        # sharing rules
        (PRIVACY, "[XK_FR_ZJLX, XK_FR_ZJHM]", "[XK_FR_ZJLX, XK_FR_ZJH]",
         "rule SH-20-PERMIT-REP-ID: no data set that it is about has a field 'XK_FR_ZJH'; did you mean"),
        (PRIVACY, "[XK_FR_ZJLX, XK_FR_ZJHM]", "[XK_FR_ZJLX, CF_FR_ZJHM]", "has a field 'CF_FR_ZJHM'"),
        (PRIVACY, "field: _subject_kind", "field: _subject", "has a field '_subject'; did you mean _subject_kind?"),
        (PRIVACY, "valid_from: 2021-11-01", "valid_from: 2021-11-01\n    valid_to: 2021-10-01",
         "never in force; correct one of them"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_file_line_and_remedy(copied: Path, name: str, old: str, new: str, told: str) -> None:
    assert told in refused(copied, name, old, new)


@pytest.mark.parametrize("check", ["unique", "identity"])
@pytest.mark.parametrize("name", [PENALTY, PERMIT])
def test_every_data_set_can_sort_out_conflicts_and_what_is_no_record(copied: Path, name: str, check: str) -> None:
    path = copied / name
    kept = [line for line in path.read_text(encoding="utf-8").splitlines() if f"check: {check}," not in line]
    path.write_text("\n".join(kept), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=rf"{name}, line \d+: rules: no rule has the check {check}, .*add"):
        load(copied)


@pytest.mark.parametrize(
    ("check", "field"), [("required", "XK_XDR_MC"), ("max_length", "XK_XDR_MC"), ("is_date", "XK_JDRQ")]
)
def test_the_command_tells_what_a_field_says_and_no_rule_holds(copied: Path, check: str, field: str) -> None:
    """Its rows would be accepted, what cannot be read left out; a night must not stop for it."""
    path = copied / PERMIT
    kept = [one for one in path.read_text(encoding="utf-8").splitlines() if f"check: {check}," not in one]
    path.write_text("\n".join(kept), encoding="utf-8")
    line = next(number for number, one in enumerate(kept, start=1) if f"code: {field}," in one)
    with pytest.raises(ConfigurationError) as caught:
        readiness.check(load(copied))
    told = f"no rule checks {field} by {check}, so a row that breaks it would be accepted; add {field} to the `fields`"
    assert re.search(rf"{PERMIT}, line {line}: versions\.0\.fields\.\d+: {told}", str(caught.value)), str(caught.value)


def test_a_tab_may_separate_columns(copied: Path) -> None:
    path = copied / FEED
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("  encoding: utf-8", '  delimiter: "\\t"'), encoding="utf-8")
    assert load(copied).feeds["fz_gulou_permit"].source.delimiter == "\t"  # type: ignore[union-attr]


def test_one_command_checks_dialects_and_calendar_too(
    copied: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CREDIT_EXCHANGE_CONFIG", str(copied))
    for name, old, new in ((CHINA, "china_xml", "china_xmll"), ("calendar/2026.yml", "year: 2026", "year: 2027")):
        path = copied / name
        path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    assert main(["config", "check"]) == 1
    told = capsys.readouterr().err
    assert "platforms/china.yml, line 5: dialect:" in told
    assert "calendar/2026.yml: needs `year: 2026`" in told


@pytest.mark.parametrize(
    ("rule", "kind", "field"),
    [
        ("SH-20-PERMIT-PERSON-NAME", "person", "XK_XDR_MC"),
        ("SH-20-PERMIT-PERSON-REST", "person", "XK_FRDB"),
        ("SH-20-PERMIT-OPERATOR-NAME", "sole_trader", "XK_FRDB"),
    ],
)
def test_a_persons_name_that_would_leave_in_clear_is_told(
    copied: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], rule: str, kind: str, field: str
) -> None:
    """It may be meant, so it is no error: a rule releases it, with a legal basis. Mostly a mask was forgotten."""
    monkeypatch.setenv("CREDIT_EXCHANGE_CONFIG", str(copied))
    assert main(["config", "check"]) == 0
    assert "note: " not in capsys.readouterr().out
    path = copied / PRIVACY
    parts = re.split(r"(?m)^(?=  - id: )", path.read_text(encoding="utf-8"))
    path.write_text("".join(part for part in parts if f"- id: {rule}\n" not in part), encoding="utf-8")
    assert main(["config", "check"]) == 0
    told = capsys.readouterr().out
    for platform in ("fuzhou", "fujian", "china"):
        assert re.search(
            rf"note: SH-10-PERMIT-\S+ releases permit of a {kind} to {platform} with {field} in clear", told
        )


def test_the_checks_that_files_may_name_are_those_that_there_are() -> None:
    assert set(checks.CHECKS) == set(CHECKS) | checks.BATCH_CHECKS
    assert set(checks.NEEDED) <= set(checks.CHECKS)


def test_loading_needs_nothing_heavy() -> None:
    code = (
        "import sys; from credit_exchange.config.loader import load; load(); "
        "print(sorted({'pandas', 'numpy', 'pyarrow', 'sqlalchemy', 'requests', 'lxml'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
