"""Demonstration data: two enterprises, their people, exams and cases at every stage.

Everything is made through the domain functions at plausible times, so each state can be reached by hand. Names, numbers and
scans are invented and say so. Refused in production.
"""

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import exams
from app.accounts import registry
from app.accounts.access import Actor
from app.applications import attachments, drafts
from app.applications.office_settings import office_of
from app.cli.demo_data.people import (
    ACCOUNTS,
    APPLICATIONS,
    BEHIND,
    C1,
    C2,
    CAST,
    ENTERPRISES,
    EVERYBODY,
    HOLDERS,
    LASTS,
    MARKED,
    ROADS,
    SCANS,
    SECOND_CAST,
    SECOND_HOLDERS,
    WOMEN,
    A,
    B,
    Cast,
    DemoApplication,
)
from app.core.clock import OFFICE_ZONE, office_day
from app.core.errors import AppError
from app.core.office import Office
from app.core.settings import Settings
from app.core.vocabulary import (
    CURRENT_CATEGORIES,
    MATTER_PAPERS,
    PERSON_PAPERS,
    REGIONAL,
    Action,
    Category,
    CertificateStatus,
    Education,
    MatterKind,
    PaperKind,
    PassSource,
    Role,
    TechnicalTitle,
)
from app.files.spreadsheets import read, read_lines, write
from app.files.storage import keep_scan
from app.files.stores import store_of
from app.matters import standard_papers
from app.models import Account, Application, Certificate, Enterprise, ExamNotice, ExamPass, Person, Qualification
from app.web.auth.password_form import hashed
from app.web.demo.specimens import id_number, portrait, scan, with_check
from app.workflow import carry_out, must_all_pass

WITHOUT_SCORE = ("new", "legacy", "sat", "admitted", "signed up")  # stories that end before a score


def fill(session: Session, settings: Settings, at: datetime) -> bool:
    """Make the demonstration data once; True if it was made now. Commits. Raises ``AppError`` in production."""
    if settings.production:
        raise AppError("Demonstration data is refused in production.", code="demo-in-production")
    if session.scalar(select(Account.id).where(Account.username == ACCOUNTS[0][0])) is not None:
        return False
    DemoBuilder(session, settings, at).play()
    session.commit()
    return True


