"""What only the steps know of a configuration, for `config check`.

Loading a configuration checks it against itself. Which wires are spoken, and what each needs of a platform's file, is
known to the dialects; the calendar is read when a night starts. A night does not ask: a platform that cannot work fails
by itself, and takes no other part with it (promise 7). What a data set's fields say and no rule holds is told here too.
"""

from __future__ import annotations

from collections.abc import Iterator

from credit_exchange.config.catalog import SubjectKind
from credit_exchange.config.catalog_problems import unguarded
from credit_exchange.config.files import File
from credit_exchange.config.labels import SUBJECT_WORDS
from credit_exchange.config.loader import Configuration, told
from credit_exchange.config.sharing_engine import RuleSet
from credit_exchange.config.unmeant import (
    goes_nowhere,
    unmeant_feeds,
    unmeant_files,
    unmeant_platforms,
    unmeant_rules,
    unmeant_versions,
)
from credit_exchange.core import business_time
from credit_exchange.errors import ConfigurationError
from credit_exchange.steps.push.dialects.base import problems_of
from credit_exchange.steps.push.transport import unusable
from credit_exchange.steps.reference import calendar_of


def check(config: Configuration) -> None:
    """Raise ConfigurationError with every problem that would stop a step later, each with place and remedy."""
    found = [("catalog", name, list(unguarded(dataset))) for name, dataset in config.datasets.items()]
    found += [("platforms", name, problems_of(one, config.datasets)) for name, one in config.platforms.items()]
    problems: list[str] = []
    for folder, name, wrong in found:
        if wrong:
            path = config.root / folder / f"{name}.yml"
            file = File(path, path.read_text(encoding="utf-8") if path.is_file() else "")
            problems.extend(file.problem(place, what) for place, what in wrong)
    try:
        calendar_of(config)
    except ConfigurationError as error:
        problems.append(str(error))
    if problems:
        raise ConfigurationError(told(problems))


def notes(config: Configuration) -> list[str]:
    """Return what is allowed and rarely meant, a line each: names of persons that a rule lets out as they are, fields
    that are not for the public, rules, feeds and data sets that can come to nothing, files that are not read, CA
    bundles that are of no use on this machine."""
    today, last = business_time.today(), business_time.last_business_date()
    told = [*unmeant_versions(config.datasets, today), *unmeant_feeds(config.feeds, config.datasets, last)]
    told += unmeant_rules(config.sharing, config.datasets)
    told += [*unmeant_platforms(config.platforms), *unmeant_files(config.root)]
    told += goes_nowhere(config.feeds, config.platforms, config.sharing, config.datasets)
    bundles = {name: unusable(one.ca_bundle) for name, one in config.platforms.items() if one.ca_bundle}
    told += [f"platforms/{name}.yml：ca_bundle：{why}" for name, why in bundles.items() if why]
    sent = [
        (dataset, one, RuleSet(config.sharing, dataset, platform, today))
        for name, dataset in config.datasets.items()
        for platform, one in config.platforms.items()
        if name in one.datasets
    ]
    for dataset, one, rules in sent:
        if closed := _not_public(rules, one.datasets[dataset.dataset].omit):
            told.append(
                f"{closed[0]} 等规则把{dataset.name}中不向社会公开的 {'、'.join(closed[1])} 发往{one.name}；"
                "除非有依据，请写一条去掉它的规则，或列入平台文件的 omit"
            )
    return told + [
        f"规则 {rule} 把{dataset.name}中{SUBJECT_WORDS[kind]}的 {code} 以原文发往{one.name}；"
        "除非有法律依据，请参照 sharing/20_privacy.yml 写一条遮蔽或去掉它的规则"
        for dataset, one, rules in sent
        for rule, kind, code in _open_names(rules, one.datasets[dataset.dataset].omit)
    ]


def _not_public(rules: RuleSet, omitted: list[str]) -> tuple[str, list[str]] | None:
    """The first rule that lets out fields whose class says that they are not for the public, and these; None: none."""
    for rule in (one for one in rules.rules if one.effect == "release"):
        decision = rules.decide_by(rule)
        if decision is None or decision.deciding_rule != rule.id:
            continue
        hidden = {*decision.drop_fields, *omitted, rules.dataset.shared_code}
        codes = [f.code for f in rules.dataset.current.fields if f.publication != "public" and f.code not in hidden]
        if codes:
            return rule.id, codes
    return None


def _open_names(rules: RuleSet, omitted: list[str]) -> Iterator[tuple[str, str, str]]:
    """Yield rule, kind of subject and field for each name of a person that leaves in clear; a shop's name may."""
    subject = rules.dataset.identity.subject
    if subject.kind is None:
        return  # all of them are organisations
    told = {field.code for field in rules.dataset.current.fields if field.personal == "name"}
    names = told | {code for code in (subject.name, subject.representative) if code}
    cases: tuple[tuple[SubjectKind, set[str]], ...] = (("person", names), ("sole_trader", names - {subject.name}))
    for rule in (one for one in rules.rules if one.effect == "release"):
        for kind, open_ones in cases:
            decision = rules.decide_by(rule, kind) if rules.dataset.kinds.get(kind) else None
            if decision is not None and decision.deciding_rule == rule.id:
                hidden = {code for code, mask in decision.mask_fields if mask == "person_name"}
                hidden |= {*decision.drop_fields, *omitted}
                yield from ((rule.id, kind, code) for code in sorted(open_ones - hidden))
