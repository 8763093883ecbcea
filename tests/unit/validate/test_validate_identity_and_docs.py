"""A record's identity comes from strong identifiers only; nothing personal shows in it or on the page."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import orjson
import pytest
from validate_bench import KEYS, PENALTY, PERMIT, PERSON

from credit_exchange.core.canonical import hmac_sm3_hex, opaque_id
from credit_exchange.core.crypto import open_text
from credit_exchange.core.identifiers import uscc_check_char
from credit_exchange.steps.accepted_rows import SCHEMA
from credit_exchange.steps.validate import docs
from credit_exchange.steps.validate.accepted import Contents
from credit_exchange.steps.validate.identity import identify

WITHOUT_CODE_INSIDE = "91350100260177030" + uscc_check_char("91350100260177030")


def keyed(prefix: str, value: str) -> str:
    return prefix + hmac_sm3_hex(KEYS.hmac, (prefix + value).encode())


def who(bench: Any, *rows: dict[str, str]) -> Any:
    frame = bench.sheet([bench.good | row for row in rows]).frame
    return identify(bench.dataset, KEYS, frame, alternatives=True)


def table(bench: Any, *rows: dict[str, str]) -> list[dict[str, Any]]:
    sheet = bench.sheet([bench.good | row for row in rows])
    identities = identify(bench.dataset, KEYS, sheet.frame)
    places = np.arange(len(rows))
    return Contents(bench.dataset, KEYS).table(sheet, identities, places + 2, places).to_pylist()


def test_the_same_decision_written_differently_is_one_record(permit: Any) -> None:
    ids = who(
        permit,
        {},
        {"XK_WSH": "榕市监许[2026]0012号"},
        {"XK_XDR_SHXYM": "9135010026017703xw", "XK_NR": "别的内容"},
        {"XK_XDR_SHXYM": "00000000000000000X", "XK_XDR_ZZJG": "26017703-X"},
    ).record_id
    assert len(set(ids)) == 1
    assert ids[0].isascii()
    assert len(ids[0]) <= 64


@pytest.mark.parametrize(
    ("row", "reference"),
    [
        ({}, "org:26017703X"),
        ({"XK_XDR_ZZJG": "55953427-3"}, "org:26017703X"),  # the one inside a valid unified code is more certain
        ({"XK_XDR_SHXYM": "", "XK_XDR_ZZJG": "26017703-X"}, "org:26017703X"),
        ({"XK_XDR_SHXYM": "", "XK_XDR_SWDJ": "35010026017703X"}, "org:26017703X"),
        ({"XK_XDR_SHXYM": WITHOUT_CODE_INSIDE}, f"uscc:{WITHOUT_CODE_INSIDE}"),
        ({"XK_XDR_SHXYM": "", "XK_XDR_GSZC": "350100100000017"}, "reg:350100100000017"),
        ({"XK_XDR_SHXYM": "", "XK_XDR_SYDW": "135010000123"}, "inst:135010000123"),
        ({"XK_XDR_SHXYM": "", "XK_XDR_SHZZ": "闽榕社证字1号A2"}, "assoc:闽榕社证字1号A2"),
        ({"XK_XDR_SHXYM": ""}, keyed("name:", "福州示例贸易有限公司")),
        (PERSON, keyed("id:", PERSON["XK_XDR_ZJHM"])),
        (PERSON | {"XK_XDR_ZJLX": "护照号", "XK_XDR_ZJHM": "E12345678"}, keyed("id:", "护照号:E12345678")),
    ],
)
def test_a_record_has_the_id_that_it_had_in_earlier_versions(permit: Any, row: dict[str, str], reference: str) -> None:
    """Under another id the same decision would be another record, and the published one would stay for ever."""
    found = who(permit, row)
    assert found.subject_ref[0] == reference
    parts = ["permit", PERMIT["XK_XKJGDM"], "榕市监许〔2026〕0012号", reference]
    assert found.record_id[0] == opaque_id(KEYS.hmac, parts)


def test_other_parties_agencies_and_leading_zeros_are_other_records(permit: Any) -> None:
    ids = who(
        permit,
        {},
        {"XK_XDR_SHXYM": "914403001922038216"},
        {"XK_XKJGDM": "121000004000001234"},
        {"XK_WSH": "榕市监许〔2026〕12号"},
    ).record_id
    assert len(set(ids)) == 4


def test_placeholders_join_nobody(permit: Any) -> None:
    place = {"XK_XDR_SHXYM": "00000000000000000X"}
    found = who(permit, place, place | {"XK_XDR_MC": "福州另一家公司"})
    assert found.record_id[0] != found.record_id[1]
    assert found.subject_ref[0].startswith("name:")
    assert not any(column.notna().any() for column in found.codes.values())


@pytest.mark.parametrize(
    "filled_in",
    [
        {"XK_XDR_SHXYM": "0" * 18},
        {"XK_XDR_ZZJG": "00000000-0"},
        {"XK_XDR_SWDJ": "0" * 15},
        {"XK_XDR_SYDW": "0" * 12},
        {"XK_XDR_SHZZ": "00000000"},
        {"XK_XDR_SHZZ": "无社会组织登记证号"},
        {"XK_XDR_SHXYM": "", "XK_XDR_LB": "自然人", "XK_XDR_ZJLX": "护照号", "XK_XDR_ZJHM": "证件号码不详"},
        {"XK_XDR_SHXYM": "", "XK_XDR_LB": "自然人", "XK_XDR_ZJLX": "护照号", "XK_XDR_ZJHM": "00000000"},
    ],
)
def test_what_departments_fill_in_for_no_number_joins_nobody(permit: Any, filled_in: dict[str, str]) -> None:
    given = {"XK_XDR_SHXYM": "00000000000000000X"} | filled_in
    found = who(permit, given, given | {"XK_XDR_MC": "福州另一家公司"})
    assert found.record_id[0] != found.record_id[1]
    assert not any(column.notna().any() for column in found.codes.values())


def test_agencies_that_share_the_placeholder_stay_apart(permit: Any) -> None:
    place = {"XK_XKJGDM": "00000000000000000X"}
    ids = who(permit, place, place | {"XK_XKJG": "福州市另一机关"}).record_id
    assert ids[0] != ids[1]


def test_a_wrong_code_lies_under_the_name_where_the_corrected_row_finds_it(permit: Any) -> None:
    wrong, right = who(permit, {"XK_XDR_SHXYM": "9135010026017703XA"}), who(permit, {})
    assert wrong.record_id[0] == right.by_name[0]


@pytest.mark.parametrize("said", ["", "居民身份证", "护照"])
def test_a_person_filed_with_an_unlisted_document_is_found_by_name_when_corrected(permit: Any, said: str) -> None:
    """The number under a wrong word for its kind would be another one, and the row would wait for ever."""
    wrong, right = who(permit, PERSON | {"XK_XDR_ZJLX": said}), who(permit, PERSON)
    assert wrong.record_id[0] == right.by_name[0]
    assert right.code.notna().all()


def test_the_accepted_table_is_exactly_what_the_merge_reads(permit: Any) -> None:
    row = table(permit, {})[0]
    assert list(row) == SCHEMA.names
    assert row["subject_codes"] == ["uscc:9135010026017703XW", "org:26017703X"]
    assert (row["subject_kind"], row["subject_code"]) == ("legal", "9135010026017703XW")
    assert row["decided_on"] == "2026-08-20"
    assert row["publish_until"] is None
    assert row["operation"] == "upsert"
    content = orjson.loads(row["content"])
    assert content["XK_WSH"] == PERMIT["XK_WSH"]
    assert "BZ" not in content
    assert content["_subject_kind"] == "legal"


def test_an_id_number_is_sealed_and_the_digest_does_not_change_with_the_sealing(permit: Any) -> None:
    number = PERSON["XK_XDR_ZJHM"]
    first, second = table(permit, PERSON)[0], table(permit, PERSON)[0]
    assert number not in str(first)
    content = orjson.loads(first["content"])
    assert open_text(KEYS, content["XK_XDR_ZJHM"]) == number
    assert first["content"] != second["content"]
    assert first["content_digest"] == second["content_digest"]
    assert first["subject_ref"].startswith("id:")
    assert first["subject_kind"] == "person"
    assert content["_minor"] == "0"


def test_the_number_of_a_passport_is_in_no_text_and_no_reason(permit: Any) -> None:
    """Nothing else can tell it from another number, and the field that says it is sealed from here on."""
    passport = {"XK_XDR_ZJLX": "护照号", "XK_XDR_ZJHM": "E12345678"}
    texts = {"XK_NR": "准予持护照ｅ1234 5678者经营", "XK_XKLB": "其他-E12345678", "XK_WSH": "榕E12345678号"}
    order = {"_operation": "withdraw", "_reason": "E12345678本人申请"}
    row, withdrawn, other = table(permit, PERSON | passport | texts, PERSON | passport | order, texts)
    content = orjson.loads(row["content"])
    assert (content["XK_NR"], content["XK_XKLB"]) == ("准予持护照*********者经营", "其他-*********")
    assert (content["XK_WSH"], "BZ" in content) == ("榕E12345678号", False)
    assert open_text(KEYS, content["XK_XDR_ZJHM"]) == "E12345678"
    assert withdrawn["reason"] == "*********本人申请"
    assert orjson.loads(other["content"])["XK_XKLB"] == "其他-E12345678"


@pytest.mark.parametrize("filled_in", ["000000", "证件号码不详", "E1234****"])
def test_what_is_filled_in_for_no_number_hides_nothing(permit: Any, filled_in: str) -> None:
    """A sum of money has zeros enough."""
    given = {"XK_FR_ZJLX": "护照号", "XK_FR_ZJHM": filled_in, "XK_NR": f"证件号码{filled_in}，注册资本10000000元"}
    row = table(permit, given)[0]
    assert orjson.loads(row["content"])["XK_NR"] == given["XK_NR"]
    assert open_text(KEYS, orjson.loads(row["content"])["XK_FR_ZJHM"]) == filled_in


@pytest.mark.parametrize(("number", "minor"), [("11010520080820003X", "0"), ("110105200808210012", "1")])
def test_a_minor_is_one_until_the_eighteenth_birthday(penalty: Any, number: str, minor: str) -> None:
    from credit_exchange.core.identifiers import id_card_check_char

    number = number[:17] + id_card_check_char(number[:17])
    person = {k.replace("XK_", "CF_"): v for k, v in PERSON.items()} | {"CF_XDR_ZJHM": number}
    assert orjson.loads(table(penalty, person)[0]["content"])["_minor"] == minor
    mistaken = person | {"CF_XDR_ZJLX": "港澳居民来往内地通行证"}  # the number says what it is, and how old its holder
    assert orjson.loads(table(penalty, mistaken)[0]["content"])["_minor"] == minor


@pytest.mark.parametrize(
    ("change", "severity", "until"),
    [
        ({}, "general", "2027-08-20"),
        ({"CF_GSJZQ": "2026-08-25"}, "general", "2026-11-20"),
        ({"CF_GSJZQ": "2099/12/31"}, "general", "2027-08-20"),
        ({"CF_CFLB": "罚款;限制从业", "BAN_END": "2031-08-20"}, "serious", "2031-08-20"),
        ({"CF_CFLB": "警告"}, "minor", "2026-11-20"),
        ({"PROCEDURE": "简易"}, "minor", "2026-11-20"),
        ({"CF_JDRQ": "2019-03-15"}, "general", "2020-03-15"),
        ({"CF_JDRQ": "2023-05-01"}, "general", "2026-05-01"),
        ({"CF_JDRQ": "2014-01-01"}, "general", "2015-01-01"),
    ],
)
def test_the_end_of_publication_follows_the_decision_date(
    penalty: Any, change: dict[str, str], severity: str, until: str
) -> None:
    row = table(penalty, change)[0]
    content = orjson.loads(row["content"])
    assert (content["_severity"], row["publish_until"], content["CF_GSJZQ"]) == (severity, until, until)


def test_the_page_shows_counts_and_no_markup_of_others() -> None:
    lines = [
        docs.Line("S01", "XK_NR", "许可内容", "为空<b>", "reject", 1, 4000),
        docs.Line("S02", "", "", "好", "warn", 0, 9),
    ]
    page = docs.page([("部门", "<script>")], lines).decode()
    assert 'id="S01-XK_NR"' in page
    assert "1 / 4000" in page
    assert "<script" not in page
    assert "http" not in page


def test_penalty_and_permit_of_one_number_are_two_records(permit: Any, penalty: Any) -> None:
    same = {"CF_WSH": PERMIT["XK_WSH"], "CF_CFJGDM": PERMIT["XK_XKJGDM"]}
    assert PENALTY["CF_XDR_SHXYM"] == PERMIT["XK_XDR_SHXYM"]
    assert who(penalty, same).record_id[0] != who(permit, {}).record_id[0]


def test_dates_of_the_catalogue_are_dates(penalty: Any) -> None:
    assert [p.since for p in penalty.dataset.publication.periods] == [
        date(2016, 1, 1),
        date(2019, 1, 1),
        date(2019, 7, 1),
        date(2023, 5, 1),
        date(2026, 4, 1),
    ]


# a person's number that passes as an organisation's code too, as one in 31 does
BOTH = "350102198503011209"


@pytest.mark.parametrize(
    ("kind", "code", "sealed"),
    [
        ("法人及非法人组织", "9135010026017703XW", False),
        ("法人及非法人组织", "00000000000000000X", False),
        ("法人及非法人组织", BOTH, True),
        ("自然人", BOTH, True),
        ("自然人", "E12345678", True),
    ],
)
def test_in_a_code_of_organisations_and_persons_only_the_persons_are_sealed(
    permit: Any, kind: str, code: str, sealed: bool
) -> None:
    from validate_bench import Bench

    subject = permit.dataset.identity.subject.model_copy(update={"id_number": "XK_XDR_SHXYM", "id_type": None})
    identity = permit.dataset.identity.model_copy(update={"subject": subject})
    fields = [f.model_copy(update={"personal": "id_number"}) if f.code == "XK_XDR_SHXYM" else f
              for f in permit.dataset.current.fields]  # fmt: skip
    versions = [permit.dataset.current.model_copy(update={"fields": fields}), *permit.dataset.versions[1:]]
    bench = Bench(permit.dataset.model_copy(update={"identity": identity, "versions": versions}))
    row = table(bench, {"XK_XDR_LB": kind, "XK_XDR_SHXYM": code, "BZ": f"代码{code}"})[0]
    content = orjson.loads(row["content"])
    kept = content["XK_XDR_SHXYM"]
    assert (code not in str(row | {"content": kept}), open_text(KEYS, kept) if sealed else kept) == (sealed, code)
    assert (code in content["BZ"]) == (code != "E12345678")  # an identity card's number is masked when a text leaves
    assert row["subject_code"] == (code if code.startswith("9") else None)
    if kind == "自然人":
        assert row["subject_ref"].startswith("id:")
