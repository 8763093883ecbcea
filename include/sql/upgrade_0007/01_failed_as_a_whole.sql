-- In which shipment a record failed first, and with how many others it may travel since.
alter table exchange.release add column if not exists failed_in bigint, add column if not exists most int
