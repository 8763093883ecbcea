-- The reporting views stand on the tables that change; they are made anew at the end.
drop view if exists
report.clock, report.scorecard, report.conflict, report.batch, report.quarantine, report.record, report.delivery, report.withheld,
report.published, report.alert cascade
