-- What platforms refused and what is held is looked for by the watchdog every few minutes and by a page, and there is little.
create index if not exists release_refused on exchange.release (platform) where state in ('rejected', 'held')
