-- Back to the kinds that the version before knows.
alter table exchange.difference
drop constraint difference_kind_check,
add constraint difference_kind_check check (kind in ('missing', 'version', 'shown', 'unknown'))
