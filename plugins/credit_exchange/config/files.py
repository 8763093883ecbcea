"""Reads the files of a configuration strictly, and says where in a file something stands."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from credit_exchange.config.base import Model

M = TypeVar("M", bound=Model)
Place = tuple[int | str, ...]
"""Where in a file: the keys, and the positions in lists, from the top."""

_READ_AS = ((bool, " true 或 false"), ((int, float), "数字"), (date, "日期"))

_WORDS = {
    "missing": "缺少这一项；请补上",
    "extra_forbidden": "没有这个键；请更正名称或删去",
    "value_error": "{error}",
    "string_type": "应为文本",
    "string_pattern_mismatch": "不符合要求的形式 {pattern}",
    "string_too_short": "至少 {min_length} 个字符",
    "string_too_long": "至多 {max_length} 个字符",
    "literal_error": "应为 {expected} 之一",
    "union_tag_invalid": "{discriminator} 不能是 {tag!r}；可用：{expected_tags}",
    "union_tag_not_found": "缺少 {discriminator}；请补上",
    "bool_type": "应为 true 或 false",
    "bool_parsing": "应为 true 或 false",
    "int_type": "应为整数",
    "int_parsing": "应为整数",
    "int_from_float": "应为整数",
    "float_type": "应为数字",
    "float_parsing": "应为数字",
    "finite_number": "应为有限的数",
    "greater_than": "应大于 {gt}",
    "greater_than_equal": "不能小于 {ge}",
    "less_than": "应小于 {lt}",
    "less_than_equal": "不能大于 {le}",
    "list_type": "应为列表",
    "tuple_type": "应为列表",
    "dict_type": "应为“键: 值”",
    "model_type": "应为“键: 值”",
    "model_attributes_type": "应为“键: 值”",
    "too_short": "至少要有 {min_length} 项",
    "too_long": "至多 {max_length} 项",
    "date_type": "应为日期 YYYY-MM-DD",
    "date_parsing": "应为日期 YYYY-MM-DD",
    "date_from_datetime_parsing": "应为日期 YYYY-MM-DD",
    "time_type": '应为带引号的时刻，例如 "01:30"',
    "time_parsing": '应为带引号的时刻，例如 "01:30"',
}
"""What pydantic finds wrong, by the type of its error, in Chinese; of other types its own text stands."""
_YAML_WORDS = {
    "'\\t'": "缩进或空白中有制表符，应为空格",
    "mapping values are not allowed": "此处不应有冒号：缩进与上下文不一致，或含冒号的文本没有加引号",
    "expected ':'": "没有找到冒号：应为半角冒号加一个空格",
    "expected <block end>": "缩进与同一层的其他行不一致，或引号、括号没有配对",
    "expected ',' or": "[ ] 或 { } 没有配对，或缺少逗号",
    "undefined alias": "* 开头的文本会被读作引用，请加引号",
    "cannot start any token": "这个字符不能作开头，请给文本加引号",
}
"""What the parser says of the mistakes that are made most, and what we say."""
_OF_A_UNION = re.compile(r"constrained-str|list\[.*\]")
"""Parts of a place that stand in no file: which of several forms was tried."""


class _StrictLoader(yaml.CSafeLoader):
    """YAML in which a key may stand only once; by libyaml, which reads seven times as fast (each import of a DAG)."""


def _no_duplicates(loader: Any, node: Any) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            what = "键应为文本，不能是列表或“键: 值”：以 [ 或 { 开头的文本请加引号"
            raise yaml.constructor.ConstructorError(None, None, what, key_node.start_mark)
        key = loader.construct_object(key_node, deep=True)
        if key in seen:
            raise yaml.constructor.ConstructorError(None, None, f"键 {key!r} 写了两次", key_node.start_mark)
        seen.add(key)
    return yaml.SafeLoader.construct_mapping(loader, node, deep=True)


def _real_date(loader: Any, node: Any) -> Any:
    try:
        return yaml.SafeLoader.construct_yaml_timestamp(loader, node)
    except ValueError:
        raise yaml.constructor.ConstructorError(None, None, f"没有 {node.value} 这一天", node.start_mark) from None


_StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _no_duplicates)
_StrictLoader.add_constructor("tag:yaml.org,2002:timestamp", _real_date)


def _content(text: str) -> Any:
    """Return what the YAML says.

    Raises:
        yaml.YAMLError: it is none. What is wrong is told by the parser in Python, whose words name more mistakes.
    """
    try:
        return yaml.load(text, _StrictLoader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError:
        yaml.compose(text, yaml.SafeLoader)
        raise


@dataclass(frozen=True)
class File:
    """One file of the configuration, as it was read."""

    path: Path
    text: str = field(repr=False)

    def problem(self, place: Place, what: str) -> str:
        """Return a problem with file, line and place, as all problems of a configuration are told."""
        where = ".".join(str(part) for part in place) or "整个文件"
        return f"{self.path} 第 {_line_of(self.text, place)} 行：{where}：{what}"


_KINDS = {"feeds": "feed", "platforms": "platform", "catalog": "dataset", "sharing": "sharing"}
"""By folder, how `python -m credit_exchange schema` calls its files."""


def paths(root: Path, folder: str) -> list[Path]:
    """Return the files of a folder, also those whose name is wrong; what editors hide there is none of them."""
    return [path for path in sorted((root / folder).glob("*.y*ml")) if not path.name.startswith(".")]


def files(root: Path, folder: str, model: type[M], problems: list[str]) -> Iterator[tuple[File, M]]:
    """Yield every file of a folder with what it holds; what is wrong with the others is added to `problems`."""
    for path in paths(root, folder):
        yield from read(path, model, problems)


def read(path: Path, model: type[M], problems: list[str]) -> Iterator[tuple[File, M]]:
    """Yield a file with what it holds; nothing when something is wrong with it, which is added to `problems`."""
    if path.suffix != ".yml":
        problems.append(f"{path}：只读取 .yml 文件；请改名为 {path.stem}.yml")
        return
    try:
        file = File(path, path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        problems.append(f"{path}：不是 UTF-8 编码；请另存为 UTF-8")
        return
    except OSError as error:
        problems.append(f"{path}：无法读取（{error.strerror}）；请让运行本系统的用户可以读取")
        return
    try:
        yield file, model.model_validate(_content(file.text))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        why = str(getattr(error, "problem", None) or "")
        known = next((told for words, told in _YAML_WORDS.items() if words in why), "")
        if "expected ':'" in why and error.context_mark:  # type: ignore[attr-defined]
            mark = error.context_mark  # type: ignore[attr-defined]
        line = f" 第 {mark.line + 1} 行" if mark else ""
        problems.append(f"{path}{line}：不是正确的 YAML{f'（{known or why}）' if why else ''}；请在该处更正")
    except ValidationError as error:
        told: set[Place] = set()
        for item in error.errors():
            place = tuple(part for part in item["loc"] if not _OF_A_UNION.fullmatch(str(part)))
            if place not in told or place == item["loc"]:  # of what may be one thing or another, once
                schema = f"python -m credit_exchange schema {_KINDS.get(path.parent.name, '')}".rstrip()
                problems.append(file.problem(place, f"{_what(item)}；可写的内容见 {schema}"))
            told.add(place)


def _what(error: Any) -> str:
    """Return what is wrong in Chinese; of text without quotes, which YAML reads as something else, what to do."""
    read_as = next((word for kind, word in _READ_AS if isinstance(error["input"], kind)), None)
    if error["type"] != "string_type" or read_as is None:
        words = _WORDS.get(error["type"])
        given = dict(error.get("ctx", {}))
        if "expected" in given:
            given["expected"] = given["expected"].replace(" or ", "、").replace(", ", "、")
        return words.format(**given) if words else str(error["msg"])
    return f'此处应为文本，不加引号会被读作{read_as}；请加上引号，例如 "2099-12-31"'


def like(name: str, known: Collection[str]) -> str:
    """Return the remedy for an unknown name: the known one that looks most like it, else all of them."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"是否应为 {near[0]}？" if near else f"可用：{'、'.join(sorted(known)) or '（无）'}"


def run_together(text: str) -> Iterator[tuple[int, str]]:
    """Yield line and text of what stands without quotes in a list [ ] and holds a Chinese comma: mostly several items
    that were typed as one."""
    waiting = [yaml.compose(text, yaml.CSafeLoader)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, yaml.MappingNode):
            waiting += [one for pair in node.value for one in pair]
        elif isinstance(node, yaml.SequenceNode):
            waiting += node.value
            for one in node.value if node.flow_style else ():
                if isinstance(one, yaml.ScalarNode) and not one.style and "，" in one.value:
                    yield one.start_mark.line + 1, one.value


def _line_of(text: str, loc: Place) -> int:
    """Find the line of the deepest known part of a location, for the error message."""
    node = yaml.compose(text, yaml.CSafeLoader)
    line = node.start_mark.line if node else 0
    for part in loc:
        if isinstance(node, yaml.MappingNode):
            found = next(((k, v) for k, v in node.value if k.value == str(part)), None)
            if found is None:
                continue
            line, node = found[0].start_mark.line, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line
    return line + 1
