"""A shop filed under its operator's name is found whatever way the two are written."""

from __future__ import annotations

import pyarrow as pa
import pytest

from credit_exchange.core.shop_names import operators_name

WRITTEN = [
    ("陈榕生", "陈 榕\u3000生", True),
    ("陈榕生", "陈榕\u200b生", True),
    ("陈榕生（个体工商户）", "陈榕生", True),
    ("个体工商户(陈榕生)", "陈榕生", True),
    ("陈榕生", "陈榕生（经营者）", True),
    ("陈榕生", "经营者：陈榕生", True),
    ("陈榕生（福州店）", "陈榕生", True),
    ("福州【陈榕生】", "福州", True),
    ("李秀英", "陈榕生、李秀英", True),
    ("陈榕生、李秀英", "李秀英", True),
    ("陈榕生;李秀英", "李秀英(共有人)", True),
    ("陈榕生、李秀英", "王小明", False),
    ("WANG LI", "Wang Li", True),
    ("ＷＡＮＧ　ＬＩ", "Wang Li", True),
    ("买买提·艾力", "买买提艾力", True),
    ("榕生", "陈榕生", False),
    ("陈榕生茶叶店", "陈榕生", False),
    ("（经营者）", "经营者", False),
    ("陈榕生", None, False),
    (None, "陈榕生", False),
]


@pytest.mark.parametrize(("shop", "operator", "same"), WRITTEN)
def test_a_shop_under_its_operators_name_is_known(shop: str | None, operator: str | None, same: bool) -> None:
    shops = pa.array([shop, "福州榕树商贸有限公司"], pa.large_string())
    operators = pa.array([operator, "陈榕生"], pa.large_string())
    assert operators_name(shops, operators).to_pylist() == [same, False]
    assert operators_name(pa.array(["2026"]), pa.array(["2026"])).to_pylist() == [True]
    assert operators_name(pa.array(["2026"]), pa.array([operator], pa.large_string())).to_pylist() == [False]
