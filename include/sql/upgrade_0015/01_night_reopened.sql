-- Since when a night that had ended waits for a new verdict.
alter table exchange.night add column if not exists reopened_at timestamptz
