"""What is there after a night against what the reference says: every difference, named by document and place."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from invented import History
from reference import PLATFORMS, linked, quarantined, status_of, visible
from stage import Stage, delivered, stage

Difference = tuple[str, ...]
"""Where, which document or part, and what it is and should be; the second is a document's number where there is one."""
STORES = (
    "record", "record_version", "claim", "claim_history", "withdrawal_order", "order_ahead", "release", "lot",
    "shipment", "shipment_run", "quarantine",
)  # fmt: skip
TOLD = (
    "report.batch", "report.quarantine", "report.record", "report.delivery", "report.withheld", "report.clock",
    "report.scorecard", "report.published", "report.alert", "report.conflict", "exchange.batch", "exchange.batch_check",
    "exchange.shipment", "exchange.attempt", "exchange.alert", "exchange.night", "exchange.platform_state",
    "exchange.decision",
)  # fmt: skip
"""What people, pages and BI tools read, and what our own notes say in clear: nothing personal stands there."""
NEWEST = """select distinct on (d.record_id) r.document_no, d.state
    from report.delivery as d inner join report.record as r using (record_id)
    where d.platform = :platform order by d.record_id, d.version desc"""


def play(root: Path, url: str, history: History) -> list[Difference]:
    """Play a history and compare after every night; return the first night's differences, none where all is well.

    A platform that misbehaved in a night is left out of that night's comparison: the next night without a fault must
    bring it to the reference's state.
    """
    with stage(root, url, history) as place:
        for step in history.steps:
            place.play(step)
            well = [name for name in PLATFORMS if name not in step.faults and name not in step.down]
            found = [*records(place), *waiting(place), *counts(place), *leaks(place)]
            for platform in well:
                found += shown(place, platform)
            if found:
                return [("step", str(step)), *found]
        return [*ledgers(place), *noise(place)]


def records(place: Stage) -> list[Difference]:
    """One record for each document that was ever taken, with the status it must have; versions only rise (3).

    A decision that became several records before its subject's codes were linked has one status in all of them since.
    """
    found: list[Difference] = []
    rows = place.query("select record_id, document_no, status, version from report.record")
    for document in place.history.documents:
        wanted = [status] if (status := status_of(document, place.known)) else []
        there = [row["status"] for row in rows if row["document_no"] == document.number]
        if document.subject.is_scattered and wanted:
            wanted = wanted * len(there) if linked(document, place.known) else there
        if there != wanted:
            found.append(("status", document.number, f"is {there}, should be {wanted}"))
    for row in rows:
        if row["version"] < place.versions.get(row["record_id"], 1):
            found.append(("version", row["document_no"], "went backwards"))
        place.versions[row["record_id"]] = row["version"]
    return found


def waiting(place: Stage) -> list[Difference]:
    """What stands in quarantine, and whether it still waits."""
    is_there = place.waiting()
    wanted = {
        (document.number, line): states
        for document in place.history.documents
        for line, states in (
            (line, {"open", "corrected", "dismissed"} if document.subject.is_scattered else states)
            for line, states in quarantined(document, place.known).items()
        )
    }
    return [
        ("quarantine", number, f"row {line} is {is_there.get((number, line))}, should be {wanted.get((number, line))}")
        for number, line in sorted(wanted.keys() | is_there.keys())
        if is_there.get((number, line)) not in wanted.get((number, line), ())
    ]


def counts(place: Stage) -> list[Difference]:
    """Nothing lost (1): every delivered row is accounted for, in every batch."""
    found: list[Difference] = []
    for row in place.query("select * from report.batch"):
        batch = (row["feed"], row["business_date"], row["generation"])
        if batch not in place.known.merged:
            continue
        lines = delivered(place.history, batch)
        aside = sum(line in quarantined(document, place.known) for document, line, _ in lines)
        told = row["rows_accepted"] + row["rows_unchanged"], row["rows_quarantined"] + row["rows_held"]
        if row["rows_delivered"] != len(lines) or told != (len(lines) - aside, aside):
            found.append(("counts", str(batch), f"told {row['rows_delivered']} {told}, were {len(lines)} and {aside}"))
    return found


