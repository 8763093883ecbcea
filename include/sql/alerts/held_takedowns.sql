-- Platforms that did not take some takedowns: what should be gone is still shown there.
select
    platform,
    count(*) as records,
    min(decided_at) as since,
    string_agg(distinct outcome_code, '、' order by outcome_code) as codes,
    min(record_id) as record_id
from exchange.release
where op = 'withdraw' and state = 'held'
group by platform
order by platform
