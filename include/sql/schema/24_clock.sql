-- The statutory clocks of the catalogue, filled from it: days, kind, and the field they start from.
create table exchange.clock_rule (
    dataset text not null,
    clock text not null,
    name text not null,
    amber_days int not null,
    amber_working boolean not null,
    red_days int not null,
    red_working boolean not null,
    primary key (dataset, clock)
);
