"""Connections from Airflow (metadata database, secret back ends, environment), in the exchange's own form."""

from __future__ import annotations

import json
import os
from importlib.util import find_spec
from pathlib import Path

from credit_exchange.config.connections import Connection, from_environment
from credit_exchange.errors import ConfigurationError, RetriableError


def resolve(conn_id: str) -> Connection:
    """Return the connection of this id.

    `AIRFLOW_CONN_<ID>` is read by our own reader, so that one setting means the same with and without Airflow;
    everything else comes from Airflow. Raises ConfigurationError when nobody knows the id, RetriableError when Airflow
    cannot say.
    """
    if os.environ.get(f"AIRFLOW_CONN_{conn_id.upper()}", "").strip():
        return from_environment(conn_id)
    from airflow.sdk import Connection as AirflowConnection
    from airflow.sdk.exceptions import AirflowNotFoundException, AirflowRuntimeError

    missing, failed = False, ""
    try:
        found = AirflowConnection.get(conn_id)
    except AirflowNotFoundException:
        missing = True
    except AirflowRuntimeError as error:
        failed = type(error).__name__
    if missing:
        raise ConfigurationError(
            f"没有定义连接 {conn_id}；请在 Airflow（Admin → Connections）中添加，或设置 AIRFLOW_CONN_{conn_id.upper()}"
        )
    if failed:
        raise RetriableError(f"连接 {conn_id}：Airflow 的 API 服务没有给出（{failed}）；请稍后重新运行")
    return translate(conn_id, found)


def resolve_by_command(conn_id: str) -> Connection:
    """Return the connection of this id for a command, which is no task: what Airflow's own commands would find.

    `AIRFLOW_CONN_<ID>` first, so that a command that has all of them needs no Airflow; then, where Airflow is
    configured for this process, its secrets back ends and its metadata database. Raises ConfigurationError when nobody
    knows the id, RetriableError when one of them could not be asked.
    """
    if os.environ.get(f"AIRFLOW_CONN_{conn_id.upper()}", "").strip() or not is_configured():
        return from_environment(conn_id)
    from airflow.configuration import ensure_secrets_loaded

    failed = ""
    for backend in ensure_secrets_loaded():
        try:
            found = backend.get_connection(conn_id=conn_id)
        except Exception as error:  # noqa: BLE001 - whatever it is, the next one may know; told below, without its text
            failed = type(error).__name__
            if failed == "AirflowSecretsBackendAccessDenied":
                break  # who is refused by one must not find it in another that is less strict
            continue
        if found:
            return translate(conn_id, found)
    if failed:
        raise RetriableError(
            f"连接 {conn_id}：Airflow 的元数据库或密钥后端没有给出（{failed}）；"
            f"请检查后重新运行，或设置 AIRFLOW_CONN_{conn_id.upper()}"
        )
    return from_environment(conn_id)  # which says that there is none


def is_configured() -> bool:
    """Tell whether Airflow is installed and configured for this process, without importing it."""
    given = ("DATABASE__SQL_ALCHEMY_CONN", "DATABASE__SQL_ALCHEMY_CONN_CMD", "DATABASE__SQL_ALCHEMY_CONN_SECRET")
    if find_spec("airflow") is None:
        return False
    if any(os.environ.get(f"AIRFLOW__{name}", "").strip() for name in (*given, "SECRETS__BACKEND")):
        return True
    home = Path(os.environ.get("AIRFLOW_HOME") or "~/airflow")
    return Path(os.environ.get("AIRFLOW_CONFIG") or home / "airflow.cfg").expanduser().is_file()


def translate(conn_id: str, found: object) -> Connection:
    """Return an Airflow connection (any object with its attributes) as ours.

    Raises ConfigurationError when its extra is not a JSON object.
    """
    raw_extra = getattr(found, "extra", None) or "{}"
    try:
        extra = json.loads(raw_extra) if isinstance(raw_extra, str) else dict(raw_extra)
        if not isinstance(extra, dict):
            raise TypeError
    except (ValueError, TypeError):
        raise ConfigurationError(f"连接 {conn_id}：extra 不是 JSON 对象；请在 Airflow 中更正") from None
    return Connection(
        conn_id=conn_id,
        conn_type=str(getattr(found, "conn_type", None) or ""),
        host=str(getattr(found, "host", None) or ""),
        login=str(getattr(found, "login", None) or ""),
        password=str(getattr(found, "password", None) or ""),
        schema=str(getattr(found, "schema", None) or ""),
        port=getattr(found, "port", None),
        extra=extra,
        # a database URL with a driver (mysql+pymysql://…) does not survive Airflow's form: it may stand whole in extra
        uri=str(extra.get("url") or extra.get("uri") or getattr(found, "get_uri", str)()),
    )
