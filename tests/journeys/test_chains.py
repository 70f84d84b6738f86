"""The two procedures of the manual in one journey: from an exam notice to a certificate looked up by an anonymous visitor.

Everybody signs in with a password and uses the forms on the pages, with CSRF protection on; the only other actions
are the days that pass (``the_exam_is_held``) and what everybody has before the journey begins (``Town``).
"""

import re
from collections import Counter
from datetime import timedelta
from io import BytesIO
from urllib.parse import urlsplit

import pypdfium2
import pytest
import zxingcpp
from openpyxl import load_workbook
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.core.clock import now, office_day, office_time
from app.core.vocabulary import Action, PaperKind, Position, Role, SignupState, Stage, State
from app.files.folder_store import FolderStore
from app.models import Application, ExamNotice, ExamPass, ExamSignup, Message, Person, PublicNotice, Step
from tests import make
from tests.hostile_files import jpeg
from tests.journeys.http_visitor import Visitor
from tests.sign_in_fixture import PASSWORD, quickly_hashed

DAY = timedelta(days=1)
CLERKS = ("enterprise", "exam", "acceptance", "review", "approval", "viewer")
ROLES = (Role.ENTERPRISE_CLERK, Role.EXAM_CLERK, Role.ACCEPTANCE_OFFICER, Role.REVIEWER, Role.APPROVER, Role.VIEWER)
UNCLEAR = "照片戴帽，不是近期免冠照片"
ASKED_BACK, TURNED_DOWN = "身份证扫描件不清晰，请重新扫描", "学历证载明大专，与申报的本科不一致（《行政许可法》第三十二条）"


class Town:
    """An enterprise in good standing with three people, an account for each role, and everybody signed in."""

    def __init__(self, app, session, system) -> None:
        self.session, self.engine = session, system.engine
        self.photo = FolderStore(system.settings.blobs).put(jpeg(413, 579))
        self.firm = make.enterprise()
        scan = make.qualification(self.firm)
        session.add(scan)
        session.flush()
        session.add(make.paper(PaperKind.QUALIFICATION, qualification_id=scan.id, enterprise_id=self.firm.id))
        session.add(make.paper(PaperKind.PLEDGE, pledging_enterprise_id=self.firm.id, enterprise_id=self.firm.id))
        # A category B certificate needs one scan more than its exam, so what is missing comes out when it is applied for.
        self.manager = self.hires("古丽·买买提", Position.PROJECT_MANAGER)
        self.officer, self.refused = self.hires("李靐"), self.hires("王五")
        session.commit()
        for name, role in zip(CLERKS, ROLES, strict=True):
            own = {"enterprise_id": self.firm.id} if role is Role.ENTERPRISE_CLERK else {}
            make.account(session, name, role, **own).password = quickly_hashed(PASSWORD)
        session.commit()
        for name in CLERKS:
            setattr(self, name, Visitor(app).sign_in(name, PASSWORD))
        self.anonymous = Visitor(app)

    def hires(self, name: str, position: Position = Position.SAFETY_OFFICER) -> Person:
        person = make.person(self.firm, name=name, position=position)
        self.session.add(person)
        self.session.flush()
        papers = make.complete_papers(person, without=(PaperKind.REGISTRATION,))
        for paper in papers:
            paper.digest = self.photo
        self.session.add_all(papers)
        return person

    def look(self, query) -> list:
        """Query the database now; no transaction stays open, as SQLite has one writer."""
        with Session(self.engine, expire_on_commit=False) as session:
            return list(session.scalars(query))

    def ids(self, column, *conditions) -> list[int]:
        return self.look(select(column).where(*conditions).order_by(column))

    def states(self) -> dict[str, State]:
        with Session(self.engine) as session:
            return dict(session.execute(select(Person.name, Application.state).join(Application.person)).all())


@pytest.fixture
def town(strict, session, system) -> Town:
    return Town(strict, session, system)


# --- the exam chain ----------------------------------------------------------------------------------------
def publish(town) -> int:
    at = office_time(now())
    answer = town.exam.press(
        "/exam/notices/add",
        "/exam/notices/add",
        title="关于举办第9期安管人员考核的通知",
        categories=["B", "C2"],
        signup_start=f"{at - DAY:%Y-%m-%dT%H:%M}",
        signup_end=f"{at + DAY:%Y-%m-%dT%H:%M}",
        exam_on=f"{at + 9 * DAY:%Y-%m-%d}",
    )
    assert "通知已发布" in answer.text
    [notice] = town.ids(ExamNotice.id)
    assert "第9期" in town.enterprise.see(f"/exam/notices/show/{notice}")
    return notice


