"""The few calls of Airflow's REST API that the launcher and the tests need."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import requests

from credit_exchange.errors import FatalError, RetriableError

_TIMEOUT = (5, 60)


class AirflowApi:
    """A small client of Airflow's REST API, logged in as one user."""

    def __init__(self, base_url: str, user: str, password: str) -> None:
        """Take the UI's base URL and a user; the login happens with the first call."""
        self._base_url = base_url
        self._login = {"username": user, "password": password}
        self._token: str | None = None
        self._session = requests.Session()
        self._session.trust_env = False  # 127.0.0.1 is never reached through a proxy

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the JSON answer of one call.

        Raises RetriableError when Airflow does not answer or answers 5xx or 404 (a DAG not parsed yet), FatalError for
        any other refusal.
        """
        try:
            for fresh in (False, True):
                if self._token is None or fresh:
                    self._token = self._new_token()
                answer = self._session.request(
                    method,
                    self._base_url + path,
                    json=body,
                    headers={"Authorization": f"Bearer {self._token}"},
                    timeout=_TIMEOUT,
                )
                if answer.status_code != 401:
                    break
        except requests.RequestException as error:
            raise RetriableError(f"Airflow 没有答复 {method} {path}：{type(error).__name__}") from error
        if answer.status_code >= 500 or answer.status_code == 404:
            raise RetriableError(f"Airflow 对 {method} {path} 答复 {answer.status_code}")
        if not answer.ok:
            raise FatalError(f"Airflow 拒绝 {method} {path}（{answer.status_code}）：{answer.text[:500]}")
        result: dict[str, Any] = answer.json() if answer.content else {}
        return result

    def _new_token(self) -> str:
        answer = self._session.post(f"{self._base_url}/auth/token", json=self._login, timeout=_TIMEOUT)
        if answer.status_code >= 500:
            raise RetriableError(f"Airflow 对登录答复 {answer.status_code}")
        if not answer.ok:
            raise FatalError(f"Airflow 拒绝用户 {self._login['username']} 登录（{answer.status_code}）")
        token: str = answer.json()["access_token"]
        return token

    def unpause(self, dag_id: str) -> None:
        """Let a DAG run."""
        self.call("PATCH", f"/api/v2/dags/{quote(dag_id)}?update_mask=is_paused", {"is_paused": False})

    def trigger(self, dag_id: str, partition_key: str | None = None) -> str:
        """Start a run, with a business date as its partition key, and return its run id."""
        body = {"logical_date": None} | ({"partition_key": partition_key} if partition_key else {})
        answer = self.call("POST", f"/api/v2/dags/{quote(dag_id)}/dagRuns", body)
        return str(answer["dag_run_id"])

    def runs(self, dag_id: str, limit: int = 50) -> list[dict[str, Any]]:
        """Return the newest runs of a DAG, newest first."""
        answer = self.call("GET", f"/api/v2/dags/{quote(dag_id)}/dagRuns?limit={limit}&order_by=-run_after")
        return list(answer["dag_runs"])

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """Return one run."""
        return self.call("GET", f"/api/v2/dags/{quote(dag_id)}/dagRuns/{quote(run_id, safe='')}")

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return all task instances of a run (Airflow hands out at most a hundred at once)."""
        found: list[dict[str, Any]] = []
        path = f"/api/v2/dags/{quote(dag_id)}/dagRuns/{quote(run_id, safe='')}/taskInstances"
        while len(found) < 10_000:
            page = self.call("GET", f"{path}?limit=100&offset={len(found)}")
            found += page["task_instances"]
            if not page["task_instances"] or len(found) >= page["total_entries"]:
                break
        return found
