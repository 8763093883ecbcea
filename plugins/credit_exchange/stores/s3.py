"""How the landing speaks to an S3 store: every call to it ends, and what it refuses is told in words.

Its driver waits for each piece of an answer and never for the whole, tries each call five times five times over, and
remembers what it has listed: a store that takes connections and says nothing would hold a step, and the takedowns that
wait behind it, for an hour.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import fsspec

PROTOCOLS = frozenset({"s3", "s3a"})
_BLOCK_BYTES = 5 * 1024 * 1024
"""The least that S3 allows: the driver's time-out for an answer, 15 s, runs while a block is on its way."""
_CALL_SECONDS = 120.0
"""For one call with at most a block: it bounds also what comes byte by byte."""
_TRIES = 4
_ROUNDS = 2
"""The protocol's client tries each call so often, and its driver all of that again."""

_CREDENTIALS = (
    "请核对对象存储的密钥（AWS_ACCESS_KEY_ID、AWS_SECRET_ACCESS_KEY，是否过期）、它对这个桶的读写权限和本机的时钟"
)
_CLOCK = "本机与对象存储的时钟相差太多，请校准"
_NO_BUCKET = (
    "CREDIT_EXCHANGE_LANDING 所指的桶不存在：请核对桶名和对象存储的地址；确实没有了就从备份恢复，新装的请先建好"
)
_BUSY = "对象存储太忙或有故障，请查看它"
_FULL = "对象存储没有空间了，请腾出"
_REMEDIES = {
    _CLOCK: ("RequestTimeTooSkewed",),
    _NO_BUCKET: ("NoSuchBucket",),
    _BUSY: ("SlowDown", "ServiceUnavailable", "InternalError", "500", "503"),
    _FULL: ("XMinioStorageFull", "QuotaExceeded", "507"),
    _CREDENTIALS: (
        *("AccessDenied", "ExpiredToken", "InvalidAccessKeyId", "InvalidToken", "SignatureDoesNotMatch"),
        *("NoCredentialsError", "PartialCredentialsError", "400", "403"),  # a HEAD is refused by its number alone
    ),
}


def options() -> dict[str, Any]:
    """Return what the driver is opened with, beside what the machine's own fsspec settings say."""
    given = fsspec.config.apply_config(fsspec.get_filesystem_class("s3"), {})  # under whichever of its names
    config = {**(given.get("config_kwargs") or {}), "http_session_cls": _bounded()}
    config["retries"] = {"mode": "standard", "total_max_attempts": _TRIES}
    return {"config_kwargs": config, "default_block_size": _BLOCK_BYTES, "use_listings_cache": False}


def prepare(fs: Any) -> None:
    """Let the driver repeat a call less often."""
    fs.retries = _ROUNDS


def code_of(error: BaseException) -> str:
    """Return the store's own word for what it refused; "" where it gave none, or one that is no word."""
    seen: BaseException | None = error
    while seen is not None:
        response = getattr(seen, "response", None)
        if isinstance(response, dict):
            code = str(response.get("Error", {}).get("Code", ""))
            return code if code.isascii() and code.isalnum() and len(code) <= 60 else ""
        seen = seen.__cause__ or seen.__context__
    return ""


def is_replaced(error: BaseException) -> bool:
    """Tell whether an object could not be read to its end because it was written again meanwhile."""
    return code_of(error) == "PreconditionFailed"


def remedy(word: str) -> str:
    """Return what a person does about a refusal, "" where nothing better is known than to look at everything."""
    return next((told for told, words in _REMEDIES.items() if word in words), "")


def upload(fs: Any, path: str, blocks: Any) -> None:
    """Write an object, which is there with the end of its upload or not at all; of one that fails nothing stays."""
    target = fs.open(path, "wb")
    try:
        for block in blocks:
            target.write(block)
        target.close()
    except BaseException:
        target.closed = True  # else it would be finished with what came so far when it is thrown away
        target.discard()
        raise


@cache
def _bounded() -> type:
    """The client's HTTP session with an end for a whole call; made here: where the landing is a folder nobody needs it.

    Its own time-outs are those between two pieces, and none for a server that does not take what it is sent.
    """
    from aiobotocore.httpsession import AIOHTTPSession
    from aiohttp import ClientTimeout

    class Bounded(AIOHTTPSession):
        _timeout: Any

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            pieces = self._timeout
            self._timeout = ClientTimeout(
                total=_CALL_SECONDS, sock_connect=pieces.sock_connect, sock_read=pieces.sock_read
            )

    return Bounded
