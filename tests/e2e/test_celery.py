"""The production shape without containers: the services of docker-compose.yaml as processes, with Celery and Redis.

Commands and settings are read from the compose file; only addresses and paths of this machine are put in their place.
Not run here: the images, networks and limits of the containers, and an object store (landing is a folder).
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from airflow_town import DAG_ID, FINISHED, AirflowTown, airflow_town, newest_due

from credit_exchange.laptop.airflow_api import AirflowApi
from credit_exchange.laptop.airflow_processes import AirflowProcesses
from credit_exchange.laptop.ports import LOOPBACK, free_port
from credit_exchange.laptop.processes import Child
from credit_exchange.laptop.settings import REPOSITORY

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(shutil.which("redis-server") is None, reason="redis-server is missing (apt install it)"),
]

FEEDS = ("fz_cgw_penalty", "fz_scjg_permit", "fz_yjj_penalty")
"""One file, one table, one HTTP service."""
SERVICES = ("api-server", "scheduler", "dag-processor", "triggerer", "worker")
ADMIN = "admin"


@pytest.fixture(scope="module")
def production() -> Iterator[AirflowTown]:
    """Redis, `docker/init.sh` and the five Airflow services, each with exactly its service's environment."""
    newest = newest_due()
    with airflow_town(feeds=FEEDS, days=1, first=newest + timedelta(days=1), until=newest) as made:
        compose = yaml.safe_load((REPOSITORY / "docker-compose.yaml").read_text(encoding="utf-8"))
        given = substitutes(made)
        common = surroundings(made)

        def environment(service: str) -> dict[str, str]:
            declared = compose["services"][service]["environment"]
            told = {name: substituted(str(value), given) for name, value in declared.items()}
            return told | common

        redis_port = urlsplit(environment("worker")["AIRFLOW__CELERY__BROKER_URL"]).port
        made.supervisor.add(
            Child(
                "redis",
                [
                    "redis-server", "--bind", LOOPBACK, "--port", str(redis_port), "--save", "",
                    "--dir", str(made.laptop.home), "--requirepass", given["REDIS_PASSWORD"],
                ],
                dict(os.environ),
                made.laptop.log("redis"),
            )
        )  # fmt: skip
        initialise(environment("init"))
        for service in SERVICES:
            command = ["airflow", *compose["services"][service]["command"]]
            program = str(Path(common["PATH"].split(os.pathsep)[0]) / "airflow")
            made.supervisor.add(
                Child(service, [program, *command[1:]], environment(service), made.laptop.log(service), restart=False)
            )
        api = AirflowApi(made.laptop.ui_url, ADMIN, given["ADMIN_PASSWORD"])
        made = replace(made, api=api, environment=environment("worker"))
        AirflowProcesses(made.laptop, made.environment, made.supervisor).wait_until_ready(240)
        assert {"redis", *SERVICES} == set(made.supervisor.names_running()), made.logs()
        yield made


def substitutes(made: AirflowTown) -> dict[str, str]:
    """What .env holds."""
    server, kept = made.server, made.laptop.secrets
    passwords = ("REDIS_PASSWORD", "ADMIN_PASSWORD", "LANDING_ACCESS_KEY", "LANDING_SECRET_KEY")
    return {name: secrets.token_urlsafe(24) for name in passwords} | {
        "ADMIN_USER": ADMIN,
        "ADMIN_EMAIL": "admin@localhost",
        "AIRFLOW_BASE_URL": made.laptop.ui_url,
        "AIRFLOW_DB_PASSWORD": urlsplit(server.url("airflow", "airflow")).password or "",
        "EXCHANGE_DB_PASSWORD": urlsplit(server.url("exchange", "exchange")).password or "",
        "AIRFLOW_FERNET_KEY": kept["fernet_key"],
        "AIRFLOW_JWT_SECRET": kept["jwt_secret"],
        "AIRFLOW_SECRET_KEY": kept["api_secret_key"],
        "CREDIT_EXCHANGE_FIRST_DATE": made.environment["CREDIT_EXCHANGE_FIRST_DATE"],
        "AIRFLOW_CONN_CREDIT_KEYS": made.environment["AIRFLOW_CONN_CREDIT_KEYS"],
        # hosts and paths of the containers, by what stands for them here
        "postgres:5432": f"{LOOPBACK}:{made.laptop.ports.database}",
        "//credit_exchange:": "//exchange:",
        "redis:6379": f"{LOOPBACK}:{free_port()}",
        "http://api-server:8080": made.laptop.ui_url,
        "/opt/airflow/dags": str(REPOSITORY / "dags"),
        "/opt/airflow/plugins": str(REPOSITORY / "plugins"),
        "/opt/airflow/run": str(made.laptop.home / "airflow"),
        "/opt/airflow/logs": str(made.laptop.home / "logs" / "tasks"),
    }


