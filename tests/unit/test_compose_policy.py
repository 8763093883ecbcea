"""docker-compose.yaml keeps its promises. It is read here, never started: no container engine is needed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docker-compose.yaml").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load(TEXT)
SERVICES: dict[str, Any] = COMPOSE["services"]
AIRFLOW = ("init", "api-server", "scheduler", "dag-processor", "triggerer", "worker", "watchdog")
each = pytest.mark.parametrize("name", SERVICES)


def test_every_part_of_the_production_shape_is_there() -> None:
    assert set(SERVICES) == {*AIRFLOW, "postgres", "redis", "objects"}


@each
def test_images_have_an_exact_tag_and_a_digest_from_the_environment(name: str) -> None:
    image = SERVICES[name]["image"]
    if name in AIRFLOW:
        assert image == "credit-exchange:1.0.0"
    else:
        assert re.match(r"^[a-z/]+:\d+\.\d+(\.\d+)?(-[a-z]+)?@\$\{[A-Z]+_DIGEST:\?", image), image


def test_our_image_is_built_once_and_never_looked_for_elsewhere() -> None:
    """Compose builds side by side: of seven services that build one tag, all but the first fail ("already exists")."""
    building = [name for name, service in SERVICES.items() if "build" in service]
    assert building == ["init"], "everything else waits for it"
    assert SERVICES["init"]["build"]["args"]["AIRFLOW_DIGEST"].startswith("${AIRFLOW_DIGEST:?")
    assert {name for name in AIRFLOW if SERVICES[name].get("pull_policy") == "never"} == {*AIRFLOW} - {"init"}


def test_the_image_holds_the_lock_and_nothing_that_contradicts_it() -> None:
    """The official image brings packages whose needs the lock breaks: beside them `pip check` fails."""
    text = (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8")
    wanted = ('venv --clear "${VIRTUAL_ENV:?}"', "pip install --require-hashes", "pip check")
    places = [text.index(step) for step in wanted]
    assert places == sorted(places)


def test_the_image_is_the_official_one_of_the_locked_version() -> None:
    text = (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8")
    [line] = re.findall(r"^FROM (.*)$", text, re.MULTILINE)
    assert line == "apache/airflow:3.3.2-python3.12@${AIRFLOW_DIGEST}"
    assert "--require-hashes" in text
    assert "USER root" not in text
    assert "\napache-airflow==3.3.2" in (ROOT / "requirements.in").read_text(encoding="utf-8")


def test_the_builder_gets_what_the_image_is_made_of_and_nothing_else() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    copied = re.findall(r"^COPY \S+ (\S+) ", (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert rules == ["*", *sorted(f"!{name}" for name in copied), "**/__pycache__"]


def test_no_task_waits_in_the_broker_for_a_place() -> None:
    """There it counts as stuck: after three times ten minutes, behind eight long drains, Airflow fails it for ever. And
    the broker knows no priority: what tells alerts would wait behind hundreds of a night's tasks."""
    environment = COMPOSE["x-environment"]
    assert environment["AIRFLOW__CORE__PARALLELISM"] == environment["AIRFLOW__CELERY__WORKER_CONCURRENCY"]


def test_the_proxy_is_believed_when_it_says_that_a_browser_came_by_https() -> None:
    """Else Airflow takes every login for one by HTTP and sets a cookie that a browser sends unencrypted as well."""
    service = SERVICES["api-server"]
    assert "--proxy-headers" in service["command"]
    assert service["environment"]["FORWARDED_ALLOW_IPS"] == "*"
    assert service["environment"]["AIRFLOW__FAB__COOKIE_SECURE"] == "True", "the user pages' session"
    assert all(port.startswith("127.0.0.1:") for port in service["ports"]), "only the proxy comes in"


