-- COPY of the working-day calendar.
copy exchange.calendar_day (day, is_workday, ordinal, provisional) from stdin with (format csv)
