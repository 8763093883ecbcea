"""What Airflow makes of our settings, the laptop's and the compose file's: a misspelt one it passes over in silence."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow_local_settings import _SHARED

from credit_exchange.laptop.postgres import EmbeddedPostgres
from credit_exchange.laptop.settings import Laptop

REPOSITORY = Path(__file__).resolve().parents[2]
ASK = """
import json, os, re, sys
from airflow.configuration import conf
conf.load_providers_configuration()
import airflow_local_settings  # as every process of Airflow does at its start, by this name
from airflow._shared.secrets_masker import redact  # what the page and the API show of a connection's extra
named = [m for m in (re.fullmatch(r"AIRFLOW__([A-Z_]+?)__([A-Z_]+)", name) for name in os.environ) if m]
options = {(m[1].lower(), m[2].lower()) for m in named}
known = conf.configuration_description
print(json.dumps({
    "unknown": sorted(f"{s}.{o}" for s, o in options if o not in known.get(s, {}).get("options", {})),
    "in_force": {f"{s}.{o}": conf.get(s, o, fallback=None) for s in known for o in known[s]["options"]},
    "shown": redact({"hmac_key": "an HMAC key", "earlier_encryption_keys": ["an earlier key"]}),
    "shared": [name for name in airflow_local_settings._SHARED if name in sys.modules],
}))
"""
"""Asked of Airflow in a process of its own: settings, and the heavy modules that its workers share."""

EVERYWHERE = {
    "api.enable_swagger_ui": "False",
    "api.expose_config": "False",
    "api.expose_stacktrace": "False",
    "core.allowed_deserialization_classes": "airflow.*",
    "core.dag_run_conf_overrides_params": "False",
    "core.default_task_execution_timeout": "3600",
    "core.load_examples": "False",
    "core.test_connection": "Disabled",
    "database.external_db_managers": "credit_exchange.adapters.db_manager.ExchangeDBManager",
    "database.sql_alchemy_pool_pre_ping": "True",
    "logging.file_task_handler_new_file_permissions": "0o600",
    "logging.file_task_handler_new_folder_permissions": "0o700",
    "scheduler.create_cron_data_intervals": "False",
    "scheduler.task_instance_heartbeat_timeout": "300",
    "scheduler.use_row_level_locking": "True",
    # a restart of the API server kills no task that is pushing; a worker is free as soon as its task has ended
    "workers.max_failed_heartbeats": "20",
    "workers.min_heartbeat_interval": "1",
}
LAPTOP = {
    "api.host": "127.0.0.1",
    "core.executor": "LocalExecutor",
    "core.simple_auth_manager_all_admins": "False",
    "core.simple_auth_manager_users": "operator:admin,reviewer:user,viewer:viewer",
    "scheduler.enable_health_check": "False",
}
PRODUCTION = {
    "core.auth_manager": "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
    "core.dags_are_paused_at_creation": "True",
    "core.executor": "CeleryExecutor",
    "scheduler.enable_health_check": "True",
    "scheduler.scheduler_health_check_server_host": "127.0.0.1",
}


def laptop(home: Path, server: EmbeddedPostgres) -> dict[str, str]:
    """The environment of every process of the laptop; the server of the tests stands for its own."""
    for role in ("airflow", "exchange", "front"):
        server.create_role(role)
    made = Laptop.of(home)
    made.write_credentials()
    return made.environment(server)


def production(service: str) -> dict[str, str]:
    """The environment of a service, with something in the place of what .env holds."""
    compose = yaml.safe_load((REPOSITORY / "docker-compose.yaml").read_text(encoding="utf-8"))
    given = {name: str(value) for name, value in compose["services"][service]["environment"].items()}
    filled = {name: re.sub(r"\$\{\w+:[?-][^}]*\}", "x" * 64, value) for name, value in given.items()}
    [path] = re.findall(r"^ENV PYTHONPATH=(\S+)", (REPOSITORY / "docker/Dockerfile").read_text(encoding="utf-8"), re.M)
    here = path.replace("/opt/airflow", str(REPOSITORY))
    return {"PATH": os.environ["PATH"], "PYTHONPATH": here} | filled


def asked(environment: dict[str, str], home: Path, *, forks: bool) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", ASK, "scheduler" if forks else "api-server"],
        env=environment | {"AIRFLOW_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("where", ["laptop", "scheduler"])
def test_airflow_knows_every_setting_and_what_matters_is_in_force(
    where: str, tmp_path: Path, pg_server: EmbeddedPostgres
) -> None:
    environment = laptop(tmp_path / "home", pg_server) if where == "laptop" else production(where)
    found = asked(environment, tmp_path, forks=where == "scheduler")
    assert found["unknown"] == []
    wanted = EVERYWHERE | (LAPTOP if where == "laptop" else PRODUCTION)
    assert {name: found["in_force"][name] for name in wanted} == wanted
    assert found["shown"] == {"hmac_key": "***", "earlier_encryption_keys": ["***"]}
    # the first call of the execution API takes seconds, and a token must outlast any restart of it
    assert float(found["in_force"]["workers.execution_api_timeout"]) >= 15
    assert int(found["in_force"]["execution_api.jwt_expiration_time"]) >= 3600
    if where == "scheduler":
        assert int(found["in_force"]["api_auth.jwt_expiration_time"]) <= 3600, "of a person's token"
        assert found["shared"] == list(_SHARED), "imported before workers are forked, so that each task need not"
