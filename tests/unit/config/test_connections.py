"""A connection that cannot be read is told by its variable, never by what stands in it."""

from __future__ import annotations

import pytest

from credit_exchange.config.connections import from_environment
from credit_exchange.errors import ConfigurationError


@pytest.mark.parametrize(
    "value",
    ["{secret", '{"extra": [1]}', '{"port": "secret"}', "http://h:secret/p", "http://x:se[cret@h/p",
     "http://h/p?__extra__=%7Bsecret", "http://h/p?__extra__=%5B1%5D"],
)  # fmt: skip
def test_what_is_no_connection_is_told_without_its_text(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_CREDIT_X", value)
    with pytest.raises(ConfigurationError, match=r"AIRFLOW_CONN_CREDIT_X 无法读取为连接.*请更正") as error:
        from_environment("credit_x")
    assert "secret" not in str(error.value)
    assert error.value.__suppress_context__


def test_what_stands_in_a_uri_is_unquoted_and_its_extras_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "AIRFLOW_CONN_CREDIT_X", "https://a%40b:c%5Bd@h:8443/p/?__extra__=%7B%22hmac_key%22%3A%20%22k%22%7D"
    )
    found = from_environment("credit_x")
    assert (found.base_url, found.login, found.password) == ("https://h:8443/p", "a@b", "c[d")
    assert found.extra == {"hmac_key": "k"}
