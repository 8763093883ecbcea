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
from credit_exchange.config.catalog import Rule
from credit_exchange.config.loader import load
from credit_exchange.errors import ConfigurationError
from credit_exchange.steps import readiness
from credit_exchange.steps.validate.checks import CHECKS

FEED, OLD, TABLE = "feeds/fz_gulou_permit.yml", "feeds/fz_xfj_penalty.yml", "feeds/fz_scjg_permit.yml"
PENALTY, PERMIT = "catalog/penalty.yml", "catalog/permit.yml"
CHINA, FUJIAN, FUZHOU = "platforms/china.yml", "platforms/fujian.yml", "platforms/fuzhou.yml"
PRIVACY, WITHHOLD = "sharing/20_privacy.yml", "sharing/30_withhold.yml"
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
    line = re.match(rf"  {re.escape(str(path))} 第 (\d+) 行：", lines[0])
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
         "date_formats.1：日期格式 '%y-%m-%d' 中不能使用 %y"),
        (FEED, '["%Y/%m/%d"]', "[]", "至少要有 1 项"),
        (FEED, "fz_gulou/full", "../fz_gulou/full", "应位于投放目录之下：不以 / 开头，不含 .."),
        (FEED, "fz_gulou/full", "/fz_gulou/full", "应位于投放目录之下"),
        (FEED, "full_{date}", "full_{day}", "花括号中只能写 {date} 或 {iso}"),
        (FEED, "full_{date}", "full_{date.year}", "花括号中只能写 {date} 或 {iso}"),
        (FEED, "full_{date}", "full_{date", "不能作为带 {date} 或 {iso} 的路径读取"),
        (FEED, "  encoding: utf-8", '  delimiter: "||"', "应为一个 ASCII 字符"),
        (FEED, "  encoding: utf-8", "  manifest: {suffix: ok}", "manifest.suffix：不符合要求的形式"),
        (FEED, "  settle_seconds: 0", "  settle_seconds: .inf", "settle_seconds：应为有限的数"),
        # YAML itself
        (FEED, "  name: 福州市鼓楼区", "\tname: 福州市鼓楼区", "缩进或空白中有制表符，应为空格"),
        (FEED, "dataset: permit", "dataset：permit", "应为半角冒号加一个空格"),
        (FEED, "  encoding: utf-8", "   encoding: utf-8", "缩进与同一层的其他行不一致"),
        (FEED, "  encoding: utf-8", "  encoding: gbk", "encoding：应为 'utf-8'、'gb18030'、'auto' 之一"),
        (PRIVACY, 'op: ge, value: "92"', "op: ge, value: 2026-04-01", "value：此处应为文本，不加引号会被读作日期"),
        (PENALTY, "since: 2023-05-01", "since: 2023-05-32", "没有 2023-05-32 这一天"),
        (PRIVACY, "valid_from: 2021-11-01", "valid_from: 2021-13-01", "没有 2021-13-01 这一天"),
        (FEED, "sequence:", "[values, units]: 1\nsequence:", "键应为文本，不能是列表或“键: 值”"),
        # a feed's columns and operations
        (FEED, "  XK_WSH:", "  XK_WHS:", "columns.XK_WHS：permit v2019_790 没有这个字段；是否应为 XK_WSH？"),
        (OLD, "  CF_CFLB1:", "  CF_CFLB:", "columns.CF_CFLB：penalty v2016 没有这个字段；是否应为 CF_CFLB"),
        (OLD, "  CF_SJLY:", "  CF_SJLX:", "constants.CF_SJLX：penalty v2016 没有这个字段；是否应为 CF_SJLY？"),
        (FEED, "sequence:", "values: {XK_TZ: {a: b}}\nsequence:", "values.XK_TZ：permit v2019_790 没有这个字段"),
        (FEED, "sequence:", "values: {XK_YXQZI: {长期: 2099-12-31}}\nsequence:",
         "values.XK_YXQZI.长期：此处应为文本，不加引号会被读作日期；请加上引号"),
        (FEED, "sequence:", "values: {XK_ZT: {有效: 1}}\nsequence:", "会被读作数字；请加上引号"),
        (FEED, "sequence:", "constants: {BZ: no}\nsequence:", "会被读作 true 或 false；请加上引号"),
        (FEED, "sequence:", "units: {XK_NR: yuan}\nsequence:", "units.XK_NR：permit v2019_790 没有这个金额字段"),
        (OLD, "ignore: [序号]", "ignore: [序号, 备注]",
         "ignore.1：'备注' 又对应 BZ；请只留一处"),
        (FEED, "reinstate: [恢复]", "reinstate: [恢复, 注销]", "'注销' 不能既是 withdraw 又是 reinstate"),
        (FEED, "reinstate: [恢复]", "reinstate: [恢复, 注 销]", "'注销' 不能既是 withdraw 又是 reinstate"),
        (FEED, "max_rows: 20000", "max_rows: 2", "min_rows 大于 max_rows"),
        # a data set's rules
        (PENALTY, "check: amount", "check: amounts", "check：没有检查 'amounts'；可用："),
        (PENALTY, 'limit: "10000"', "limit: 一万", "检查 at_most 的 limit 应为数字"),
        (PENALTY, 'limit: "1949-10-01"', 'limit: "1949/10/1"', "检查 not_before 的 limit 应为日期 YYYY-MM-DD"),
        (PENALTY, 'limit: "11,12,13", ', "", "检查 agency_code 需要 limit"),
        (PENALTY, "fields: [CF_XDR_LB, CF_XDR_SHXYM]", "fields: [CF_XDR_LB]",
         "检查 sole_trader_prefix 的 fields 应有 2 个，现有 1 个"),
        (PENALTY, "check: identity,", "check: identity, on_failure: warn,", "on_failure 应为 reject 或 hold"),
        (PENALTY, "check: amount, fields: [CF_NR_FK", "check: amount, fields: [CF_NR",
         "CF_NR 的类型是 text，amount 只检查 decimal"),
        (PENALTY, "date_order, fields: [CF_JDRQ, CF_YXQ]", "date_order, fields: [CF_JDRQ, CF_YX]",
         "是否应为 CF_YXQ？"),
        (PENALTY, "in_values, fields: [CF_XDR_LB]", "in_values, fields: [CF_NR]",
         "CF_NR 的类型是 text，in_values 只检查 enum"),
        (PENALTY, "check: max_length,", "check: max_length, fields: [CF_JDRQ],",
         "max_length 需要 CF_JDRQ 的 length；请在该字段中补上"),
        (PENALTY, "{field: CF_CFLB, op: contains, value: 罚款}", "{field: CF_NR_FK, op: gt, value: 零}",
         "应与数字比较"),
        (PENALTY, "[{field: _subject_kind, op: eq", "[{field: _subject_knd, op: eq", "是否应为 _subject_kind？"),
        (PENALTY, "[{field: _subject_kind, op: in, value: [legal,", "[{field: _subject_kind, op: in, value: [法人,",
         "_subject_kind 只会是 legal、person、sole_trader，不会是 法人"),
        (PENALTY, "starts: CF_JDRQ", "starts: CF_YXQ", "时限只能自 identity.decided_on 起算，不会自 CF_YXQ 起算"),
        # a data set's fields, publication and clocks
        (PENALTY, "decided_on: CF_JDRQ", "decided_on: CF_WSH",
         "identity.decided_on：CF_WSH 的类型是 text，此处应为 date"),
        (PENALTY, "tax: CF_XDR_SWDJ", "tax: CF_XDR_SWDH", "identity.subject.tax：现行版本没有字段"),
        (PENALTY, "length: 64, personal: id_number, sharing: conditional", "length: 64, sharing: conditional",
         "CF_XDR_ZJHM 是证件号码，会以明文存放并上报；请在此写 personal: id_number"),
        (PENALTY, "    id_number: CF_XDR_ZJHM\n", "",
         "subject.uscc：主体可能是自然人"),
        (PENALTY, "starts: CF_JDRQ", "starts: CF_JDRG",
         "clocks.0.starts：现行版本没有字段 'CF_JDRG'；是否应为 CF_JDRQ？"),
        (PENALTY, "end_field: CF_GSJZQ", "end_field: CF_CFJG", "此处应为 date"),
        (PENALTY, "since: 2023-05-01", "since: 2019-07-01",
         "periods.3.since：另一个时段也从 2019-07-01 开始"),
        (PENALTY, "minor: [0, 3], general: [3, 36]", "minor: [3, 0], general: [3, 36]",
         "[3, 0] 应为 [至少月数, 至多月数]"),
        (PENALTY, "minor: [0, 3], general: [3, 36]", "minor: [0, 3], general: [3]",
         "periods.3.general.1：缺少这一项"),
        (PENALTY, "minor: [0, 3], general: [3, 36], ", "minor: [0, 3], ", "periods.3.general：缺少这一项"),
        (PENALTY, "    since: 2016-01-01", "    since: 2026-01-01", "versions 应由新到旧排列，第一个是现行版本"),
        (PENALTY, "  type_field: CF_CFLB\n", "", "periods 按处罚类别分级，要写明 type_field"),
        (PENALTY, "  - id: v2016", "  - id: v2019_790", "'v2019_790' 写了两次；请把其中一个改名"),
        (PENALTY, "  - {code: PROCEDURE,", "  - {code: BZ, name: 注}\n      - {code: PROCEDURE,",
         "字段 BZ 写了两次"),
        (PENALTY, "CF_JZQ: CF_YXQ", "CF_JZQ: CF_YXZ", "crosswalk.CF_JZQ：现行版本没有字段 'CF_YXZ'"),
        (PENALTY, "[CF_CFLB1, CF_CFLB2]", "[CF_CFLB1, CF_CFLB3]",
         "v2016 的字段中没有 CF_CFLB3；是否应为 CF_CFLB"),
        (PENALTY, "waived: [CF_NR_FK", "waived: [CF_NR_FX",
         "versions.1.waived.CF_NR_FX：现行版本没有字段"),
        (PENALTY, "      CF_XDR_LB: {S01: ", "      CF_XDR_LA: {S01: ",
         "versions.1.messages.CF_XDR_LA：现行版本没有字段"),
        (PENALTY, "      CF_XDR_LB: {S01: ", "      CF_XDR_LB: {S00: ",
         "versions.1.messages.CF_XDR_LB.S00：没有规则 'S00'"),
        (PENALTY, 'constants: {CF_YXQ: "2', 'constants: {CF_YXO: "2',
         "constants.CF_YXO：现行版本没有字段"),
        (PENALTY, "      CF_FR: CF_FRDB\n", "      CF_FR: CF_XDR_MC\n",
         "versions.1.crosswalk.CF_FR：CF_XDR_MC 已由 CF_XDR_MC 填写，后写的会盖掉先写的；几项合为一项的请写入 join"),
        # a word that is of no kind: a person would be nobody, and no rule for persons would apply
        (PENALTY, "person: [自然人]", "person: [个人]", "kinds.person：CF_XDR_LB 的 values 中没有 个人；请更正"),
        (PENALTY, "person: [自然人]", "person: [自然人, 法人及非法人组织]",
         "kinds.person：法人及非法人组织 又是 legal；请只留一处"),
        (PENALTY, "[法人及非法人组织, 自然人, 个体工商户]}", "[法人及非法人组织, 自然人, 个体工商户, 其他]}",
         "没有说明 CF_XDR_LB 为 其他 的是哪类主体：按单位还是个人遮蔽和校验无从判断；请写入 kinds"),
        (PENALTY, "amber: {days: 7, kind: calendar}", "amber: {days: 30, kind: calendar}",
         "clocks.0.amber：预警（30 天）不早于超期（7 个工作日）；请更正其一"),
        # platforms
        (CHINA, "dialect: china_xml", "dialect: china_xmll",
         "dialect：没有接口方言 'china_xmll'；现有：china_xml、fujian_task"),
        (CHINA, "    endpoint: importPenaltyXml\n", "",
         "datasets.penalty.endpoint：china_xml 需要 endpoint 和 kind；请补上 endpoint"),
        (CHINA, "kind: penalty", "kind: permission", "permit 的 kind 已经是 'permission'；请各用各的"),
        (CHINA, "kind: penalty", "kind: penalty\n    omit: [CF_WSH]",
         "平台以 CF_WSH 识别记录，不能略去"),
        (CHINA, "kind: penalty", "kind: penalty\n    fields: {CF_WSH: 1 号}",
         "'1 号' 不能作 XML 元素名"),
        (FUJIAN, 'catalog: {"*": xycn}', "{}", "fujian_task 需要 catalog；请为所报送的每类主体各写一个：legal"),
        (FUJIAN, "{legal: frxk", "{legl: frxk", "没有主体类别 'legl'；是否应为 legal？"),
        (FUJIAN, "person: zrrxk}", "person: zrrxk}\n    fields: {XK_NR: xk_wsh}", "以小写上报时同名"),
        (FUZHOU, "  permit: {}", "  permit: {omit: [XK_NRR]}",
         "datasets.permit.omit.0：permit 没有字段 'XK_NRR'；是否应为 XK_NR？"),
        (FUZHOU, "  permit: {}", "  permit: {fields: {XK_NRR: nr}}",
         "datasets.permit.fields.XK_NRR：permit 没有字段"),
        (FUZHOU, "  permit: {}", "  permit: {fields: {XK_NR: BZ}}", "XK_NR 和 BZ 都会以 'BZ' 的名称上报"),
        (CHINA, "limits:", 'maintenance: [{start: 22:00, end: "23:30"}]\nlimits:',
         'maintenance.0.start：应为带引号的时刻，例如 "01:30"'),  # YAML reads 22:00 as the number 1320
        (CHINA, "limits:", 'maintenance: [{start: "22:00Z", end: "23:30"}]\nlimits:',
         "maintenance.0.start：时刻按北京时间，不写时区"),
        (CHINA, "limits:", 'maintenance: [{start: "00:00", end: "00:00"}]\nlimits:',
         "maintenance.0：start 和 end 相同"),
        (FUZHOU, "  commitment: {}", "  comitment: {}",
         "datasets.comitment：资源目录中没有该数据集；请新增 catalog/comitment.yml"),
        # sharing rules
        (PRIVACY, "[XK_FR_ZJLX, XK_FR_ZJHM]", "[XK_FR_ZJLX, XK_FR_ZJH]",
         "规则 SH-20-PERMIT-REP-ID：它所涉及的数据集都没有字段 'XK_FR_ZJH'；是否应为"),
        (PRIVACY, "[XK_FR_ZJLX, XK_FR_ZJHM]", "[XK_FR_ZJLX, CF_FR_ZJHM]", "都没有字段 'CF_FR_ZJHM'"),
        (PRIVACY, '{field: CF_XDR_SHXYM, op: ge, value: "92"}', "{field: CF_NR_FK, op: ge, value: 一万}",
         "CF_NR_FK 是金额，应与数字比较，不能与 '一万' 比较"),
        (PENALTY, "{field: _subject_code, op: absent}", '{field: _subject_code, op: eq, value: "1"}',
         "只能问有没有；请改为 present 或 absent"),
        (PRIVACY, "field: _subject_kind", "field: _subject", "都没有字段 '_subject'；是否应为 _subject_kind？"),
        (PRIVACY, "_subject_kind, op: eq, value: person", "_subject_kind, op: eq, value: 自然人",
         "_subject_kind 只会是 legal、person、sole_trader，不会是 自然人，条件不会成立"),
        (WITHHOLD, "_severity, op: eq, value: minor", "_severity, op: eq, value: 轻微",
         "_severity 只会是 minor、general"),
        (WITHHOLD, '_minor, op: eq, value: "1"', '_minor, op: eq, value: "是"', "_minor 只会是 1、0，不会是 是"),
        (WITHHOLD, '"2026-04-01"', '"2026/04/01"', "_decided_on 是日期，应与 \"2026-04-01\" 这样写的日期比较"),
        (PRIVACY, '{field: XK_XDR_SHXYM, op: ge, value: "92"}', '{field: XK_JDRQ, op: ge, value: "20260401"}',
         "XK_JDRQ 是日期"),
        (PRIVACY, "valid_from: 2021-11-01", "valid_from: 2021-11-01\n    valid_to: 2021-10-01",
         "规则永不生效；请更正其一"),
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
    with pytest.raises(ConfigurationError, match=rf"{name} 第 \d+ 行：rules：没有 check 为 {check} 的规则，.*补上"):
        load(copied)


