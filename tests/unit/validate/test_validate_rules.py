"""Every rule of the catalogue on rows that break exactly one thing, judged through Great Expectations."""

from __future__ import annotations

from typing import Any

import pytest
from validate_bench import PERSON, Bench

OK: set[str] = set()
WRONG_USCC = "9135010026017703XA"
PLACEHOLDER = "00000000000000000X"
BOTH = "350102198503011209"
"""An identity card's number that passes as an organisation's code too, as one in 31 does."""

CARD = {"XK_XDR_ZJLX": "身份证", "XK_XDR_ZJHM": "11010519491231002X"}

PASSPORT = PERSON | {"XK_XDR_ZJLX": "护照号", "XK_XDR_ZJHM": "E12345678"}
REPRESENTATIVE = {"XK_FR_ZJLX": "护照号", "XK_FR_ZJHM": "G1234567"}
SHOP = {"XK_XDR_LB": "个体工商户", "XK_XDR_SHXYM": "92340603MA2UK1TD00"}
FILED_WRONG = {"XK_XDR_SHXYM": "92340603MA2UK1TD00"}
CODE_OF_ALL = {"XK_FR_ZJLX": "护照号", "XK_FR_ZJHM": "9135010026017703XW", "XK_WSH": "榕证9135010026017703XW号"}
OLD_CARD = {"XK_XDR_ZJLX": "身份证", "XK_XDR_ZJHM": "110105491231002"}
OWN_NUMBER = {"XK_XDR_ZJLX": "护照号", "XK_XDR_ZJHM": "440301103448669", "XK_XDR_GSZC": "440301103448669"}

