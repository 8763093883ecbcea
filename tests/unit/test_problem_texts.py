"""Texts that end in a problem column, on a page or in an alert are Chinese: users and the credit office read them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from credit_exchange.steps.push.dialects.base import CallResult, Kind, Refusal
from credit_exchange.ui.words import ATTEMPT_WORDS

STEPS = Path(__file__).resolve().parents[2] / "plugins" / "credit_exchange" / "steps"
SOURCES = sorted(
    [path for folder in ("collect", "validate", "push") for path in (STEPS / folder).rglob("*.py")]
    + [STEPS / "merge.py", STEPS.parent / "stores" / "landing.py"]
)
TOLD = {"FatalError", "RetriableError", "NotDelivered", "Absent", "HoldForPerson"}  # batch.problem, a night's summary
TOLD |= {
    "Stop",
    "Replaced",
    "NotSent",
    "Lost",
    "BadReply",
    "BadValue",
    "TooLong",
    "unknown",
}  # shipment.problem, circuits
LATIN, CHINESE = re.compile("[A-Za-z]"), re.compile("[\u4e00-\u9fff]")


def told(path: Path) -> list[tuple[int, str]]:
    """The literal parts of every text that such an error or result is made with, by line."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in TOLD:
            for given in node.args:
                if isinstance(given, ast.JoinedStr | ast.Constant):
                    parts = [part.value for part in ast.walk(given) if isinstance(part, ast.Constant)]
                    found.append((node.lineno, "".join(part for part in parts if isinstance(part, str))))
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(STEPS.parent)))
def test_what_people_are_told_is_chinese(path: Path) -> None:
    assert [(line, text) for line, text in told(path) if LATIN.search(text) and not CHINESE.search(text)] == []


def test_a_call_is_told_in_the_words_of_the_pages() -> None:
    for kind in Kind:
        assert CallResult(kind).words == ATTEMPT_WORDS[kind]
    for refusal in Refusal:
        told = f"{ATTEMPT_WORDS['refused']}：{ATTEMPT_WORDS[refusal]}"
        assert CallResult(Kind.REFUSED, refusal=refusal).words == told
