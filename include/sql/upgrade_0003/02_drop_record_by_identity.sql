-- The index that began with the agency: it makes room for one that begins with the document.
drop index exchange.record_by_identity
