-- Promise 1: rows delivered = accepted + quarantined + unchanged + held, for every merged batch of a night; and each row that
-- was quarantined or held is still there, in whatever state. Of a delivery that is not waited for any more no row was stored.
select feed from exchange.batch as b
where b.business_date = :business_date
  and b.stage = 'merged'
  and (
      b.rows_delivered <> b.rows_accepted + b.rows_quarantined + b.rows_unchanged + b.rows_held
      or b.waived_by is null
      and b.rows_quarantined + b.rows_held <> (select count(*) from exchange.quarantine as q where q.batch_id = b.batch_id)
  )
order by feed
