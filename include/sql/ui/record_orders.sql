-- Withdrawals and reinstatements of a record.
select action, authority, legal_basis, business_date, batch_id, line_no, created_at
from exchange.withdrawal_order where record_id = :record_id order by order_id desc
