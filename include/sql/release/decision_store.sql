-- A decision shape seen for the first time.
insert into exchange.decision (
    digest, effect, deciding_rule, legal_basis, rules, drop_fields, mask_fields
)
values (
    :digest, :effect, :deciding_rule, :legal_basis, cast(:rules as jsonb), :drop_fields, cast(:mask_fields as jsonb)
)
on conflict (digest) do nothing
