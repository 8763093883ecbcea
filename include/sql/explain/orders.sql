-- Withdrawals and reinstatements.
select action, authority, reason, legal_basis, business_date, ordered_by, created_at
from exchange.withdrawal_order
where record_id = :record_id
order by business_date, sequence, order_id
