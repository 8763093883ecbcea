-- One statutory clock of the catalogue.
insert into exchange.clock_rule (
    dataset, clock, name, amber_days, amber_working, red_days, red_working
)
values (:dataset, :clock, :name, :amber_days, :amber_working, :red_days, :red_working)
