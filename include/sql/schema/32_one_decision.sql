-- Ids that are one decision, in pairs: records, and ids under which orders wait, that agree in data set, agency, document and
-- subject. Linked codes show it; an order of one is an order of the other. Some pairs stand there twice. Both sides are
-- written out: of one they could share PostgreSQL would read the two tables whole.
create or replace view exchange.one_decision as
select a.record_id, a.subject_id, b.record_id as other_id
from (
    select r.record_id, r.dataset, r.agency_code, r.document_key, r.subject_id
    from exchange.record as r
    union all
    select w.record_id, w.dataset, w.agency_code, w.document_key, w.subject_id
    from exchange.order_ahead as w
) as a
inner join (
    select r.record_id, r.dataset, r.agency_code, r.document_key, r.subject_id
    from exchange.record as r
    union all
    select w.record_id, w.dataset, w.agency_code, w.document_key, w.subject_id
    from exchange.order_ahead as w
) as b
    on
        a.document_key = b.document_key
        and a.agency_code = b.agency_code
        and a.subject_id = b.subject_id
        and a.dataset = b.dataset
        and a.record_id <> b.record_id
