"""The columns of the three sheets, and parsers of their cells: lenient where the meaning is clear."""

import re
from collections.abc import Callable
from datetime import date, timedelta

from flask_babel import lazy_gettext as _

from app.core.identifiers import (
    fold,
    fold_certificate_number,
    fold_enterprise_name,
    fold_user_name,
    parse_credit_code,
    parse_mobile,
    parse_name,
    parse_old_id_number,
)
from app.core.vocabulary import CURRENT_CATEGORIES, Category, CertificateStatus, LegacyKind
from app.files.spreadsheets import Column, at_most, write

EARLIEST, LATEST = date(1990, 1, 1), date(2099, 12, 31)
_EXCEL_ZERO = date(1899, 12, 30)
_DAY = re.compile(r"(\d{4})(?:[-/.年](\d{1,2})[-/.月](\d{1,2})日?|(\d{2})(\d{2}))(?:[T ]\d{1,2}:\d{2}(?::\d{2})?(?:\.0*)?)?")
_CODE = re.compile(r"(?:湘?建安|安)?(A|B|C[123]?)(?![0-9A-Z])")


def parse_day(text: str) -> date:
    """A day in common spellings: 2018-03-05, 2018/3/5, 2018.3.5, 2018年3月5日, 20180305, or as Excel counts days."""
    compact = re.sub(r"\s*([-/.年月日])\s*", r"\1", text)
    found = _DAY.fullmatch(compact)
    try:
        if found:
            day = date(int(found[1]), int(found[2] or found[4]), int(found[3] or found[5]))
        elif re.fullmatch(r"[2-6]\d{4}", compact):
            day = _EXCEL_ZERO + timedelta(days=int(compact))
        else:
            raise ValueError
    except ValueError:
        raise ValueError(_("“%(text)s” is not a date. Please type it like 2018-03-05.", text=text[:20])) from None
    if not EARLIEST <= day <= LATEST:
        raise ValueError(_("The date %(day)s cannot be right. Please check the year.", day=day.isoformat()))
    return day


_CATEGORIES = {
    "主要负责人": Category.A, "企业主要负责人": Category.A, "企业负责人": Category.A,
    "项目负责人": Category.B, "项目经理": Category.B,
    "专职安全生产管理人员": Category.C, "专职安全员": Category.C, "安全员": Category.C,
    "机械类": Category.C1, "土建类": Category.C2, "综合类": Category.C3,
}  # fmt: skip


def parse_category(text: str) -> Category:
    """A, B, C1, C2, C3 or the undivided C, in common spellings: “B类”, “建安B”, “B · 项目负责人”, “项目负责人”."""
    wanted = re.sub(r"[\s·•・.,、:\-_/()]+", "", fold(text))
    if wanted in _CATEGORIES:
        return _CATEGORIES[wanted]
    found = _CODE.match(wanted)
    if found is None:
        known = "、".join(category.value for category in Category)
        raise ValueError(_("“%(text)s” is not a category: %(known)s.", text=text[:20], known=known))
    return Category(found[1])  # type: ignore[call-arg]


def parse_exam_category(text: str) -> Category:
    """As ``parse_category``, but C alone is refused: no new application rests on it."""
    category = parse_category(text)
    if category not in CURRENT_CATEGORIES:
        raise ValueError(_("C alone is not enough: which exam was it, C1, C2 or C3?"))
    return category


_STATUSES = {
    "有效": CertificateStatus.VALID, "正常": CertificateStatus.VALID, "在用": CertificateStatus.VALID,
    "暂扣": CertificateStatus.SUSPENDED, "撤销": CertificateStatus.REVOKED, "注销": CertificateStatus.CANCELLED,
    "已注销": CertificateStatus.CANCELLED, "失效": CertificateStatus.EXPIRED, "过期": CertificateStatus.EXPIRED,
    "已过期": CertificateStatus.EXPIRED, "办理转出": CertificateStatus.TRANSFERRED_OUT,
    "转出": CertificateStatus.TRANSFERRED_OUT, "吊销": CertificateStatus.WITHDRAWN, "其他": CertificateStatus.OTHER,
}  # fmt: skip


def parse_status(text: str) -> CertificateStatus:
    """A national code (01 … 07, 99, also as a number) or its word."""
    wanted = fold(text)
    by_code = {status.value: status for status in CertificateStatus}
    found = by_code.get(wanted.zfill(2)) or _STATUSES.get(wanted)
    if found is None:
        known = "、".join(f"{code} {status}" for code, status in by_code.items())
        raise ValueError(_("“%(text)s” is not a status: %(known)s.", text=text[:20], known=known))
    return found


def parse_number(text: str) -> str:
    """A certificate's number as free text, normalised: half-width brackets, no spaces."""
    number = fold_certificate_number(text)
    if len(number) > 40:
        raise ValueError(_("A certificate number has at most %(n)s characters.", n=40))
    return number


def parse_enterprise_name(text: str) -> str:
    name = " ".join(text.split())
    if not 2 <= len(name) <= 120:
        raise ValueError(_("An enterprise's name has 2 to 120 characters."))
    return name


def parse_user_name(text: str) -> str:
    name = fold_user_name(text)
    if len(name) > 64 or re.search(r"\s", name):
        raise ValueError(_("A user name has at most 64 characters and no spaces."))
    return name


def short_and_long(region: str) -> tuple[str, str]:
    """长沙 and 长沙市."""
    name = fold(region)
    return name.removesuffix("市"), name


def category_in(number: str) -> Category | None:
    """The category in a certificate's number of the usual pattern."""
    found = re.search(r"建安(A|B|C[123]?)(?![0-9A-Z])", number)
    return Category(found[1]) if found else None  # type: ignore[call-arg]


