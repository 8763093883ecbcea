-- A content that differs is a difference.
alter table exchange.difference
drop constraint difference_kind_check,
add constraint difference_kind_check check (kind in ('missing', 'version', 'content', 'shown', 'unknown'))
