-- Whether tables that a merge writes still have keys to others: to drop them locks those tables, so it is asked before.
select exists (
    select from pg_constraint as c
    where
        c.contype = 'f'
        and c.conname in (
            'claim_record_id_fkey', 'claim_batch_id_fkey', 'record_version_record_id_fkey', 'record_version_batch_id_fkey',
            'record_subject_id_fkey', 'subject_created_batch_fkey', 'subject_code_subject_id_fkey',
            'subject_code_first_batch_fkey', 'subject_name_subject_id_fkey', 'subject_name_first_batch_fkey'
        )
        and c.connamespace = cast('exchange' as regnamespace)
)
