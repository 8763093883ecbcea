-- The read-only role of BI tools: sees schema report and nothing else. Made here unless an administrator made it before.
do $$
begin
    if not exists (select 1 from pg_roles where rolname = 'credit_report') then
        begin
            create role credit_report nologin;
        exception
            when insufficient_privilege then
                raise notice 'role credit_report is missing and cannot be made by this user: ask an administrator';
            when duplicate_object then
                null;
        end;
    end if;
    revoke all on schema exchange from public;
    if exists (select 1 from pg_roles where rolname = 'credit_report') then
        grant usage on schema report to credit_report;
        grant select on all tables in schema report to credit_report;
        alter default privileges in schema report grant select on tables to credit_report;
    end if;
end
$$
