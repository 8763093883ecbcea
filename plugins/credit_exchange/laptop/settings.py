"""The laptop's home directory: where things are, its secrets (made once), and the environment every child gets."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import secrets
import sys
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from credit_exchange.core import business_time
from credit_exchange.laptop.placement import write_private
from credit_exchange.laptop.ports import LOOPBACK, Ports
from credit_exchange.laptop.postgres import EmbeddedPostgres

REPOSITORY = Path(__file__).resolve().parents[3]
USERS = {"operator": "admin", "reviewer": "user", "viewer": "viewer"}
"""Users of the laptop and their roles in Airflow's simple auth manager."""

PLATFORM_PATHS = {"fuzhou": "/xyfz", "fujian": "/xyfj", "china": "/xyzg"}
"""Base path of each sandbox platform, in the order in which they are started."""

DATABASES = {"airflow": "airflow", "exchange": "exchange", "front": "front"}
"""Database: the role that owns it. `front` plays a department's front database."""

FEED_DATABASE_CONNECTION = "city_front_database"
FEED_HTTP_CONNECTION = "city_http"


def chosen_home() -> Path:
    """Return CREDIT_EXCHANGE_HOME, else .run/ in the clone."""
    return Path(os.environ.get("CREDIT_EXCHANGE_HOME", "").strip() or REPOSITORY / ".run").absolute()


