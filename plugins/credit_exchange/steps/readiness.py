"""What only the steps know of a configuration, for `config check`.

Loading a configuration checks it against itself. Which wires are spoken, and what each needs of a platform's file, is
known to the dialects; the calendar is read when a night starts. A night does not ask: a platform that cannot work fails
by itself, and takes no other part with it (promise 7).
"""

from __future__ import annotations

from credit_exchange.config.files import File
from credit_exchange.config.loader import Configuration, told
from credit_exchange.errors import ConfigurationError
from credit_exchange.steps.push.dialects.base import problems_of
from credit_exchange.steps.reference import calendar_of


def check(config: Configuration) -> None:
    """Raise ConfigurationError with every problem that would stop a step later, each with place and remedy."""
    problems: list[str] = []
    for name, platform in config.platforms.items():
        wrong = problems_of(platform, config.datasets)
        if wrong:
            path = config.root / "platforms" / f"{name}.yml"
            file = File(path, path.read_text(encoding="utf-8") if path.is_file() else "")
            problems.extend(file.problem(place, what) for place, what in wrong)
    try:
        calendar_of(config)
    except ConfigurationError as error:
        problems.append(str(error))
    if problems:
        raise ConfigurationError(told(problems))