@pytest.mark.parametrize(
    ("check", "field"), [("required", "XK_XDR_MC"), ("max_length", "XK_XDR_MC"), ("is_date", "XK_JDRQ")]
)
def test_the_command_tells_what_a_field_says_and_no_rule_holds(copied: Path, check: str, field: str) -> None:
    """Its rows would be accepted, what cannot be read left out; a night must not stop for it."""
    path = copied / PERMIT
    gone = (f"check: {check},", "XK_XDR_LB: {S01:")  # and what S01 says to those of an older table
    kept = [one for one in path.read_text(encoding="utf-8").splitlines() if not any(part in one for part in gone)]
    path.write_text("\n".join(kept), encoding="utf-8")
    line = next(number for number, one in enumerate(kept, start=1) if f"code: {field}," in one)
    with pytest.raises(ConfigurationError) as caught:
        readiness.check(load(copied))
    told = f"没有规则以 {check} 检查 {field}，不合格的行会被收下；请把 {field} 写入这类规则的 fields"
    assert re.search(rf"{PERMIT} 第 {line} 行：versions\.0\.fields\.\d+：{told}", str(caught.value)), str(caught.value)


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
    assert "platforms/china.yml 第 5 行：dialect：" in told
    assert "calendar/2026.yml：应写明 year: 2026" in told


