"""One row of everything that the pages show, with hostile text wherever somebody outside could have written it."""

from __future__ import annotations

RECORD = "r_hostile"
HOSTILE = "<img src=x onerror=alert(1)>"
SEED = (
    "insert into exchange.batch (feed, department, department_name, dataset, schema_version, business_date, stage,"
    " state,"
    " rows_delivered, rows_accepted, rows_quarantined, problem, code_version)"
    " values ('f_permit', 'f', '某局', 'permit', '2023', '2026-11-22', 'merged', 'partial', 3, 2, 1, :hostile,"
    " 'v7.1-abc')",
    "insert into exchange.batch_check values (1, 'S01', 'XK_XDR', 'reject', 1, 3)",
    "insert into exchange.quarantine (batch_id, line_no, disposition, row_key, row_sealed, first_seen_at)"
    " values (1, 7, 'reject', 'k', '', now())",
    "insert into exchange.quarantine_reason values (1, 'S01', 'XK_XDR', :hostile)",
    "insert into exchange.night (business_date, run_id, kind, started_at) "
    "values ('2026-11-22', 'run 1', 'manual', now())",
    "insert into exchange.subject (kind) values ('legal')",
    "insert into exchange.record (record_id, dataset, agency_code, document_key, document_no, subject_ref, subject_id,"
    " subject_kind, subject_name, department, feed, business_date, version, status, content_digest, content_version)"
    " values (:record, 'permit', 'a', :number, :hostile, 'org:1', 1, 'legal', :hostile, 'f', 'f_permit', '2026-11-22',"
    " 1, 'current', 'd', 1)",
    "insert into exchange.record_version (record_id, version, reason, status, content_digest, batch_id, line_no,"
    " business_date) values (:record, 1, 'content', 'current', 'd', 1, 5, '2026-11-22')",
    "insert into exchange.decision (digest, effect, deciding_rule, legal_basis, rules, drop_fields, mask_fields)"
    " values ('x', 'release', 'R1', '条例第九条', '[]', '{XK_FRDB}', '{\"XK_XDR\": \"name\"}')",
    "insert into exchange.release (platform, record_id, version, dataset, effect, decision_id)"
    " values ('china', :record, 1, 'permit', 'withhold', 1)",
    "insert into exchange.shipment (shipment_no, platform, dataset, op, batch_no, idem_key, body_sealed, body_digest,"
    " records, state, receipt_no)"
    " values ('s1', 'fuzhou', 'permit', 'upsert', 'b', 'k', '', 'bd', 1, 'settled', 'RCPT-1')",
    "insert into exchange.release (platform, dataset, record_id, version, effect, decision_id, op, outbox_id)"
    " values ('fuzhou', 'permit', :record, 1, 'send', 1, 'upsert', 1)",
    "insert into exchange.shipment_run (first_id, last_id, shipment_id, first_line) values (1, 1, 1, 1)",
    "insert into exchange.attempt (shipment_no, kind, fence, outcome) values ('s1', 'send', 1, 'ok')",
    "insert into exchange.alert (incident_key, severity, subject, raised_at, last_seen_at)"
    " values ('k', 'critical', :hostile, now(), now())",
)