@dataclass(frozen=True)
class Laptop:
    """One home directory with its ports; everything below is derived from these two."""

    home: Path
    ports: Ports

    @classmethod
    def of(cls, home: Path | None = None, ports: Ports | None = None) -> Laptop:
        """Return the laptop of a home (default: CREDIT_EXCHANGE_HOME, else .run/ in the clone); makes the directories.

        Raises ConfigurationError when a port variable is wrong.
        """
        chosen = (home or chosen_home()).absolute()
        laptop = cls(chosen, ports or Ports.from_environment())
        # root's server process must pass through; a user's own home stays closed. Secrets are in 0600 files either way.
        mode = 0o711 if os.geteuid() == 0 else 0o700
        if not chosen.exists():
            chosen.mkdir(parents=True)
            chosen.chmod(mode)
        for name in ("airflow", "landing", "inbox", "city", "platforms", "logs", "runtime"):
            (chosen / name).mkdir(mode=0o700, exist_ok=True)
        return laptop

    @property
    def ui_url(self) -> str:
        """Base URL of the Airflow UI."""
        return f"http://{LOOPBACK}:{self.ports.ui}"

    @property
    def passwords_file(self) -> Path:
        """The users' passwords, in the form of Airflow's simple auth manager; mode 0600."""
        return self.home / "users.json"

    @property
    def credentials_file(self) -> Path:
        """What the sandbox platforms accept, by platform; mode 0600."""
        return self.home / "platform-credentials.json"

    @property
    def lock_file(self) -> Path:
        """Locked while a launcher of this home runs; holds its pid and its ports."""
        return self.home / "launcher.lock"

    def running(self) -> tuple[int, Laptop] | None:
        """Return the pid of the launcher that runs on this home, and the laptop with the ports it was started with."""
        if not self.lock_file.exists():
            return None
        with self.lock_file.open("r+", encoding="ascii") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pid, _, ports = lock.read().partition("\n")
                return (int(pid), replace(self, ports=Ports(**json.loads(ports)))) if ports else None
            return None

    @property
    def record_file(self) -> Path:
        """The children of the running launcher."""
        return self.home / "processes.json"

    def log(self, name: str) -> Path:
        """Return the log file of a child."""
        return self.home / "logs" / f"{name}.log"

    @cached_property
    def secrets(self) -> dict[str, str]:
        """The laptop's secrets, made at the first use and kept: without them stored data cannot be read again."""
        file = self.home / "secrets.json"
        kept: dict[str, str] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        fresh = {
            "fernet_key": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode("ascii"),
            **{
                name: secrets.token_urlsafe(48)
                for name in ("jwt_secret", "api_secret_key", "encryption_key", "hmac_key", "city_token")
            },
            **{f"{platform}_secret": secrets.token_urlsafe(24) for platform in PLATFORM_PATHS},
        }
        if fresh.keys() - kept.keys():
            kept = fresh | kept
            write_private(file, json.dumps(kept, indent=1))
        return kept

    def write_credentials(self) -> None:
        """Write the users' passwords (once) and what the sandbox platforms accept, in files only the owner may read."""
        if not self.passwords_file.exists():
            passwords = {user: secrets.token_urlsafe(12) for user in USERS}
            write_private(self.passwords_file, json.dumps(passwords) + "\n")
        accepted = {
            "fuzhou": {"app_key": "sandbox-fuzhou", "app_secret": self.secrets["fuzhou_secret"]},
            "fujian": {"client_id": "sandbox-fujian", "client_secret": self.secrets["fujian_secret"]},
            "china": {"token": self.secrets["china_secret"]},
        }
        write_private(self.credentials_file, json.dumps(accepted, indent=1))

    def password(self, user: str) -> str:
        """Return a user's password."""
        passwords: dict[str, str] = json.loads(self.passwords_file.read_text(encoding="utf-8"))
        return passwords[user]

    def server(self, *, durable: bool = True) -> EmbeddedPostgres:
        """Return the laptop's PostgreSQL server (not started)."""
        return EmbeddedPostgres(self.home / "postgres", self.ports.database, durable=durable)

    def start_server(self) -> EmbeddedPostgres:
        """Start PostgreSQL and make the roles and databases that are missing; the caller stops it."""
        server = self.server()
        server.start()
        try:
            for database, role in DATABASES.items():
                server.create_role(role, may_create_roles=database == "exchange")
                server.create_database(database, owner=role)
        except BaseException:
            server.stop()
            raise
        return server

    def environment(self, server: EmbeddedPostgres) -> dict[str, str]:
        """Return the environment of every child. The server must have run once: its passwords are part of it."""
        child = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "_AIRFLOW"))}
        # every start would compile everything again, which costs more than the start itself
        child.pop("PYTHONDONTWRITEBYTECODE", None)
        programs = Path(sys.executable).parent
        paths = [REPOSITORY / "plugins", REPOSITORY / "config", REPOSITORY / "include" / "sandbox"]
        # the scheduled nights begin tonight; the night before is started by hand when the laptop starts
        child.setdefault("CREDIT_EXCHANGE_FIRST_DATE", business_time.today().isoformat())
        # nobody waits two minutes in front of a terminal for the second try
        child.setdefault("CREDIT_EXCHANGE_RETRY_SECONDS", "5")
        child |= {
            "PATH": f"{programs}{os.pathsep}{child.get('PATH', os.defpath)}",
            "PYTHONPATH": os.pathsep.join(map(str, paths)),
            "PYTHONUNBUFFERED": "1",
            "PYTHONUTF8": "1",
            "XDG_RUNTIME_DIR": str(self.home / "runtime"),
            "NO_PROXY": f"{LOOPBACK},localhost",
            "no_proxy": f"{LOOPBACK},localhost",
            "GX_ANALYTICS_ENABLED": "False",
            "CREDIT_EXCHANGE_HOME": str(self.home),
            "CREDIT_EXCHANGE_DATABASE_URL": server.url("exchange", DATABASES["exchange"]),
            "CREDIT_EXCHANGE_LANDING": os.environ.get("CREDIT_EXCHANGE_LANDING") or (self.home / "landing").as_uri(),
            "CREDIT_EXCHANGE_INBOX": os.environ.get("CREDIT_EXCHANGE_INBOX") or str(self.home / "inbox"),
        }
        return child | self._connections(server) | self._airflow(server)

    def _connections(self, server: EmbeddedPostgres) -> dict[str, str]:
        accounts = {
            "fuzhou": ("sandbox-fuzhou", self.ports.fuzhou),
            "fujian": ("sandbox-fujian", self.ports.fujian),
            "china": ("", self.ports.china),
        }
        connections = {
            f"credit_{platform}": {
                "conn_type": "http",
                "host": f"http://{LOOPBACK}:{port}{PLATFORM_PATHS[platform]}",
                "login": login,
                "password": self.secrets[f"{platform}_secret"],
            }
            for platform, (login, port) in accounts.items()
        }
        connections["credit_keys"] = {
            "conn_type": "generic",
            "password": self.secrets["encryption_key"],
            "extra": json.dumps({"hmac_key": self.secrets["hmac_key"]}),
        }
        connections[FEED_HTTP_CONNECTION] = {
            "conn_type": "http",
            "host": f"http://{LOOPBACK}:{self.ports.city}",
            "password": self.secrets["city_token"],
        }
        variables = {f"AIRFLOW_CONN_{name.upper()}": json.dumps(value) for name, value in connections.items()}
        variables[f"AIRFLOW_CONN_{FEED_DATABASE_CONNECTION.upper()}"] = server.url("front", DATABASES["front"])
        # a real address given from outside wins, e.g. to try one real feed against the sandbox platforms
        given = {name: value for name, value in os.environ.items() if name.startswith("AIRFLOW_CONN_")}
        return variables | given

    def _airflow(self, server: EmbeddedPostgres) -> dict[str, str]:
        options: dict[str, dict[str, object]] = {
            "core": {
                "dags_folder": REPOSITORY / "dags",
                "plugins_folder": REPOSITORY / "plugins",
                "load_examples": False,
                "executor": "LocalExecutor",
                "parallelism": 8,
                "dags_are_paused_at_creation": False,
                "default_timezone": "Asia/Shanghai",
                "fernet_key": self.secrets["fernet_key"],
                "simple_auth_manager_users": ",".join(f"{user}:{role}" for user, role in USERS.items()),
                "simple_auth_manager_passwords_file": self.passwords_file,
                "dag_run_conf_overrides_params": False,
                "sensitive_var_conn_names": "hmac_key,encryption_key",
                "default_task_execution_timeout": 3600,
                "max_active_runs_per_dag": 1,
            },
            "api": {
                "host": LOOPBACK,
                "port": self.ports.ui,
                "base_url": self.ui_url,
                "secret_key": self.secrets["api_secret_key"],
                "enable_swagger_ui": False,
                "expose_config": False,
                "expose_stacktrace": False,
                "instance_name": "福州信用信息交换",
            },
            "api_auth": {"jwt_secret": self.secrets["jwt_secret"], "jwt_expiration_time": 28800},
            "database": {
                "sql_alchemy_conn": server.url("airflow", DATABASES["airflow"], driver="psycopg2"),
                "sql_alchemy_pool_pre_ping": True,
                "external_db_managers": "credit_exchange.adapters.db_manager.ExchangeDBManager",
            },
            # one beat a second lets a worker go at once when its task ends; twenty misses survive an API restart
            "workers": {"min_heartbeat_interval": 1, "max_failed_heartbeats": 20, "execution_api_timeout": 60},
            # a heartbeat's answer renews the token when a fifth of its life is left: a task may take longer than it
            "execution_api": {"jwt_expiration_time": 3600},
            "scheduler": {
                "scheduler_idle_sleep_time": 0.1,
                "enable_health_check": False,
                "create_cron_data_intervals": False,
                "task_instance_heartbeat_timeout": 300,
            },
            "dag_processor": {"refresh_interval": 15, "min_file_process_interval": 15},
            "logging": {
                "base_log_folder": self.home / "logs" / "tasks",
                "logging_level": "INFO",
                # 0600 files in 0700 directories: nobody else on this machine reads task logs
                "file_task_handler_new_folder_permissions": "0o700",
                "file_task_handler_new_file_permissions": "0o600",
            },
        }
        variables = {
            f"AIRFLOW__{section.upper()}__{name.upper()}": str(value)
            for section, values in options.items()
            for name, value in values.items()
        }
        given = {name: value for name, value in os.environ.items() if name.startswith("AIRFLOW__")}
        return variables | {"AIRFLOW_HOME": str(self.home / "airflow")} | given
