-- Runs of which a part ran again after they had ended, long ago, and that were not judged since: cleared without what follows.
select business_date, run_id, reopened_at from exchange.night
where outcome is null and finished_at is not null and reopened_at < :since
order by business_date, run_id