def variants(name: str) -> set[str]:
    """Spellings of an enterprise's name in the database: brackets of either width."""
    folded = fold_enterprise_name(name)
    return {name, folded, folded.replace("(", "（").replace(")", "）")}


def _may_lack(key: str, title: object, parse: Callable[[str], object], *also: str, width: int = 14) -> Column:
    """A column that a sheet need not have, and a row need not fill in."""
    numbers = key in ("username", "mobile", "uscc")  # old user names are what people sign in by
    return Column(key, title, parse=parse, required=False, width=width, also=also, numbers=numbers, may_lack=True)


_NAME = Column("name", _("Full name"), parse=parse_name, width=12, also=("姓名", "人员姓名", "持证人", "持证人姓名"))
_ID = Column(
    "id_number",
    _("ID number"),
    parse=parse_old_id_number,
    numbers=True,
    width=24,
    also=("身份证号", "身份证号码", "证件号码", "证件号", "公民身份号码", "居民身份证号码", "身份证"),
)
_FIRM_TITLES = ("企业名称", "单位名称", "工作单位", "受聘企业", "聘用单位", "所在企业", "企业", "单位")
_FIRM = _may_lack("enterprise", _("Enterprise name"), parse_enterprise_name, *_FIRM_TITLES, width=34)
_CODE_TITLES = ("统一社会信用代码", "社会信用代码", "信用代码", "企业信用代码", "统一信用代码")
_USCC = _may_lack("uscc", _("Unified social credit code"), parse_credit_code, *_CODE_TITLES, width=24)
_MOBILE_TITLES = ("手机", "手机号", "手机号码", "联系电话", "经办人手机号", "联系人手机")
_PASSED_TITLES = ("考试通过时间", "通过时间", "考试时间", "考试日期", "合格日期", "合格时间")
_UNTIL_TITLES = ("有效期至", "有效期止", "有效期截止", "有效期", "到期日期")
_CATEGORY_TITLES = ("人员类别", "类别", "证书类别", "考核类别", "考试类别", "报考类别", "岗位类别")


def _free(key: str, title: object, most: int, *also: str, width: int = 14) -> Column:
    fitting = at_most(most)
    return _may_lack(key, title, lambda text: " ".join(fitting(text).split()), *also, width=width)


COLUMNS: dict[LegacyKind, tuple[Column, ...]] = {
    LegacyKind.ACCOUNTS: (
        Column("enterprise", _("Enterprise name"), parse=parse_enterprise_name, width=34, also=_FIRM_TITLES),
        Column("uscc", _("Unified social credit code"), parse=parse_credit_code, numbers=True, width=24, also=_CODE_TITLES),
        _free("region", _("Region"), 60, "地区", "注册地", "所在地区", "行政区划", "行政区划代码", "市州", "所属地区"),
        _may_lack("username", _("User name"), parse_user_name, "用户名", "账号", "登录名", "登录账号", "用户账号", width=24),
        _free("contact", _("Contact"), 50, "联系人", "经办人", "经办人姓名", "联系人姓名"),
        _may_lack("mobile", _("Mobile no."), parse_mobile, *_MOBILE_TITLES, width=16),
        _free("legal_representative", _("Legal representative"), 50, "法定代表人", "法人代表", "法人", "法人姓名"),
        _free("address", _("Address"), 200, "地址", "注册地址", "企业地址", "单位地址", width=40),
    ),
    LegacyKind.PASSES: (
        _NAME,
        _ID,
        Column("category", _("Personnel category"), parse=parse_exam_category, width=10, also=_CATEGORY_TITLES),
        Column("passed_on", _("Passed on"), parse=parse_day, width=14, also=_PASSED_TITLES),
        _FIRM,
        _USCC,
    ),
    LegacyKind.CERTIFICATES: (
        Column(
            *("number", _("Certificate number")),
            parse=parse_number,
            width=26,
            also=("证书编号", "证书号", "证号", "合格证编号", "合格证号", "安全生产考核合格证书编号"),
        ),
        _may_lack("category", _("Personnel category"), parse_category, *_CATEGORY_TITLES, width=10),
        _NAME,
        _ID,
        _FIRM,
        _USCC,
        _may_lack(
            "first_issued_on", _("First issued on"), parse_day, "初次领证日期", "初领日期", "首次发证日期", "初次发证日期"
        ),
        _may_lack("issued_on", _("Issued on"), parse_day, "发证日期", "发证时间", "签发日期"),
        _may_lack("valid_from", _("Valid from"), parse_day, "有效期起", "有效期开始", "有效期自", "有效起始日期", "生效日期"),
        Column("valid_to", _("Valid until"), parse=parse_day, width=14, also=_UNTIL_TITLES),
        _may_lack("status", _("Certificate status"), parse_status, "证书状态", "状态", "证书状态代码", "状态代码", width=10),
        _free("status_reason", _("Note on the status"), 500, "状态说明", "备注", "说明", width=24),
    ),
}

_NOTES: dict[LegacyKind, object] = {
    LegacyKind.ACCOUNTS: _(
        "One enterprise per row. Without a user name the credit code is the user name; "
        "without a region the credit code tells it."
    ),
    LegacyKind.PASSES: _(
        "One person and category per row. The enterprise: its credit code, or its name if it is on the books. "
        "Dates like 2018-03-05."
    ),
    LegacyKind.CERTIFICATES: _(
        "One certificate per row. Status: a national code (01 to 07, 99) or its word, empty for valid. Dates like 2018-03-05."
    ),
}


def template(kind: LegacyKind) -> bytes:
    """An empty workbook to fill in."""
    return write(COLUMNS[kind], (), sheet_title=kind.label, note=_NOTES[kind])


def title_of(kind: LegacyKind, key: str) -> object:
    return next(column.title for column in COLUMNS[kind] if column.key == key)
