-- In which state a row of the outbox is, said once for all who ask: its own word, or else what its shipment says. What has none
-- waits in a lot, and is given as 'ready'; what is known to have arrived may be given as 'settled' without a look for it.
-- PostgreSQL writes it out where it is called, so that it costs no plan anything.
create or replace function exchange.state_of(own_word text, shipment_state text) returns text
language sql immutable parallel safe
as $$
    select case
        when own_word = 'waiting' then 'ready'
        when own_word <> 'ready' then own_word
        when shipment_state = 'settled' then 'delivered'
        else shipment_state
    end
$$
