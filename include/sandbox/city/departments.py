"""The invented city's departments, and what and how each of them delivers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from city import codes

Form = Literal["table", "csv", "xlsx", "zip", "http"]


@dataclass(frozen=True)
class Department:
    """A deciding agency. `number` makes its (invented) unified social credit code."""

    code: str
    name: str
    short: str
    number: int

    @property
    def uscc(self) -> str:
        """The agency's unified social credit code: 11 (organ), 350100 (Fuzhou)."""
        return codes.credit_code("11", "350100", f"0037{self.number:04d}")


DEPARTMENTS = {
    d.code: d
    for d in (
        Department("fz_scjg", "福州市市场监督管理局", "榕市监", 11),
        Department("fz_zjj", "福州市城乡建设局", "榕建", 12),
        Department("fz_wjw", "福州市卫生健康委员会", "榕卫", 13),
        Department("fz_cgw", "福州市城市管理委员会", "榕城管", 14),
        Department("fz_jtj", "福州市交通运输局", "榕交", 15),
        Department("fz_hbj", "福州市生态环境局", "榕环", 16),
        Department("fz_yjj", "福州市应急管理局", "榕应急", 17),
        Department("fz_wlj", "福州市文化和旅游局", "榕文旅", 18),
        Department("fz_jyj", "福州市教育局", "榕教", 19),
        Department("fz_xfj", "福州市消防救援支队", "榕消", 20),
        Department("fz_zwfw", "福州市行政审批服务局", "榕审批", 21),
        Department("fz_gulou", "福州市鼓楼区人民政府政务服务中心", "鼓审批", 22),
    )
}


@dataclass(frozen=True)
class FeedSpec:
    """How one department delivers one data set; the matching description for the exchange is include/feeds/<id>.yml.

    `rows` are new ordinary records a night at volume 1. `path` is below the inbox, or a URL path, or a table.
    """

    department: str
    dataset: Literal["permit", "penalty"]
    form: Form
    rows: int
    path: str
    encoding: str = "utf-8"
    manifest: Literal["json", "lines"] | None = None
    standard: Literal["v2019_790", "v2016"] = "v2019_790"
    full_days: int = 0
    operation: bool = False
    stamped: bool = False
    date_format: str = "%Y/%m/%d"
    fine_unit: Literal["wan_yuan", "yuan"] = "wan_yuan"
    defects: tuple[str, ...] = ()

    @property
    def feed(self) -> str:
        """The feed's id: the stem of its file under include/feeds."""
        return f"{self.department}_{self.dataset}"

    @property
    def agency(self) -> Department:
        """The department that delivers."""
        return DEPARTMENTS[self.department]

    @property
    def windowed(self) -> bool:
        """Whether a night asks for a window of update times with a day's overlap."""
        return self.form in ("table", "http")


FEEDS = (
    FeedSpec(
        "fz_scjg",
        "permit",
        "table",
        40,
        "t_xzxk",
        stamped=True,
        defects=("name_variant", "source_code_wrong", "passport"),
    ),
    FeedSpec(
        "fz_scjg",
        "penalty",
        "table",
        30,
        "t_xzcf",
        stamped=True,
        defects=("criticism_only", "several_types", "serious"),
    ),
    FeedSpec(
        "fz_zjj",
        "permit",
        "csv",
        60,
        "fz_zjj/permit_{date}.csv",
        encoding="utf-8-sig",
        manifest="json",
        defects=(
            "uscc_wrong_check",
            "uscc_letter_o",
            "placeholder_code",
            "required_blank",
            "category_not_listed",
            "over_length",
            "duplicate_identical",
            "formula_text",
            "legacy_code",
        ),
    ),
    FeedSpec(
        "fz_wjw",
        "permit",
        "csv",
        50,
        "fz_wjw/xzxk_{date}.csv",
        operation=True,
        date_format="%Y-%m-%d",
        defects=(
            "person_without_id",
            "person_id_wrong_check",
            "person_with_codes",
            "control_character",
            "full_width_code",
            "blank_words",
        ),
    ),
    FeedSpec(
        "fz_cgw",
        "penalty",
        "csv",
        50,
        "fz_cgw/cf_{date}.csv",
        encoding="gb18030",
        manifest="lines",
        defects=(
            "rep_id_without_type",
            "unknown_category",
            "fine_missing",
            "sole_trader_as_person",
            "sole_trader_as_legal",
            "rare_name",
            "spaces_around",
            "two_parties",
        ),
    ),
    FeedSpec(
        "fz_jtj",
        "penalty",
        "xlsx",
        55,
        "fz_jtj/行政处罚_{date}.xlsx",
        fine_unit="yuan",
        defects=("numeric_identity", "personal_text", "duplicate_different", "excel_dates"),
    ),
    FeedSpec(
        "fz_hbj",
        "penalty",
        "zip",
        40,
        "fz_hbj/350137_{date}.zip",
        defects=("markup_text", "not_punished", "simple_procedure", "secret", "warning_only"),
    ),
    FeedSpec(
        "fz_yjj",
        "penalty",
        "http",
        25,
        "/api/yjj/penalty",
        stamped=True,
        date_format="%Y-%m-%d",
        defects=("minor_person", "expired_given", "expired_old", "future_decision", "yuan_as_wan"),
    ),
    FeedSpec(
        "fz_wlj",
        "permit",
        "zip",
        40,
        "fz_wlj/wlj_xk_{date}.zip",
        manifest="json",
        defects=("validity_reversed", "bad_date", "secret"),
    ),
    FeedSpec(
        "fz_jyj",
        "permit",
        "csv",
        40,
        "fz_jyj/XK_{date}.csv",
        standard="v2016",
        date_format="%Y%m%d",
        defects=("uscc_wrong_check", "bad_date"),
    ),
    FeedSpec(
        "fz_xfj",
        "penalty",
        "xlsx",
        40,
        "fz_xfj/CF_{date}.xlsx",
        standard="v2016",
        defects=("required_blank", "several_types"),
    ),
    FeedSpec(
        "fz_zwfw",
        "permit",
        "http",
        30,
        "/api/zwfw/permit",
        stamped=True,
        date_format="%Y-%m-%d",
        defects=("fifteen_digits", "control_character"),
    ),
    FeedSpec(
        "fz_gulou",
        "permit",
        "csv",
        4,
        "fz_gulou/full_{date}.csv",
        full_days=15,
        operation=True,
        stamped=True,
        defects=("zero_date",),
    ),
)

BY_ID = {spec.feed: spec for spec in FEEDS}
