-- Remember which rule set every record has been judged by.
insert into exchange.release_run (platform, ruleset_digest)
values (:platform, :digest)
on conflict (platform) do update set ruleset_digest = excluded.ruleset_digest, applied_at = clock_timestamp()
where exchange.release_run.ruleset_digest <> excluded.ruleset_digest