PERMIT_CASES: list[tuple[str, dict[str, str], set[str]]] = [
    ("a good row passes", {}, OK),
    ("a natural person passes", PERSON, OK),
    ("required and blank", {"XK_NR": ""}, {"S01"}),
    ("required and a word for nothing", {"XK_NR": "　无 "}, {"S01"}),
    ("category not listed", {"XK_XDR_LB": "企业"}, {"S02"}),
    ("status not listed", {"XK_ZT": "3"}, {"S02-status"}),
    ("unified code missing", {"XK_XDR_SHXYM": "/"}, {"S03"}),
    ("unified code with a wrong check digit", {"XK_XDR_SHXYM": WRONG_USCC}, {"S03"}),
    ("zeros, of which the check digit is right", {"XK_XDR_SHXYM": "０" * 18}, {"S03"}),
    ("identity card that passes as a unified code", {"XK_XDR_SHXYM": BOTH}, {"S03"}),
    ("placeholder instead of a code", {"XK_XDR_SHXYM": PLACEHOLDER}, OK),
    ("lower case and full width are the same code", {"XK_XDR_SHXYM": "９135010026017703xw"}, OK),
    ("person with a company's code", PERSON | {"XK_XDR_GSZC": "440301103448669"}, {"S03"}),
    ("person with a representative", PERSON | {"XK_FRDB": "林某甲"}, {"S03"}),
    ("legal person without representative", {"XK_FRDB": ""}, {"S03-representative"}),
    ("person without ID", PERSON | {"XK_XDR_ZJLX": "", "XK_XDR_ZJHM": ""}, {"S04"}),
    ("person with a wrong ID", PERSON | {"XK_XDR_ZJHM": "110105194912310021"}, {"S04"}),
    ("old ID of fifteen digits", PERSON | {"XK_XDR_ZJHM": "110105491231002"}, OK),
    ("ID type not listed", PERSON | {"XK_XDR_ZJLX": "驾驶证"}, {"S04"}),
    ("passport", PERSON | {"XK_XDR_ZJLX": "护照号", "XK_XDR_ZJHM": "E12345678"}, OK),
    ("sole trader's code on a company", {"XK_XDR_SHXYM": "92340603MA2UK1TD00"}, {"S05"}),
    ("company's code on a sole trader", {"XK_XDR_LB": "个体工商户"}, {"S05"}),
    ("sole trader", {"XK_XDR_LB": "个体工商户", "XK_XDR_SHXYM": "92340603MA2UK1TD00"}, OK),
    ("ID number without type", {"XK_FR_ZJHM": "11010519491231002X"}, {"S06"}),
    ("ID type without number", {"XK_FR_ZJLX": "身份证"}, {"S06"}),
    ("kind of permit not listed", {"XK_XKLB": "特别许可"}, {"S07"}),
    ("other kind with a note", {"XK_XKLB": "其他－备案"}, OK),
    ("other kind without a note", {"XK_XKLB": "其他"}, {"S07-note"}),
    ("no date", {"XK_JDRQ": "2026-02-30"}, {"S09"}),
    ("zero date", {"XK_JDRQ": "1900-01-01"}, {"S09"}),
    ("a year with a slip in it", {"XK_JDRQ": "0026-08-20"}, {"S09"}),
    ("decided before there was a deciding agency", {"XK_JDRQ": "1949-09-30"}, {"S09"}),
    ("an old permit", {"XK_JDRQ": "1949-10-01"}, OK),
    ("decided after the business date", {"XK_JDRQ": "2026-09-02", "XK_YXQZ": "2026-09-02"}, {"S09"}),
    ("decided on the business date", {"XK_JDRQ": "2026年9月1日"}, OK),
    ("valid to before valid from", {"XK_YXQZI": "2026-08-19"}, {"S09"}),
    ("long-term end", {"XK_YXQZI": "2099/12/31"}, OK),
    ("long-term beginning", {"XK_YXQZ": "2099/12/31", "XK_YXQZI": "2099/12/31"}, {"S09"}),
    ("agency code invalid", {"XK_LYDWDM": "11230500001755309A"}, {"S10"}),
    ("agency code of a company", {"XK_XKJGDM": "9135010026017703XW"}, {"S10"}),
    ("too long", {"XK_XKZS": "证" * 65}, {"S14"}),
    ("as long as allowed", {"XK_XKZS": "证" * 64}, OK),
    ("mark of secrecy nobody understands", {"SECRET": "也许"}, {"S15-secret"}),
    ("document number of nothing but a word", {"XK_WSH": "第"}, {"S16"}),
    ("control character", {"XK_NR": "食品\x01"}, {"S18"}),
    ("person filed as an organisation", {"XK_XDR_SHXYM": PLACEHOLDER} | CARD, {"S03"}),
    ("the same with a wrong code", {"XK_XDR_SHXYM": PLACEHOLDER, "XK_XDR_GSZC": "13"} | CARD, {"S03"}),
    ("organisation with an older code", {"XK_XDR_SHXYM": PLACEHOLDER, "XK_XDR_GSZC": "440301103448669"} | CARD, OK),
    ("identity card in a shifted column", {"XK_XDR_GSZC": "１１０１０５１９４９１２３１００２x"}, {"S19"}),
    ("identity card as an agency's code", {"XK_LYDWDM": "11010519491231002X"}, {"S10", "S19"}),
    ("mobile in a shifted column", {"XK_XDR_SHZZ": "13805910000"}, {"S19"}),
    ("identity card in groups in a shifted column", {"XK_XDR_GSZC": "110105 19491231-002x"}, {"S19"}),
    ("identity card in groups behind a number", {"XK_XDR_SHZZ": "12-11010519491231002X"}, {"S19"}),
    ("mobile in groups in a shifted column", {"XK_XDR_SHZZ": "138-0591 0000"}, {"S19"}),
    ("identity card in groups in a document number", {"XK_WSH": "榕证110105 19491231 002X号"}, {"S19"}),
    ("document counted in groups", {"XK_WSH": "榕证350102-20260820-0026号"}, OK),
    ("registration number before 2007", {"XK_XDR_GSZC": "3501001380591"}, OK),
    ("mobile beside a name", {"XK_FRDB": "林某甲（138 0591 0000）"}, {"S19"}),
    ("mobile beside an agency", {"XK_LYDW": "某局13805910000"}, {"S19"}),
    ("identity card in a document number", {"XK_WSH": "榕证11010519491231002X号"}, {"S19"}),
    ("document counted by division, date and number", {"XK_WSH": "榕证110105202608200026号"}, OK),
    ("document with the digits of a mobile", {"XK_WSH": "榕证〔2026〕13805910000号"}, OK),
    ("licence with the holder's number is masked later", {"XK_XKBH": "11010519491231002X"}, OK),
    *(
        (f"identity card written as {number}", {"XK_WSH": f"榕证身份证{number}号"}, {"S19"})
        for number in (
            "110105.1949.1231.002X",
            "110105/19491231/002X",
            "１１０１０５．１９４９１２３１．００２Ｘ",
            "110105\u200b19491231\u200b002X",
            "110105·19491231·002X",
            "110105、19491231，002x",
        )
    ),
    ("mobile with dots in a shifted column", {"XK_XDR_SHZZ": "138.0591.0000"}, {"S19"}),
    ("identity card of fifteen digits in a document number", {"XK_WSH": "榕证110105491231003号"}, {"S19"}),
    ("any fifteen digits in the place of a registration number", {"XK_XDR_GSZC": "110105491231003"}, OK),
    ("document counted by division, short date and number", {"XK_WSH": "榕证350102260820002号"}, OK),
    ("document with a shop's registration number", {"XK_WSH": "榕个登〔2016〕350102600123455号"}, OK),
    ("own passport in a document number", PASSPORT | {"XK_WSH": "榕证e-1234 5678号"}, {"S19"}),
    ("own passport beside an agency", PASSPORT | {"XK_XKJG": "某局（E12345678）"}, {"S19"}),
    ("somebody else's passport has no form", PASSPORT | {"XK_WSH": "榕证E12345679号"}, OK),
    ("representative's passport in a shifted column", REPRESENTATIVE | {"XK_XDR_SHZZ": "G1234567"}, {"S19"}),
    ("representative's passport in a text is masked", REPRESENTATIVE | {"XK_NR": "G1234567"}, OK),
    ("company's own number in the place of a document's", OWN_NUMBER, OK),
    ("company's code in the place of its representative's document", CODE_OF_ALL, OK),
    ("own old card in a shifted column", SHOP | OLD_CARD | {"XK_XDR_SHZZ": "110105491231002"}, {"S19"}),
    ("own name in a document number", PERSON | {"XK_WSH": "榕证（陈 某乙）1号"}, {"S19-name"}),
    ("own name as the agency", PERSON | {"XK_XKJG": "陈某乙", "XK_LYDW": "某局陈某乙经办"}, {"S19-name"}),
    ("operator's name in a document number", SHOP | {"XK_WSH": "榕证林某甲1号"}, {"S19-name"}),
    (
        "operator's name of a shop filed as a company",
        FILED_WRONG | {"XK_WSH": "榕证林某甲1号"},
        {"S05", "S19-name"},
    ),
    ("representative's name in a document number is open", {"XK_WSH": "榕证林某甲1号"}, OK),
    *(
        (f"{name} is a word of {text}", PERSON | {"XK_XDR_MC": name, code: text}, OK)
        for name, code, text in (
            ("罗源", "XK_XKJG", "罗源县市场监督管理局"),
            ("林业", "XK_LYDW", "福州市林业局"),
            ("金 山", "XK_XKJG", "福州市仓山区金山街道办事处（综合执法队）"),
            ("罗源", "XK_WSH", "罗源环许〔2026〕1号"),
            ("林业", "XK_WSH", "榕林业（2026）第1号"),
        )
    ),
    *(
        (f"{name} is a person in {text}", PERSON | {"XK_XDR_MC": name, code: text}, {"S19-name"})
        for name, code, text in (
            ("罗源", "XK_XKJG", "罗源"),
            ("罗源", "XK_LYDW", "某局（罗源）"),
            ("罗源", "XK_LYDW", "罗源县林业局罗源"),
            ("罗源", "XK_LYDW", "某局罗源经手"),
            ("罗源", "XK_WSH", "榕证罗 源1号"),
            ("罗源生", "XK_LYDW", "罗源生局"),
        )
    ),
]

