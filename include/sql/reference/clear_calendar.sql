-- The calendar is written anew when its files changed.
delete from exchange.calendar_day
