-- Records about which several feeds speak: whose value stands and whose was kept aside.
create view report.conflict as
select
    c.record_id,
    r.dataset,
    c.feed,
    c.department,
    c.business_date,
    c.content_digest = r.content_digest as stands_whole,
    c.batch_id,
    c.line_no
from exchange.claim as c
inner join exchange.record as r on c.record_id = r.record_id
where (select count(*) from exchange.claim as o where o.record_id = c.record_id) > 1