@pytest.mark.parametrize(
    ("rule", "kind", "field"),
    [
        ("SH-20-PERMIT-PERSON-NAME", "自然人", "XK_XDR_MC"),
        ("SH-20-PERMIT-PERSON-REST", "自然人", "XK_FRDB"),
        ("SH-20-PERMIT-OPERATOR-NAME", "个体工商户", "XK_FRDB"),
    ],
)
def test_a_persons_name_that_would_leave_in_clear_is_told(
    copied: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], rule: str, kind: str, field: str
) -> None:
    """It may be meant, so it is no error: a rule releases it, with a legal basis. Mostly a mask was forgotten."""
    monkeypatch.setenv("CREDIT_EXCHANGE_CONFIG", str(copied))
    assert main(["config", "check"]) == 0
    assert "提示：" not in capsys.readouterr().out
    path = copied / PRIVACY
    parts = re.split(r"(?m)^(?=  - id: )", path.read_text(encoding="utf-8"))
    path.write_text("".join(part for part in parts if f"- id: {rule}\n" not in part), encoding="utf-8")
    # who the subject is and who stands for it are names, whether or not the field says so; a platform that does not
    # take the data set gets none
    for name, old in ((PERMIT, ", personal: name"), (FUZHOU, "  permit: {}\n")):
        file = copied / name
        file.write_text(file.read_text(encoding="utf-8").replace(old, ""), encoding="utf-8")
    assert main(["config", "check"]) == 0
    told = re.findall(
        r"提示：规则 SH-10-PERMIT-\S+ 把行政许可中(\S+)的 (\S+) 以原文发往(\S+)；", capsys.readouterr().out
    )
    assert {(kind, field, "信用福建"), (kind, field, "信用中国")} <= set(told)
    assert "信用福州" not in {platform for *_, platform in told}


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        (FEED, "  XK_NR: 许可内容\n", "", "feeds/fz_gulou_permit.yml：必填项 XK_NR 没有对应的列，也没有常量"),
        (OLD, "  CF_SY: ", "  # CF_SY: ", "feeds/fz_xfj_penalty.yml：必填项 CF_SY 没有对应的列，也没有常量"),
        (FEED, "fz_gulou/full_{date}.csv\"", "fz_wjw/xzxk_{date}.csv\"",
         "feeds/fz_wjw_permit.yml 与 feeds/fz_gulou_permit.yml 读取同一来源"),
        (FEED, "full_{date}.csv", "full.csv",
         "feeds/fz_gulou_permit.yml：source.path 没有 {date}，每个业务日期都读同一个文件"),
        (WITHHOLD, "PROCEDURE, op: eq, value: 简易程序", "PROCEDURE, op: eq, value: 简单程序",
         "规则 SH-32-SIMPLE-PROCEDURE 的条件 PROCEDURE 为 简单程序，不在代码表中，规则不会生效"),
        (CHINA, "limits:", "ca_bundle: /nowhere/ca.pem\nlimits:",
         "platforms/china.yml：ca_bundle：/nowhere/ca.pem 不能用（No such file or directory）；请"),
        (PENALTY, "since: 2019-01-01\n", "since: 2099-01-01\n", "现行版本 v2019_790 自 2099-01-01 起适用，但从今夜起"),
        (PENALTY, "{field: _subject_kind, op: eq, value: legal}", "{field: PROCEDURE, op: eq, value: 简单程序}",
         "catalog/penalty.yml：规则 S03 的条件 PROCEDURE 为 简单程序，不在代码表中，规则不会生效；请对照目录更正"),
        (OLD, "constants:", "constants:\n  PROCEDURE: 一般程序",
         "feeds/fz_xfj_penalty.yml：constants 中 PROCEDURE 为 一般程序，不在代码表中，每一行都会被退回；请填写："),
        (FEED, "sequence:", "values: {XK_XDR_LB: {企业: 法人}}\nsequence:",
         "feeds/fz_gulou_permit.yml：values 中 XK_XDR_LB 为 法人，不在代码表中，这样的行会被退回；请填写：法人及非"),
        (FEED, "withdraw: [撤销, 注销]", "withdraw: [撤销，注销]",
         "feeds/fz_gulou_permit.yml 第 51 行：“撤销，注销”是一项；几项之间用半角逗号和空格，确是一项的请加引号"),
        (FEED, "11350100003700221Y", "11350100003700133G",
         "feeds/fz_gulou_permit.yml 与 feeds/fz_wjw_permit.yml 是两个部门的，department.uscc 却相同；请更正其一"),
        (OLD, 'CF_SJLYDM: "113501000037002059"', "CF_SJLYDM: 11350100003700117T",
         "feeds/fz_xfj_penalty.yml：constants 中 CF_SJLYDM 是 feeds/fz_scjg_permit.yml 的福州市市场监督管理局；抄来的"),
        (CHINA, "connection: credit_china", "connection: credit_fuzhou",
         "platforms/china.yml 与 platforms/fuzhou.yml 用同一个连接 credit_fuzhou，会报送到同一处，互相覆盖和撤下"),
    ],
)  # fmt: skip
def test_what_can_come_to_nothing_is_told(copied: Path, name: str, old: str, new: str, told: str) -> None:
    """It may be meant, so no night stops for it."""
    assert readiness.notes(load(copied)) == []
    path = copied / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    found = readiness.notes(load(copied))
    assert len(found) == 1, found
    assert told in found[0]


