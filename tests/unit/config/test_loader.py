"""The configuration is checked as a whole: every problem names file, line and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from credit_exchange.cli.main import main
from credit_exchange.config.labels import names_of
from credit_exchange.config.loader import as_it_is, load, usable
from credit_exchange.errors import ConfigurationError


def edit(root: Path, name: str, old: str, new: str) -> None:
    path = root / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def problems(root: Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(root)
    return str(caught.value)


def test_the_shipped_configuration_is_good_and_has_all_six_forms() -> None:
    found = load()
    assert {feed.source.form for feed in found.feeds.values()} == {"csv", "xlsx", "rowdata_zip", "table", "http"}
    assert any(feed.schema_version == "v2016" for feed in found.feeds.values())
    assert len({feed.department.code for feed in found.feeds.values()}) >= 10
    assert len([f for f in found.datasets["permit"].current.fields if not f.internal]) == 28
    assert len([f for f in found.datasets["penalty"].current.fields if not f.internal]) == 30


def test_an_internal_mark_may_be_delivered_in_an_old_table(copied: Path) -> None:
    edit(copied, "feeds/fz_xfj_penalty.yml", "  CF_CFLB1:", "  SECRET: 是否涉密\n  PROCEDURE: 适用程序\n  CF_CFLB1:")
    assert load(copied).feeds["fz_xfj_penalty"].columns["SECRET"] == "是否涉密"


def test_a_misspelt_key_is_named_with_its_line(copied: Path) -> None:
    edit(copied, "platforms/china.yml", "dialect:", "dialekt:")
    told = problems(copied)
    assert "china.yml" in told
    assert "dialekt" in told
    assert "第 5 行" in told


def test_a_key_that_stands_twice_is_an_error(copied: Path) -> None:
    edit(copied, "platforms/china.yml", "role: nation", "role: nation\nrole: city")
    assert "'role' 写了两次" in problems(copied)


def test_every_problem_is_told_at_once(copied: Path) -> None:
    edit(copied, "platforms/china.yml", "dialect:", "dialekt:")
    edit(copied, "feeds/fz_scjg_permit.yml", "owner:", "ovner:")
    edit(copied, "catalog/penalty.yml", "basis:", "bases:")
    edit(copied, "sharing/20_privacy.yml", "legal_basis:", "legal_bases:")
    told = problems(copied)
    assert "china.yml" in told
    assert "fz_scjg_permit.yml" in told
    for kind in ("dataset", "feed", "platform", "sharing"):
        assert f"可写的内容见 python -m credit_exchange schema {kind}\n" in f"{told}\n", "a command that can be typed"


def test_one_feed_or_platform_whose_file_is_wrong_leaves_all_others_as_they_are(copied: Path) -> None:
    whole = load(copied)
    edit(copied, "feeds/fz_scjg_permit.yml", "owner:", "owner: [")
    edit(copied, "platforms/china.yml", "dialect:", "dialekt:")
    edit(copied, "feeds/fz_hbj_penalty.yml", "dataset: penalty", "dataset: penalti")
    (copied / "feeds" / "fz_new_permit.yml").mkdir()  # cannot be read
    (copied / "feeds" / ".#fz_gulou_permit.yml").symlink_to("somebody@somewhere.1:2")  # an editor's lock
    found = usable(copied)
    wrong = {"feed fz_scjg_permit", "feed fz_hbj_penalty", "feed fz_new_permit", "platform china"}
    assert set(found.broken) == wrong
    assert all(part.partition(" ")[2] + ".yml" in " ".join(found.broken[part]) for part in wrong)
    assert found.ids("feed") == sorted([*whole.feeds, "fz_new_permit"])
    assert found.ids("platform") == sorted(whole.platforms)
    assert found.feeds == {k: v for k, v in whole.feeds.items() if f"feed {k}" not in wrong}
    assert (set(found.platforms), found.sharing) == ({"fuzhou", "fujian"}, whole.sharing)
    for ask in (lambda: found.feed("fz_scjg_permit"), lambda: found.platform("china"), lambda: load(copied)):
        with pytest.raises(ConfigurationError, match=r"\.yml 第 \d+ 行"):
            ask()


def test_what_concerns_more_than_one_part_stops_everything(copied: Path) -> None:
    edit(copied, "sharing/30_withhold.yml", "rules:", "rulez:")
    with pytest.raises(ConfigurationError, match=r"30_withhold\.yml"):
        usable(copied)
    nothing = as_it_is(copied)
    assert "30_withhold.yml" in nothing.problems[0]
    assert (nothing.feeds, nothing.platforms, nothing.datasets, nothing.sharing) == ({}, {}, {}, ())


def test_a_feed_of_an_unknown_data_set_says_what_to_add(copied: Path) -> None:
    edit(copied, "feeds/fz_scjg_permit.yml", "dataset: permit", "dataset: permitt")
    assert "请新增 catalog/permitt.yml" in problems(copied)


@pytest.mark.parametrize("name", ["许可机关(全称)", "许可机关（全称）", "许可机关 （全称）", "许可机关\u200b（全称）"])
def test_a_column_cannot_be_two_fields_however_its_name_is_typed(copied: Path, name: str) -> None:
    edit(copied, "feeds/fz_zjj_permit.yml", "XK_LYDW: 数据来源单位", f"XK_LYDW: {name}")
    edit(copied, "feeds/fz_zjj_permit.yml", "XK_XKJG: 许可机关", "XK_XKJG: 许可机关（全称）")
    assert "同时对应" in problems(copied)


def test_the_feeds_of_a_table_that_became_an_older_one_are_told_how_to_go_on(copied: Path) -> None:
    edit(copied, "feeds/fz_xfj_penalty.yml", "schema_version: v2016", "# schema_version: v2016")
    assert "没有这个字段，v2016 有；部门仍按 v2016 报送的，请在本文件写 schema_version: v2016" in problems(copied)


def test_a_rule_about_an_unknown_platform_is_an_error(copied: Path) -> None:
    (copied / "platforms" / "china.yml").unlink()
    assert "platforms/ 下没有平台 'china'" in problems(copied)


def test_a_lease_shorter_than_a_call_is_refused(copied: Path) -> None:
    edit(copied, "platforms/china.yml", "role: nation", "role: nation\nlease_seconds: 10")
    assert "lease_seconds 不能短于 total_timeout" in problems(copied)


def test_a_platform_that_says_nothing_else_is_waited_for_as_designed() -> None:
    """Nobody has to know these to be safe: what may still arrive is not asked about sooner than the platform takes."""
    for platform in load().platforms.values():
        assert (platform.connect_timeout, platform.read_timeout, platform.total_timeout) == (5, 60, 120)
        assert (platform.settle_after_seconds, platform.lease_seconds) == (120, 300)


def test_another_directory_can_be_named(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDIT_EXCHANGE_CONFIG", str(copied))
    assert load().root == copied.resolve()
    assert main(["config", "check"]) == 0


def test_a_new_data_set_platform_and_feed_are_one_file_each(copied: Path) -> None:
    (copied / "catalog" / "red_list.yml").write_text(
        """
