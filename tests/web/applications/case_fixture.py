"""An enterprise with people to apply for, browsers of every role, and steps on applications, for several test packages."""

import re
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.clock import now, office_day
from app.core.vocabulary import Action, Category, PaperKind, Role, Stage, State
from app.db.session import db
from app.files.folder_store import FolderStore
from app.models import Application, Certificate, CertificateVersion, Message, Person, PublicNotice, Step
from app.workflow import MOVES
from tests import make
from tests.hostile_files import jpeg
from tests.query_counter import queries
from tests.web.form_steps import save

OFFICERS = (Role.ACCEPTANCE_OFFICER, Role.REVIEWER, Role.APPROVER)
QUEUE_PATHS = {Stage.ACCEPTANCE: "/acceptance/", Stage.REVIEW: "/review/", Stage.APPROVAL: "/approval/"}
STAGE_OF = {move.action: move.stage for move in MOVES if move.stage}
RECENTLY = office_day(now()) - timedelta(days=30)


class Firm:
    """An enterprise that meets every condition, its people and applications, and a browser for each role."""

    def __init__(
        self, session: Session, signed_in, system, name: str = "湖南湘江建设有限公司", region: str = "430100"
    ) -> None:
        self.session, self.signed_in, self.system = session, signed_in, system
        self.browsers: dict[tuple[Role, str], FlaskClient] = {}
        self.enterprise = make.enterprise(name=name, region_code=region)
        session.add(self.enterprise)
        session.flush()
        scan = make.qualification(self.enterprise)
        session.add(scan)
        session.flush()
        enterprise_id = self.enterprise.id
        session.add(make.paper(PaperKind.QUALIFICATION, qualification_id=scan.id, enterprise_id=enterprise_id))
        session.add(make.paper(PaperKind.PLEDGE, pledging_enterprise_id=enterprise_id, enterprise_id=enterprise_id))
        session.commit()

    def passer(self, *, without=(), category=Category.C1, exam=None, **facts) -> Person:
        """A person who passed the exam, with a real photo in the store."""
        person = make.person(self.enterprise, **{"position": make.position_for(category), **facts})
        self.session.add(person)
        self.session.flush()
        digest = FolderStore(self.system.settings.blobs).put(jpeg(413, 579))
        papers = make.complete_papers(person, without=without)
        for paper in papers:
            paper.digest = digest
        exam_facts = {"passed_on": RECENTLY, **(exam or {})}
        self.session.add_all([*papers, make.exam_pass(person, category=category, **exam_facts)])
        self.session.commit()
        return person

    def case(self, state: State = State.AWAITING_ACCEPTANCE, category=Category.C1, **facts) -> Application:
        person_facts = {name: facts.pop(name) for name in ("without", "exam", "name") if name in facts}
        person = self.passer(category=category, **person_facts)
        if state is State.APPROVED:
            facts["certificate"] = make.certificate(person, category=category)
        if state is State.AWAITING_ACCEPTANCE:  # within its limit, by the clock that the pages read
            facts = {"due_on": office_day(now()) + timedelta(days=7), **facts}
        application = make.application(person, state, category=category, **facts)
        self.session.add(application)
        self.session.commit()
        return application

    def browser(self, role: Role, region: str = "430000") -> FlaskClient:
        """The browser of a role and region, in English."""
        if (role, region) not in self.browsers:
            facts = {"enterprise_id": self.enterprise.id} if role is Role.ENTERPRISE_CLERK else {"region_code": region}
            account = make.account(self.session, f"{role.value}-{region}-{self.enterprise.id}", role, **facts)
            self.browsers[role, region] = rolling_back(self.signed_in(account), self.session)
        return self.browsers[role, region]

    def state(self, application: Application) -> State:
        return read_scalar(self.session, select(Application.state).where(Application.id == application.id))


def rolling_back(client: FlaskClient, session: Session, locale: str = "en") -> FlaskClient:
    """The client, which rolls the test session back before each request, since SQLite has one writer."""
    with client.session_transaction() as cookie:
        cookie["locale"] = locale
    send = client.open

    def open_after(*args, **kwargs):
        session.rollback()
        return send(*args, **kwargs)

    client.open = open_after
    return client


def read_scalar(session: Session, query):
    session.rollback()
    found = session.scalar(query)
    session.rollback()
    return found


def count(session: Session, model) -> int:
    return read_scalar(session, select(func.count()).select_from(model))


def traces(session: Session) -> tuple[int, ...]:
    return tuple(count(session, model) for model in (Step, Message, PublicNotice, Certificate))


def decide(client: FlaskClient, application: Application, action: Action, reason: str = "", **more):
    data = {"decision": action.value, "reason": reason, **more}
    return client.post(f"/cases/{application.id}/decide", data=data)


def in_batch(client: FlaskClient, applications, action: Action, reason: str = ""):
    """Plan the batch and confirm it if something passes; the page of the batch if something was not done."""
    # A queue without this action answers 404.
    path = f"{QUEUE_PATHS[STAGE_OF.get(action, Stage.ACCEPTANCE)]}batch/{action.value}"
    return confirmed(client, client.post(path, data={"rowid": [a.id for a in applications], "reason": reason}))


def batch_in(answer) -> str:
    """The address of the batch that a redirect leads to, or ""."""
    found = re.match(r"/batches/\d+", answer.headers.get("Location", ""))
    return found[0] if found else ""


def confirmed(client: FlaskClient, planned):
    """Confirm the plan that this redirect leads to; the answer, or the page of the batch if something was not done."""
    if not (place := batch_in(planned)):
        return planned
    page = client.get(planned.headers["Location"])
    if f"{place}/confirm" not in page.text:
        return page
    back = parse_qs(urlsplit(planned.headers["Location"]).query).get("next", [""])[0]
    answer = client.post(f"{place}/confirm", data={"next": back})
    return client.get(answer.headers["Location"]) if batch_in(answer) else answer


def filed(clerk: FlaskClient, *people: Person, then: str = "", path: str = "/filings/add", **typed):
    rows = [f"{person.id}-C1" for person in people]
    data = {"handler_name": "韩梅梅", "handler_mobile": "13812345678", "rowid": rows, "then": then, **typed}
    return save(clerk, path, data)


def counted(app):
    with app.app_context():
        return queries(db.engine)


UNSEEN = {"originals_verified_at": None, "originals_verified_by": ""}
ALL_THREE = ["id_card", "education", "title"]


def approved(firm: Firm, **facts) -> tuple[Application, CertificateVersion]:
    application = firm.case(State.AWAITING_APPROVAL, **facts)
    in_batch(firm.browser(Role.APPROVER), [application], Action.APPROVE)
    query = select(CertificateVersion).where(CertificateVersion.application_id == application.id)
    return application, read_scalar(firm.session, query)
