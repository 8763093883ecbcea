"""A new version of a data set's table: what was merged under the older one leaves as the newer says, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from merging import batch, query, row

from credit_exchange.config.catalog import Dataset
from credit_exchange.config.sharing import SharingRule
from credit_exchange.errors import FatalError
from credit_exchange.steps import orders, people
from credit_exchange.steps.context import Exchange
from credit_exchange.steps.merge import merge
from credit_exchange.steps.payload import payloads
from credit_exchange.steps.release import release
from credit_exchange.steps.rules import is_stale
from credit_exchange.stores.database import transaction

D1, D2 = date(2026, 11, 20), date(2026, 11, 21)
NEW = {"XK_XDR_MC": "XK_MC", "SECRET": "SM", "XK_NR": "XK_NEIRONG"}
PERSON = {"XK_XDR_MC": "陈榕生", "XK_XDR_SHXYM": "", "XK_NR": "准予陈榕生开店"}


def changed(value: Any, change: Callable[[str], str]) -> Any:
    """The same with every text in it changed."""
    if isinstance(value, dict):
        return {changed(k, change): changed(v, change) for k, v in value.items()}
    if isinstance(value, list):
        return [changed(one, change) for one in value]
    return change(value) if isinstance(value, str) else value


def upgraded(exchange: Exchange, crosswalk: bool = True) -> Exchange:
    """The exchange with three fields of permits renamed by a new version, everywhere where they are named."""
    config = exchange.config
    old = config.datasets["permit"].model_dump(mode="json")
    first, second = (changed(part, lambda text: NEW.get(text, text)) for part in (old, old["versions"][0]))
    first["versions"][0] = second | {"id": "v2027"}
    walk = {f["code"]: NEW.get(f["code"], f["code"]) for f in old["versions"][0]["fields"]} if crosswalk else {}
    values = {"SM": {"是": "秘"}} if crosswalk else {}
    older = old["versions"][0] | {"id": "v2019_790", "crosswalk": walk, "values": values}
    first["versions"].insert(1, older)
    rules = tuple(
        SharingRule.model_validate(changed(one.model_dump(mode="json"), lambda text: NEW.get(text, text)))
        for one in config.sharing
        if one.id != "SH-30-SECRET-PERMIT"
    )
    secret = next(one for one in config.sharing if one.id == "SH-30-SECRET-PERMIT").model_dump(mode="json")
    secret["match"] = [{"field": "SM", "op": "eq", "value": "秘"}]
    datasets = config.datasets | {"permit": Dataset.model_validate(first)}
    return replace(
        exchange, config=replace(config, datasets=datasets, sharing=(*rules, SharingRule.model_validate(secret)))
    )


def sent(exchange: Exchange) -> dict[str, dict[str, str]]:
    """What waits for 信用福州, by document number."""
    with transaction(exchange.engine) as connection:
        ids = query(exchange, "select outbox_id from exchange.outbox where platform = 'fuzhou' and state = 'ready'")
        sheets = payloads(exchange, connection, "fuzhou", [one["outbox_id"] for one in ids])
        found = [sheet.payload(place) for sheet in sheets for place in range(len(sheet.outbox_ids))]
    return {one.fields["XK_WSH"]: one.fields for one in found if one.op == "upsert"}


@pytest.fixture
def merged(exchange: Exchange) -> Exchange:
    """A person's permit and a secret one, merged under the version of 2019."""
    rows = [row(exchange, "1号", fields=PERSON, subject_kind="person"), row(exchange, "2号", fields={"SECRET": "是"})]
    merge(exchange, batch(exchange, rows, D1))
    release(exchange)
    assert set(sent(exchange)) == {"1号"}
    return exchange


def test_what_was_merged_before_a_field_was_renamed_is_masked_and_kept_back_as_before(merged: Exchange) -> None:
    """Its department may never deliver it again, and masks and rules know the new names only."""
    release(upgraded(merged))
    there = sent(upgraded(merged))
    assert set(there) == {"1号"}, "what a rule keeps back stays where it is"
    assert (there["1号"]["XK_MC"], there["1号"]["XK_NEIRONG"]) == ("陈**", "准予陈**开店")
    assert not NEW.keys() & there["1号"].keys()


def test_nothing_leaves_of_a_content_that_no_version_has_a_place_for(merged: Exchange) -> None:
    """Whether a rule keeps it back cannot be told; what else there is goes on."""
    other = upgraded(merged, crosswalk=False)
    before = query(merged, "select count(*) from exchange.release")
    other.config = replace(other.config, platforms=dict(other.config.platforms))
    fuzhou = other.config.platforms["fuzhou"]
    only = {name: route for name, route in fuzhou.datasets.items() if name != "permit"}
    other.config.platforms["fuzhou"] = fuzhou.model_copy(update={"datasets": only})
    what = r"行政许可.*SECRET.*XK_NR.*XK_XDR_MC.*/permit.yml.*crosswalk.*。更正之前，信用中国、信用福建只执行撤下$"
    with pytest.raises(FatalError, match=what):
        release(other)
    assert query(merged, "select count(*) from exchange.release") == before
    stale = {platform for platform in other.config.platforms if is_stale(other, platform)}
    assert stale == {"china", "fujian"}, "what has nothing to do with it goes on"
    release(upgraded(merged))
    assert set(sent(upgraded(merged))) == {"1号"}


