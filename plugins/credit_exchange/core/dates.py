"""The forms in which departments write dates. Apart from `text`, so that a configuration is checked without pandas."""

from __future__ import annotations

import re

from credit_exchange.errors import ConfigurationError

_MIDNIGHT = r"(?:[ T]0{1,2}:00(?::00(?:\.0+)?)?(?:\+08(?::?00)?)?)?"
"""A day without a time, as databases and services write it; in Shanghai's time zone, if any."""


def date_pattern(form: str) -> re.Pattern[str]:
    """Translate a strptime form into a strict regular expression. Raises ConfigurationError for a wrong form.

    Month and day may miss their leading zero only where something separates them ("%Y%m%d" is always eight digits).
    """
    out: list[str] = []
    seen: set[str] = set()
    i = 0
    while i < len(form):
        if form[i] != "%":
            out.append(re.escape(form[i]))
            i += 1
            continue
        directive = form[i + 1 : i + 2]
        if directive not in {"Y", "m", "d", "H", "M", "S"} or directive in seen:
            raise ConfigurationError(
                f"日期格式 {form!r} 中不能使用 %{directive}；请将 %Y %m %d 各写一次（需要时加 %H %M %S）"
            )
        seen.add(directive)
        if directive == "Y":
            out.append(r"(?P<Y>\d{4})")
        else:
            glued = (i > 0 and form[i - 2 : i - 1] == "%") or form[i + 2 : i + 3] == "%"
            out.append(rf"(?P<{directive}>\d{{2}})" if glued else rf"(?P<{directive}>\d{{1,2}})")
        i += 2
    if not {"Y", "m", "d"} <= seen:
        raise ConfigurationError(f"日期格式 {form!r} 不是完整的日期；请写全 %Y、%m 和 %d")
    if "H" not in seen:
        out.append(_MIDNIGHT)
    return re.compile("".join(out), re.ASCII)
