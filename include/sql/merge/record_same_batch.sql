-- Two rows of one batch that turn out to be one record by linked codes: the newest stands, the others are history.
with double as (
    select record_id
    from found
    where operation = 'upsert'
    group by record_id
    having count(*) > 1
),

ranked as (
    select
        f.line_no,
        row_number() over (partition by f.record_id order by f.sequence desc, f.line_no desc) as place
    from found as f
    inner join double on f.record_id = double.record_id
    where f.operation = 'upsert'
)

update found set verdict = 'older'
from ranked
where found.line_no = ranked.line_no and ranked.place > 1
