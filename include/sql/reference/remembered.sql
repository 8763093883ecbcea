-- The digest of the calendar and clocks that are in the tables now.
select digest from exchange.reference where kind = 'calendar'
