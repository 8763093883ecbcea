"""What an HTTP status means on every wire: what surely stored nothing, and that everything else is unknown."""

from __future__ import annotations

from credit_exchange.steps.push.dialects import forms
from credit_exchange.steps.push.dialects.base import CallResult, Kind, Refusal, Reply

_REFUSALS = {
    400: Refusal.MALFORMED,
    401: Refusal.CREDENTIALS,
    403: Refusal.NOT_ALLOWED,
    409: Refusal.SIGN_AGAIN,
    413: Refusal.TOO_LARGE,
    429: Refusal.BUSY,
}
"""The statuses that surely stored nothing; every other one but 200 is unknown (design, delivery to platforms)."""
_ASTRAY = frozenset({301, 302, 303, 307, 308, 404, 405, 410})
"""What a web server answers where no interface is: mostly the address in the Connection lacks or misspells its path."""


def http_refusal(reply: Reply) -> CallResult | None:
    """Return the refusal that an HTTP status means on every wire, or None when the status says nothing for sure."""
    refusal = _REFUSALS.get(reply.status)
    if refusal is None:
        return None
    return CallResult(
        Kind.REFUSED,
        refusal=refusal,
        code=str(reply.status),
        http_status=reply.status,
        retry_after=reply.headers.get("retry-after"),
        credentials_refused=refusal is Refusal.CREDENTIALS,
        reply=reply.body,
    )


def said(reply: bytes) -> str:
    """Return why a platform refused something, in its own words as we may keep them; HTML and the like say nothing."""
    try:
        answer = forms.read_json(reply)
    except forms.BadReply:
        return ""
    return forms.said(answer.get("message") or answer.get("msg"))


def unknown(reply: Reply, problem: str, *, code: str = "", credentials_refused: bool = False) -> CallResult:
    """Return the result of an answer from which nothing may be concluded."""
    return CallResult(
        Kind.UNKNOWN,
        code=code or str(reply.status),
        http_status=reply.status,
        credentials_refused=credentials_refused,
        reply=reply.body,
        problem=problem,
    )


def told(reply: Reply) -> str:
    """Return what a status says that means nothing for sure, and where to look when it is always the same."""
    where = "；一直这样时请核对连接的地址（host）" if reply.status in _ASTRAY else ""
    return f"平台答复 HTTP {reply.status}{where}"


def odd(reply: Reply) -> CallResult:
    """Return the result of a status that no interface promises."""
    return unknown(reply, told(reply))