def published(exchange: Exchange, document_no: str = "1号") -> str:
    """Everything that waits has arrived; the id of a record."""
    query(exchange, "update exchange.release set state = 'delivered' where op is not null returning 1")
    asked = "select record_id from exchange.record where document_no = :no"
    return str(query(exchange, asked, no=document_no)[0]["record_id"])


def test_what_is_withdrawn_waits_for_no_catalogue(merged: Exchange) -> None:
    """Of what is gone nothing has to be judged: no night is red for it, and nothing else stops."""
    ids = [published(merged), published(merged, "2号")]
    for record_id in ids:
        orders.order(merged, record_id, "withdraw", "repair", "信用修复", "发改委令第36号", "tester")
    other = upgraded(merged, crosswalk=False)
    assert release(other)["fuzhou.withdraw"] == 1
    assert not is_stale(other, "fuzhou")


def test_the_reason_of_a_takedown_names_nobody_whose_name_stands_under_an_old_code(merged: Exchange) -> None:
    record_id = published(merged)
    orders.order(merged, record_id, "withdraw", "repair", "陈榕生已修复信用", "发改委令第36号", "tester")
    release(upgraded(merged))
    told = query(merged, "select distinct reason from exchange.outbox where op = 'withdraw'")
    assert told == [{"reason": "陈**已修复信用"}]


def test_an_operator_is_known_by_the_code_that_the_field_had_before(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(NEW, "XK_FRDB", "XK_FR")
    merge(exchange, batch(exchange, [row(exchange, "1号", fields={"XK_FRDB": "林样例"})], D1))
    (found,) = query(exchange, "select record_id from exchange.record")
    with transaction(exchange.engine) as connection:
        named = people.names(upgraded(exchange).config.datasets.values(), connection, [found["record_id"]])
    assert named == {found["record_id"]: ["林样例"]}


def test_what_was_merged_before_the_words_of_a_code_list_changed_is_kept_back_as_before(merged: Exchange) -> None:
    """The field has the code that it had."""
    permit = merged.config.datasets["permit"].model_dump(mode="json")
    older = permit["versions"][0]
    fields = [f | {"values": ["秘", "非秘"]} if f["code"] == "SECRET" else f for f in older["fields"]]
    permit["versions"].insert(0, older | {"id": "v2027", "fields": fields, "values": {}})
    walk = {f["code"]: f["code"] for f in fields}
    permit["versions"][1] = older | {"crosswalk": walk, "values": {"SECRET": {"是": "秘", "否": "非秘"}}}
    rules = tuple(
        one.model_copy(update={"match": [one.match[0].model_copy(update={"value": ["秘"]})]})
        if one.id == "SH-30-SECRET-PERMIT"
        else one
        for one in merged.config.sharing
    )
    datasets = merged.config.datasets | {"permit": Dataset.model_validate(permit)}
    other = replace(merged, config=replace(merged.config, datasets=datasets, sharing=rules))
    release(other)
    assert set(sent(other)) == {"1号"}


def test_what_two_departments_say_under_two_versions_is_one_content(merged: Exchange) -> None:
    exchange = upgraded(merged)
    fields = {"XK_XDR_MC": "", "XK_NR": "", "XK_XDR_SHXYM": "", "XK_MC": "陈榕生", "XK_NEIRONG": "准予陈榕生开大店"}
    again = row(exchange, "1号", fields=fields, subject_kind="person", subject_name="陈榕生")
    merge(exchange, batch(exchange, [again], D2, feed="other_permit", department="other"))
    release(exchange)
    there = sent(exchange)["1号"]
    assert there["XK_NEIRONG"] == "准予陈**开大店"
    assert not NEW.keys() & there.keys()


def test_what_is_said_again_under_a_new_code_is_as_old_as_it_was(exchange: Exchange) -> None:
    """Else the first night of a new version would let every full file outdo what others corrected since."""

    def say(place: Exchange, day: int, feed: str, words: str) -> str:
        said = {"XK_XDR_MC": "福州榕树商贸有限公司", "XK_NR": words}
        if place is not exchange:
            said = dict.fromkeys(said, "") | {NEW[code]: value for code, value in said.items()}
        rows = [row(place, "1号", fields=said, subject_name="福州榕树商贸有限公司")]
        merge(place, batch(place, rows, D1 + timedelta(days=day), feed=f"fz_{feed}_permit", department=f"fz_{feed}"))
        return str(query(place, "select department from exchange.record")[0]["department"])

    assert say(exchange, 0, "a", "旧内容") == "fz_a"
    assert say(exchange, 1, "b", "更正") == "fz_b"
    newer = upgraded(exchange)
    assert say(newer, 2, "a", "旧内容") == "fz_b"
    assert say(newer, 3, "a", "旧内容") == "fz_b"
    assert say(newer, 4, "a", "新内容") == "fz_a"
