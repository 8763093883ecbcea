-- Records that a newer batch of this feed already spoke about: only filled when an older day is merged late.
create temporary table later (record_id text not null) on commit drop
