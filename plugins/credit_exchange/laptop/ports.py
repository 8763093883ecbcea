"""The TCP ports of a laptop: which, under what name, how to change each, and whether it is free."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass, fields

from credit_exchange.errors import ConfigurationError

LOOPBACK = "127.0.0.1"

_VARIABLES: dict[str, tuple[str, int, str]] = {
    "ui": ("CREDIT_EXCHANGE_PORT", 8080, "Airflow 界面和 API"),
    "database": ("CREDIT_EXCHANGE_DATABASE_PORT", 15432, "PostgreSQL"),
    "fuzhou": ("CREDIT_EXCHANGE_FUZHOU_PORT", 18101, "沙箱平台 信用福州"),
    "fujian": ("CREDIT_EXCHANGE_FUJIAN_PORT", 18102, "沙箱平台 信用福建"),
    "china": ("CREDIT_EXCHANGE_CHINA_PORT", 18103, "沙箱平台 信用中国"),
    "city": ("CREDIT_EXCHANGE_CITY_PORT", 18104, "沙箱城市的 HTTP 报送源"),
}
"""Field of Ports: (environment variable, default, what listens there)."""
_FREELY_CHOSEN = range(20_000, 32_768)
"""Below those that Linux gives to connections and to port 0: one of them would be gone before it is used."""


@dataclass(frozen=True, slots=True)
class Ports:
    """The TCP ports of one laptop, all on 127.0.0.1."""

    ui: int
    database: int
    fuzhou: int
    fujian: int
    china: int
    city: int

    @classmethod
    def from_environment(cls, given: Mapping[str, str] | None = None) -> Ports:
        """Read the ports from environment variables, with defaults.

        Raises ConfigurationError when a value is no port number or two of them are the same.
        """
        source = os.environ if given is None else given
        ports = cls(**{name: _number(source, variable, default) for name, (variable, default, _) in _VARIABLES.items()})
        seen: dict[int, str] = {}
        for name, (variable, _, what) in _VARIABLES.items():
            number = getattr(ports, name)
            if number in seen:
                raise ConfigurationError(f"端口 {number} 用了两次：{seen[number]} 和 {what}；请更换 {variable}")
            seen[number] = what
        return ports

    @classmethod
    def free(cls) -> Ports:
        """Return ports that are free now, for tests that run beside a laptop."""
        held = [_bound_anywhere() for _ in fields(cls)]
        try:
            return cls(*(held_socket.getsockname()[1] for held_socket in held))
        finally:
            for held_socket in held:
                held_socket.close()

    def lines(self) -> list[str]:
        """Return one line for each port: number, what listens there, the variable that changes it."""
        return [f"{getattr(self, name):>5}  {what} ({variable})" for name, (variable, _, what) in _VARIABLES.items()]

    def require_free(self) -> None:
        """Raise ConfigurationError naming every port that somebody else listens on, and how to choose another one."""
        taken = [name for name in _VARIABLES if not is_free(getattr(self, name))]
        if not taken:
            return
        lines = []
        for name in taken:
            variable, _, what = _VARIABLES[name]
            number = getattr(self, name)
            lines.append(
                f"端口 {number}（{what}）已被别的程序占用；"
                f"请换一个，例如 {variable}={number + 1000 if number < 64000 else number - 1000} make run"
            )
        raise ConfigurationError("\n".join(lines))


def is_free(port: int) -> bool:
    """Tell whether nobody listens on this TCP port of 127.0.0.1."""
    try:
        _bound(port).close()
    except OSError:
        return False
    return True


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that is free now, and is given to nobody who asks the system for any."""
    with _bound_anywhere() as held:
        number: int = held.getsockname()[1]
        return number


def _bound_anywhere() -> socket.socket:
    for _ in range(100):
        with contextlib.suppress(OSError):
            return _bound(_FREELY_CHOSEN.start + secrets.randbelow(len(_FREELY_CHOSEN)))
    return _bound(0)


def _bound(port: int) -> socket.socket:
    held = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind((LOOPBACK, port))
        held.listen(1)
    except OSError:
        held.close()
        raise
    return held


def _number(source: Mapping[str, str], variable: str, default: int) -> int:
    text = source.get(variable, "").strip() or str(default)
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text) <= 65535:
        raise ConfigurationError(f"{variable}={text!r} 不是端口号；请写 1 到 65535 之间的数，例如 {default}")
    return int(text)