SHOP_FINED = {"CF_XDR_LB": "个体工商户", "CF_XDR_SHXYM": "92340603MA2UK1TD00"}

PENALTY_CASES: list[tuple[str, dict[str, str], set[str]]] = [
    ("a good row passes", {}, OK),
    ("fine without amount", {"CF_NR_FK": ""}, {"S08"}),
    ("confiscation without amount", {"CF_CFLB": "罚款;没收违法所得"}, {"S08"}),
    ("revocation without licence", {"CF_CFLB": "吊销许可证件", "CF_NR_FK": ""}, {"S08"}),
    ("warning needs no amount", {"CF_CFLB": "警告&警告", "CF_NR_FK": ""}, OK),
    ("identity card with dots in a document number", {"CF_WSH": "榕罚110105.1949.1231.002X号"}, {"S19"}),
    ("operator's name beside the source", SHOP_FINED | {"CF_SJLY": "某局林某甲"}, {"S19-name"}),
    ("a fine and no such type", {"CF_CFLB": "警告", "CF_NR_FK": "0.2"}, {"S08-type"}),
    ("a fine beside a confiscation", {"CF_CFLB": "没收违法所得", "CF_NR_WFFF": "1", "CF_NR_FK": "2"}, {"S08-type"}),
    ("a confiscation and no such type", {"CF_NR_WFFF": "1"}, {"S08-type"}),
    ("no fine, told as 0", {"CF_CFLB": "警告", "CF_NR_FK": "0", "CF_NR_WFFF": "0.00"}, OK),
    ("a type in own words may be a fine", {"CF_CFLB": "警告;罚金", "CF_NR_FK": "0.2"}, OK),
    ("negative amount", {"CF_NR_FK": "-1"}, {"S08"}),
    ("seven decimals", {"CF_NR_FK": "0.1234567"}, {"S08"}),
    ("no number", {"CF_NR_FK": "2000元"}, {"S08"}),
    ("unit is probably yuan", {"CF_NR_FK": "20,000"}, {"S08-unit"}),
    ("exactly the bound", {"CF_NR_FK": "10000"}, OK),
    ("statutory type outside of the list", {"CF_CFLB": "罚款、通报批评"}, OK),
    ("a slip in the year, by which it would have expired", {"CF_JDRQ": "1026-08-20"}, {"S09"}),
    ("end before the decision", {"CF_YXQ": "2026-08-19"}, {"S09"}),
    ("publication ends before the decision", {"CF_GSJZQ": "2026-08-19"}, {"S09"}),
    ("not punished", {"CF_NR": "不予行政处罚。", "CF_CFLB": "警告", "CF_NR_FK": ""}, {"S17"}),
    ("punished, and something else not", {"CF_NR": "罚款2000元，另一行为不予行政处罚"}, OK),
    ("procedure nobody understands", {"PROCEDURE": "特别程序"}, {"S15-procedure"}),
]


