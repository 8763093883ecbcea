"""A good permit of an invented company, as departments deliver it, and what is other where it is a person's."""

from __future__ import annotations

PERMIT = {
    "XK_XDR_MC": "福州示例贸易有限公司",
    "XK_XDR_LB": "法人及非法人组织",
    "XK_XDR_SHXYM": "9135010026017703XW",
    "XK_FRDB": "林某甲",
    "XK_XKWS": "食品经营许可决定书",
    "XK_WSH": "榕市监许〔2026〕1号",
    "XK_XKLB": "普通",
    "XK_NR": "食品销售经营者",
    "XK_JDRQ": "2026-08-20",
    "XK_YXQZ": "2026-08-20",
    "XK_YXQZI": "2031-08-19",
    "XK_XKJG": "福州市市场监督管理局",
    "XK_XKJGDM": "11230500001755309F",
    "XK_ZT": "1",
    "XK_LYDW": "福州市市场监督管理局",
    "XK_LYDWDM": "11230500001755309F",
}
PERSON = {
    "XK_XDR_LB": "自然人",
    "XK_XDR_SHXYM": "",
    "XK_FRDB": "",
    "XK_XDR_MC": "陈某乙",
    "XK_XDR_ZJLX": "身份证",
    "XK_XDR_ZJHM": "11010519491231002X",
}
