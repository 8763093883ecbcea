"""Characters that nobody sees, and the names of columns as they are compared: nothing heavy is imported here."""

from __future__ import annotations

import re
import unicodedata

ZERO_WIDTH = "".join(
    chr(code)
    for first, last in (
        (0x00AD, 0x00AD),
        (0x034F, 0x034F),
        (0x061C, 0x061C),
        (0x180E, 0x180E),
        (0x200B, 0x200F),
        (0x202A, 0x202E),
        (0x2060, 0x206F),
        (0xFE00, 0xFE0F),
        (0xFEFF, 0xFEFF),
    )
    for code in range(first, last + 1)
)
"""Characters that take no room on the screen, marks of a text's direction and variants of a character among them;
copied along from web pages, office programs and address books."""

WHITE_SPACE = (
    " \t\r\n\v\f\u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
"""White space of Unicode, U+3000 (the full-width space) and NBSP among it."""

_SPACE = re.compile(rf"[\s{ZERO_WIDTH}]+")


def column_name(name: str) -> str:
    """Return a column's name for comparison: NFKC, without white space and zero-width characters, case ignored."""
    return _SPACE.sub("", unicodedata.normalize("NFKC", name)).casefold()