def shown(place: Stage, platform: str) -> list[Difference]:
    """What the public sees is what the rules release, in that form (3, 4), and `report.published` says so.

    What the platform itself refused is missing there, or stands there as before, until its next version. Decisions that
    may have become several records are only held to be gone when they are withdrawn.
    """
    # of these what is shown depends on which of their records came first, unless all are withdrawn
    scattered = {
        document.number
        for document in place.history.documents
        if document.subject.is_scattered
        and not (status_of(document, place.known) == "withdrawn" and linked(document, place.known))
    }
    there = Counter(
        (number, str(sorted(fields.items()))) for number, fields in place.shown(platform) if number not in scattered
    )
    wanted = Counter(
        (document.number, str(sorted(fields[platform].items())))
        for document in place.history.documents
        if document.number not in scattered and platform in (fields := visible(document, place.known))
    )
    newest = place.query(NEWEST, platform=platform)
    refused = {row["document_no"] for row in newest if row["state"] == "rejected"} & {number for number, _ in wanted}
    found: list[Difference] = [
        (f"{what} at {platform}", number, fields)
        for what, some in (("shown wrongly", there - wanted), ("not shown", wanted - there))
        for number, fields in some
        if number not in refused
    ]
    published = Counter(
        row["document_no"]
        for row in place.query(
            """select r.document_no from report.published as p inner join report.record as r using (record_id)
            where p.platform = :platform""",
            platform=platform,
        )
    )
    numbers = Counter(number for number, _ in place.shown(platform))
    for number in (published - numbers) + (numbers - published):
        found.append((f"report.published of {platform}", number, f"{published[number]}, there {numbers[number]}"))
    return found


def leaks(place: Stage) -> list[Difference]:
    """Nothing leaked (4): no ID, mobile number or hidden name in what platforms hold, in logs, messages and reports."""
    texts = {"messages": "\n".join(place.told), "logs": place.logs.getvalue()}
    for table in TOLD:
        texts[table] = str(place.query(f"select to_jsonb(t)::text as row from {table} as t"))
    for name, sandbox in place.platforms.items():
        store = sandbox.platform.store
        for (table,) in store.read("select name from sqlite_master where type = 'table'"):
            values = [value for row in store.read(f"select * from {table}") for value in row]
            texts[f"{name}.{table}"] = "\n".join(v.decode() if isinstance(v, bytes) else str(v) for v in values)
    return [
        ("leak", document.number, f"{secret} stands in {where}")
        for document in place.history.documents
        for secret in document.subject.secrets
        for where, text in texts.items()
        if secret in text
    ]


def ledgers(place: Stage) -> list[Difference]:
    """Nothing twice (2), never backwards (3), as the platforms saw it."""
    return [
        (name, what, str(some))
        for name, sandbox in place.platforms.items()
        for what, some in (
            ("twice", sandbox.ledger.repeated()),
            ("backwards", sandbox.ledger.backwards()),
            ("anomalies", sandbox.ledger.anomalies),
            ("errors of the sandbox", sandbox.errors),
        )
        if some
    ]


def noise(place: Stage) -> list[Difference]:
    """Quiet (5): the last nights again send nothing and write no row."""
    before = _traces(place)
    for day, feeds in next(step.nights for step in reversed(place.history.steps) if step.nights):
        place.night(day, feeds, whole=True)
    after = _traces(place)
    return [
        ("not quiet", part, f"{before[part]}, then {after[part]}") for part in before if before[part] != after[part]
    ]


def _traces(place: Stage) -> dict[str, Any]:
    rows = {
        table: place.query(f"select count(*) as n, max(xmin::text::bigint) as x from exchange.{table}")
        for table in STORES
    }
    return {**rows, **{name: len(sandbox.ledger.applies()) for name, sandbox in place.platforms.items()}}
