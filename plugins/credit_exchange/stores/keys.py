"""Keys that were changed by mistake are noticed here, before anything is read, merged or sent with them."""

from __future__ import annotations

from sqlalchemy import Connection, Engine

from credit_exchange.core.canonical import hmac_sm3_hex
from credit_exchange.core.crypto import Keys
from credit_exchange.errors import ConfigurationError
from credit_exchange.stores import sql
from credit_exchange.stores.database import transaction

_NAMES = {"encryption": "加密密钥", "hmac": "HMAC 密钥"}
_REPLACED = (
    "用没有给出的密钥加密的数据这里读不了）；更换过加密密钥的，密码填最新的一把，以前用过的都列在 extra 的 "
    "earlier_encryption_keys 中，新的在前；没有更换过的，请改回原来的密钥。"
)
_CHANGED = "换了密钥，每条记录都会成为新记录重复上报，已加密的数据无法读取）；请改回原来的密钥。"


def proved(engine: Engine, keys: Keys) -> Keys:
    """Return the keys when all that this database was ever written with are among them; the first ones used are its.

    A new encryption key is taken where those before it are given as well. Raises ConfigurationError otherwise: with
    another HMAC key every record would be a new one and be reported again, and what was sealed with an encryption key
    that is not given could not be read.
    """
    given = {"encryption": keys.opening, "hmac": (keys.hmac,)}
    digests = {name: [_digest(name, key) for key in some] for name, some in given.items()}
    with transaction(engine) as connection:
        known = _known(connection)
        new = {name: some[0] for name, some in digests.items() if some[0] not in known[name]}
        if new:
            connection.execute(sql.load("keys/lock"))
            known = _known(connection)  # of two that come at once the first stands
        others = [label for name, label in _NAMES.items() if not known[name].issubset(digests[name])]
        if others:
            raise ConfigurationError(
                f"连接 credit_keys：{'和'.join(others)}与本数据库一直使用的不同，因此什么也没有做（"
                f"{_REPLACED if others == [_NAMES['encryption']] else _CHANGED}"
                "新装的环境请使用新的数据库（本机试用：先 make clean）"
            )
        if new:
            connection.execute(sql.load("keys/remember"), {"names": list(new), "digests": list(new.values())})
    return keys


def _digest(name: str, key: bytes) -> str:
    return hmac_sm3_hex(key, f"credit-exchange {name} key".encode())


def _known(connection: Connection) -> dict[str, set[str]]:
    known: dict[str, set[str]] = {name: set() for name in _NAMES}
    for row in connection.execute(sql.load("keys/known")):
        known[row.name].add(row.digest)
    return known
