-- Who exported the evidence of this record.
select taken_by, taken_at from exchange.handed_out
where kind = 'evidence' and about = :record_id
order by handed_out_id
