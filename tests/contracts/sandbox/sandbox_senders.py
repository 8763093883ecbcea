"""Senders written by hand for these tests: what each wire looks like when it is right."""

from __future__ import annotations

import base64
import gzip
import json
import time
import uuid
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import requests

from platforms import Sandbox
from platforms.columns import PENALTY, PERMIT
from platforms.digests import canonical, hmac_sm3, sm3

CREDENTIALS = {
    "fuzhou": {"app_key": "fz-key", "app_secret": "fz-secret"},
    "fujian": {"client_id": "fj-client", "client_secret": "fj-secret"},
    "china": {"token": "cn-token"},
}
USCC = "91350100MA0000000L"
AGENCY = "11350100003600000U"


def permit(**changes: str) -> dict[str, str]:
    """A permit of an invented company, dates as 信用福州 wants them."""
    row = {
        "XK_XDR_MC": "福州虚构茶业有限公司", "XK_XDR_LB": "法人及非法人组织", "XK_XDR_SHXYM": USCC,
        "XK_XKWS": "准予行政许可决定书", "XK_WSH": "榕虚许〔2026〕1号", "XK_XKLB": "普通",
        "XK_NR": "食品经营 <散装> & 预包装",
        "XK_JDRQ": "2026-11-20", "XK_YXQZ": "2026-11-20", "XK_YXQZI": "2099-12-31", "XK_XKJG": "福州市虚构局",
        "XK_XKJGDM": AGENCY, "XK_ZT": "1", "XK_LYDW": "福州市虚构局", "XK_LYDWDM": AGENCY,
    }  # fmt: skip
    return row | changes


def penalty(**changes: str) -> dict[str, str]:
    """A penalty of the same company."""
    row = {
        "CF_XDR_MC": "福州虚构茶业有限公司", "CF_XDR_LB": "法人及非法人组织", "CF_XDR_SHXYM": USCC,
        "CF_WSH": "榕虚罚〔2026〕1号", "CF_WFXW": "虚构行为", "CF_SY": "虚构事实", "CF_YJ": "虚构依据",
        "CF_CFLB": "罚款",
        "CF_NR": "罚款二千元", "CF_NR_FK": "0.2", "CF_JDRQ": "2026-11-20", "CF_YXQ": "2099-12-31",
        "CF_CFJG": "福州市虚构局", "CF_CFJGDM": AGENCY, "CF_SJLY": "福州市虚构局", "CF_SJLYDM": AGENCY,
    }  # fmt: skip
    return row | changes


