-- A row that names codes of two subjects shows that they are one: later codes follow the oldest subject.
with loser as (
    select link.subject_id as old_id, min(winner.subject_id) as new_id
    from subject_link as link
    inner join subject_winner as winner on link.leader = winner.leader
    where link.subject_id <> winner.subject_id
    group by link.subject_id
),

marked as (
    update exchange.subject set merged_into = loser.new_id
    from loser
    where exchange.subject.subject_id = loser.old_id
),

records as (
    update exchange.record set subject_id = loser.new_id
    from loser
    where exchange.record.subject_id = loser.old_id
),

ahead as (
    update exchange.order_ahead set subject_id = loser.new_id
    from loser
    where exchange.order_ahead.subject_id = loser.old_id
)

update exchange.subject_code set subject_id = loser.new_id
from loser
where exchange.subject_code.subject_id = loser.old_id
