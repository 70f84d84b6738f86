"""People, enterprises and accounts of the demonstration, and how far each case goes. Everything is invented."""

from dataclasses import dataclass
from datetime import date

from app.core.vocabulary import (
    CURRENT_CATEGORIES,
    Action,
    CancellationReason,
    Category,
    MatterKind,
    PaperKind,
    Position,
    ReplacementReason,
    Role,
)
from app.eligibility.corrections import CorrectionMark

ACCOUNTS = (
    ("enterprise1", "周经办", Role.ENTERPRISE_CLERK),
    ("enterprise2", "吴经办", Role.ENTERPRISE_CLERK),
    ("exam", "郑考务", Role.EXAM_CLERK),
    ("acceptance", "谭受理", Role.ACCEPTANCE_OFFICER),
    ("review", "罗初审", Role.REVIEWER),
    ("approval", "欧审批", Role.APPROVER),
    ("viewer", "向查阅", Role.VIEWER),
    ("admin", "系统管理员", Role.ADMIN),
    ("secadmin", "安全管理员", Role.SECURITY_ADMIN),
    ("auditor", "审计管理员", Role.AUDITOR),
)
DEMO_ACCOUNTS = tuple(name for name, _full_name, _role in ACCOUNTS)
ENTERPRISES = (
    ("湖南湘江建设集团有限公司（演示）", "91430100MA4L00001", "430100", "长沙市岳麓区样本路1号", "湘建东"),
    ("湖南洞庭路桥工程有限公司（演示）", "91430600MA4L00002", "430600", "岳阳市岳阳楼区样本路2号", "洞庭生"),
)
WOMEN = frozenset(
    (
        "刘慧敏",
        "欧阳娜仁",
        "罗晓梅",
        "陈红梅",
        "彭淑芬",
        "古丽·买买提",
        "韩梅梅",
        "邓小琴",
        "方圆",
        "夏雨荷",
        "柳清扬",
        "沈知秋",
        "章若兰",
    )
)
SCANS = (PaperKind.PHOTO, PaperKind.ID_CARD, PaperKind.EDUCATION, PaperKind.TITLE)
A, B, C1, C2, C3 = CURRENT_CATEGORIES


@dataclass(frozen=True, slots=True)
class Cast:
    """One invented person: who, with which scans, and how far their story goes."""

    name: str
    born: date
    category: Category
    position: Position
    story: str
    lacks: tuple[PaperKind, ...] = ()