class FuzhouSender:
    """Signs and sends to the sandbox of 信用福州."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def call(self, method: str, path: str, body: bytes = b"", **headers: str | None) -> requests.Response:
        target = f"/xyfz/api/v1/{path}"
        stamp = headers.pop("stamp", None) or datetime.now(ZoneInfo("Asia/Shanghai")).strftime("%Y%m%d%H%M%S")
        nonce = headers.pop("nonce", None) or uuid.uuid4().hex
        secret = headers.pop("secret", None) or "fz-secret"
        signed = hmac_sm3(secret, f"{method}\n{target}\n{stamp}\n{nonce}\n{sm3(body)}")
        sent = {"X-App-Key": "fz-key", "X-Timestamp": stamp, "X-Nonce": nonce, "X-Signature": signed,
                "Content-Type": "application/json"}  # fmt: skip
        sent |= {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
        url = f"http://127.0.0.1:{self.sandbox.port}{target}"
        return requests.request(method, url, data=body, headers=sent, timeout=30, allow_redirects=False)

    def batch(self, records: list[dict[str, Any]], dataset: str = "permit", **changes: Any) -> dict[str, Any]:
        whole = {"batch_no": uuid.uuid4().hex, "dataset": dataset, "sent_at": "2026-11-21T01:30:00+08:00",
                 "record_count": len(records), "records": records}  # fmt: skip
        return whole | changes

    def post(self, batch: dict[str, Any], key: str | None = None, **headers: str | None) -> requests.Response:
        path = f"records/{headers.pop('path', None) or batch['dataset']}"
        return self.call("POST", path, json.dumps(batch).encode(), Idempotency_Key=key or uuid.uuid4().hex, **headers)

    def send(self, *records: dict[str, Any], dataset: str = "permit") -> dict[str, tuple[str, str, str]]:
        """{record_id: (status, code, field)} of one call."""
        answer = self.post(self.batch(list(records), dataset))
        assert answer.status_code == 200, answer.text
        return {r["record_id"]: (r["status"], r["code"], r["field"]) for r in answer.json()["results"]}


def upsert(record_id: str, version: int = 1, fields: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"op": "U", "record_id": record_id, "version": version, "fields": fields or permit()}


def withdraw(record_id: str, version: int) -> dict[str, Any]:
    return {"op": "R", "record_id": record_id, "version": version, "reason": "信用修复", "fields": {}}


class FujianSender:
    """Logs in and sends to the sandbox of 信用福建."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.url = sandbox.url
        self.token = ""

    def login(self, **changes: str) -> dict[str, Any]:
        form = {"grant_type": "client_credentials", "client_id": "fj-client", "client_secret": "fj-secret"} | changes
        answer: dict[str, Any] = requests.post(f"{self.url}/oauth/token", data=form, timeout=30).json()
        if answer["code"] == "0":
            self.token = answer["data"]["access_token"]
        return answer

    def get(self, path: str, **query: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.token}"}
        found: dict[str, Any] = requests.get(f"{self.url}{path}", params=query, headers=headers, timeout=30).json()
        return found

    def upload(self, lines: list[dict[str, Any]], catalog: str = "frxk", **changes: Any) -> dict[str, Any]:
        plain = b"\n".join(canonical(line) for line in lines)
        body = {"task_key": uuid.uuid4().hex, "catalog": catalog, "line_count": len(lines), "sm3": sm3(plain),
                "data": base64.b64encode(gzip.compress(plain)).decode()} | changes  # fmt: skip
        headers = {"Authorization": f"Bearer {self.token}"}
        answer: dict[str, Any] = requests.post(
            f"{self.url}/exchange/upload", json=body, headers=headers, timeout=30
        ).json()
        return answer

    def run(self, *lines: dict[str, Any], catalog: str = "frxk") -> dict[str, Any]:
        """Upload and wait for the end; the task's data."""
        answer = self.upload(list(lines), catalog)
        assert answer["code"] == "0", answer
        return self.wait(answer["data"]["task_id"])

    def wait(self, task_id: str) -> dict[str, Any]:
        for _ in range(3000):
            data: dict[str, Any] = self.get(f"/exchange/task/{task_id}")["data"]
            if data["state"] in ("DONE", "FAILED"):
                return data
            time.sleep(0.02)
        raise AssertionError("the task did not end")


def line(record_id: str, ver: int = 1, act: str = "S", row: dict[str, str] | None = None) -> dict[str, Any]:
    if act == "D":
        return {"id": record_id, "ver": ver, "act": "D", "why": "信用修复", "row": {}}
    return {"id": record_id, "ver": ver, "act": "S", "row": row or fujian_row()}


def fujian_row(source: dict[str, str] | None = None, **changes: str) -> dict[str, str]:
    table, values = (PENALTY, source) if source else (PERMIT, permit())
    row = {column.code.lower(): values.get(column.code, "") for column in table}
    for column in table:
        if column.kind == "date":
            row[column.code.lower()] = row[column.code.lower()].replace("-", "")
    if source:
        row["cf_nr_fk"] = "2000.00"
    return row | changes


class ChinaSender:
    """Sends to the sandbox of 信用中国."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.url = sandbox.url

    def post(self, service: str, **form: str) -> requests.Response:
        return requests.post(f"{self.url}/services/{service}", data={"token": "cn-token"} | form, timeout=30)

    def result(self, service: str, **form: str) -> tuple[str, str]:
        """(CODE, LINE) of an answer."""
        text = self.post(service, **form).text
        return tuple(text.split(f"<{name}>")[1].split(f"</{name}>")[0] for name in ("CODE", "LINE"))  # type: ignore[return-value]

    def permits(self, *rows: dict[str, str], **form: str) -> tuple[str, str]:
        return self.result("importPermissionXml", xml=xml_of(PERMIT, *rows), **form)

    def penalties(self, *rows: dict[str, str]) -> tuple[str, str]:
        return self.result("importPenaltyXml", xml=xml_of(PENALTY, *rows))

    def query(self, kind: str = "permission", **query: str) -> requests.Response:
        return requests.get(f"{self.url}/query/{kind}", params=query, timeout=30)


def xml_of(table: Any, *rows: dict[str, str]) -> str:
    from xml.sax.saxutils import escape

    out = []
    for row in rows:
        cells = ""
        for column in table:
            value = row.get(column.code, "")
            if column.kind == "date":
                value = value.replace("-", "/")
            elif column.kind == "amount" and value:
                value = f"{float(value):.6f}"
            cells += f"<{column.code}>{escape(value)}</{column.code}>"
        out.append(f"<ROW>{cells}</ROW>")
    return f"<ROWDATA>{''.join(out)}</ROWDATA>"
