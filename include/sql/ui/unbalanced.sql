-- Promise 1: rows delivered = accepted + quarantined + unchanged + held, for every merged batch of a night.
select feed from exchange.batch as b
where b.business_date = :business_date
  and b.stage = 'merged'
  and b.rows_delivered <> b.rows_accepted + b.rows_quarantined + b.rows_unchanged + b.rows_held
order by feed
