-- The digest of what a platform lists.
alter table exchange.listed add column if not exists digest text
