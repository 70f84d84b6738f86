"""Titles under which other offices' sheets hold what a column holds: one list for every import.

A title is compared without spaces, stars, brackets and harmless remarks (必填, 全称 …); a two-row header is joined
(有效期 over 止: 有效期止). Every import names these tuples in ``Column.also``.
"""

import re

from flask_babel import lazy_gettext as _

from app.files.spreadsheets.cell_text import fold

NAME = ("姓名", "人员姓名", "持证人", "持证人姓名", "名字")
ID_NUMBER = (
    "身份证号码", "身份证号", "身份证", "公民身份号码", "公民身份证号码", "居民身份证号码", "居民身份证号",
    "身份证件号码", "身份证件号", "证件号码", "证件号",
)  # fmt: skip
SEX = ("性别",)
MOBILE = (
    "手机号码", "手机号", "手机", "移动电话", "联系手机", "联系电话", "联系方式", "联系电话手机", "联系手机号",
    "联系人手机", "联系人手机号", "联系人电话", "经办人手机号", "经办人手机", "经办人电话", "电话", "电话号码",
)  # fmt: skip
LANDLINE = ("固定电话", "座机", "座机号码", "办公电话", "单位电话", "企业电话", "公司电话", "固话")
ENTERPRISE = (
    "企业名称", "企业全称", "单位名称", "单位全称", "公司名称", "工作单位", "受聘企业", "受聘单位", "聘用单位",
    "聘用企业", "所在企业", "所在单位", "所属企业", "所属单位", "企业", "单位",
)  # fmt: skip
CREDIT_CODE = (
    "统一社会信用代码",
    "社会信用代码",
    "信用代码",
    "企业信用代码",
    "统一信用代码",
    "社会统一信用代码",
    "单位信用代码",
)
REGION = (
    "地区", "注册地", "所在地区", "所属地区", "所在地市", "所属地市", "所属市州", "所在市州", "市州", "地市",
    "行政区划", "行政区划代码", "注册地市", "所属区域",
)  # fmt: skip
USER_NAME = ("用户名", "账号", "帐号", "登录名", "登录账号", "登录帐号", "用户账号")
CONTACT = ("联系人", "经办人", "经办人姓名", "联系人姓名")
LEGAL_REPRESENTATIVE = ("法定代表人", "法定代表人姓名", "法人代表", "法人", "法人姓名")
ADDRESS = ("地址", "注册地址", "企业地址", "单位地址", "详细地址", "通讯地址")
CATEGORY = ("人员类别", "类别", "证书类别", "考核类别", "考试类别", "报考类别", "岗位类别", "人员类型", "证书类型")
CERTIFICATE_NUMBER = (
    "证书编号",
    "证书号",
    "证书号码",
    "证号",
    "合格证编号",
    "合格证号",
    "合格证书编号",
    "安全生产考核合格证书编号",
)
PASSED_ON = ("考试通过时间", "考试通过日期", "通过时间", "通过日期", "考试时间", "考试日期", "合格日期", "合格时间")
FIRST_ISSUED_ON = ("初次领证日期", "初次领证时间", "初领日期", "首次发证日期", "初次发证日期", "首次领证日期")
ISSUED_ON = ("发证日期", "发证时间", "签发日期", "颁发日期", "发放日期")
VALID_FROM = (
    "有效期起", "有效期始", "有效期自", "有效期从", "有效期开始", "有效期起始", "有效期开始日期", "有效期起始日期",
    "有效起始日期", "有效期起始日", "有效期起日期", "生效日期", "证书有效期起", "证书有效期自",
)  # fmt: skip
VALID_TO = (
    "有效期至", "有效期止", "有效期到", "有效期截止", "有效期结束", "有效期终止", "有效期截止日期", "有效期结束日期",
    "有效截止日期", "有效期截止日", "有效期止日期", "有效期", "到期日期", "到期时间",
    "证书有效期至", "证书有效期止", "证书有效期",
)  # fmt: skip
STATUS = ("证书状态", "状态", "证书状态代码", "状态代码")
STATUS_REASON = ("状态说明", "备注", "说明")
EDUCATION = ("学历", "文化程度", "最高学历")
MAJOR = ("专业", "所学专业")
TECHNICAL_TITLE = ("职称", "技术职称", "专业技术职称")
POSITION = ("职务", "岗位", "职务岗位", "现任职务")
SIGNUP_NUMBER = ("报名编号", "报名号", "报名序号")
SCORE = ("成绩", "分数", "考试成绩", "得分", "考试分数", "总分")
VERDICT = ("是否合格", "合格与否", "考试结果", "考核结果")
REMARK = ("备注", "说明")
DAY = ("日期",)
# Of the column that we add: what a check, and what an import made of each row.
CHECKED, IMPORTED = _("Check of the row"), _("Import of the row")
_RESULTS = ("检查结果", "导入结果", "Checkoftherow", "Importoftherow")  # in all languages, as ``title_key``

_HARMLESS = re.compile(
    r"\((?:必填|必填项|选填|可选|全称|手机|18位|11位|文本|文本格式|请填全称|与证件一致|与身份证一致|盖章)\)$"
)


def title_key(title: object) -> str:
    """What titles are compared by."""
    key = re.sub(r"[\s*·:]+", "", fold(str(title)))
    return re.sub("[()]", "", _HARMLESS.sub("", key))


def is_result(title: str) -> bool:
    """Whether the column is one that we added; a group's heading may have spread over it."""
    return title_key(title.rpartition("·")[2]) in _RESULTS


# Over groups of columns; says nothing about whose name or number stands below it.
GENERAL_HEADING = re.compile(r"(?:基本|个人|人员|持证人|证书|企业|单位|考试|成绩|其他|其它|相关|详细)*(?:信息|情况|资料)")
# The first words of a row below a table that is no record.
NO_RECORD = re.compile(
    r"(?:合计|总计|小计|共计|累计|总数|总人数|汇总|平均|本页|第\d+页|共\d+|注\d*[:、.]|备注[:]|说明[:]|填表|填报"
    r"|制表|制单|审核[人:]|审批[人:]|复核|经办人[:]|联系人[:]|联系电话[:]|附[:注]|以下空白|以上|提示|示例|导出|打印|单位\(?盖章)"
)
