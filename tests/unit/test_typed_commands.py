"""Every command that a page, a message or a document tells people to type can be typed: name, options, arguments."""

from __future__ import annotations

import ast
import re
from argparse import ArgumentParser, _SubParsersAction
from collections.abc import Iterator
from pathlib import Path

import pytest

from credit_exchange.cli.main import main, parser

ROOT = Path(__file__).resolve().parents[2]
TEXTS = sorted(path for folder in ("", "docs") for path in (ROOT / folder).glob("*.md"))
TEMPLATES = sorted((ROOT / "plugins").rglob("*.html"))
SOURCES = sorted((ROOT / "plugins" / "credit_exchange").rglob("*.py"))
VALUES = {
    **dict.fromkeys(("<record>", "<记录>", "<department>", "<部门>", "<directory>", "<目录>", "F", "…"), "x"),
    **dict.fromkeys(("<batch>", "<批次>", "<shipment>"), "7"),
    **dict.fromkeys(("<date>", "<日期>", "D"), "2026-11-22"),
}
"""What a reader puts in the place of what stands for it."""


def commands() -> dict[str, ArgumentParser]:
    [found] = (action for action in parser()._actions if isinstance(action, _SubParsersAction))
    return dict(found.choices)


def typed(text: str) -> Iterator[tuple[str, str]]:
    """Command and the rest of each `python -m credit_exchange …` in a text, up to where words go on."""
    for command, rest in re.findall(r"python -m credit_exchange ([a-z-]+)([^`<\n，；。（）「」、]*)", text):
        yield command, re.split(r" >&2| &amp;&amp;| && ", rest)[0]


def spoken(path: Path) -> str:
    """The texts of a module, what is filled in as {}; of a template as it is, without what is filled in."""
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".html":
        return re.sub(r"\{\{.*?\}\}|\{%.*?%\}", "{}", source)
    tree = ast.parse(source)
    pieces = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            found.append("".join(map(_part, node.values)))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in pieces:
            found.append(node.value)
    return "\n".join(found)


def _part(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    return "python -m credit_exchange" if isinstance(node, ast.FormattedValue) and _names_it(node.value) else "{}"


def _names_it(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "_COMMAND"


def wrong(command: str, rest: str) -> str:
    """What keeps somebody from typing it: no such command, no such option of it, a required option left out."""
    known = commands()
    if command not in known:
        return f"no command {command}"
    actions = known[command]._actions
    options = {option for action in actions for option in action.option_strings}
    said = set(re.findall(r"(?<!\S)(--[a-z-]+)", rest))
    if said - options:
        return f"{command} has no {sorted(said - options)}"
    needed = {action.option_strings[0] for action in actions if action.required and action.option_strings}
    return f"{command} needs {sorted(needed - said)}" if rest.strip() and needed - said else ""


@pytest.mark.parametrize("path", [*SOURCES, *TEMPLATES], ids=lambda path: str(path.relative_to(ROOT / "plugins")))
def test_what_a_message_or_page_tells_to_type_exists(path: Path) -> None:
    found = [wrong(command, rest) for command, rest in typed(spoken(path))]
    assert [told for told in found if told] == []


def test_messages_and_pages_tell_commands_at_all() -> None:
    told = {command for path in (*SOURCES, *TEMPLATES) for command, _rest in typed(spoken(path))}
    assert told >= {"night", "approve", "waive", "dismiss", "settle", "skip", "reconcile", "withdraw", "return-file"}


def written(text: str) -> list[str]:
    """Each whole command of a document with what a reader would put into it; alternatives: the first of them."""
    found = []
    for line in re.findall(r"python -m credit_exchange ([^`\n]*(?:\n(?!\n)[^`\n]*)?)`", text):
        words = re.split(r" >&2| && ", " ".join(line.split()))[0].replace("[", "").replace("]", "").split()
        found.append(" ".join(VALUES.get(word, word).split("|")[0] for word in words))
    return found


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_whole_command_of_a_document_is_understood_as_it_stands(path: Path) -> None:
    for line in written(path.read_text(encoding="utf-8")):
        if line.split() and line != "--help":
            parser().parse_args(line.split())  # exits, with what is wrong on standard error


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_options_of_a_command_said_in_passing_are_its_own(path: Path) -> None:
    """`night --date D` within a sentence: the reader adds `python -m credit_exchange`."""
    known = "|".join(map(re.escape, commands()))
    for command, rest in re.findall(rf"`({known})( [^`]*)`", path.read_text(encoding="utf-8")):
        options = {option for action in commands()[command]._actions for option in action.option_strings}
        assert set(re.findall(r"(?<!\S)(--[a-z-]+)", rest)) <= options, command


@pytest.mark.parametrize("ending", [".md", ".zh-CN.md"])
def test_every_command_is_told_in_each_language(ending: str) -> None:
    own = [path for path in TEXTS if path.name.endswith(".zh-CN.md") == (ending == ".zh-CN.md")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in own)
    assert [one for one in commands() if not re.search(rf"[` ]{re.escape(one)}[` ]", text)] == []


def test_every_target_of_make_is_told_by_make_help() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    [named] = re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    told = set(re.findall(r"^([a-z-]+):[^#\n]*## ", makefile, re.MULTILINE))
    assert set(named.split()) - told == {"env"}  # the environment, which the others make


def test_a_slip_says_where_the_whole_usage_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["withdraw", "x"])
    assert "python -m credit_exchange withdraw --help" in capsys.readouterr().err
