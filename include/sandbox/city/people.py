"""Invented subjects: companies, sole traders and natural persons. Nobody here exists."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Literal

from city import codes

Kind = Literal["legal", "person", "sole_trader"]

LABELS: dict[Kind, str] = {"legal": "法人及非法人组织", "person": "自然人", "sole_trader": "个体工商户"}
SURNAMES = "陈林黄郑王李张吴刘蔡杨许周苏谢叶江翁欧阳"
COMPOUND = ("欧阳", "上官", "司徒", "诸葛")
GIVEN = "晓明建国志强丽华秀英海峰雨桐子涵文博思远慧敏俊杰婉清嘉禾若曦景行"
RARE_GIVEN = "𬭚𬬭𫖯㛃𬀩"
"""Characters of real names that take four bytes in GB18030."""
PLACES = ("闽江", "鼓山", "乌山", "于山", "西湖", "三坊", "榕城", "烟台山", "屏山", "左海", "鳌峰", "螺洲")
WORDS = ("盛源", "宏达", "瑞丰", "恒泰", "新兴", "嘉和", "永盛", "博雅", "祥云", "安泰", "正大", "华榕", "金桥", "茂林")
TRADES = (
    "餐饮管理",
    "建筑工程",
    "食品",
    "物流",
    "环保科技",
    "医疗器械",
    "文化传媒",
    "教育咨询",
    "化工",
    "机械制造",
    "贸易",
)
SHOPS = ("小吃店", "便利店", "理发店", "水果店", "茶叶店", "五金店", "烧烤店", "鱼丸店")


@dataclass(frozen=True)
class Subject:
    """Who a record is about. `operator` is the legal representative or the shop's operator."""

    kind: Kind
    name: str
    code: str = ""
    operator: str = ""
    id_number: str = ""

    @property
    def organisation(self) -> str:
        """Organisation code within the credit code; empty for natural persons."""
        return self.code[8:17]


def person_name(rng: Random) -> str:
    """A Chinese name of two to four characters; every ninth surname is a compound one."""
    surname = rng.choice(COMPOUND) if rng.randrange(9) == 0 else rng.choice(SURNAMES[:-2])
    return surname + "".join(rng.choice(GIVEN) for _ in range(1 if rng.randrange(4) == 0 else 2))


def birthday(rng: Random, day: date) -> date:
    """The birthday of an adult between 22 and 62."""
    return day - timedelta(days=365 * 22 + rng.randrange(365 * 40))


def make(rng: Random, kind: Kind, day: date) -> Subject:
    """Invent a subject."""
    if kind == "person":
        return Subject("person", person_name(rng), id_number=codes.identity_number(rng, birthday(rng, day)))
    if kind == "sole_trader":
        name = f"福州市{rng.choice(PLACES)}{rng.choice(WORDS)}{rng.choice(SHOPS)}"
        return Subject("sole_trader", name, codes.random_credit_code(rng, "92"), person_name(rng))
    branch = rng.choice(("", "", "", "（福建）"))
    name = f"福州{rng.choice(PLACES)}{rng.choice(WORDS)}{branch}{rng.choice(TRADES)}有限公司"
    return Subject("legal", name, codes.random_credit_code(rng, "91"), person_name(rng))


def pool(seed: int, kind: Kind, size: int = 150) -> list[Subject]:
    """The city's standing subjects of one kind: the same for every night of a seed, so that subjects come back."""
    rng = Random(f"{seed}/subjects/{kind}")
    return [make(rng, kind, date(2026, 1, 1)) for _ in range(size)]


def masked(name: str) -> str:
    """A person's name as the public sees it: surname and at most two stars."""
    surname = name[:2] if name[:2] in COMPOUND and len(name) > 2 else name[:1]
    return surname + "*" * min(2, len(name) - len(surname))