def sign_up(town, notice: int) -> list[int]:
    """保存 first, which signs nobody up; then 上报."""
    page, people = f"/exam/notices/{notice}/signup", (town.manager, town.officer, town.refused)
    chosen = {f"category-{person.id}": "B" if person is town.manager else "C2" for person in people}
    town.enterprise.press(page, page, rowid=[person.id for person in people], then="save", **chosen)
    signups = town.ids(ExamSignup.id)
    assert "王五" not in town.exam.see("/exam/review/?state=all")
    answer = town.enterprise.press("/exam/signups/", "/exam/signups/submit", rowid=signups)
    assert "古丽·买买提" in answer.text
    return signups


def review_signups(town, signups: list[int]) -> None:
    """One beside the scans, one in batch, and one refused in batch with a reason."""
    first, second, third = signups
    town.exam.press(f"/exam/review/{first}", f"/exam/review/{first}", decision="yes")
    for answer, one, reason in (("yes", second, {}), ("no", third, {"reason": UNCLEAR})):
        where = f"/exam/review/decide?admit={answer}"
        town.exam.press(town.exam.press("/exam/review/", where, rowid=[one], **reason), where)
    assert town.ids(ExamSignup.id, ExamSignup.state == SignupState.ADMITTED) == [first, second]
    assert UNCLEAR in town.enterprise.see("/exam/signups/")


def the_exam_is_held(town) -> None:
    """Days pass: sign-up ended yesterday, and the exam is today."""
    days = {"signup_start": now() - 9 * DAY, "signup_end": now() - DAY, "exam_on": office_day(now())}
    town.session.execute(update(ExamNotice).values(**days))
    town.session.commit()


def filled_in(workbook: bytes, scores: dict[str, object]) -> BytesIO:
    """The exported workbook with the scores that a clerk types into it."""
    book = load_workbook(BytesIO(workbook))
    sheet = book.active
    titles = [cell.value for cell in sheet[2]]
    name, score = titles.index("姓名"), titles.index("成绩")
    for cells in sheet.iter_rows(min_row=3):
        if cells[name].value in scores:
            cells[score].value = scores[cells[name].value]
    out = BytesIO()
    book.save(out)
    out.seek(0)
    return out


def bring_in_scores(town, notice: int) -> None:
    """The workbook of the export goes back: first with a bad cell, which stops all of it, then as it should be."""
    page = f"/exam/notices/{notice}/scores"
    workbook = town.exam.press("/exam/notices/", f"/exam/notices/{notice}/export").data
    bad = filled_in(workbook, {"古丽·买买提": 88.5, "李靐": "良好"})
    answer = town.exam.press(page, page, sheet=(bad, "成绩.xlsx"))
    assert "/confirm" not in answer.text
    assert re.search(r"<span>4</span>.*?“良好”不是有效成绩", answer.text, re.DOTALL)
    assert not town.ids(ExamSignup.id, ExamSignup.score.is_not(None))

    good = filled_in(workbook, {"古丽·买买提": 88.5, "李靐": 60})
    checked = town.exam.press(page, page, sheet=(good, "成绩.xlsx"))
    town.exam.press(checked, f"{checked.request.path}/confirm")
    town.exam.press(f"{page}/submit", f"{page}/submit")
    assert town.look(select(ExamPass.person_id).order_by(ExamPass.id)) == [town.manager.id, town.officer.id]


# --- the application chain -----------------------------------------------------------------------------------
def file(town) -> int:
    """Two people in one filing; one lacks a scan, is named with the place to fix it, and is submitted once it is there."""
    picks = [f"{town.manager.id}-B", f"{town.officer.id}-C2"]
    handler = {"handler_name": "韩梅梅", "handler_mobile": "13800000000"}
    answer = town.enterprise.press("/filings/add", "/filings/add", rowid=picks, then="submit", **handler)
    assert town.states() == {"古丽·买买提": State.DRAFT, "李靐": State.AWAITING_ACCEPTANCE}
    assert "古丽·买买提缺少扫描件“注册证”" in answer.text
    mend = re.search(rf'href="(/people/edit/{town.manager.id}[^"#]*)#paper-registration"', answer.text)[1]
    town.enterprise.press(mend, f"/people/edit/{town.manager.id}", paper_registration=(BytesIO(jpeg()), "注册证.jpg"))
    town.enterprise.press("/applications/new/", "/applications/new/submit", rowid=town.ids(Application.id))
    assert set(town.states().values()) == {State.AWAITING_ACCEPTANCE}


def send_back(town, case: int, decision: Action, reason: str, state: State) -> None:
    """Acceptance declines; the enterprise reads the reason and submits again."""
    town.acceptance.press(f"/cases/{case}", f"/cases/{case}/decide", decision=decision.value, reason=reason)
    assert state in town.states().values()
    assert reason in town.enterprise.see(f"/cases/{case}/read")
    town.enterprise.press("/applications/new/", f"/applications/new/submit?only={case}")


