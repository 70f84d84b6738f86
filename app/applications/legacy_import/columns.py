"""The columns of the three sheets, and parsers of their cells: lenient where the meaning is clear."""

import re
from collections.abc import Callable
from datetime import date

from flask_babel import lazy_gettext as _

from app.core.identifiers import (
    ABBREVIATIONS,
    fold_certificate_number,
    fold_enterprise_name,
    fold_user_name,
    parse_credit_code,
    parse_name,
    parse_old_id_number,
    parse_telephone,
)
from app.core.spellings import parse_category, parse_day, term_parser
from app.core.vocabulary import CURRENT_CATEGORIES, Category, CertificateStatus, LegacyKind
from app.files.spreadsheets import Column, at_most, write

EARLIEST, LATEST = date(1990, 1, 1), date(2099, 12, 31)


def parse_old_day(text: str) -> date:
    """As ``parse_day``, of a year that the old system can have written."""
    day = parse_day(text)
    if not EARLIEST <= day <= LATEST:
        raise ValueError(_("The date %(day)s cannot be right. Please check the year.", day=day.isoformat()))
    return day


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


_NUMBERED = {status.value.lstrip("0"): status for status in CertificateStatus}
parse_status = term_parser(CertificateStatus, _STATUSES | _NUMBERED)  # a national code (01 … 07, 99) or its word


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


def category_in(number: str) -> Category | None:
    """The category that a certificate's number begins with, of whichever province; the rest of the number is free."""
    found = re.match(rf"[{ABBREVIATIONS}]?建安(A|B|C[123]?)(?![0-9A-Z])", number)
    return Category(found[1]) if found and "建安" not in number[found.end() :] else None  # type: ignore[call-arg]


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
        _may_lack("mobile", _("Mobile no."), parse_telephone, *_MOBILE_TITLES, width=16),
        _free("legal_representative", _("Legal representative"), 50, "法定代表人", "法人代表", "法人", "法人姓名"),
        _free("address", _("Address"), 200, "地址", "注册地址", "企业地址", "单位地址", width=40),
    ),
    LegacyKind.PASSES: (
        _NAME,
        _ID,
        Column("category", _("Personnel category"), parse=parse_exam_category, width=10, also=_CATEGORY_TITLES),
        Column("passed_on", _("Passed on"), parse=parse_old_day, width=14, also=_PASSED_TITLES),
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
            "first_issued_on", _("First issued on"), parse_old_day, "初次领证日期", "初领日期", "首次发证日期", "初次发证日期"
        ),
        _may_lack("issued_on", _("Issued on"), parse_old_day, "发证日期", "发证时间", "签发日期"),
        _may_lack(
            "valid_from", _("Valid from"), parse_old_day, "有效期起", "有效期开始", "有效期自", "有效起始日期", "生效日期"
        ),
        Column("valid_to", _("Valid until"), parse=parse_old_day, width=14, also=_UNTIL_TITLES),
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