@each
def test_a_service_is_confined(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["tmpfs"]
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["pids_limit"] > 0
    assert service["ulimits"]["core"] == 0, "a core file holds keys and personal data"
    assert service["init"] is True
    assert re.fullmatch(r"[1-9]\d*:\d+", service["user"]), "not root"
    limits = service["deploy"]["resources"]["limits"]
    assert float(limits["cpus"]) > 0
    assert limits["memory"]
    assert service["logging"]["options"]["max-size"]
    assert service["stop_grace_period"]
    assert "network_mode" not in service
    assert not any("docker.sock" in str(volume) for volume in service.get("volumes", []))


@each
def test_a_service_is_watched_and_comes_back(name: str) -> None:
    service = SERVICES[name]
    assert service["restart"] == ("no" if name == "init" else "always")
    check = service["healthcheck"]
    assert check["test"][0] in ("CMD", "CMD-SHELL")
    assert check["interval"]
    assert check["timeout"]
    assert check["retries"]
    assert "disable" not in check


@each
def test_nothing_starts_before_what_it_needs_is_healthy(name: str) -> None:
    for needed, how in SERVICES[name].get("depends_on", {}).items():
        expected = "service_completed_successfully" if needed == "init" else "service_healthy"
        assert how == {"condition": expected}


def test_no_password_has_a_default_and_every_secret_comes_from_the_environment() -> None:
    optional = {"AIRFLOW_CONN_CREDIT_SMTP", "AIRFLOW_CONN_CREDIT_WEBHOOK"}
    for name, rest in re.findall(r"(?<!\$)\$\{([A-Z_]+)([^}]*)\}", TEXT):
        assert rest.startswith(":?") or (name in optional and rest == ":-"), f"{name} must be demanded"
    for service in SERVICES.values():
        for key, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|SECRET|_KEY$|FERNET|KEYS", key):
                assert "${" in str(value), key
    assert "airflow:airflow" not in TEXT


def test_the_example_names_every_variable_and_gives_no_value() -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    given = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    used = {name for name, _ in re.findall(r"(?<!\$)\$\{([A-Z_]+)([^}]*)\}", TEXT)}
    assert set(given) == used
    assert set(given.values()) == {""}


def test_logins_are_real_and_signing_keys_are_only_where_tokens_are_made() -> None:
    for name in AIRFLOW:
        environment = SERVICES[name]["environment"]
        assert ("AIRFLOW__API_AUTH__JWT_SECRET" in environment) == (name in ("api-server", "scheduler"))
        if name == "watchdog":
            assert not any(key.startswith("AIRFLOW__DATABASE") for key in environment)
            continue
        assert environment["AIRFLOW__CORE__AUTH_MANAGER"].endswith("FabAuthManager")
        assert environment["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor"
        assert environment["AIRFLOW__CORE__LOAD_EXAMPLES"] == "False"
        assert environment["AIRFLOW__API__ENABLE_SWAGGER_UI"] == "False"
        assert environment["AIRFLOW__API__EXPOSE_CONFIG"] == "False"
        assert environment["AIRFLOW__CORE__DAG_RUN_CONF_OVERRIDES_PARAMS"] == "False"
        assert int(environment["AIRFLOW__WORKERS__MAX_FAILED_HEARTBEATS"]) >= 20
        assert environment["AIRFLOW__DATABASE__EXTERNAL_DB_MANAGERS"].endswith(".ExchangeDBManager")
        assert environment["AIRFLOW_CONN_CREDIT_KEYS"]


def test_networks_are_split_and_only_those_that_must_reach_outside() -> None:
    inner = {name for name, options in COMPOSE["networks"].items() if options.get("internal")}
    assert inner == {"control", "database", "broker", "store"}
    outside = {name for name, service in SERVICES.items() if set(service["networks"]) - inner}
    assert outside == {"api-server", "worker", "triggerer", "watchdog"}
    assert {name for name, service in SERVICES.items() if "ports" in service} == {"api-server"}
    assert SERVICES["api-server"]["ports"] == ["127.0.0.1:8080:8080"]
    for store in ("postgres", "redis", "objects"):
        assert len(SERVICES[store]["networks"]) == 1


def test_a_store_is_ready_only_when_its_clients_can_come_and_hears_the_signal_to_stop() -> None:
    """A first PostgreSQL answers on its socket while roles are being made; in a pipe Redis would be killed unasked."""
    assert "pg_isready -h 127.0.0.1 " in SERVICES["postgres"]["healthcheck"]["test"][1]
    script = SERVICES["redis"]["command"][-1]
    assert "exec redis-server " in script
    assert "|" not in script


def test_the_database_is_sized_for_a_bulk_night_as_the_laptop_is() -> None:
    """The defaults of PostgreSQL are a small machine's: 128 MB of cache, a checkpoint a gigabyte."""
    given = {word.split("=")[0] for word in SERVICES["postgres"]["command"] if "=" in word}
    assert {"shared_buffers", "max_wal_size", "checkpoint_timeout"} <= given


def test_an_inbox_that_is_not_there_is_not_made_by_docker() -> None:
    """An empty directory in the place of one that was misspelt or not mounted would say that nobody delivered."""
    (inbox,) = (volume for volume in SERVICES["worker"]["volumes"] if "/inbox" in str(volume))
    assert inbox["type"] == "bind"
    assert inbox["target"] == COMPOSE["x-exchange"]["CREDIT_EXCHANGE_INBOX"]
    assert inbox["read_only"] is True
    assert inbox["bind"] == {"create_host_path": False}


def test_the_reports_role_can_only_read() -> None:
    text = (ROOT / "docker" / "initdb" / "10_roles.sh").read_text(encoding="utf-8")
    assert "create role credit_report login" in text
    assert "alter role credit_report set default_transaction_read_only = on" in text
    assert "revoke all on database exchange from public" in text
    assert not re.search(r"grant (all|insert|update|delete|create)[^;]* to credit_report", text)
    for role in ("airflow", "credit_exchange", "credit_report"):
        assert f"create role {role} login password :'" in text
