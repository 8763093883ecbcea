-- Back to whole lists only.
alter table exchange.reconciliation drop column asked
