"""Records of the old system in one journey: imported, signed in with, renewed, applied with, looked up.

Everybody uses the forms on the pages, with CSRF protection on; imports run as jobs.
"""

from datetime import timedelta
from io import BytesIO

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.passwords import one_time_password
from app.core.clock import now, office_day
from app.core.vocabulary import Education, JobState, PaperKind, Position, Role, State
from app.files.folder_store import FolderStore
from app.files.spreadsheets import Column, read, write
from app.models import Application, Certificate, Enterprise, ExamPass, Person
from app.worker import runner
from app.worker.handlers import HANDLERS
from app.worker.runner import JobContext
from tests import make
from tests.hostile_files import jpeg
from tests.journeys.http_visitor import Visitor
from tests.sign_in_fixture import PASSWORD, quickly_hashed

FIRM, USCC = "湖南湘江建设有限公司", "91430100MA4L000150"
OWN = "Torf-Kranich-71Q"
HANDLER = {"handler_name": "周敏", "handler_mobile": "13812345678"}
TODAY = office_day(now())
DAY = timedelta(days=1)


class Archive:
    """An administrator with three sheets of the old system, and a worker."""

    def __init__(self, app, session, system) -> None:
        self.app, self.engine, self.store = app, system.engine, FolderStore(system.settings.blobs)
        for name, role in (("admin", Role.ADMIN), ("acceptance", Role.ACCEPTANCE_OFFICER)):
            make.account(session, name, role).password = quickly_hashed(PASSWORD)
        session.commit()
        self.admin, self.acceptance = (Visitor(app).sign_in(name, PASSWORD) for name in ("admin", "acceptance"))

    def work(self) -> None:
        def fresh() -> tuple[str, str]:
            word = one_time_password()
            return word, quickly_hashed(word)

        tools = JobContext(self.engine, None, self.store, now, fresh_password=fresh)
        assert set(runner.run_due(tools, HANDLERS, most=9)) <= {JobState.DONE}

    def take_over(self, kind: str, **cells: object) -> str:
        """Upload, check, confirm, import; the address of the import."""
        columns = [Column(title, title) for title in cells]
        data = BytesIO(write(columns, [cells], sheet_title="原系统"))
        answer = self.admin.press("/legacy/", f"/legacy/hand-in/{kind}", sheet=(data, f"{kind}.xlsx"))
        page = answer.request.path
        self.admin.press(page, f"{page}/confirm")
        self.work()
        assert "导入结果" in self.admin.see(page)
        return page

    def first_password(self, page: str) -> dict[str, str]:
        self.admin.press(page, f"{page}/make-passwords")
        self.work()
        data = self.admin.press(page, f"{page}/passwords.xlsx").data
        titles = {"username": "User name", "word": "One-time password"}
        columns = [
            Column(key, title, also=(zh,))
            for (key, title), zh in zip(titles.items(), ("用户名", "首次登录密码"), strict=True)
        ]
        [row] = read(data, columns).rows
        return row.values

    def look(self, query):
        with Session(self.engine, expire_on_commit=False) as session:
            return session.scalars(query).one()


@pytest.fixture
def archive(strict, session, system) -> Archive:
    return Archive(strict, session, system)


def complete(session, archive) -> Person:
    """What the enterprise adds in 基本信息, as in the other journeys."""
    person = session.scalars(select(Person)).one()
    person.education, person.position = Education.BACHELOR, Position.SAFETY_OFFICER
    digest = archive.store.put(jpeg(413, 579))
    firm = session.scalars(select(Enterprise)).one()
    scan = make.qualification(firm)
    session.add(scan)
    session.flush()
    papers = [
        *make.complete_papers(person),
        make.paper(PaperKind.QUALIFICATION, qualification_id=scan.id, enterprise_id=firm.id),
    ]
    papers.append(make.paper(PaperKind.PLEDGE, pledging_enterprise_id=firm.id, enterprise_id=firm.id))
    for paper in papers:
        paper.digest = digest
    session.add_all(papers)
    session.commit()
    return person


def come_in(archive, first: dict[str, str]) -> Visitor:
    """The first sign-in leads to a new password and nowhere else."""
    visitor = Visitor(archive.app)
    answer = visitor.press("/login/", "/login/", username=first["username"], password=first["word"])
    assert answer.request.path == "/password/"
    assert visitor.client.get("/people/list/").status_code == 303
    answer = visitor.press("/password/", "/password/", old=first["word"], password=OWN, again=OWN)
    assert answer.request.path == "/work/"
    return visitor


def renew(archive, clerk: Visitor, number: str) -> None:
    page = clerk.see("/claims/renewal/add")
    assert number in page
    held = archive.look(select(Certificate.id))
    scans = {f"paper_{kind}-{held}": (BytesIO(jpeg()), "a.jpg") for kind in ("old_certificate", "continuing_education")}
    form = f"/claims/renewal/add?certificate={held}"
    clerk.press(form, "/claims/renewal/add", rowid=[held], then="submit", **HANDLER, **scans)
    assert archive.look(select(Application.state)) is State.AWAITING_ACCEPTANCE
    case = archive.look(select(Application.id))
    archive.acceptance.press(f"/cases/{case}", f"/cases/{case}/decide", decision="accept")
    assert archive.look(select(Application.state)) is State.AWAITING_REVIEW


def apply_anew(archive, clerk: Visitor, person: Person) -> None:
    """R68: not accepted before the three originals were seen at the counter."""
    clerk.press("/filings/add", "/filings/add", rowid=[f"{person.id}-C2"], then="submit", **HANDLER)
    case = archive.look(select(Application.id).where(Application.matter == "new"))
    state = select(Application.state).where(Application.id == case)
    archive.acceptance.press(f"/cases/{case}", f"/cases/{case}/decide", decision="accept")
    assert archive.look(state) is State.AWAITING_ACCEPTANCE
    originals = ["id_card", "education", "title"]
    archive.acceptance.press(f"/cases/{case}", f"/cases/{case}/decide", decision="accept", original=originals)
    assert archive.look(state) is State.AWAITING_REVIEW
    assert archive.look(select(ExamPass.originals_verified_by)) == "acceptance"


def test_an_enterprise_of_the_old_system_renews_and_applies_with_what_was_taken_over(archive, session):
    number, idn = "湘建安C1(2024)0000017", make.id_number()
    accounts = archive.take_over("accounts", 企业名称=FIRM, 统一社会信用代码=USCC, 联系人="周敏", 手机号="13812345678")
    archive.take_over(
        "passes", 姓名="李雷", 身份证号码=idn, 类别="C2", 考试通过时间=f"{TODAY - 30 * DAY:%Y/%m/%d}", 企业名称=FIRM
    )
    term = {"发证日期": f"{TODAY - 1030 * DAY}", "有效期至": f"{TODAY + 60 * DAY}"}
    archive.take_over("certificates", 证书编号="湘建安C1（2024）0000017", 姓名="李雷", 身份证号=idn, 信用代码=USCC, **term)
    person = complete(session, archive)
    assert (person.name, person.id_number) == ("李雷", idn)
    session.rollback()
    clerk = come_in(archive, archive.first_password(accounts))
    assert "李雷" in clerk.see("/legacy-passes/list/")
    assert number in clerk.see("/legacy-certificates/list/")
    renew(archive, clerk, number)
    apply_anew(archive, clerk, person)
    for known in (idn, number):  # R133: by name and number; there is no code to scan
        assert number in Visitor(archive.app).press("/lookup", "/lookup", name="李雷", number=known).text
