"""Reads the files of a configuration strictly, and says where in a file something stands."""

from __future__ import annotations

import difflib
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

_READ_AS = ((bool, "true or false"), ((int, float), "a number"), (date, "a date"))


class _StrictLoader(yaml.SafeLoader):
    """YAML in which a key may stand only once and nothing is guessed to be a date, a number or a boolean wrongly."""


def _no_duplicates(loader: Any, node: Any) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in seen:
            raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} stands twice", key_node.start_mark)
        seen.add(key)
    return yaml.SafeLoader.construct_mapping(loader, node, deep=True)


_StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _no_duplicates)


@dataclass(frozen=True)
class File:
    """One file of the configuration, as it was read."""

    path: Path
    text: str = field(repr=False)

    def problem(self, place: Place, what: str) -> str:
        """Return a problem with file, line and place, as all problems of a configuration are told."""
        where = ".".join(str(part) for part in place) or "the file"
        return f"{self.path}{_line_of(self.text, place)}: {where}: {what}"


def files(root: Path, folder: str, model: type[M], problems: list[str]) -> Iterator[tuple[File, M]]:
    """Yield every file of a folder with what it holds; what is wrong with the others is added to `problems`."""
    for path in sorted((root / folder).glob("*.yaml")):
        problems.append(f"{path}: name it {path.stem}.yml; only .yml files are read")
    for path in sorted((root / folder).glob("*.yml")):
        try:
            file = File(path, path.read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            problems.append(f"{path}: not UTF-8; save it as UTF-8")
            continue
        try:
            yield file, model.model_validate(yaml.load(file.text, _StrictLoader))  # noqa: S506 - a SafeLoader
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = f", line {mark.line + 1}" if mark else ""
            problems.append(
                f"{path}{line}: not valid YAML ({getattr(error, 'problem', None) or 'syntax'}); mend it there"
            )
        except ValidationError as error:
            for item in error.errors():
                problems.append(
                    file.problem(
                        item["loc"],
                        f"{_what(item)}; `python -m credit_exchange schema` shows what may stand there",
                    )
                )


def _what(error: Any) -> str:
    """Return what is wrong; of text without quotes, which YAML reads as something else, what to do."""
    read_as = next((word for kind, word in _READ_AS if isinstance(error["input"], kind)), None)
    if error["type"] != "string_type" or read_as is None:
        return str(error["msg"])
    return f'text is expected, and without quotes this is {read_as}; put it in quotes, as in "2099-12-31"'


def like(name: str, known: Collection[str]) -> str:
    """Return the remedy for an unknown name: the known one that looks most like it, else all of them."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}?" if near else f"use one of {', '.join(sorted(known)) or '(none)'}"


def _line_of(text: str, loc: Place) -> str:
    """Find the line of the deepest known part of a location, for the error message."""
    node = yaml.compose(text, yaml.SafeLoader)
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
    return f", line {line + 1}"
