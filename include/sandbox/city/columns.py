"""Which columns each feed delivers, and under which names: departments never agree on these."""

from __future__ import annotations

from city.departments import FeedSpec

SUBJECT = {
    "XDR_MC": "行政相对人名称",
    "XDR_LB": "行政相对人类别",
    "XDR_SHXYM": "行政相对人代码_1(统一社会信用代码)",
    "XDR_GSZC": "行政相对人代码_2(工商注册号)",
    "XDR_ZZJG": "行政相对人代码_3(组织机构代码)",
    "XDR_SWDJ": "行政相对人代码_4(税务登记号)",
    "XDR_SYDW": "行政相对人代码_5(事业单位证书号)",
    "XDR_SHZZ": "行政相对人代码_6(社会组织登记证号)",
    "FRDB": "法定代表人",
    "FR_ZJLX": "法定代表人证件类型",
    "FR_ZJHM": "法定代表人证件号码",
    "XDR_ZJLX": "证件类型",
    "XDR_ZJHM": "证件号码",
}
PERMIT = {
    **{f"XK_{code}": name for code, name in SUBJECT.items()},
    "XK_XKWS": "行政许可决定文书名称",
    "XK_WSH": "行政许可决定文书号",
    "XK_XKLB": "许可类别",
    "XK_XKZS": "许可证书名称",
    "XK_XKBH": "许可编号",
    "XK_NR": "许可内容",
    "XK_JDRQ": "许可决定日期",
    "XK_YXQZ": "有效期自",
    "XK_YXQZI": "有效期至",
    "XK_XKJG": "许可机关",
    "XK_XKJGDM": "许可机关统一社会信用代码",
    "XK_ZT": "当前状态",
    "XK_LYDW": "数据来源单位",
    "XK_LYDWDM": "数据来源单位统一社会信用代码",
    "BZ": "备注",
    "SECRET": "是否涉密",
}
PENALTY = {
    **{f"CF_{code}": name for code, name in SUBJECT.items()},
    "CF_WSH": "行政处罚决定书文号",
    "CF_WFXW": "违法行为类型",
    "CF_SY": "违法事实",
    "CF_YJ": "处罚依据",
    "CF_CFLB": "处罚类别",
    "CF_NR": "处罚内容",
    "CF_NR_FK": "罚款金额（万元）",
    "CF_NR_WFFF": "没收违法所得、没收非法财物的金额（万元）",
    "CF_NR_ZKDX": "暂扣或吊销证照名称及编号",
    "CF_JDRQ": "处罚决定日期",
    "CF_YXQ": "处罚有效期",
    "CF_GSJZQ": "公示截止期",
    "CF_CFJG": "处罚机关",
    "CF_CFJGDM": "处罚机关统一社会信用代码",
    "CF_SJLY": "数据来源单位",
    "CF_SJLYDM": "数据来源单位统一社会信用代码",
    "BZ": "备注",
    "SECRET": "是否涉密",
    "PROCEDURE": "适用程序",
}
PERMIT_2016 = {
    "XK_WSH": "行政许可决定书文号",
    "XK_XMMC": "项目名称",
    "XK_SPLB": "审批类别",
    "XK_NR": "许可内容",
    "XK_XDR": "行政相对人名称",
    "XK_XDR_SHXYM": "行政相对人代码_1 (统一社会信用代码)",
    "XK_XDR_ZDM": "行政相对人代码_2 (组织机构代码)",
    "XK_XDR_GSDJ": "行政相对人代码_3 (工商登记码)",
    "XK_XDR_SWDJ": "行政相对人代码_4 (税务登记号)",
    "XK_XDR_SFZ": "行政相对人代码_5 (居民身份证号)",
    "XK_FR": "法定代表人姓名",
    "XK_JDRQ": "许可决定日期",
    "XK_JZQ": "许可截止期",
    "XK_XZJG": "许可机关",
    "XK_ZT": "当前状态",
    "DFBM": "地方编码",
    "SJC": "数据更新时间戳",
    "BZ": "备注",
}
PENALTY_2016 = {
    "CF_WSH": "行政处罚决定书文号",
    "CF_CFMC": "处罚名称",
    "CF_CFLB1": "处罚类别1",
    "CF_CFLB2": "处罚类别2",
    "CF_SY": "处罚事由",
    "CF_YJ": "处罚依据",
    "CF_XDR_MC": "行政相对人名称",
    "CF_XDR_SHXYM": "行政相对人代码_1 (统一社会信用代码)",
    "CF_XDR_ZDM": "行政相对人代码_2 (组织机构代码)",
    "CF_XDR_GSDJ": "行政相对人代码_3 (工商登记码)",
    "CF_XDR_SWDJ": "行政相对人代码_4 (税务登记号)",
    "CF_XDR_SFZ": "行政相对人代码_5 (居民身份证号)",
    "CF_FR": "法定代表人姓名",
    "CF_JG": "处罚结果",
    "CF_JDRQ": "处罚决定日期",
    "CF_JZQ": "处罚截止期",
    "CF_XZJG": "处罚机关",
    "CF_ZT": "当前状态",
    "DFBM": "地方编码",
    "SJC": "数据更新时间戳",
    "BZ": "备注",
}
OWN_NAMES: dict[str, dict[str, str]] = {
    "fz_wjw_permit": {"XK_WSH": "卫健许可决定文书号", "XK_XDR_MC": "行政相对人", "XK_XDR_SHXYM": "统一社会信用代码"},
    "fz_cgw_penalty": {"CF_WSH": "决定文书号", "CF_SY": "违法事实（案情）"},
    "fz_jtj_penalty": {
        "CF_WSH": "政处罚决定文书号",
        "CF_NR_FK": "罚款金额（元）",
        "CF_NR_WFFF": "没收违法所得、没收非法财物的金额（元）",
    },
    "fz_gulou_permit": {"XK_WSH": "决定书号", "XK_FRDB": "法定代表人（负责人）"},
}
"""Names that single departments use instead of the standard's: a first character lost, an office's name glued on."""

OPERATION, REASON, UPDATED, NUMBER = "操作类型", "操作原因", "更新时间", "序号"


def columns(spec: FeedSpec) -> dict[str, str]:
    """Field code of the feed's schema version → the name under which the department delivers it."""
    if spec.form == "zip":
        codes = PERMIT if spec.dataset == "permit" else PENALTY
        return {code: code for code in codes}
    if spec.windowed:
        codes = PERMIT if spec.dataset == "permit" else PENALTY
        return {code: code.lower() for code in codes}
    if spec.standard == "v2016":
        return dict(PERMIT_2016 if spec.dataset == "permit" else PENALTY_2016)
    return {**(PERMIT if spec.dataset == "permit" else PENALTY), **OWN_NAMES.get(spec.feed, {})}


def extra_columns(spec: FeedSpec) -> list[str]:
    """Delivered columns that are no fields: operation, reason, update time."""
    names = [OPERATION, REASON] if spec.operation else []
    if spec.stamped:
        names.append("update_time" if spec.windowed else UPDATED)
    return names
