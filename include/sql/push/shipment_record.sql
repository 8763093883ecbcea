-- What became of a shipment, written only by whoever still holds it; ends the lease and the attempt, if there was one.
-- What is not settled keeps its last problem while nothing new is known. Gives a row when it was still ours.
with mine as (
    update exchange.shipment set
        state = :state,
        lease_owner = null,
        lease_until = null,
        next_attempt_at = clock_timestamp() + make_interval(secs => :wait),
        task_id = coalesce(:task_id, task_id),
        receipt_no = coalesce(:receipt_no, receipt_no),
        reply_sealed = coalesce(:reply_sealed, reply_sealed),
        reply_digest = coalesce(:reply_digest, reply_digest),
        problem = case when :state = 'settled' then :problem else coalesce(:problem, problem) end,
        code = case when :state = 'settled' then :code else coalesce(:code, code) end,
        settled_at = case
            when :state = 'settled'
                then coalesce(nullif(current_setting('credit_exchange.now', true), '')::timestamptz, clock_timestamp())
        end
    where shipment_no = :shipment_no and fence = :fence and lease_owner = :owner
    returning shipment_no
),

over as (
    update exchange.attempt set
        finished_at = clock_timestamp(),
        outcome = :outcome,
        http_status = :http_status,
        code = :attempt_code,
        reply_digest = :reply_digest
    where attempt_id = :attempt_id and exists (select 1 from mine)
)

select mine.shipment_no from mine