@pytest.mark.parametrize("name", ["permit", "penalty"])
def test_a_row_fails_exactly_the_rules_it_breaks(request: pytest.FixtureRequest, name: str) -> None:
    cases = PERMIT_CASES if name == "permit" else PENALTY_CASES
    found = request.getfixturevalue(name).rules([change for _, change, _ in cases])
    assert {label: rules for (label, _, _), rules in zip(cases, found, strict=True)} == {c[0]: c[2] for c in cases}


def test_all_reasons_of_a_row_are_told(permit: Any) -> None:
    found = permit.judge([{"XK_NR": "", "XK_XDR_SHXYM": WRONG_USCC, "XK_JDRQ": "昨天"}])[0]
    assert {("S01", "XK_NR"), ("S03", "XK_XDR_SHXYM"), ("S09", "XK_JDRQ")} <= found


def test_no_list_of_failures_is_capped(permit: Any) -> None:
    found = permit.judge([{"XK_NR": ""}] * 3000)
    assert all(row == {("S01", "XK_NR")} for row in found)


def test_a_withdrawal_needs_only_its_identity(permit: Any) -> None:
    row = {
        "XK_WSH": "榕市监许〔2026〕0012号",
        "XK_XKJGDM": "11230500001755309F",
        "XK_XDR_SHXYM": "9135010026017703XW",
        "_operation": "撤下",
    }
    operation = {"column": "操作", "withdraw": ["撤下"]}
    assert permit.judge([row], whole=True, operation=operation) == [set()]
    lacking = {k: v for k, v in row.items() if k != "XK_XDR_SHXYM"}
    assert permit.judge([lacking], whole=True, operation=operation) == [{("S16", "XK_WSH")}]
    assert permit.judge([row | {"_operation": ""}], whole=True, operation=operation)[0] > {("S01", "XK_NR")}
    for code in ("XK_XDR_MC", "XK_WSH"):  # no record can have it, and no index takes it
        overlong = row | {code: "长" * 201}
        assert permit.judge([overlong], whole=True, operation=operation) == [{("S16", "XK_WSH")}]


def test_every_message_says_which_field_and_holds_no_placeholder(permit: Any, penalty: Any) -> None:
    from credit_exchange.steps.validate.expectations import plan

    for bench in (permit, penalty):
        for version in bench.dataset.versions:
            for item in plan(bench.dataset, version):
                assert "{" not in item.message, item.rule.id
                assert "；" in item.message, item.rule.id


