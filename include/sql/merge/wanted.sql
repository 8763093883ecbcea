-- How many rows need their contents, of how many.
select count(*) filter (where verdict <> 'unchanged') as wanted, count(*) as staged
from found
