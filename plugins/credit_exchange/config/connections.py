"""Connections: where a platform, a feed's database or a key is. The same names as Airflow's Connections.

Outside of Airflow they are read from `AIRFLOW_CONN_<ID>` (a URI or JSON, as Airflow reads them); inside, the Airflow
adapter hands in a resolver that also knows the metadata database and secret back ends.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from credit_exchange.core.crypto import Keys
from credit_exchange.errors import ConfigurationError


@dataclass(frozen=True)
class Connection:
    """One outside address with its credentials. `repr` never shows the secrets."""

    conn_id: str
    conn_type: str = ""
    host: str = ""
    login: str = ""
    password: str = field(default="", repr=False)
    schema: str = ""
    port: int | None = None
    extra: dict[str, Any] = field(default_factory=dict, repr=False)
    uri: str = field(default="", repr=False)

    @property
    def base_url(self) -> str:
        """The base URL with its path and without a trailing slash. Raises ConfigurationError when there is none."""
        url = self.host.strip().rstrip("/")
        if not url.startswith(("http://", "https://")):
            scheme = str(self.extra.get("scheme") or (self.schema if self.schema in ("http", "https") else "https"))
            url = f"{scheme}://{url}" + (f":{self.port}" if self.port and ":" not in url.split("/")[0] else "")
        if not urlsplit(url).hostname:
            raise ConfigurationError(f"连接 {self.conn_id}：host 应为基础地址，例如 https://host/path；请更正")
        return url


Resolver = Callable[[str], Connection]


def from_environment(conn_id: str) -> Connection:
    """Return the connection of `AIRFLOW_CONN_<ID>`.

    Raises ConfigurationError when it is not set or cannot be read; the message names the variable, never its value.
    """
    variable = f"AIRFLOW_CONN_{conn_id.upper()}"
    value = os.environ.get(variable, "").strip()
    if not value:
        raise ConfigurationError(f"没有定义连接 {conn_id}；请设置 {variable} 或在 Airflow 中添加")
    try:
        return _from_json(conn_id, value) if value.startswith("{") else _from_uri(conn_id, value)
    except (ValueError, TypeError, AttributeError):
        raise ConfigurationError(
            f"{variable} 无法读取为连接：应为 JSON，或 URI（端口为数字，特殊字符写成 %XX）；请更正"
        ) from None


def _from_json(conn_id: str, value: str) -> Connection:
    given = json.loads(value)
    extra = given.get("extra") or {}
    if isinstance(extra, str):
        extra = json.loads(extra)
    port = given.get("port")
    return Connection(
        conn_id=conn_id,
        conn_type=str(given.get("conn_type") or ""),
        host=str(given.get("host") or ""),
        login=str(given.get("login") or ""),
        password=str(given.get("password") or ""),
        schema=str(given.get("schema") or ""),
        port=int(port) if port not in (None, "") else None,
        extra=dict(extra),
        uri=str(given.get("uri") or extra.get("url") or ""),
    )


def _from_uri(conn_id: str, value: str) -> Connection:
    parts = urlsplit(value)
    query = dict(parse_qsl(parts.query))
    extra = dict(json.loads(query.pop("__extra__"))) if "__extra__" in query else query
    port = parts.port
    host = unquote(parts.hostname or "")
    if parts.scheme in ("http", "https") and host and "://" not in host:
        host = f"{parts.scheme}://{host}" + (f":{port}" if port else "") + parts.path.rstrip("/")
    return Connection(
        conn_id=conn_id,
        conn_type=parts.scheme,
        host=host,
        login=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        schema=unquote(parts.path.lstrip("/")),
        port=port,
        extra=extra,
        uri=value,
    )


def keys_of(connection: Connection) -> Keys:
    """Return the encryption and HMAC keys of the connection `credit_keys`.

    Encryption key: password; those that it replaced, a list: extra `earlier_encryption_keys`. HMAC key: extra
    `hmac_key` (or login). Raises ConfigurationError when one is missing or too short.
    """
    encryption = str(connection.extra.get("encryption_key") or connection.password)
    hmac_key = str(connection.extra.get("hmac_key") or connection.login)
    if not encryption or not hmac_key:
        raise ConfigurationError(
            "连接 credit_keys：请在 password 中填写加密密钥，在 extra 的 hmac_key（或 login）中填写 HMAC 密钥"
        )
    earlier = connection.extra.get("earlier_encryption_keys") or []
    if not isinstance(earlier, list) or not all(isinstance(one, str) for one in earlier):
        raise ConfigurationError('连接 credit_keys：extra 的 earlier_encryption_keys 应为列表，如 ["…", "…"]')
    return Keys.derive(encryption, hmac_key, earlier)
