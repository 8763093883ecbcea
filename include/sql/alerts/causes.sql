-- Why parts of a night failed: what the newest batch of a feed says, else what the last try of a part said in this run, else
-- why a platform is not called at the moment. People who are told that a part failed are told why.
with said as (
    select 1 as place, 'feed ' || b.feed as part, b.problem as cause
    from (
        select distinct on (feed) feed, problem
        from exchange.batch
        where business_date = :business_date
        order by feed, generation desc
    ) as b
    where b.problem <> ''
    union all
    select 2, c.key, c.value
    from exchange.night as n
    cross join jsonb_each_text(n.causes) as c
    where n.run_id = :run_id
    union all
    select 3, 'platform ' || platform, reason
    from exchange.platform_state
    where circuit <> 'closed' and reason <> ''
)

select distinct on (part) part, cause from said order by part, place
