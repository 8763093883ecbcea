"""What the README and the pages below docs/ tell people to type is there, and both languages tell the same."""

from __future__ import annotations

import re
from argparse import ArgumentParser, _SubParsersAction
from pathlib import Path

import pytest

from credit_exchange.cli.main import parser

ROOT = Path(__file__).resolve().parents[2]
CHINESE = sorted(path.relative_to(ROOT) for path in (*ROOT.glob("*.zh-CN.md"), *ROOT.glob("docs/*.zh-CN.md")))
PAIRS = {str(path).replace(".zh-CN", ""): str(path) for path in CHINESE}
TEXTS = {name: (ROOT / name).read_text(encoding="utf-8") for pair in PAIRS.items() for name in pair}
CODE = "\n".join(
    path.read_text(encoding="utf-8")
    for folder in ("plugins", "dags", "include/sandbox")
    for path in sorted((ROOT / folder).rglob("*.py"))
)


def commands() -> dict[str, ArgumentParser]:
    [found] = (action for action in parser()._actions if isinstance(action, _SubParsersAction))
    return dict(found.choices)


def spoken(text: str) -> list[str]:
    """Everything that stands as code: between backticks and in blocks."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    rest = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return [*blocks, *re.findall(r"`([^`]+)`", rest)]


def told(text: str) -> dict[str, set[str]]:
    """The names that a reader may type or look for."""
    code = "\n".join(spoken(text))
    known = "|".join(map(re.escape, commands()))
    return {
        "commands": set(re.findall(rf"(?:^|-m credit_exchange )({known})(?= |$)", code, re.MULTILINE)),
        "options": set(re.findall(r"(?<!\S)\[?(--[a-z-]+)", code)),
        "targets": set(re.findall(r"\bmake ([a-z][a-z-]*)", code)),
        "variables": set(re.findall(r"\bCREDIT_EXCHANGE_[A-Z_]*[A-Z]", code)),
        "connections": set(re.findall(r"\bcredit_[a-z]+\b", code)) - {"credit_exchange"},
        "files": set(re.findall(r"\b(?:include|docker|plugins|steps|docs)/[\w./<>*-]*\w", code)),
    }


@pytest.mark.parametrize("page", PAIRS)
@pytest.mark.parametrize("kind", sorted(told("")))
def test_both_languages_tell_the_same(kind: str, page: str) -> None:
    english, chinese = (told(TEXTS[name])[kind] for name in (page, PAIRS[page]))
    if kind == "files":  # what stands for a name is translated
        english, chinese = ({re.sub(r"<[^>]*>", "<>", name) for name in names} for names in (english, chinese))
    assert english == chinese


@pytest.mark.parametrize("name", TEXTS)
def test_what_is_to_be_typed_exists(name: str) -> None:
    found = told(TEXTS[name])
    if name.startswith("README"):
        often = {"summary", "explain", "approve", "night", "settle", "skip", "return-file", "evidence"}
        assert found["commands"] >= often
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert found["targets"] <= set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    assert {one for one in found["variables"] if one not in CODE} == set()
    ours = {option for one in commands().values() for action in one._actions for option in action.option_strings}
    for line in re.findall(r"-m credit_exchange ([^`\n]*)", TEXTS[name]):
        options = set(re.findall(r"(?<!\S)\[?(--[a-z-]+)", line.split(" >&2")[0]))
        assert options <= ours, line


@pytest.mark.parametrize("name", TEXTS)
def test_every_link_between_the_pages_leads_somewhere(name: str) -> None:
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", TEXTS[name]):
        assert link.startswith("https://") or ((ROOT / name).parent / link).exists(), link
