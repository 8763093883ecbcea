"""Between departments: what is worked out of a field follows the department whose value of that field stands."""

from __future__ import annotations

import pytest

from credit_exchange.config.catalog import SourcePriority
from credit_exchange.config.loader import load
from credit_exchange.steps.survivorship import Claim, resolve


@pytest.mark.parametrize("newer", ["a", "b"])
def test_the_kind_of_subject_is_that_of_the_category_that_stands(newer: str) -> None:
    """Else an operator's name would leave unmasked: as that of a company's representative."""
    priority = SourcePriority(default=["a"], fields={"XK_XDR_LB": ["b"], "XK_JDRQ": ["b"], "XK_XDR_ZJHM": ["b"]})
    dataset = load().datasets["permit"].model_copy(update={"source_priority": priority})

    def claim(department: str, category: str, kind: str, day: str, minor: str) -> Claim:
        content = {"XK_XDR_LB": category, "_subject_kind": kind, "XK_JDRQ": day, "_decided_on": day}
        content |= {"XK_XDR_ZJHM": department, "_minor": minor}
        return Claim(department, department, ("2026-11-10", "", 1 + (department == newer)), content)

    of_a = claim("a", "法人及非法人组织", "legal", "2026-08-05", "0")
    of_b = claim("b", "个体工商户", "sole_trader", "2026-08-06", "1")
    assert resolve(dataset, [of_a, of_b]) == (of_b.content, of_a)