class DemoBuilder:
    """Where the demonstration is played: who acts, with what, and what day it is in the play."""

    def __init__(self, session: Session, settings: Settings, at: datetime) -> None:
        self.session, self.at = session, at
        self.office: Office = office_of(session, settings.office)
        self.store = store_of(settings)
        self.password = hashed(settings.demo_password)
        self.actors: dict[str, Actor] = {}

    def play(self) -> None:
        enterprises = [self._enterprise(n, *facts) for n, facts in enumerate(ENTERPRISES)]
        self._accounts(enterprises)
        people = {
            member.name: self._person(member, enterprise, self.actors[f"enterprise{n + 1}"])
            for n, (enterprise, cast) in enumerate(zip(enterprises, EVERYBODY, strict=True))
            for member in cast
        }
        self._past_exam(people)
        self._held_exam(people)
        self._closed_exams(people)
        self._open_exam(people)
        self._notice("第6期", published=1, start=-7, end=-21, held=-35)
        self._cases(people)
        self._legacy(people)
        self._holders(people)
        self._take_away(people)

    # --- who there is ---------------------------------------------------------------------------------

    def _enterprise(self, n: int, name: str, stem: str, region: str, address: str, boss: str) -> Enterprise:
        enterprise = Enterprise(
            name=name,
            uscc=with_check(stem),
            region_code=region,
            address=address,
            legal_representative=boss,
            contact=ACCOUNTS[n][1],
            contact_mobile=f"1380000000{n + 1}",
        )
        self.session.add(enterprise)
        self.session.flush()
        return enterprise

    def _accounts(self, enterprises: list[Enterprise]) -> None:
        roles = {role.name: role for role in self.session.scalars(select(Account.roles.property.mapper.class_))}
        for n, (username, full_name, role) in enumerate(ACCOUNTS):
            mine = enterprises[n] if role is Role.ENTERPRISE_CLERK else None
            account = Account(
                username=username,
                first_name=full_name,
                last_name="",
                email=f"{username}@accounts.invalid",
                active=True,
                password=self.password,
                mobile=f"1390000000{n}",
                region_code=self.office.region_code if role in REGIONAL else None,
                enterprise_id=mine.id if mine else None,
            )
            account.roles = [roles[role.value]]
            self.session.add(account)
            self.session.flush()
            region = account.region_code or ""
            self.actors[username] = Actor(account.id, full_name, frozenset({role}), region, account.enterprise_id)
        for n, enterprise in enumerate(enterprises):
            self._company_papers(enterprise, self.actors[f"enterprise{n + 1}"])

    def _company_papers(self, enterprise: Enterprise, clerk: Actor) -> None:
        on = office_day(self.at)
        qualification = Qualification(
            enterprise_id=enterprise.id,
            number=f"D2430{enterprise.id:05d}",
            kind_and_grade="建筑工程施工总承包贰级",
            valid_from=date(on.year - 2, 1, 1),
            valid_to=date(on.year + 2, 12, 31),
        )
        registry.save_qualification(self.session, qualification, clerk)
        self._attach(qualification, PaperKind.QUALIFICATION, "资质证书.jpg", ("建筑业企业资质证书", enterprise.name), clerk)
        self._attach(enterprise, PaperKind.PLEDGE, "企业诚信承诺书.jpg", ("企业诚信承诺书", enterprise.name), clerk)

    def _person(self, member: Cast, enterprise: Enterprise, clerk: Actor) -> Person:
        person = Person(
            name=member.name,
            id_number=id_number(member.born, member.name, woman=member.name in WOMEN),
            mobile="13900001111",
            education=Education.BACHELOR,
            major="土木工程",
            technical_title=TechnicalTitle.INTERMEDIATE,
            position=member.position,
        )
        person = registry.add_person(self.session, person, clerk, on=office_day(self.at), office=self.office)
        for kind in (*SCANS, *([PaperKind.REGISTRATION] if member.category is B else [])):
            lines = (_TITLES[kind], member.name, enterprise.name)
            self._attach(person, kind, f"{member.name}{_TITLES[kind]}.jpg", lines, clerk)
        return person

    def _attach(self, owner: Any, kind: PaperKind, filename: str, lines: tuple[str, ...], clerk: Actor, **more: Any) -> None:
        """``more``: the ``holder`` shown on a photo, if that is not the owner, and ``at``, if not sixty days ago."""
        photo = kind is PaperKind.PHOTO
        data = portrait(more.get("holder", owner)) if photo else scan(lines)
        kept = keep_scan(self.store, data, filename, photo=photo, office=self.office)
        attachments.attach(self.session, owner, kind, kept, clerk, at=more.get("at", self._before(60)))

    # --- exams ------------------------------------------------------------------------------------------

    def _past_exam(self, people: dict[str, Person]) -> None:
        """Signed up, admitted, held, scored and submitted: the way every pass came about."""
        notice = self._notice("第1期", published=50, start=49, end=42, held=35)
        entrants = {member.name: member for member in (*CAST, *SECOND_CAST) if member.story not in WITHOUT_SCORE}
        picks = {name: (people[name].id, member.category) for name, member in entrants.items()}
        signups = self._sign_up(notice, people, picks, days_ago=45)
        exam = self.actors["exam"]
        exams.review(self.session, signups, True, exam, at=self._before(40), office=self.office)
        self._score(notice, entrants)
        exams.submit_scores(self.session, notice.id, exam, at=self._before(30))

    def _score(self, notice: ExamNotice, entrants: dict[str, Cast]) -> None:
        """Fill the exported sheet, as the clerk does in a spreadsheet, and import it."""
        exam, at = self.actors["exam"], self._before(31)
        _name, sheet, _summary = exams.signup_sheet(self.session, notice.id, exam, at=at)
        keys = {column.key: column for column in exams.SCORE_COLUMNS}
        plain = [replace(column, parse=str, required=False) for column in exams.SCORE_COLUMNS]
        rows = [row.values | {"score": _score_of(entrants[row.values["name"]].story)} for row in read(sheet, plain).rows]
        filled = write(list(keys.values()), rows, sheet_title="成绩")
        lines, scores = list(read_lines(filled, exams.READ_COLUMNS).lines), exams.ScoreCheck(notice.id)
        scores.note(lines)
        changes = [row.change for row in scores.check(self.session, lines) if row.change]
        scores.write(self.session, changes, exam, at=at)

    def _held_exam(self, people: dict[str, Person]) -> None:
        """Held yesterday, everybody admitted, nobody scored: scores can be filled in, imported and submitted at once."""
        notice = self._notice("第2期", published=20, start=19, end=5, held=1)
        signups = self._sign_up(notice, people, _picks("sat", people), days_ago=10)
        exams.review(self.session, signups, True, self.actors["exam"], at=self._before(4), office=self.office)

    def _closed_exams(self, people: dict[str, Person]) -> None:
        """Two exams whose sign-up is over: of one the sign-ups are admitted, of the other still under review."""
        notice = self._notice("第3期", published=16, start=15, end=3, held=-6)
        signups = self._sign_up(notice, people, _picks("admitted", people), days_ago=8)
        exams.review(self.session, signups, True, self.actors["exam"], at=self._before(2), office=self.office)
        notice = self._notice("第4期", published=13, start=12, end=1, held=-14)
        self._sign_up(notice, people, _picks("signed up", people), days_ago=4)

    def _open_exam(self, people: dict[str, Person]) -> None:
        """An exam open for sign-up: one selected, one waiting for review, the others still to be signed up."""
        notice = self._notice("第5期", published=3, start=2, end=-12, held=-25)
        picks = {"夏雨荷": (people["夏雨荷"].id, C2), "柳清扬": (people["柳清扬"].id, C1)}
        self._sign_up(notice, people, picks, days_ago=1)
        clerk = self.actors["enterprise1"]
        exams.select(self.session, notice.id, [(people["方圆"].id, C1)], clerk, at=self._before(1), office=self.office)

    def _notice(self, issue: str, *, published: int, start: int, end: int, held: int) -> ExamNotice:
        at = self._before(published)
        year = office_day(at).year
        notice = ExamNotice(
            title=f"关于举办{year}年{issue}建筑施工企业安管人员安全生产考核的通知",
            number=f"湘建培演〔{year}〕{issue[1]}号",
            body=_BODY,
            categories=CURRENT_CATEGORIES,
            signup_start=self._before(start),
            signup_end=self._before(end),
            exam_on=office_day(self._before(held)),
            place="长沙市样本考点",
            pass_mark=self.office.pass_mark,
            region_code=self.office.region_code,
        )
        return exams.publish(self.session, notice, self.actors["exam"], at=at)

    def _sign_up(
        self, notice: ExamNotice, people: dict[str, Person], picks: dict[str, tuple[int, Category]], days_ago: int
    ) -> list[int]:
        found: list[int] = []
        for clerk in (self.actors["enterprise1"], self.actors["enterprise2"]):
            mine = [pick for name, pick in picks.items() if people[name].enterprise_id == clerk.enterprise_id]
            at = self._before(days_ago)
            ids = [signup.id for signup in exams.select(self.session, notice.id, mine, clerk, at=at, office=self.office)]
            exams.submit(self.session, ids, clerk, at=at, office=self.office)
            found += ids
        return found

    # --- cases ------------------------------------------------------------------------------------------

    def _cases(self, people: dict[str, Person]) -> None:
        for member in (*CAST, *SECOND_CAST):
            if member.story in ROADS:
                self._file(people[member.name], member.category, member.story)

    def _file(self, person: Person, category: Category, story: str) -> None:
        """One filing, and then the steps of its story, one every other day, the last one yesterday."""
        clerk = self._clerk_of(person)
        who, at = (*self._handler_of(clerk), clerk), self._before(_days_of(story, person.name)[0])
        picks = [(person.id, category)]
        filing = drafts.draft(self.session, MatterKind.NEW, picks, *who, at=at, office=self.office)
        self._walk(filing.applications[0].id, story, person.name, clerk)

    def _walk(self, application_id: int, story: str, name: str, clerk: Actor) -> None:
        """The steps of a story, each at its day."""
        others = {"enterprise": clerk, "old": self._other(clerk)}
        for (action, who, reason), day in zip(ROADS[story], _days_of(story, name)[1:], strict=True):
            actor = others.get(who) or self.actors[who]
            marks, at = MARKED if action is Action.RETURN else (), self._before(day)
            done = carry_out(
                self.session, [application_id], action, actor, reason=reason, marks=marks, at=at, office=self.office
            )
            must_all_pass(done)

    def _handler_of(self, clerk: Actor) -> tuple[str, str]:
        return ("周经办", "13800000001") if clerk is self.actors["enterprise1"] else ("吴经办", "13800000002")

    def _other(self, clerk: Actor) -> Actor:
        return self.actors["enterprise2" if clerk is self.actors["enterprise1"] else "enterprise1"]

    # --- certificates from the old system, and what is filed on them ------------------------------------

    def _holders(self, people: dict[str, Person]) -> None:
        held = {}
        for n, member in enumerate((*HOLDERS, *SECOND_HOLDERS), 2001):
            held[member.name] = self._imported(people[member.name], member.category, n, LASTS.get(member.name, 730))
        self.session.flush()
        for claim in APPLICATIONS:
            self._claim(claim, held[claim.name])

    def _imported(self, holder: Person, category: Category, serial: int, left: int) -> Certificate:
        """A paper certificate as the old system leaves it: three years, of which ``left`` days are to come."""
        on = office_day(self._before(3 * 365 - left))
        certificate = Certificate(
            number=f"{self.office.short_name}建安{category.value}({on.year}){serial:07d}",
            category=category,
            person=holder,
            enterprise_id=holder.enterprise_id,
            holder=holder.name,
            printed_enterprise=ENTERPRISES[self._clerks().index(self._clerk_of(holder))][0],
            first_issued_on=on,
            issued_on=on,
            valid_from=on,
            valid_to=office_day(self._before(-left)),
            status=CertificateStatus.VALID,
            is_electronic=False,
        )
        self.session.add(certificate)
        return certificate

    def _claim(self, claim: DemoApplication, certificate: Certificate) -> None:
        """File on a certificate, with the papers the matter asks for; a transfer is the other enterprise's."""
        holder = certificate.person
        clerk = self._clerk_of(holder)
        told: dict[str, Any] = {"at": self._before(_days_of(claim.story, claim.name)[0]), "office": self.office}
        if claim.matter is MatterKind.TRANSFER:
            clerk = self._other(clerk)
            handler, mobile = self._handler_of(clerk)
            filing = drafts.draft_transfer(
                self.session, holder.name, holder.id_number, [certificate.id], handler, mobile, clerk, **told
            )
        else:
            told |= {"reason_code": claim.reason, "details": {certificate.id: dict(claim.details)}}
            filing = drafts.draft_on_certificates(
                self.session, claim.matter, [certificate.id], *self._handler_of(clerk), clerk, **told
            )
        application = filing.applications[0]
        self._bring_papers(application, holder, clerk, told["at"])
        self._walk(application.id, claim.story, claim.name, clerk)

    def _bring_papers(self, application: Application, holder: Person, clerk: Actor, at: datetime) -> None:
        own = (*MATTER_PAPERS, *(PERSON_PAPERS if application.matter is MatterKind.TRANSFER else ()))
        for kind in standard_papers(application.matter, application.category, application.reason_code):
            if kind in own:
                title = _TITLES[kind]
                lines = (title, holder.name)
                self._attach(application, kind, f"{holder.name}{title}.jpg", lines, clerk, holder=holder, at=at)

    def _legacy(self, people: dict[str, Person]) -> None:
        """Somebody who passed in the old system and must show originals, and a paper certificate that runs out soon."""
        person = people["贺一鸣"]
        passed_on = office_day(self._before(300))
        who = {"name": person.name, "id_number": person.id_number}
        self.session.add(ExamPass(person=person, category=A, passed_on=passed_on, source=PassSource.LEGACY, identity=who))
        self.session.flush()
        self._file(person, A, "awaiting_acceptance")
        certificate = self._imported(people["龙在天"], A, 1234, 45)
        certificate.number = f"{self.office.short_name}建安A({office_day(self.at).year - 3})0001234"

    def _take_away(self, people: dict[str, Person]) -> None:
        """Scans that somebody lacks today: so that there is something to mend."""
        for member in (*CAST, *SECOND_CAST):
            papers = attachments.current(self.session, people[member.name])
            for kind in member.lacks:
                attachments.discard(self.session, papers[kind].id, self._clerk_of(people[member.name]), at=self.at)

    def _clerk_of(self, person: Person) -> Actor:
        return next(clerk for clerk in self._clerks() if clerk.enterprise_id == person.enterprise_id)

    def _clerks(self) -> tuple[Actor, Actor]:
        return self.actors["enterprise1"], self.actors["enterprise2"]

    def _before(self, days: int) -> datetime:
        """So many days ago, at an hour when offices work; nothing is done later than now, but what lies ahead."""
        hour, minute = divmod(9 * 60 + days * 97 % 480, 60)
        then = datetime.combine(office_day(self.at) - timedelta(days=days), time(hour, minute), OFFICE_ZONE)
        return min(then, self.at) if days >= 0 else then


