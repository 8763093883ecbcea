-- Two rows of one batch that turn out to be one record by linked codes: the newest stands, the others are history.
update staged set verdict = 'older'
from (
    select
        line_no,
        row_number() over (partition by record_id, operation = 'upsert' order by sequence desc, line_no desc) as place
    from staged
    where operation = 'upsert'
) as ranked
where staged.line_no = ranked.line_no and ranked.place > 1
