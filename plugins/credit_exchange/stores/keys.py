"""Keys that were changed by mistake are noticed here, before anything is read, merged or sent with them."""

from __future__ import annotations

from sqlalchemy import Connection, Engine

from credit_exchange.core.canonical import hmac_sm3_hex
from credit_exchange.core.crypto import Keys
from credit_exchange.errors import ConfigurationError
from credit_exchange.stores import sql
from credit_exchange.stores.database import transaction

_NAMES = {"encryption": "加密密钥", "hmac": "HMAC 密钥"}


def proved(engine: Engine, keys: Keys) -> Keys:
    """Return the keys when they are those that this database is written with; the first ones ever used become those.

    Raises ConfigurationError for others: with another HMAC key every record would be a new one and be reported again,
    with another encryption key nothing stored could be read.
    """
    digests = {name: hmac_sm3_hex(getattr(keys, name), f"credit-exchange {name} key".encode()) for name in _NAMES}
    with transaction(engine) as connection:
        known = _known(connection)
        if len(known) < len(digests):
            connection.execute(sql.load("keys/remember"), digests)
            known = _known(connection)
    others = [label for name, label in _NAMES.items() if known[name] != digests[name]]
    if others:
        raise ConfigurationError(
            f"连接 credit_keys：{'和'.join(others)}与本数据库一直使用的不同，因此什么也没有做（换了密钥，"
            "每条记录都会成为新记录重复上报，已加密的数据无法读取）；请改回原来的密钥。"
            "新装的环境请使用新的数据库（本机试用：先 make clean）"
        )
    return keys


def _known(connection: Connection) -> dict[str, str]:
    return {row.name: row.digest for row in connection.execute(sql.load("keys/known"))}