# The story: how far a person has come. See ``_STORIES``; "score 45" failed the exam.
CAST = (
    Cast("刘慧敏", date(1985, 3, 12), B, Position.PROJECT_MANAGER, "awaiting_acceptance"),
    Cast("陈旭东", date(1979, 11, 2), C2, Position.SAFETY_OFFICER, "awaiting_acceptance"),
    Cast("唐子轩", date(1990, 7, 25), C1, Position.SAFETY_OFFICER, "awaiting_acceptance"),
    Cast("欧阳娜仁", date(1988, 1, 30), A, Position.GENERAL_MANAGER, "returned"),
    Cast("阳建军", date(1982, 5, 6), C3, Position.SAFETY_OFFICER, "not_accepted"),
    Cast("罗晓梅", date(1986, 9, 17), C2, Position.SAFETY_OFFICER, "awaiting_review"),
    Cast("陈红梅", date(1991, 12, 8), B, Position.PROJECT_MANAGER, "awaiting_review"),
    Cast("彭淑芬", date(1984, 4, 21), C1, Position.SAFETY_OFFICER, "review_refused"),
    Cast("谭国强", date(1977, 8, 14), A, Position.LEGAL_REPRESENTATIVE, "awaiting_approval"),
    Cast("古丽·买买提", date(1989, 2, 11), C2, Position.SAFETY_OFFICER, "extended"),
    Cast("向国庆", date(1980, 10, 1), C3, Position.SAFETY_OFFICER, "approved"),
    Cast("李雷", date(1987, 6, 15), B, Position.PROJECT_MANAGER, "approved"),
    Cast("韩梅梅", date(1992, 3, 3), C1, Position.SAFETY_OFFICER, "approval_refused"),
    Cast("周志远", date(1983, 1, 9), C2, Position.SAFETY_OFFICER, "draft"),
    Cast("蒋文博", date(1990, 5, 19), C1, Position.SAFETY_OFFICER, "passed"),
    Cast("邓小琴", date(1993, 9, 28), C2, Position.SAFETY_OFFICER, "passed", (PaperKind.TITLE,)),
    Cast("贺一鸣", date(1981, 7, 7), A, Position.SAFETY_DEPUTY, "legacy"),
    Cast("曾庆云", date(1994, 2, 2), C2, Position.SAFETY_OFFICER, "score 45"),
    Cast("秦岭", date(1988, 5, 5), C2, Position.SAFETY_OFFICER, "sat"),
    Cast("沈知秋", date(1990, 11, 5), C1, Position.SAFETY_OFFICER, "admitted"),
    Cast("顾长河", date(1989, 4, 27), C2, Position.SAFETY_OFFICER, "signed up"),
    Cast("章若兰", date(1986, 2, 19), B, Position.PROJECT_MANAGER, "signed up"),
    Cast("方圆", date(1995, 8, 8), C1, Position.SAFETY_OFFICER, "new"),
    Cast("夏雨荷", date(1996, 4, 16), C2, Position.SAFETY_OFFICER, "new"),
    Cast("段天宇", date(1991, 10, 23), B, Position.PROJECT_MANAGER, "new", (PaperKind.EDUCATION, PaperKind.TITLE)),
    Cast("黎明辉", date(1985, 12, 31), C3, Position.SAFETY_OFFICER, "new", (PaperKind.PHOTO,)),
)
SECOND_CAST = (
    Cast("石磊", date(1986, 6, 6), C2, Position.SAFETY_OFFICER, "awaiting_acceptance"),
    Cast("易水寒", date(1983, 3, 21), B, Position.PROJECT_MANAGER, "approved"),
    Cast("白露", date(1993, 9, 8), B, Position.PROJECT_MANAGER, "sat"),
    Cast("许云帆", date(1987, 7, 30), C3, Position.SAFETY_OFFICER, "admitted"),
    Cast("秦怀远", date(1980, 9, 12), A, Position.GENERAL_MANAGER, "signed up"),
    Cast("柳清扬", date(1992, 11, 11), C1, Position.SAFETY_OFFICER, "new"),
    Cast("龙在天", date(1978, 1, 1), A, Position.LEGAL_REPRESENTATIVE, "new", (PaperKind.TITLE,)),
)
# People who hold certificates from the old system, in each enterprise.
HOLDERS = (
    Cast("宋江河", date(1984, 2, 14), C2, Position.SAFETY_OFFICER, "holder"),
    Cast("高远航", date(1987, 3, 8), C3, Position.SAFETY_OFFICER, "holder"),
    Cast("魏长风", date(1983, 10, 11), B, Position.PROJECT_MANAGER, "holder"),
    Cast("程如意", date(1981, 12, 24), Category.C, Position.SAFETY_OFFICER, "holder"),
    Cast("朱晓鸣", date(1990, 6, 3), C1, Position.SAFETY_OFFICER, "holder"),
    Cast("孟春生", date(1979, 4, 4), C1, Position.SAFETY_OFFICER, "holder"),
    Cast("丁一凡", date(1976, 9, 9), A, Position.GENERAL_MANAGER, "holder"),
    Cast("许可欣", date(1993, 1, 17), C2, Position.SAFETY_OFFICER, "holder"),
)
SECOND_HOLDERS = (
    Cast("林若水", date(1988, 8, 18), C1, Position.SAFETY_OFFICER, "holder"),
    Cast("何必问", date(1985, 5, 15), C3, Position.SAFETY_OFFICER, "holder"),
)
BEHIND = {"陈旭东": 10, "朱晓鸣": 5, "程如意": 7, "孟春生": 4, "周志远": 6}  # days longer: near their limits, and past
LASTS = {"宋江河": 40, "高远航": 30, "丁一凡": 75, "许可欣": 20}  # days that their certificates have left; else two years


