-- One at a time packs, resumes or overtakes what waits for a platform: held for a moment, never while a platform is called.
select pg_advisory_xact_lock(4203, hashtext(:platform))
