-- The working-day calendar, filled from include/calendar: deadlines are computed against it.
create table exchange.calendar_day (
    day date primary key,
    is_workday boolean not null,
    ordinal int not null,
    provisional boolean not null default false
);