def accept(town) -> None:
    cases = town.ids(Application.id)
    send_back(town, cases[0], Action.RETURN, ASKED_BACK, State.RETURNED)
    send_back(town, cases[1], Action.DECLINE, TURNED_DOWN, State.NOT_ACCEPTED)
    town.acceptance.decide_in_batch("/acceptance/", "accept", cases)
    assert set(town.states().values()) == {State.AWAITING_REVIEW}


def approve(town) -> None:
    """初审 one after the other, as the page leads from one to the next; 复审 both at once."""
    first, second = town.ids(Application.id)
    page = f"/cases/{first}?next=/review/"
    answer = town.review.press(page, f"/cases/{first}/decide", decision="endorse")
    assert answer.request.path == f"/cases/{second}"
    town.review.press(answer, f"/cases/{second}/decide", decision="endorse")
    town.approval.decide_in_batch("/approval/", "approve", [first, second])
    assert set(town.states().values()) == {State.APPROVED}


# --- what came of it -------------------------------------------------------------------------------------------
def download(town, person: Person, number: str) -> bytes:
    """From 安管人员新申报 through 电子档案 to 电子证书, by the links of the pages."""
    [case] = town.ids(Application.id, Application.person_id == person.id)
    archive = town.enterprise.see(f"/archive/{case}")
    path = re.search(r'href="(/certificates/\d+\.pdf)\?download=1"', archive)[1]
    answer = town.enterprise.client.get(f"{path}?download=1")
    assert (answer.mimetype, "attachment" in answer.headers["Content-Disposition"]) == ("application/pdf", True)
    assert number in town.enterprise.see("/certificates/")
    return answer.data


def code_on(pdf: bytes) -> str:
    """The content of the QR code on the certificate."""
    with pypdfium2.PdfDocument(pdf) as document:
        [code] = zxingcpp.read_barcodes(document[0].render(scale=150 / 72).to_pil())
    return code.text


def certificates_shown(page: str) -> list[str]:
    return re.findall(r'<section class="cert .*?</section>', page, re.DOTALL)


def an_anonymous_visitor_looks_it_up(town, person: Person, number: str, office) -> None:
    """By QR code, by name and ID number, by name and certificate number: the same certificate."""
    address = code_on(download(town, person, number))
    assert address.startswith(f"{office.public_url}/v/")
    [scanned] = certificates_shown(town.anonymous.see(urlsplit(address).path))
    assert person.name in scanned
    assert number in scanned
    assert person.id_number not in scanned
    for known in (person.id_number, number, number.replace("(", "（").replace(")", "）").lower()):
        answer = town.anonymous.press("/lookup", "/lookup", name=person.name, number=known)
        assert certificates_shown(answer.text) == [scanned]


def everything_is_public_and_masked(town) -> None:
    """Each result has a public notice, a return does not; no number is shown in full."""
    published = Counter((notice.stage, notice.agreed) for notice in town.look(select(PublicNotice)))
    agreed = {(stage, True): 2 for stage in Stage}
    assert published == {**agreed, (Stage.ACCEPTANCE, False): 1}
    board = town.anonymous.see("/notices")
    assert board.count("430*************") == 7
    assert not [person.name for person in town.look(select(Person)) if person.id_number in board]
    assert TURNED_DOWN not in board


def every_decision_was_messaged_once(town) -> None:
    """One message per decision, all to the handler; none about the enterprise's own actions."""
    decided = Counter(step.application_id for step in town.look(select(Step)) if step.action is not Action.SUBMIT)
    messages = town.look(select(Message))
    assert Counter(message.application_id for message in messages) == decided == {1: 4, 2: 4}
    assert {message.mobile for message in messages} == {"13800000000"}
    assert len({message.text for message in messages}) == 8
    assert not [person for person in town.look(select(Person)) if any(person.id_number in m.text for m in messages)]


def test_from_an_exam_notice_to_a_certificate_that_an_anonymous_visitor_looks_up(town, office):
    notice = publish(town)
    review_signups(town, sign_up(town, notice))
    the_exam_is_held(town)
    bring_in_scores(town, notice)
    file(town)
    accept(town)
    approve(town)
    year = office_day(now()).year
    an_anonymous_visitor_looks_it_up(town, town.manager, f"湘建安B({year})0000001", office)
    an_anonymous_visitor_looks_it_up(town, town.officer, f"湘建安C2({year})0000001", office)
    everything_is_public_and_masked(town)
    every_decision_was_messaged_once(town)
    assert "李靐" in town.viewer.see("/closed/")
