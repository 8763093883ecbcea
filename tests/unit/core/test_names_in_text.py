"""Free text: a name that is masked is not readable in the text beside it."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pytest

from credit_exchange.core import masking, names_in_text


def series(*values: str | None) -> pd.Series:
    return pd.Series(list(values), dtype="str")


def names_of(*names: str | None):
    column = pa.array(names, pa.large_string())
    return column, pa.array(masking.mask_person_name(series(*names)), pa.large_string(), from_pandas=True)


def test_a_masked_name_is_masked_in_the_text_beside_it_as_well():
    texts = pa.array(
        ["准予陈榕生执业，陈榕生到场", "准予欧阳锋执业", "王姓当事人", None, "准予执业"], pa.large_string()
    )
    names = names_of("陈榕生", "陈榕生", "王", "陈榕生", None)
    assert names_in_text.hide_names(texts, [names]).to_pylist() == [
        "准予陈**执业，陈**到场", "准予欧阳锋执业", "王姓当事人", None, "准予执业",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "hidden"),
    [
        ("陈榕生", "准予陈 榕\u3000生（陈榕\u200b生）执业", "准予陈**（陈**）执业"),
        ("陈 榕生", "准予陈榕生执业", "准予陈**执业"),
        ("陈榕生", "准予陈\u202e榕\u2063生\ufe0f执业", "准予陈**\ufe0f执业"),
        ("买买提·艾力", "准予买买提艾力、买买提•艾力执业", "准予买**、买**执业"),
        ("Wang Li", "准予ＷＡＮＧ　ＬＩ、wang li、Wang Limited、WangLi执业", "准予W**、W**、Wang Limited、W**执业"),
        ("José Ruiz", "Jose\u0301 RUIZ 执业", "J** 执业"),
        ("张三", "张三张三", "张*张*"),
        ("陈榕生（男，曾用名：陈小二）", "准予陈榕生（陈小二）执业，男", "准予陈**（陈**）执业，男"),
        ("陈榕生、欧阳锋", "欧阳锋与陈榕生到场", "欧阳*与陈**到场"),
        ("陈榕生 李秀英", "李秀英到场", "李**到场"),
        ("陈榕生（经营者）", "食品经营者陈榕生", "食品经营者陈**"),
    ],
)
def test_a_masked_name_is_masked_however_it_is_written_in_the_text(name: str, text: str, hidden: str):
    assert names_in_text.hide_names(pa.array([text], pa.large_string()), [names_of(name)]).to_pylist() == [hidden]
    assert names_in_text.hide_name(text, name) == hidden


def test_several_names_of_a_row_are_masked_in_its_text():
    text = pa.array(["陈榕生与欧阳锋到场"], pa.large_string())
    assert names_in_text.hide_names(text, [names_of("陈榕生"), names_of(None), names_of("欧阳锋")]).to_pylist() == [
        "陈**与欧阳*到场"
    ]