def surroundings(made: AirflowTown) -> dict[str, str]:
    """What every process gets beside the compose file: the machine's own things, connections, free ports."""
    kept = ("PATH", "PYTHONPATH", "PYTHONUNBUFFERED", "NO_PROXY", "no_proxy", "HOME", "LANG", "XDG_RUNTIME_DIR")
    names = [name for name in made.environment if name.startswith("AIRFLOW_CONN_") or name in kept]
    return {name: made.environment[name] for name in names} | {
        "CREDIT_EXCHANGE_CONFIG": made.environment["CREDIT_EXCHANGE_CONFIG"],
        "CREDIT_EXCHANGE_INBOX": made.environment["CREDIT_EXCHANGE_INBOX"],
        "CREDIT_EXCHANGE_LANDING": made.environment["CREDIT_EXCHANGE_LANDING"],
        "AIRFLOW__API__HOST": LOOPBACK,
        "AIRFLOW__API__PORT": str(made.laptop.ports.ui),
        "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_HOST": LOOPBACK,
        "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT": str(free_port()),
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port()),
    }


def substituted(text: str, given: dict[str, str]) -> str:
    """Put in what .env holds, then this machine's addresses."""
    text = re.sub(r"\$\{(\w+)(?::[?-][^}]*)?\}", lambda found: given[found[1]], text)
    for container, here in given.items():
        if "/" in container or ":" in container:
            text = text.replace(container, here)
    return text


def initialise(environment: dict[str, str]) -> None:
    """Run the init service's own script, twice: the second time changes nothing."""
    for _ in range(2):
        done = subprocess.run(
            ["bash", str(REPOSITORY / "docker" / "init.sh")],
            env=environment, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]


def test_a_night_runs_on_celery_workers(production: AirflowTown) -> None:
    key = production.town.days[0].isoformat()

    def triggered() -> str:
        known = production.rows(f"select is_paused from dag where dag_id = '{DAG_ID}'")
        return production.api.trigger(DAG_ID, key) if known else ""

    run_id = production.wait("the DAG", triggered, 300)
    production.api.unpause(DAG_ID)

    def ended() -> bool:
        assert {"redis", *SERVICES} == set(production.supervisor.names_running()), production.logs()
        return production.api.run(DAG_ID, run_id)["state"] in FINISHED

    production.wait("the night", ended, 600)
    run = production.api.run(DAG_ID, run_id)
    assert run["state"] == "success", production.complaint(run_id) + production.logs()
    batches = production.town.query("select feed, stage, rows_accepted from exchange.batch order by feed")
    assert [(batch["feed"], batch["stage"]) for batch in batches] == [(feed, "merged") for feed in FEEDS]
    assert all(batch["rows_accepted"] for batch in batches)
    here = production.town.query("select count(*) as n from report.published where platform = 'fuzhou'")[0]["n"]
    assert here == len(production.town.platforms["fuzhou"].current()) > 0
    executors = production.rows("select distinct coalesce(executor, 'default'), hostname <> '' from task_instance")
    assert executors == [("default", True)]
    # Celery's own record, written after Airflow's: every task instance went through the workers
    tasks = len(production.instances(run_id))
    recorded = "select count(*) from celery_taskmeta where status = 'SUCCESS'"
    production.wait("Celery's record", lambda: production.rows(recorded)[0][0] >= tasks, 180)


def test_every_service_is_healthy_by_its_own_check(production: AirflowTown) -> None:
    """The health checks of the compose file that are commands of Airflow and Celery, run here."""
    health = production.api.call("GET", "/api/v2/monitor/health")
    assert {part: health[part]["status"] for part in health} == {
        "metadatabase": "healthy", "scheduler": "healthy", "dag_processor": "healthy", "triggerer": "healthy",
    }  # fmt: skip
    for job in ("DagProcessorJob", "TriggererJob"):
        assert "Found one alive job" in production.airflow("jobs", "check", "--job-type", job)
    celery = Path(production.environment["PATH"].split(os.pathsep)[0]) / "celery"
    app = "airflow.providers.celery.executors.celery_executor.app"
    ping = subprocess.run(
        [str(celery), "--app", app, "inspect", "ping"],
        env=production.environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ping.returncode == 0, ping.stdout + ping.stderr
    assert "pong" in ping.stdout


def test_a_worker_does_not_hold_the_key_that_signs_tokens(production: AirflowTown) -> None:
    assert "AIRFLOW__API_AUTH__JWT_SECRET" not in production.environment


def test_a_stop_leaves_no_process(production: AirflowTown) -> None:
    production.supervisor.stop()
    left = [line for line in production.living() if "postgres" not in line]
    assert not left
