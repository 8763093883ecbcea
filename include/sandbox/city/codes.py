"""Identifiers valid by checksum, for invented organisations and persons.

Sources: GB 32100-2015 (unified social credit code), GB 11714-1997 (organisation code), GB 11643-1999 (identity number),
GS 15-2006 with ISO 7064 MOD 11,10 (registration number), Luhn (bank card).
"""

from __future__ import annotations

from datetime import date
from random import Random

USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
PLACEHOLDER = "00000000000000000X"
DIVISIONS = ("350102", "350103", "350104", "350105", "350111", "350112", "350121", "350122", "350181")
"""Fuzhou: 鼓楼 台江 仓山 马尾 晋安 长乐 闽侯 连江 福清 (GB/T 2260)."""


def organisation_code(first8: str) -> str:
    """The 9 characters of an organisation code for 8 given ones (digits and letters)."""
    values = [int(char, 36) for char in first8]
    rest = 11 - sum(v * w for v, w in zip(values, (3, 7, 9, 10, 5, 8, 4, 2), strict=True)) % 11
    return first8 + {10: "X", 11: "0"}.get(rest, str(rest))


def credit_code(kind: str, division: str, first8: str) -> str:
    """The unified social credit code of a kind (e.g. "91"), a division (6 digits) and an organisation number."""
    body = kind + division + organisation_code(first8)
    total = sum(USCC_ALPHABET.index(char) * pow(3, i, 31) for i, char in enumerate(body))
    return body + USCC_ALPHABET[(31 - total % 31) % 31]


def random_credit_code(rng: Random, kind: str) -> str:
    """An invented code of a Fuzhou organisation; kind 91 company, 92 sole trader, 93 co-operative."""
    first8 = "MA" + "".join(rng.choice("0123456789ABCDEFGHJKLMNPQRTUWXY") for _ in range(6))
    return credit_code(kind, rng.choice(DIVISIONS), first8)


def wrong_check(code: str) -> str:
    """The same code with another, wrong check character."""
    place = USCC_ALPHABET.index(code[-1])
    return code[:-1] + USCC_ALPHABET[(place + 7) % 31]


def registration_number(rng: Random) -> str:
    """A business registration number of 15 digits."""
    body = rng.choice(DIVISIONS) + "".join(str(rng.randrange(10)) for _ in range(8))
    carry = 10
    for char in body:
        carry = (((carry + int(char)) % 10) or 10) * 2 % 11
    return body + str((11 - carry) % 10)


def identity_number(rng: Random, born: date) -> str:
    """An invented identity number of somebody born on this day."""
    body = rng.choice(DIVISIONS) + born.strftime("%Y%m%d") + f"{rng.randrange(1, 1000):03d}"
    total = sum(int(char) * (pow(2, 17 - i) % 11) for i, char in enumerate(body))
    return body + "10X98765432"[total % 11]


def wrong_identity(number: str) -> str:
    """The same number with a wrong check character."""
    return number[:-1] + ("1" if number[-1] != "1" else "2")


def mobile(rng: Random) -> str:
    """An invented mobile number."""
    return rng.choice(("138", "139", "159", "186")) + "".join(str(rng.randrange(10)) for _ in range(8))


def bank_card(rng: Random) -> str:
    """An invented bank card number of 19 digits that passes Luhn."""
    body = "622848" + "".join(str(rng.randrange(10)) for _ in range(12))
    doubled = [int(c) * 2 if i % 2 == 0 else int(c) for i, c in enumerate(reversed(body))]
    total = sum(v - 9 if v > 9 else v for v in doubled)
    return body + str((10 - total % 10) % 10)