def test_a_data_set_that_goes_nowhere_is_told(copied: Path) -> None:
    """Delivered, checked, merged, and every night green: the commonest slip of who adds one is the forgotten rule."""
    for name, old in (("10_release.yml", "datasets: [penalty]"), ("20_privacy.yml", "datasets: [none]")):
        path = copied / "sharing" / name
        path.write_text(path.read_text(encoding="utf-8").replace(old, "datasets: [black_list]"), encoding="utf-8")
    assert readiness.notes(load(copied)) == [
        "行政处罚没有规则放行，收下后不会报送任何平台；请参照 sharing/10_release.yml 写一条放行的规则"
    ]
    for name in (CHINA, FUJIAN, FUZHOU):
        path = copied / name
        text = re.sub(r"(?m)^  penalty:.*\n(    .*\n)*", "", path.read_text(encoding="utf-8"))
        path.write_text(text, encoding="utf-8")
    assert readiness.notes(load(copied)) == [
        "行政处罚没有平台接收，收下后不会报送任何平台；请写入 platforms/ 下某个文件的 datasets"
    ]


def test_a_file_below_a_folder_is_told(copied: Path) -> None:
    below = copied / "feeds" / "2026"
    below.mkdir()
    (copied / FEED).rename(below / "fz_gulou_permit.yml")
    assert readiness.notes(load(copied)) == ["feeds/2026/fz_gulou_permit.yml 不会被读取；请移到 feeds/ 下"]


