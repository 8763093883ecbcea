-- What a platform shows in passing: until when its certificate is good, how far its clock is from ours.
alter table exchange.platform_state
add column if not exists certificate_ends timestamptz,
add column if not exists clock_ahead double precision,
add column if not exists seen_at timestamptz