dataset: red_list
name: 红名单
basis: 试验
identity:
  agency_code: RDBMDM
  agency_name: RDBM
  document_no: RDWH
  decided_on: RDRQ
  subject: {name: JGQC, uscc: TYSHXYDM}
versions:
  - id: v1
    since: 2026-01-01
    basis: 试验
    fields:
      - {code: JGQC, name: 机构全称, required: true, length: 200}
      - {code: TYSHXYDM, name: 统一社会信用代码, type: code, required: true}
      - {code: RDWH, name: 认定文号, required: true}
      - {code: RDRQ, name: 认定日期, type: date, required: true}
      - {code: RDBM, name: 认定部门, required: true}
      - {code: RDBMDM, name: 认定部门代码, type: code, required: true}
rules:
  - {id: S01, check: required, message: "{name}为空"}
  - {id: S13, check: unique, fields: [RDWH], message: "同一记录多次且内容不同"}
  - {id: S16, check: identity, fields: [RDWH], message: "无法确定是哪一条记录"}
""",
        encoding="utf-8",
    )
    (copied / "feeds" / "fz_a_red_list.yml").write_text(
        """
department: {code: fz_a, name: 试验局}
dataset: red_list
owner: 联络员
contact: a@example.invalid
source: {form: csv, path: "a/{date}.csv"}
columns: {JGQC: 名称, TYSHXYDM: 代码, RDWH: 文号, RDRQ: 日期, RDBM: 部门, RDBMDM: 部门代码}
""",
        encoding="utf-8",
    )
    found = load(copied)
    assert found.dataset_of("fz_a_red_list").dataset == "red_list"


@pytest.mark.parametrize("kind", ["feed", "platform", "dataset", "sharing"])
def test_the_schema_of_every_kind_is_printed(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", kind]) == 0
    assert '"properties"' in capsys.readouterr().out


def test_a_code_that_two_data_sets_have_is_called_as_its_own_calls_it(copied: Path) -> None:
    path = copied / "catalog" / "permit.yml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("{code: BZ, name: 备注", "{code: BZ, name: 许可说明", 1), encoding="utf-8")
    config = load(copied)
    assert {name: names_of(config, name)["fields"]["BZ"] for name in ("permit", "penalty")} == {
        "permit": "许可说明",
        "penalty": "备注",
    }
    assert names_of(config)["fields"].keys() == names_of(config, "permit")["fields"].keys()
