-- Somebody is about to take personal data out: :about is a department's code or a record id.
insert into exchange.handed_out (kind, about, rows, taken_by)
values (:kind, :about, :rows, :taken_by)
