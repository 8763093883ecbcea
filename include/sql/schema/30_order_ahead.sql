-- Orders that came before their record, by what they are about: the record may come under another code of its subject, and
-- then takes the id under which its orders wait.
create table exchange.order_ahead (
    record_id text primary key,
    dataset text not null,
    agency_code text not null,
    document_key text not null,
    subject_id bigint not null
)
