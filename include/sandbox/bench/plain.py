"""The plain script: what a typical user would write for one night, with pandas, python-stdnum, `to_sql` and requests.

Read the file and the table, drop bad rows, look which rows are new or changed, upsert those and their subjects, send
them to the three platforms. It speaks the three protocols rightly, signatures included, and it is not made slow on
purpose. It has no quarantine, no versions, no history, no encryption, no retries: killed in the middle, it does not
know what it sent. It is measured, not an example to follow: nothing in the exchange may look like this.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import hashlib
import json
import re
import secrets
import time
import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

import pandas as pd
import requests
from sqlalchemy import Engine, create_engine, inspect, text
from stdnum.cn import ric, uscc

from credit_exchange.core.canonical import hmac_sm3_hex, sm3_hex

SHANGHAI = ZoneInfo("Asia/Shanghai")
PERMIT = [
    "XK_XDR_MC", "XK_XDR_LB", "XK_XDR_SHXYM", "XK_XDR_GSZC", "XK_XDR_ZZJG", "XK_XDR_SWDJ", "XK_XDR_SYDW",
    "XK_XDR_SHZZ", "XK_FRDB", "XK_FR_ZJLX", "XK_FR_ZJHM", "XK_XDR_ZJLX", "XK_XDR_ZJHM", "XK_XKWS", "XK_WSH",
    "XK_XKLB", "XK_XKZS", "XK_XKBH", "XK_NR", "XK_JDRQ", "XK_YXQZ", "XK_YXQZI", "XK_XKJG", "XK_XKJGDM", "XK_ZT",
    "XK_LYDW", "XK_LYDWDM", "BZ"
]  # fmt: skip
REQUIRED = [
    "XK_XDR_MC", "XK_XDR_LB", "XK_XDR_SHXYM", "XK_XKWS", "XK_WSH", "XK_XKLB", "XK_NR", "XK_XKJG", "XK_XKJGDM",
    "XK_ZT", "XK_LYDW", "XK_LYDWDM"
]  # fmt: skip
DATES = ["XK_JDRQ", "XK_YXQZ", "XK_YXQZI"]
SECRET = ["XK_FR_ZJLX", "XK_FR_ZJHM"]
TIMEOUT = (5, 60)
Records = list[dict[str, Any]]
_RIC = re.compile(r"\d{17}[0-9X]")


def read(csv: str, front: Engine) -> pd.DataFrame:
    """Both deliveries in one frame."""
    file = pd.read_csv(csv, dtype=str, keep_default_na=False)
    table = pd.read_sql("SELECT * FROM t_permit", front)
    table = table.drop(columns=["id", "update_time"]).rename(columns=str.upper)
    return pd.concat([file, table], ignore_index=True).fillna("")


def _identity_number(value: str) -> bool:
    return value == "" or (bool(_RIC.fullmatch(value)) and ric.calc_check_digit(value) == value[-1])


def check(frame: pd.DataFrame) -> pd.DataFrame:
    """The good rows, dates as ISO, each with its record id and the hash of its content."""
    good = frame["XK_XDR_LB"].isin(["法人及非法人组织", "自然人", "个体工商户"])
    for column in REQUIRED:
        good &= frame[column].str.strip() != ""
    good &= frame["XK_XDR_SHXYM"].apply(uscc.is_valid)
    good &= frame["XK_FR_ZJHM"].apply(_identity_number)
    for column in DATES:
        when = pd.to_datetime(frame[column].str.replace("/", "-"), format="%Y-%m-%d", errors="coerce")
        good &= when.notna()
        frame[column] = when.dt.strftime("%Y-%m-%d")
    frame = frame[good].copy()
    keys = zip(frame["XK_XKJGDM"], frame["XK_WSH"], frame["XK_XDR_SHXYM"], strict=True)
    frame["record_id"] = [_md5(key) for key in keys]
    rows = zip(*(frame[column] for column in frame.columns), strict=True)
    frame["row_hash"] = [_md5(row) for row in rows]
    return frame.drop_duplicates("record_id")


def _md5(values: tuple[str, ...]) -> str:
    return hashlib.md5("|".join(values).encode()).hexdigest()  # noqa: S324 - a name only


def changed(frame: pd.DataFrame, engine: Engine) -> pd.DataFrame:
    """The rows that are not stored yet, or were stored with other content."""
    if not inspect(engine).has_table("permit"):
        return frame
    known = pd.read_sql("SELECT record_id, row_hash AS known FROM permit", engine)
    frame = frame.merge(known, on="record_id", how="left")
    return frame[frame["row_hash"] != frame["known"]].drop(columns="known")


def upsert(frame: pd.DataFrame, table: str, key: str, engine: Engine) -> None:
    """Append the rows to a staging table, and from there insert or update them by their key."""
    frame.to_sql(f"{table}_new", engine, if_exists="replace", index=False, chunksize=10_000)
    names = [f'"{name}"' for name in frame.columns]
    new = ", ".join(f"{name} = excluded.{name}" for name in names)
    with engine.begin() as connection:
        connection.execute(text(f"CREATE TABLE IF NOT EXISTS {table} (LIKE {table}_new, PRIMARY KEY ({key}))"))
        connection.execute(
            text(
                f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(names)} FROM {table}_new "  # noqa: S608
                f"ON CONFLICT ({key}) DO UPDATE SET {new}"
            )
        )
        connection.execute(text(f"DROP TABLE {table}_new"))


def subjects(frame: pd.DataFrame) -> pd.DataFrame:
    """Each subject once: its name and representative as the newest decision says them."""
    newest = frame.sort_values("XK_JDRQ").drop_duplicates("XK_XDR_SHXYM", keep="last")
    columns = {"XK_XDR_SHXYM": "code", "XK_XDR_MC": "name", "XK_FRDB": "representative", "XK_JDRQ": "decided_on"}
    return newest[list(columns)].rename(columns=columns)


def _parts(records: Records, size: int) -> Iterator[Records]:
    for start in range(0, len(records), size):
        yield records[start : start + size]


def send_fuzhou(records: Records, target: dict[str, str]) -> list[str]:
    """信用福州: signed JSON, 500 records a call; the receipt numbers."""
    receipts = []
    path = "/" + target["url"].split("/", 3)[3] + "/api/v1/records/permit"
    for part in _parts(records, 500):
        rows = []
        for record in part:
            fields = {code: value for code, value in record.items() if value and code != "record_id"}
            rows.append({"op": "U", "record_id": record["record_id"], "version": 1, "fields": fields})
        now = datetime.now(SHANGHAI)
        batch_no = uuid.uuid4().hex
        batch = {
            "batch_no": batch_no,
            "dataset": "permit",
            "sent_at": now.isoformat(timespec="seconds"),
            "record_count": len(rows),
            "records": rows,
        }
        body = json.dumps(batch, ensure_ascii=False).encode()
        stamp, nonce = now.strftime("%Y%m%d%H%M%S"), secrets.token_hex(16)
        text = f"POST\n{path}\n{stamp}\n{nonce}\n{sm3_hex(body)}"
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": batch_no,
            "X-App-Key": target["login"],
            "X-Timestamp": stamp,
            "X-Nonce": nonce,
            "X-Signature": hmac_sm3_hex(target["password"].encode(), text.encode()),
        }
        url = f"{target['url']}/api/v1/records/permit"
        response = requests.post(url, data=body, headers=headers, timeout=TIMEOUT)
        response.raise_for_status()
        answer = response.json()
        if any(result["status"] == "rejected" for result in answer["results"]):
            raise RuntimeError("信用福州 rejected a record")
        receipts.append(answer["receipt_no"])
    return receipts


def send_fujian(records: Records, target: dict[str, str]) -> list[str]:
    """信用福建: gzipped JSON lines, 2,000 a task, each task watched until it is done; the receipt numbers."""
    form = {
        "grant_type": "client_credentials",
        "client_id": target["login"],
        "client_secret": target["password"],
    }
    login = requests.post(f"{target['url']}/oauth/token", data=form, timeout=TIMEOUT)
    headers = {"Authorization": f"Bearer {login.json()['data']['access_token']}"}
    receipts = []
    for part in _parts(records, 2000):
        lines = []
        for record in part:
            row = {}
            for code in PERMIT:
                value = "" if code in SECRET else record.get(code, "")
                row[code.lower()] = value.replace("-", "") if code in DATES else value
            lines.append(json.dumps({"id": record["record_id"], "ver": 1, "act": "S", "row": row}, ensure_ascii=False))
        plain = "\n".join(lines).encode()
        upload = {
            "task_key": uuid.uuid4().hex,
            "catalog": "frxk",
            "line_count": len(lines),
            "sm3": sm3_hex(plain),
            "data": base64.b64encode(gzip.compress(plain)).decode(),
        }
        answer = requests.post(f"{target['url']}/exchange/upload", json=upload, headers=headers, timeout=TIMEOUT).json()
        task = answer["data"]["task_id"]
        for _try in range(600):
            url = f"{target['url']}/exchange/task/{task}"
            state = requests.get(url, headers=headers, timeout=TIMEOUT).json()["data"]
            if state["state"] in ("DONE", "FAILED"):
                break
            time.sleep(0.5)
        if state["state"] != "DONE" or state["rejected"]:
            raise RuntimeError("信用福建 did not take every line")
        receipts.append(state["receipt_no"])
    return receipts


def send_china(records: Records, target: dict[str, str]) -> list[str]:
    """信用中国: XML, 100 rows a call; one "00" for each call."""
    receipts = []
    for part in _parts(records, 100):
        rows = []
        for record in part:
            cells = []
            for code in PERMIT:
                value = "" if code in SECRET else record.get(code, "")
                value = value.replace("-", "/") if code in DATES else escape(value)
                cells.append(f"<{code}>{value}</{code}>")
            rows.append("<ROW>" + "".join(cells) + "</ROW>")
        form = {"token": target["password"], "xml": "<ROWDATA>" + "".join(rows) + "</ROWDATA>"}
        response = requests.post(f"{target['url']}/services/importPermissionXml", data=form, timeout=TIMEOUT)
        if "<CODE>00</CODE>" not in response.text:
            raise RuntimeError(f"信用中国 answered {response.text[:200]}")
        receipts.append("00")
    return receipts


def main() -> None:
    """One night, timed step by step; prints the seconds as one line of JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.plain", description=__doc__)
    parser.add_argument("--csv", required=True)
    parser.add_argument("--front", required=True, help="SQLAlchemy URL of the front database")
    parser.add_argument("--database", required=True, help="SQLAlchemy URL of an empty database")
    parser.add_argument("--targets", type=json.loads, required=True, help="JSON: platform -> url, login, password")
    arguments = parser.parse_args()
    seconds: dict[str, float] = {}
    last = time.perf_counter()

    def done(step: str) -> None:
        nonlocal last
        now = time.perf_counter()
        seconds[step], last = now - last, now

    front, engine = create_engine(arguments.front), create_engine(arguments.database)
    frame = read(arguments.csv, front)
    done("read")
    frame = check(frame)
    done("check")
    frame = changed(frame, engine)
    done("detect")
    upsert(frame, "permit", "record_id", engine)
    done("upsert")
    upsert(subjects(frame), "subject", "code", engine)
    done("subjects")
    records: Records = frame.drop(columns=[*SECRET, "row_hash"]).to_dict("records")  # type: ignore[assignment]
    done("to_dict")
    senders = {"fuzhou": send_fuzhou, "fujian": send_fujian, "china": send_china}
    for platform, send in senders.items():
        receipts = send(records, arguments.targets[platform])
        kept = pd.DataFrame({"platform": platform, "receipt_no": receipts})
        kept.to_sql("receipt", engine, if_exists="append", index=False)
        done(platform)
    print(json.dumps({"seconds": seconds, "records": len(records)}))


if __name__ == "__main__":
    main()
