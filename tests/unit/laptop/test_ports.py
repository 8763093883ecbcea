"""Ports are named, can be changed one by one, and a taken one is told with its remedy."""

from __future__ import annotations

import socket
from dataclasses import astuple, replace

import pytest

from credit_exchange.errors import ConfigurationError
from credit_exchange.laptop.ports import Ports, free_port, is_free


def test_defaults_and_variables() -> None:
    ports = Ports.from_environment({"CREDIT_EXCHANGE_PORT": "9090"})
    assert ports.ui == 9090
    assert len(set(ports.__getstate__())) == 6  # type: ignore[attr-defined]


@pytest.mark.parametrize("value", ["0", "65536", "-1", "http", "80 80", "٨٠"])
def test_a_value_that_is_no_port_is_refused_with_its_variable(value: str) -> None:
    with pytest.raises(ConfigurationError, match="CREDIT_EXCHANGE_CITY_PORT"):
        Ports.from_environment({"CREDIT_EXCHANGE_CITY_PORT": value})


def test_one_port_asked_for_twice_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="用了两次"):
        Ports.from_environment({"CREDIT_EXCHANGE_PORT": "18101"})


def test_a_taken_port_is_named_with_the_variable_that_changes_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        assert not is_free(number)
        with pytest.raises(ConfigurationError, match=rf"端口 {number}（.*占用(.|\n)*CREDIT_EXCHANGE_CHINA_PORT="):
            replace(Ports.free(), china=number).require_free()


def test_free_ports_are_all_different_and_none_is_given_to_others_before_it_is_used() -> None:
    ports = Ports.free()
    ports.require_free()
    assert len(set(astuple(ports))) == 6
    assert max(*astuple(ports), free_port()) < 32_768, "Linux begins there with those that it gives to anybody"