def _picks(story: str, people: dict[str, Person]) -> dict[str, tuple[int, Category]]:
    """Whom to sign up, in which category: those of one story."""
    members = (member for member in (*CAST, *SECOND_CAST) if member.story == story)
    return {member.name: (people[member.name].id, member.category) for member in members}


def _days_of(story: str, name: str) -> list[int]:
    """How many days ago a story was filed, and then each of its steps: every other day, the last one yesterday."""
    return [BEHIND.get(name, 0) + 2 * n + 1 for n in range(len(ROADS[story]), -1, -1)]


# --- made-up numbers and pictures -----------------------------------------------------------------------------

_TITLES = {
    PaperKind.PHOTO: "照片",
    PaperKind.ID_CARD: "身份证",
    PaperKind.EDUCATION: "学历证",
    PaperKind.TITLE: "职称证",
    PaperKind.REGISTRATION: "注册证",
    PaperKind.OLD_CERTIFICATE: "原证书",
    PaperKind.CONTINUING_EDUCATION: "继续教育证明",
    PaperKind.END_OF_EMPLOYMENT: "解除劳动关系证明",
    PaperKind.EMPLOYMENT_CONTRACT: "劳动合同",
    PaperKind.LOSS_STATEMENT: "遗失声明",
    PaperKind.CORRECTION_PROOF: "更正证明",
    PaperKind.DISMISSAL_PROOF: "解聘证明",
}
_BODY = """各建筑施工企业：

根据《建筑施工企业主要负责人、项目负责人和专职安全生产管理人员安全生产管理规定》，现将本期考核有关事项通知如下。

一、考核对象：本省建筑施工企业主要负责人（A类）、项目负责人（B类）和专职安全生产管理人员（C类）。

二、报名方式：企业登录本系统，在“培训考试通知”中点击“在线报名”，选择人员后保存并上报。

三、照片、身份证、学历证、职称证扫描件不齐的人员，请先在“基本信息—人员信息”中补充。

（本通知为演示数据。）"""


def _score_of(story: str) -> str:
    return story.removeprefix("score ") if story.startswith("score ") else "86"