@pytest.mark.parametrize(
    ("formats", "told"),
    [
        (["%Y-%m-%d"], "YYYY-MM-DD（不带时间）"),
        (["%Y%m%d"], "YYYYMMDD（不带时间）"),
        (["%Y年%m月%d日", "%Y/%m/%d"], "YYYY年MM月DD日（不带时间）"),
        (["%Y-%m-%d %H:%M:%S"], "YYYY-MM-DD hh:mm:ss"),
    ],
)
def test_a_department_is_asked_for_its_dates_in_a_form_that_is_taken(permit: Any, formats: Any, told: str) -> None:
    """The catalogue said YYYY/MM/DD to everybody: who followed it was sent the row back again."""
    texts = [text for rule, _, text in permit.messages(date_formats=formats) if rule == "S09" and "有效日期" in text]
    assert len(texts) == 3
    assert all(f"按{told}填写" in text for text in texts)
    written = told.removesuffix("（不带时间）").replace("YYYY", "2026").replace("MM", "08").replace("DD", "20")
    written = written.replace("hh:mm:ss", "00:00:00")
    row = {"XK_JDRQ": written, "XK_YXQZ": written, "XK_YXQZI": written}
    assert permit.judge([row], date_formats=formats) == [OK]


def test_a_table_without_a_document_type_can_have_its_numbers_checked(permit: Any) -> None:
    """承诺人代码 holds a person's number, and nothing beside it says that it is an identity card's."""
    rules = [
        r.model_copy(update={"fields": ["XK_XDR_ZJHM"]}) if r.check == "id_card" else r for r in permit.dataset.rules
    ]
    bench = Bench(permit.dataset.model_copy(update={"rules": rules}))
    wrong = {"XK_XDR_ZJLX": "护照号", "XK_XDR_ZJHM": "110105194912310021"}
    assert permit.judge([PERSON | wrong]) == [OK]
    assert bench.judge([PERSON | wrong, PERSON]) == [{("S04", "XK_XDR_ZJHM")}, OK]


def test_who_delivers_an_older_table_reads_its_own_words(permit: Any, penalty: Any) -> None:
    """In the table of 2016 a permit's status 1 is "revoked": asked for 1, a department would take it out of force."""
    told = {(rule, code): text for rule, code, text in permit.messages(schema_version="v2016")}
    assert told["S02-status", "XK_ZT"].endswith("；正常填0，撤销填1，异议填2，其他填3")
    assert told["S07", "XK_XKLB"].startswith("审批类别不在")
    assert told["S04", "XK_XDR_ZJHM"].startswith("居民身份证号不符合")
    assert "统一社会信用代码、组织机构代码" in told["S01", "XK_XDR_LB"]  # the table has no category
    assert "请至少填写一项" in told["S01", "XK_XDR_LB"]
    assert ("S09", "XK_YXQZI", "许可决定日期晚于许可截止期；请核对两个日期") in permit.messages(schema_version="v2016")
    for bench in (permit, penalty):
        asked = {(rule, code[3:]): text for rule, code, text in bench.messages(schema_version="v2016")}
        for code in ("FRDB", "XDR_ZJHM"):
            assert "；请清空" in asked["S03", code]
            assert "类别" not in asked["S03", code], "the table has none"
    told = {(rule, code): text for rule, code, text in penalty.messages(schema_version="v2016")}
    assert told["S01", "CF_NR"].startswith("处罚结果为空")
    assert told["S01", "CF_CFLB"].startswith("处罚类别1、处罚类别2为空")
    assert "请至少填写一项" in told["S01", "CF_XDR_LB"]
    now = {(rule, code): text for rule, code, text in permit.messages()}
    assert now["S02-status", "XK_ZT"].endswith("；有效填1，无效填2")


def test_the_catalogue_is_the_standard_of_790(permit: Any, penalty: Any) -> None:
    assert sum(not f.internal for f in permit.dataset.fields.values()) == 28
    assert sum(not f.internal for f in penalty.dataset.fields.values()) == 30
    ids = {rule.id for bench in (permit, penalty) for rule in bench.dataset.rules}
    assert {f"S{n:02d}" for n in (*range(1, 11), 13, 14, 16)} <= ids
    for bench in (permit, penalty):
        for rule in bench.dataset.rules:
            warns = rule.id in ("S05", "S10", "S08-unit", "S08-type", "S07-note", "S03-representative")
            assert (rule.on_failure == "warn") == warns, rule.id
