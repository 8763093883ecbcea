-- What became of the accepted rows of this batch.
select
    count(*) as staged,
    count(*) filter (where verdict in ('new', 'changed', 'earlier', 'older', 'resettled', 'order')) as accepted,
    count(*) filter (where verdict = 'unchanged') as unchanged,
    count(*) filter (where verdict in ('earlier', 'older', 'resettled')) as older,
    count(*) filter (where verdict = 'order') as orders
from found
