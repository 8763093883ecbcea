"""`config check` tells of every rule that lets a person's name out in clear, whatever the rule's conditions are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from credit_exchange.config.loader import load
from credit_exchange.errors import ConfigurationError
from credit_exchange.steps import readiness

RELEASE, PRIVACY, WITHHOLD = "sharing/10_release.yml", "sharing/20_privacy.yml", "sharing/30_withhold.yml"
ONLY_PERSONS = """\
      - {field: _subject_kind, op: eq, value: person}
    effect: release"""
OF_PERSONS = {("自然人", "XK_XDR_MC", platform) for platform in ("信用福州", "信用福建", "信用中国")}
MASK = "  - id: SH-20-PERMIT-PERSON-NAME\n"


def told(root: Path) -> set[tuple[str, ...]]:
    """Kind of subject, field and platform of every name that leaves in clear."""
    form = re.compile(r"规则 \S+ 把行政许可中(\S+)的 (\S+) 以原文发往(\S+)；")
    return {found.groups() for found in map(form.match, readiness.notes(load(root))) if found}


def edit(root: Path, name: str, old: str, new: str) -> None:
    path = root / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def unmasked(root: Path) -> None:
    """Take the rule away that masks the names of natural persons in permits."""
    path = root / PRIVACY
    parts = re.split(r"(?m)^(?=  - id: )", path.read_text(encoding="utf-8"))
    path.write_text("".join(part for part in parts if not part.startswith(MASK)), encoding="utf-8")


@pytest.mark.parametrize(
    "condition",
    [
        "{field: XK_WSH, op: present}",
        "{field: XK_XKLB, op: contains, value: 登记}",
        "{field: XK_ZT, op: ne, value: '2'}",
        "{field: XK_ZT, op: in, value: ['1', '2']}",
        "{field: XK_ZT, op: not_in, value: ['2']}",
        "{field: BZ, op: absent}",
        "{field: XK_JDRQ, op: ge, value: '2020-01-01'}",
        "{field: _decided_on, op: ge, value: '2020-01-01'}",
    ],
)
def test_whatever_else_a_rule_asks_for(copied: Path, condition: str) -> None:
    """A black list that goes where something stands in a field was released with everybody's name, and nothing said."""
    unmasked(copied)
    edit(copied, RELEASE, ONLY_PERSONS, f"      - {condition}\n{ONLY_PERSONS}")
    assert told(copied) == OF_PERSONS


def test_although_another_rule_may_keep_the_record_back(copied: Path) -> None:
    unmasked(copied)
    edit(copied, WITHHOLD, '{field: _minor, op: eq, value: "1"}', "{field: BZ, op: absent}")
    edit(copied, WITHHOLD, '{field: _minor, op: eq, value: "1"}', "{field: BZ, op: absent}")
    assert told(copied) == OF_PERSONS


@pytest.mark.parametrize(
    ("of_the_release", "of_the_mask", "clear"),
    [
        ("XK_ZT, op: in, value: ['1', '2']", "XK_ZT, op: eq, value: '1'", True),
        ("XK_ZT, op: eq, value: '1'", "XK_ZT, op: in, value: ['1', '2']", False),
        ("XK_NR, op: present", "XK_NR, op: present", False),
        ("XK_NR, op: contains, value: 食品", "XK_NR, op: present", False),
        ("XK_NR, op: present", "XK_NR, op: contains, value: 食品", True),
        ("XK_NR, op: present", "BZ, op: absent", True),
    ],
)
def test_a_mask_counts_where_it_surely_holds(copied: Path, of_the_release: str, of_the_mask: str, clear: bool) -> None:
    edit(copied, RELEASE, ONLY_PERSONS, f"      - {{field: {of_the_release}}}\n{ONLY_PERSONS}")
    path = copied / PRIVACY
    before, mask = path.read_text(encoding="utf-8").split(MASK)
    mask = mask.replace("    match:\n", f"    match:\n      - {{field: {of_the_mask}}}\n", 1)
    path.write_text(before + MASK + mask, encoding="utf-8")
    assert told(copied) == (OF_PERSONS if clear else set())


def test_nothing_is_told_of_a_kind_of_subject_that_the_data_set_does_not_have(copied: Path) -> None:
    unmasked(copied)
    edit(copied, "catalog/permit.yml", "  person: [自然人]\n", "")
    edit(copied, "catalog/permit.yml", "[法人及非法人组织]", "[法人及非法人组织, 自然人]")
    assert told(copied) == set()


def test_nothing_is_told_of_a_platform_that_does_not_get_the_field(copied: Path) -> None:
    unmasked(copied)
    edit(copied, "platforms/fuzhou.yml", "permit: {}", "permit: {omit: [XK_XDR_MC]}")
    assert told(copied) == {one for one in OF_PERSONS if one[2] != "信用福州"}


def test_a_code_of_organisations_that_no_rule_checks_is_told(copied: Path) -> None:
    """Whatever stands in it would leave as it is: a number of a person as well."""
    edit(copied, "catalog/permit.yml", "    check: uscc\n", "    check: characters\n")
    with pytest.raises(ConfigurationError, match="没有规则以 uscc 检查 XK_XDR_SHXYM，不合格的行会被收下"):
        readiness.check(load(copied))