@dataclass(frozen=True, slots=True)
class DemoApplication:
    """A filing on somebody's certificate: which matter, for which reason, and how far it goes."""

    name: str
    matter: MatterKind
    story: str
    reason: str = ""
    details: tuple[tuple[str, str], ...] = ()


APPLICATIONS = (
    DemoApplication("宋江河", MatterKind.RENEWAL, "awaiting_review"),
    DemoApplication("高远航", MatterKind.RENEWAL, "approved"),
    DemoApplication("丁一凡", MatterKind.RENEWAL, "abandoned"),
    DemoApplication(
        "魏长风",
        MatterKind.REPLACEMENT,
        "awaiting_acceptance",
        ReplacementReason.LOST.value,
        (("declared_on", "2026-02-10"), ("medium", "湖南日报（演示）")),
    ),
    DemoApplication(
        "程如意",
        MatterKind.REPLACEMENT,
        "awaiting_approval",
        ReplacementReason.PAPER_TO_ELECTRONIC.value,
        (("category", Category.C2.value),),
    ),
    DemoApplication(
        "朱晓鸣",
        MatterKind.REPLACEMENT,
        "awaiting_acceptance",
        ReplacementReason.WRONG_INFORMATION.value,
        (("name", "朱晓明"),),
    ),
    DemoApplication("孟春生", MatterKind.CANCELLATION, "awaiting_approval", CancellationReason.LEFT.value),
    DemoApplication("林若水", MatterKind.TRANSFER, "awaiting_release"),
    DemoApplication("何必问", MatterKind.TRANSFER, "release_refused"),
)
# how a story is told by the procedure: action, who does it, reason
_SUBMITTED = ((Action.SUBMIT, "enterprise", ""),)
_ACCEPTED = (*_SUBMITTED, (Action.ACCEPT, "acceptance", ""))
_ENDORSED = (*_ACCEPTED, (Action.ENDORSE, "review", ""))
ROADS: dict[str, tuple[tuple[Action, str, str], ...]] = {
    "draft": (),
    "awaiting_acceptance": _SUBMITTED,
    "awaiting_release": _SUBMITTED,
    "release_refused": (*_SUBMITTED, (Action.REFUSE_RELEASE, "old", "该人员现任在建项目专职安全员，项目竣工后再办理转出。")),
    "abandoned": (*_SUBMITTED, (Action.WITHDRAW, "enterprise", ""), (Action.ABANDON, "enterprise", "")),
    "returned": (*_SUBMITTED, (Action.RETURN, "acceptance", "请一并核对其余材料。")),
    "not_accepted": (
        *_SUBMITTED,
        (Action.DECLINE, "acceptance", "学历证扫描件不清晰，无法核对毕业院校与专业（《行政许可法》第三十二条）。"),
    ),
    "awaiting_review": _ACCEPTED,
    "review_refused": (
        *_ACCEPTED,
        (Action.REFUSE_REVIEW, "review", "职称证载明的姓名与申报人姓名不一致（《行政许可法》第三十一条）。"),
    ),
    "awaiting_approval": _ENDORSED,
    "extended": (*_ENDORSED, (Action.EXTEND, "approval", "申报人在外省的注册情况须向原考核机关核实。")),
    "approved": (*_ENDORSED, (Action.APPROVE, "approval", "")),
    "approval_refused": (
        *_ENDORSED,
        (Action.REFUSE_APPROVAL, "approval", "经核查社会保险记录，该人员劳动关系不在申报企业（《行政许可法》第三十一条）。"),
    ),
}

# What is marked wherever something is returned for correction.
MARKED = (CorrectionMark("person.education", "与学历证不一致"), CorrectionMark("papers.photo", "照片不是本人近期免冠照片"))
EVERYBODY = ((*CAST, *HOLDERS), (*SECOND_CAST, *SECOND_HOLDERS))
