-- An explicit withdrawal or reinstatement by the credit office.
insert into exchange.withdrawal_order (
    record_id, action, authority, reason, legal_basis, business_date, sequence, ordered_by
)
values (:record_id, :action, :authority, :reason, :legal_basis, :business_date, :sequence, :ordered_by)
