"""Reasons of refusals and returns: a fact and a clause (行政许可法 art. 38), and the stock reasons that officers complete."""

import re
from collections.abc import Iterable

from flask_babel import lazy_gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.errors import Refusal, Unmet
from app.core.office import Office
from app.core.vocabulary import MatterKind, ReasonStep
from app.files import fonts
from app.models import StockReason

NEEDS_CLAUSE = (  # refusals of the office; elsewhere the letter itself names the article, or there is none
    ReasonStep.DECLINE,
    ReasonStep.REFUSE_REVIEW,
    ReasonStep.REFUSE_APPROVAL,
)
ANY_FACT = "经核查，【发现的事实】（【依据的条款】）。"
_BLANK = re.compile(r"【[^】]*】")
_ARTICLE = r"第?[0-9一二三四五六七八九十百零〇之]{1,9}(?:条|款|项)"
_CLAUSE = re.compile(
    rf"《[^》]+》|(?:建质|建办质|建设部令|住建部令|令)?[〔\[(（]?\d{{4}}[〕\])）]\d+号|{_ARTICLE}|\d+号令|令\d+号"
    r"|\b(?:articles?|order|document) \d+\w*",
    re.IGNORECASE,
)
_BLANKS = re.compile(r"[^\S\n\u3000]")  # but for line ends and the wide blank
_FILLERS = re.compile(r"经?(?:审查|核查|审核)|(?:该|本)(?:申请人?|人员)|申请人|依据|根据|按照|不符合|规定|要求")
_MARKS = re.compile(r"[\W_]+")  # whatever is neither a letter nor a digit


def _core(text: str) -> str:
    """The words of a reason without clauses, fillers and punctuation."""
    return _MARKS.sub("", _FILLERS.sub("", _CLAUSE.sub("", text)))


# Conclusions that say nothing about the case.
CONCLUSIONS = frozenset(
    _core(text)
    for text in (
        "不符合安全生产考核合格条件", "不符合许可条件", "不符合申请条件", "不符合受理条件", "不符合法定形式", "条件不符合",
        "不予受理", "不予许可", "不同意", "不通过", "审核不通过", "材料不全", "材料不齐全", "材料不合格", "申报材料不符合",
        "申请材料不齐全或者不符合法定形式", "信息有误", "材料有误", "重新提交", "请修改后重新提交", "请核对全部信息后重报",
    )
)  # fmt: skip


def has_clause(text: str) -> bool:
    """Whether a law, an order or an article is named."""
    return _CLAUSE.search(text) is not None


def has_blank(text: str) -> bool:
    """Whether a blank is still to be filled in."""
    return _BLANK.search(text) is not None


def offered_at(session: Session, step: ReasonStep, matters: Iterable[MatterKind] = ()) -> list[str]:
    """The stock reasons to offer at a step: of these matters first, then of every matter. Where there is none, a blank."""
    wanted = [matter.value for matter in matters]
    rows = session.scalars(
        select(StockReason)
        .where(StockReason.step == step, StockReason.offered, StockReason.matter.in_([*wanted, ""]))
        .order_by(StockReason.matter == "", StockReason.id)
    )
    return [row.suggestion for row in rows] or [ANY_FACT]


def refusal_of(session: Session, step: ReasonStep, text: str, office: Office) -> Refusal | None:
    """What is wrong with a reason that must be given at a step; None if it will do."""
    if not text.strip():
        return Refusal("reason-missing", _("Please give the reason in detail."), field="reason")
    if blank := _BLANK.search(text):
        sentence = _("Please write in place of “%(blank)s” what was found in this case.", blank=blank[0])
        return Refusal("reason-blank", sentence, field="reason")
    if step in NEEDS_CLAUSE and not has_clause(text):
        sentence = _(
            "Please name the clause that the refusal relies on, such as article 31 of the Administrative Licensing Law."
        )
        return Refusal("reason-clause", sentence, field="reason")
    fact = _core(text)
    if fact in CONCLUSIONS or any(fact == _core(_BLANK.sub("", stock)) for stock in _templates(session, step)):
        sentence = _("This is a conclusion that fits every case. Please write what was found in this one.")
        return Refusal("reason-stock", sentence, field="reason")
    if len(fact) < office.least_reason:
        sentence = _(
            "Please say what was found, in at least %(n)s characters beside the clause; these are %(there)s.",
            n=office.least_reason, there=len(fact),
        )  # fmt: skip
        return Refusal("reason-short", sentence, field="reason")
    return None


def refusal_of_mark(item: str, why: str) -> Refusal | None:
    """What is wrong with the explanation of a mark, which names its item already."""
    if has_blank(why):
        sentence = _("Please write in place of “%(blank)s” what was found in this case.", blank=_BLANK.search(why)[0])  # type: ignore[index]
    elif _core(why) in CONCLUSIONS:
        sentence = _("This is a conclusion that fits every case. Please write what was found in this one.")
    else:
        return None
    return Refusal("reason-stock", sentence, field=f"why-{item}")


def spaced(text: str) -> str:
    """With plain blanks: pasted text has tabs and other blanks, which no letter can show."""
    return _BLANKS.sub(" ", text.replace("\r\n", "\n"))