def test_what_is_not_public_is_told_where_it_leaves(copied: Path) -> None:
    """The class of `publication` is for people; whether a platform may have it, a rule says."""
    path = copied / PERMIT
    text = path.read_text(encoding="utf-8")
    old = "{code: XK_XKBH, "
    assert old in text
    path.write_text(text.replace(old, old + "publication: government, "), encoding="utf-8")
    told = readiness.notes(load(copied))
    assert len(told) == 3
    assert told[0] == (
        "SH-10-PERMIT-LEGAL 等规则把行政许可中不向社会公开的 XK_XKBH 发往信用中国；"
        "除非有依据，请写一条去掉它的规则，或列入平台文件的 omit"
    )


def test_a_column_that_the_older_table_has_is_told_where_it_is_forgotten(copied: Path) -> None:
    path = copied / PENALTY
    path.write_text(path.read_text(encoding="utf-8").replace("      BZ: BZ\n", ""), encoding="utf-8")
    told = r"fz_xfj_penalty.yml 第 38 行：columns.BZ：catalog/penalty.yml 中 v2016 的 crosswalk 没有说明它现在叫什么"
    with pytest.raises(ConfigurationError, match=told):
        load(copied)
    feed = copied / OLD
    feed.write_text(feed.read_text(encoding="utf-8").replace("  BZ: 备注\n", ""), encoding="utf-8")
    told = r"penalty.yml 第 \d+ 行：versions.1.crosswalk：没有说明 BZ 现在叫什么"
    with pytest.raises(ConfigurationError, match=told):
        readiness.check(load(copied))


def test_the_checks_that_files_may_name_are_those_that_there_are() -> None:
    """And the schema says of each what it does: who adds a data set reads no Python."""
    described = Rule.model_json_schema()["properties"]["check"]["description"]
    assert set(re.findall(r"(?m)^(\w+): .", described)) == set(CHECKS) | checks.BATCH_CHECKS
    assert set(checks.CHECKS) == set(CHECKS) | checks.BATCH_CHECKS
    assert set(checks.NEEDED) <= set(checks.CHECKS)


def test_loading_needs_nothing_heavy() -> None:
    code = (
        "import sys; from credit_exchange.config.loader import load; load(); "
        "print(sorted({'pandas', 'numpy', 'pyarrow', 'sqlalchemy', 'requests', 'lxml'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
