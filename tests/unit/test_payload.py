"""What leaves of a content: by column the same as record by record, and never what is ours or sealed."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from credit_exchange.core.canonical import canonical_json
from credit_exchange.core.masking import mask_id_number, mask_person_name
from credit_exchange.core.names_in_text import hide_name
from credit_exchange.core.numbers_in_text import scrub_free_text
from credit_exchange.steps.payload import canonical_of, treat

CODES = ["XK_NR", "XK_XDR_MC", "XK_XDR_ZJHM", "_subject_kind", "BZ"]
VALUES = [
    "",
    "陈榕生",
    "欧阳锋",
    "enc:v1:AAAA",
    "准予（身份证号11010519491231002X）",
    "准予欧阳锋（电话13800138000）与陈榕生执业",
    "普通",
    "_x",
    "11010519491231002X",
]
MASKS: dict[str, Any] = {
    "person_name": mask_person_name,
    "id_number": mask_id_number,
    "free_text": scrub_free_text,
}


def expected(content: dict[str, str], drop: list[str], mask: dict[str, str]) -> dict[str, str]:
    """The definition, for one record."""
    kept = {
        code: value
        for code, value in content.items()
        if code not in drop and not code.startswith("_") and not value.startswith("enc:v1:")
    }
    shown = {
        code: MASKS[mask[code]](pd.Series([value], dtype="str"))[0] if code in mask else value
        for code, value in kept.items()
    }
    for code in sorted(code for code in mask if mask[code] == "person_name"):
        name = content.get(code, "")
        for text in (text for text in shown if mask.get(text) == "free_text" and not name.startswith("enc:v1:")):
            shown[text] = hide_name(shown[text], name)
        for same in (code for code, value in shown.items() if code not in mask and value == name):
            shown[same] = mask_person_name(pd.Series([name], dtype="str"))[0]
    return shown


@given(
    contents=st.lists(st.dictionaries(st.sampled_from(CODES), st.sampled_from(VALUES)), min_size=1, max_size=8),
    drop=st.lists(st.sampled_from(CODES), max_size=2),
    mask=st.dictionaries(st.sampled_from(CODES), st.sampled_from(sorted(MASKS)), max_size=3),
)
@settings(max_examples=200, deadline=None)
def test_columns_are_treated_like_single_records(
    contents: list[dict[str, str]], drop: list[str], mask: dict[str, str]
) -> None:
    columns = {
        code: pa.array([content.get(code) for content in contents], pa.large_string())
        for code in {code for content in contents for code in content}
    }
    released = treat(columns, (tuple(drop), tuple(sorted(mask.items()))))
    made = canonical_of(released, len(contents)).to_pylist()
    assert made == [canonical_json(expected(content, drop, mask)).decode() for content in contents]


def test_a_masked_name_cannot_be_read_in_the_text_beside_it() -> None:
    columns = {
        "XK_XDR_MC": pa.array(["欧阳锋", "陈榕生"], pa.large_string()),
        "XK_NR": pa.array(["准予欧阳锋执业", "准予欧阳锋执业"], pa.large_string()),
    }
    treatment = ((), (("XK_NR", "free_text"), ("XK_XDR_MC", "person_name")))
    released = {code: column.to_pylist() for code, column in treat(columns, treatment).items()}
    assert released["XK_NR"] == [f"准予{released['XK_XDR_MC'][0]}执业", "准予欧阳锋执业"]
    assert "欧阳锋" not in released["XK_NR"][0]
    assert treat(columns, ((), (("XK_NR", "free_text"),)))["XK_NR"].to_pylist() == ["准予欧阳锋执业"] * 2


def test_a_dropped_name_cannot_be_read_in_the_text_beside_it() -> None:
    columns = {
        "XK_XDR_MC": pa.array(["欧阳锋"], pa.large_string()),
        "XK_NR": pa.array(["准予欧阳锋执业"], pa.large_string()),
    }
    treatment = (("XK_XDR_MC",), (("XK_NR", "free_text"), ("XK_XDR_MC", "person_name")))
    assert {code: column.to_pylist() for code, column in treat(columns, treatment).items()} == {
        "XK_NR": ["准予欧阳*执业"]
    }
