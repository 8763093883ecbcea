"""What the outside may rely on: the columns of the reporting views, only ever added to, and who may read them."""

from __future__ import annotations

import pytest

from credit_exchange.stores.database import connect

VIEWS = {
    "batch": "business_date department dataset feed state rows_delivered rows_accepted rows_quarantined rows_unchanged "
    "rows_held digest collected_at",
    "quarantine": "department dataset business_date batch_id line_no rule_id field message state first_seen_at",
    "record": "record_id dataset version department document_no subject_code subject_name decided_on business_date "
    "status",
    "delivery": "platform dataset record_id version op state outcome_code attempts shipment_no receipt_no "
    "first_sent_at settled_at",
    "withheld": "platform dataset record_id version rule_id legal_basis decided_at",
    "clock": "dataset record_id department clock started_on amber_on red_on met_at state provisional",
    "scorecard": "department month",
    "published": "platform dataset record_id version content_digest since",
    "alert": "incident_key severity raised_at cleared_at notified_at subject",
    "conflict": "record_id dataset feed department business_date stands_whole batch_id line_no",
    "difference": "platform dataset place record_id kind our_version their_version found_at repaired_at",
}


@pytest.fixture
def columns(database_url: str) -> dict[str, set[str]]:
    engine = connect(database_url)
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(
            "select c.relname, array_agg(a.attname::text) from pg_class as c "
            "join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 "
            "where c.relnamespace = 'report'::regnamespace and has_table_privilege('credit_report', c.oid, 'select') "
            "and not has_table_privilege('credit_report', c.oid, 'insert, update, delete, truncate') "
            "group by c.relname"
        )
        found = {name: set(names) for name, names in rows}
    engine.dispose()
    return found


def test_every_view_may_be_read_and_has_the_columns_it_promises(columns: dict[str, set[str]]) -> None:
    assert columns.keys() == VIEWS.keys()
    assert {name: set(words.split()) - columns[name] for name, words in VIEWS.items()} == {
        name: set() for name in VIEWS
    }
