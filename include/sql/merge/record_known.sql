-- The record a row speaks about: the same id, or the same decision under an earlier code of the same subject.
update staged set record_id = coalesce(
    (select r.record_id from exchange.record as r where r.record_id = staged.derived_id),
    (
        select r.record_id
        from exchange.record as r
        where
            r.agency_code = staged.agency_code
            and r.document_key = staged.document_key
            and r.subject_id = staged.subject_id
            and r.dataset = :dataset
        order by r.record_id
        limit 1
    ),
    staged.derived_id
)
