"""What leaves of a shop that is filed under its operator's name, however the two are written."""

from __future__ import annotations

import pyarrow as pa
import pytest

from credit_exchange.steps.payload import treat


@pytest.mark.parametrize(
    ("shop", "operator", "shown"),
    [
        ("陈榕生", "陈榕生", "陈**"),
        ("陈榕生", "陈 榕\u3000生", "陈**"),
        ("陈榕生（个体工商户）", "陈榕生", "陈**"),
        ("个体工商户(陈榕生)", "陈榕生", "陈**"),
        ("陈榕生", "陈榕生（经营者）", "陈**"),
        ("李秀英", "陈榕生、李秀英", "陈**"),
        ("ＷＡＮＧ　ＬＩ", "Wang Li", "W**"),
        ("WANG LI", "ＷＡＮＧ　ＬＩ", "Ｗ**"),
        ("Wang Li", "经营者：Wang Li", "经**"),
        ("Wang Li", "陈榕生、Wang Li", "陈**"),
        ("买买提·艾力", "买买提艾力", "买**"),
        ("李秀英、陈榕生", "陈榕生", "陈**"),
        ("陈榕生/李秀英", "李秀英、陈榕生", "李**"),
        ("榕树（茶叶、咖啡）", "陈榕生", "榕树（茶叶、咖啡）"),
        ("陈榕生茶叶店", "陈榕生", "陈榕生茶叶店"),
    ],
)
def test_the_name_of_an_operator_does_not_leave_as_that_of_the_shop(shop: str, operator: str, shown: str) -> None:
    columns = {"XK_XDR_MC": pa.array([shop], pa.large_string()), "XK_FRDB": pa.array([operator], pa.large_string())}
    treatment = ((), (("XK_FRDB", "person_name"),))
    assert treat(columns, treatment)["XK_XDR_MC"].to_pylist() == [shown]