def refusal_to_print(text: str) -> Refusal | None:
    """What is wrong with a reason that stands in a letter, which is drawn when it can no longer be changed."""
    if missing := fonts.unprintable(spaced(text).replace("\n", "")):
        sentence = _(
            "“%(text)s” cannot be printed: no font has the character %(marks)s.", text=text[:20], marks="".join(missing)
        )
        return Refusal("cannot-be-printed", sentence, field="reason")
    return None


def check_reason(session: Session, step: ReasonStep, text: str, office: Office) -> None:
    """Raise ``Unmet`` for what ``refusal_of`` finds."""
    if wrong := refusal_of(session, step, text, office):
        raise Unmet.because(wrong)


def _templates(session: Session, step: ReasonStep) -> list[str]:
    """The stock texts with blanks: one of them with its blanks left out says no fact."""
    texts = session.scalars(select(StockReason.text).where(StockReason.step == step))
    return [text for text in texts if has_blank(text)]


def faults_of(step: ReasonStep, text: str, clause: str) -> list[Refusal]:
    """What is wrong with a stock reason that the administrator writes."""
    faults = []
    if step in NEEDS_CLAUSE and not has_clause(clause):
        sentence = _("A refusal names the clause that it relies on, such as article 31 of the Administrative Licensing Law.")
        faults.append(Refusal("reason-clause", sentence, "clause"))
    if step in NEEDS_CLAUSE and not has_blank(text):
        sentence = _("A refusal states a fact: leave a blank for it between 【 and 】, such as 【which item】.")
        faults.append(Refusal("reason-blank", sentence, "text"))
    if not _core(_BLANK.sub("", text)):
        faults.append(Refusal("reason-empty", _("Please write words around the blank, too."), "text"))
    return faults


# --- stock reasons before the administrator changes them ------------------------------------------------

_TRUTHFUL, _ACCEPTANCE = "《行政许可法》第三十一条", "《行政许可法》第三十二条"
_POSTS = "建质〔2015〕206号一"
_UNFIT = (
    ("", "经核查，申报材料载明【申报内容】，核查结果为【核查结果】，两者不一致", _TRUTHFUL),
    ("", "经核查，该人员现注册或受聘于【企业名称】，与申报企业不一致", _TRUTHFUL),
    ("", "该人员职务为【职务】，不属于所申报的【类别】类人员范围", _POSTS),
    ("", "申报材料【材料名称】经【核查途径】核查不真实", _TRUTHFUL),
)
_STANDARD: dict[ReasonStep, tuple[tuple[str, str, str], ...]] = {
    ReasonStep.RETURN: (
        ("", "身份证扫描件【哪一面、哪一处】不清晰，请重新扫描上传", ""),
        ("", "学历证载明【学历证内容】，与填报的【填报内容】不一致，请核对后修改", ""),
        ("", "职称证扫描件缺少【哪一页】，请补齐", ""),
        ("", "照片【何处不合要求】，请上传近期免冠一寸白底照片", ""),
        ("", "企业诚信承诺书缺少【法定代表人签字或公章】，请补齐", ""),
    ),
    ReasonStep.DECLINE: (
        ("", "所申报的【事项】不属于本机关职权范围，应向【有权机关】申请", _ACCEPTANCE),
        ("new", "考试合格日期为【日期】，至申报之日已超过两年", _ACCEPTANCE),
        ("new", "经【何时何方式】通知，未在规定期限内到政务中心出示【原件名称】原件", _ACCEPTANCE),
        ("new", "企业资质证书有效期至【日期】，至申报之日已届满", _ACCEPTANCE),
    ),
    ReasonStep.REFUSE_RELEASE: (
        ("transfer", "该人员与本企业的劳动合同至【日期】届满，尚未终止", ""),
        ("transfer", "该人员在本企业在建的【项目名称】任【岗位】，项目尚未竣工", ""),
    ),
    ReasonStep.RELEASE_BY_OFFICE: (
        ("transfer", "已核验【文号】终止劳动关系证明，原企业不配合办理", ""),
        ("transfer", "原企业已注销，已核验【登记机关】注销登记通知书【文号】", ""),
        ("transfer", "劳动仲裁裁决书【文号】已确认双方劳动关系终止", ""),
    ),
    ReasonStep.REFUSE_REVIEW: _UNFIT,
    ReasonStep.REFUSE_APPROVAL: _UNFIT,
    ReasonStep.EXTEND: (
        ("", "案情复杂，【核实事项】须向【部门】核实", ""),
        ("", "该人员在【省份】的注册情况须向该省核实", ""),
        ("", "【日期】系统故障，审查中断【天数】", ""),
    ),
    ReasonStep.REJECT_SIGNUP: (
        ("", "照片【何处不合要求】，请更换为近期免冠证件照", ""),
        ("", "身份证扫描件【哪一面、哪一处】模糊或不完整，请重新扫描正反两面", ""),
        ("", "学历证载明【学历证内容】，与填报的【填报内容】不一致", ""),
        ("", "职称证扫描件缺少【哪一页】，请补齐", ""),
        ("", "职务为【职务】，与报考的【类别】类不相符，请重新选择类别", ""),
    ),
}


def seed_reasons(session: Session) -> int:
    """Add the standard reasons of the steps that have none: what the administrator changed stays. How many were added."""
    there = set(session.scalars(select(StockReason.step).distinct()))
    rows = [
        StockReason(matter=matter, step=step, text=text, clause=clause)
        for step, reasons in _STANDARD.items()
        if step not in there
        for matter, text, clause in reasons
    ]
    session.add_all(rows)
    session.flush()
    return len(rows)
