-- Back to lists without contents.
alter table exchange.listed drop column digest
