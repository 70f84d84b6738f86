"""Factories: each returns one valid, unsaved object; tests pass only what matters to them."""

from datetime import UTC, date, datetime, timedelta
from itertools import count

from flask_appbuilder.security.sqla.models import Role as FabRole
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import models
from app.accounts.access import Actor
from app.core.discrepancy_vocabulary import DiscrepancyKind
from app.core.identifiers import CREDIT_ALPHABET, ID_CHECKS, ID_WEIGHTS
from app.core.vocabulary import (
    CHANGEABLE,
    CLOSED,
    PERSON_PAPERS,
    Action,
    Category,
    CertificateEventKind,
    CertificateStatus,
    Education,
    ImportKind,
    ImportPhase,
    MatterKind,
    MeasureGround,
    MeasureState,
    NoticeState,
    NotificationKind,
    PaperKind,
    PassSource,
    Position,
    Role,
    ScoreCorrectionState,
    SignupState,
    State,
    TechnicalTitle,
)

NOON = datetime(2026, 3, 2, 4, tzinfo=UTC)  # noon in the office, a Monday
TODAY = date(2026, 3, 2)
REASON = "身份证载明的姓名与填报的姓名不一致（《行政许可法》第三十一条）"  # a fact and a clause
_serial = count(1)


def id_number(born: date = date(1985, 6, 15), sequence: int | None = None, region: str = "430102") -> str:
    """A new resident ID number with a valid check digit."""
    n = next(_serial) if sequence is None else sequence
    born = born + timedelta(days=n // 999)
    body = f"{region}{born.isoformat().replace('-', '')}{n % 999 + 1:03d}"
    return body + ID_CHECKS[sum(w * int(d) for w, d in zip(ID_WEIGHTS, body, strict=True)) % 11]


def uscc(n: int | None = None) -> str:
    """A new unified social credit code with a valid check character."""
    body = f"91430100MA4{next(_serial) if n is None else n:06d}"
    total = sum(CREDIT_ALPHABET.index(mark) * pow(3, i, 31) for i, mark in enumerate(body))
    return body + CREDIT_ALPHABET[(31 - total % 31) % 31]


def regions() -> list[models.Region]:
    return [
        models.Region(code="430000", name="湖南省"),
        models.Region(code="430100", name="长沙市"),
        models.Region(code="430200", name="株洲市"),
    ]


def enterprise(**facts) -> models.Enterprise:
    return models.Enterprise(**{"name": "湖南湘江建设有限公司", "uscc": uscc(), "region_code": "430100", **facts})


POSITIONS = {Category.A: Position.GENERAL_MANAGER, Category.B: Position.PROJECT_MANAGER}  # else a safety officer


def position_for(category: Category) -> Position:
    """A position that goes with the category."""
    return POSITIONS.get(category, Position.SAFETY_OFFICER)


def person(enterprise: models.Enterprise | None = None, **facts) -> models.Person:
    given = {
        "name": "李雷",
        "id_number": id_number(),
        "education": Education.BACHELOR,
        "technical_title": TechnicalTitle.INTERMEDIATE,
        "position": Position.SAFETY_OFFICER,
        "major": "",
    }
    if enterprise is not None:
        given["enterprise"] = enterprise
    return models.Person(**{**given, **facts})


def paper(kind: PaperKind = PaperKind.PHOTO, **owner) -> models.Paper:
    return models.Paper(
        kind=kind, filename="扫描件.jpg", digest="0" * 64, mime="image/jpeg", size=1000, uploaded_at=NOON,
        uploaded_by="clerk", **owner,
    )  # fmt: skip


def identity(person: models.Person) -> dict[str, str]:
    """To whom a sign-up or a passed exam is bound."""
    return {"name": person.name, "id_number": person.id_number}


def complete_papers(person: models.Person, *, without: tuple[PaperKind, ...] = ()) -> list[models.Paper]:
    """Every scan a person can have. The person must have been flushed."""
    return [
        paper(kind, person_id=person.id, enterprise_id=person.enterprise_id) for kind in PERSON_PAPERS if kind not in without
    ]


def qualification(enterprise: models.Enterprise, **facts) -> models.Qualification:
    given = {
        "number": "D243000001",
        "kind_and_grade": "建筑工程施工总承包贰级",
        "valid_from": date(2024, 1, 1),
        "valid_to": date(2028, 12, 31),
    }
    return models.Qualification(**{**given, "enterprise": enterprise, **facts})


def notice(**facts) -> models.ExamNotice:
    given = {
        "title": "2026年第1期安管人员考核", "categories": (Category.A, Category.B, Category.C1, Category.C2, Category.C3),
        "signup_start": NOON - timedelta(days=5), "signup_end": NOON + timedelta(days=5),
        "exam_on": TODAY + timedelta(days=20), "place": "长沙", "pass_mark": 60, "region_code": "430000",
        "published_at": NOON - timedelta(days=6), "published_by": "考务", "state": NoticeState.PUBLISHED,
    }  # fmt: skip
    return models.ExamNotice(**{**given, **facts})


def sheet_import(kind: ImportKind, phase: ImportPhase = ImportPhase.DONE, **facts) -> models.SheetImport:
    usual = {"filename": "名单.xlsx", "sha256": "0" * 64, "received_at": NOON, "by": "谭", "expires_at": NOON + timedelta(30)}
    return models.SheetImport(kind=kind, phase=phase, **{**usual, **facts})


def signup(notice: models.ExamNotice, person: models.Person, **facts) -> models.ExamSignup:
    given = {
        "number": f"BM{next(_serial):06d}", "notice": notice, "person": person, "enterprise": person.enterprise,
        "region_code": person.enterprise.region_code, "category": Category.C1, "state": SignupState.SELECTED,
        "created_at": NOON,
    }  # fmt: skip
    if facts.get("state", SignupState.SELECTED) is not SignupState.SELECTED:
        given["identity"] = identity(person)
    return models.ExamSignup(**{**given, **facts})


def exam_pass(person: models.Person, **facts) -> models.ExamPass:
    """A passed exam known from the old system, originals verified."""
    given = {
        "category": Category.C1,
        "passed_on": TODAY - timedelta(days=100),
        "source": PassSource.LEGACY,
        "originals_verified_at": NOON,
        "originals_verified_by": "受理",
        "identity": identity(person),
    }
    return models.ExamPass(person=person, **{**given, **facts})


def identity_correction(person: models.Person, **facts) -> models.IdentityCorrection:
    """Asked for by the person's enterprise. The person must have been flushed."""
    given = {
        "person_id": person.id,
        "enterprise_id": person.enterprise.id,
        "region_code": person.enterprise.region_code,
        "old_name": person.name,
        "new_name": "李蕾",
        "old_id_number": person.id_number,
        "new_id_number": person.id_number,
        "reason": "录入时写错一个字",
        "filename": "身份证.jpg",
        "digest": "0" * 64,
        "mime": "image/jpeg",
        "size": 1000,
        "asked_at": NOON,
        "asked_by": "企业",
    }
    return models.IdentityCorrection(**{**given, **facts})


def employment_release(person: models.Person, to: models.Enterprise, **facts) -> models.EmploymentRelease:
    """The person must have been flushed."""
    given = {
        "old_enterprise": person.enterprise, "new_enterprise": to, "region_code": to.region_code, "reason": "已解除劳动合同",
        "filename": "裁决书.pdf", "digest": "a" * 64, "mime": "application/pdf", "size": 1, "released_at": NOON,
        "released_by": "管理员",
    }  # fmt: skip
    return models.EmploymentRelease(person=person, **{**given, **facts})


def score_correction(signup, asker: models.Account, state=ScoreCorrectionState.PROPOSED, decider=None, **facts):
    """Asked for by one account, decided by another, unless it is taken back."""
    if state is ScoreCorrectionState.RETRACTED:
        decider = asker
    decided = {} if state is ScoreCorrectionState.PROPOSED else {"decided_at": NOON, "decided_by": "考务乙"}
    if decided:
        decided["decided_by_id"] = decider.id
    given = {
        "old_score": signup.score, "old_absent": signup.absent or False, "new_score": 50, "new_absent": False,
        "reason": "登分错误", "state": state, "proposed_by_id": asker.id, "proposed_by": "考务甲", "proposed_at": NOON,
    }  # fmt: skip
    return models.ScoreCorrection(signup=signup, **{**given, **decided, **facts})


def filing(enterprise: models.Enterprise, **facts) -> models.Filing:
    given = {
        "number": f"F{next(_serial):06d}",
        "matter": MatterKind.NEW,
        "handler_name": "韩梅梅",
        "handler_mobile": "13800000000",
        "created_at": NOON,
        "created_by": "企业",
    }
    return models.Filing(enterprise=enterprise, **{**given, **facts})


def application(person: models.Person, state: State = State.DRAFT, **facts) -> models.Application:
    """An application in any state, with the dates and numbers that the state requires."""
    enterprise = facts.pop("enterprise", person.enterprise)
    moved = {} if state is State.DRAFT else {"submitted_at": NOON - timedelta(days=1), "round": 1}
    if state not in (*CHANGEABLE, State.AWAITING_RELEASE, State.AWAITING_ACCEPTANCE, State.ABANDONED):
        moved |= {"accepted_at": NOON, "acceptance_number": f"SL{next(_serial):06d}"}
    if state in CLOSED:
        moved["closed_at"] = NOON
    if state in (State.AWAITING_ACCEPTANCE, State.AWAITING_REVIEW, State.AWAITING_APPROVAL) or "due_on" in facts:
        moved |= {"due_on": TODAY + timedelta(days=28), "due_from": TODAY, "due_days": 20}
    given = {
        "number": f"AG{next(_serial):06d}",
        "filing": facts.pop("filing", None) or filing(enterprise, matter=facts.get("matter", MatterKind.NEW)),
        "matter": MatterKind.NEW,
        "category": Category.C1,
        "region_code": enterprise.region_code,
        "created_at": NOON - timedelta(days=2),
        "reason_code": "",
    }
    return models.Application(person=person, enterprise=enterprise, state=state, **{**given, **moved, **facts})


def transfer(person: models.Person, by: models.Enterprise, state: State = State.DRAFT, **facts) -> models.Application:
    """Another enterprise's request for somebody's certificate."""
    held = facts.pop("certificate", None) or certificate(person)
    between = {"matter": MatterKind.TRANSFER, "enterprise": by, "releasing_enterprise": held.enterprise, "certificate": held}
    return application(person, state, **{**between, "category": held.category, **facts})


def certificate(person: models.Person, **facts) -> models.Certificate:
    category = facts.get("category", Category.C1)
    given = {
        "number": f"湘建安{category.value}(2024){next(_serial):07d}", "category": category,
        "enterprise": person.enterprise, "holder": person.name,
        "printed_enterprise": person.enterprise.name if person.enterprise else "",
        "first_issued_on": date(2024, 5, 1), "issued_on": date(2024, 5, 1), "valid_from": date(2024, 5, 1),
        "valid_to": date(2027, 4, 30), "status": CertificateStatus.VALID,
    }  # fmt: skip
    return models.Certificate(person=person, **{**given, **facts})


def waiting_scan(account: models.Account, person: models.Person, **facts) -> models.WaitingScan:
    """A scan handed in by the pile and matched; account and person must have been flushed."""
    given = {
        "account_id": account.id, "enterprise_id": person.enterprise_id, "person_id": person.id, "kind": PaperKind.ID_CARD,
        "source": f"{next(_serial):064d}", "digest": "a" * 64, "mime": "image/jpeg", "size": 1, "filename": "身份证.jpg",
        "received_at": NOON,
    }  # fmt: skip
    return models.WaitingScan(**{**given, **facts})


def discrepancy(kind: DiscrepancyKind = DiscrepancyKind.TERM, **facts) -> models.Discrepancy:
    """One that waits to be looked at."""
    given = {
        "kind": kind, "subject": f"certificate:{next(_serial)}", "values_key": "0" * 40, "sides": ["certificate:1"],
        "holder": "李雷", "number": "湘建安C1(2024)0000001", "found_at": NOON, "seen_at": NOON,
    }  # fmt: skip
    return models.Discrepancy(**{**given, **facts})


def notification(account: models.Account, **facts) -> models.Notification:
    """An unread message inside the system."""
    given = {"kind": NotificationKind.ACCOUNT, "text": "密码已重置", "at": NOON}
    return models.Notification(account_id=account.id, **{**given, **facts})


def measure(certificate: models.Certificate, proposer: models.Account, state=MeasureState.PROPOSED, decider=None, **facts):
    """A suspension in any state. Only a proposal that was taken back was decided by its proposer."""
    decided = {} if state is MeasureState.PROPOSED else {"decided_by_id": (decider or proposer).id, "decided_at": NOON}
    given = {
        "kind": CertificateEventKind.SUSPENDED,
        "ground": MeasureGround.OFFICER_DUTIES,
        "facts": "现场无安全防护",
        "document_number": f"湘建罚〔2026〕{next(_serial)}号",
        "last_day": TODAY + timedelta(days=180),
        "state": state,
        "holder": certificate.holder,
        "enterprise_name": certificate.printed_enterprise,
        "proposed_by_id": proposer.id,
        "proposed_by": proposer.username,
        "proposed_at": NOON,
        "ended_at": NOON if state is MeasureState.ENDED else None,
        **decided,
    }
    return models.CertificateMeasure(certificate=certificate, **{**given, **facts})


def plain_account(session: Session) -> models.Account:
    """A saved account without a role."""
    name = f"somebody-{next(_serial)}"
    made = models.Account(username=name, first_name=name, last_name="", email=f"{name}@x.invalid", active=True, password="-")
    session.add(made)
    session.flush()
    return made


def account(session: Session, username: str, role: Role, **facts) -> models.Account:
    """A saved account with one role (``built`` has synced the roles) and no usable password."""
    held = session.scalars(select(FabRole).where(FabRole.name == role.value)).one()
    given = {"first_name": username, "last_name": "", "email": f"{username}@accounts.invalid", "active": True}
    if role is not Role.ENTERPRISE_CLERK:
        given["region_code"] = "430000"
    made = models.Account(username=username, roles=[held], password="-", **{**given, **facts})
    session.add(made)
    session.commit()
    return made


def clerk(enterprise: models.Enterprise) -> Actor:
    return Actor(None, "企业经办", frozenset({Role.ENTERPRISE_CLERK}), enterprise_id=enterprise.id)


def officer(*roles: Role, region: str = "430000", account_id: int | None = None) -> Actor:
    return Actor(account_id, "工作人员", frozenset(roles), region=region)


def decision_batch(account: models.Account, **facts) -> models.DecisionBatch:
    """A plan for nothing yet."""
    given = {
        "key": f"{next(_serial):064d}", "action": Action.ACCEPT, "chosen_by": {}, "actor_id": account.id, "actor": "工作人员",
        "region_code": "430000", "planned_at": NOON,
    }  # fmt: skip
    return models.DecisionBatch(**{**given, **facts})
