"""A certificate, and browsers for those who propose, decide and suffer a measure."""

from datetime import timedelta
from io import BytesIO

from sqlalchemy import select

from app.core.clock import now, office_day
from app.core.vocabulary import CertificateStatus, Role
from app.models import Certificate, CertificateMeasure
from tests import make
from tests.hostile_files import pdf
from tests.web.applications.case_fixture import rolling_back

DECISION = pdf()  # it holds the time, so it is made once
TITLES = {"suspended": "暂扣安全生产考核合格证书决定书", "revoked": "撤销安全生产考核合格证书决定书",
          "withdrawn": "吊销安全生产考核合格证书决定书", "reinstated": "安全生产考核合格证书暂扣发还决定书"}  # fmt: skip


class Bureau:
    """A certificate of an enterprise, and a browser for whoever is asked for."""

    def __init__(self, session, signed_in) -> None:
        self.session, self.signed_in, self.browsers = session, signed_in, {}
        self.enterprise = make.enterprise(contact_mobile="13700000003")
        self.person = make.person(self.enterprise, name="李雷")
        self.certificate = make.certificate(self.person, valid_to=office_day(now()) + timedelta(days=700))
        session.add(self.certificate)
        session.commit()
        self.number, self.id = self.certificate.number, self.certificate.id

    def browser(self, role, name="", **facts):
        key = name or role.value
        if key not in self.browsers:
            if role is Role.ENTERPRISE_CLERK:
                facts = {"enterprise_id": self.enterprise.id, **facts}
            account = make.account(self.session, f"bureau-{key}", role, **facts)
            self.browsers[key] = rolling_back(self.signed_in(account), self.session)
        return self.browsers[key]

    def form(self, code="suspended", **more):
        given = {"ground": {"suspended": "officer_duties", "withdrawn": "officer_duties", "revoked": "deceit"}.get(code)}
        given |= {"facts": "2026年现场无安全防护", "document_number": "湘建罚〔2026〕7号"}
        if code == "reinstated":
            given["ground"] = "set_right"
        if code == "suspended":
            given["last_day"] = f"{office_day(now()) + timedelta(days=90)}"
        return {**given, "document": (BytesIO(DECISION), "决定.pdf"), **more}

    def propose(self, code="suspended", browser=None, **more):
        browser = browser or self.browser(Role.REVIEWER)
        return browser.post(f"/standing/{self.id}/{code}", data=self.form(code, **more))

    def decide(self, code="confirm", browser=None, **form):
        measure = self.measure()
        browser = browser or self.browser(Role.APPROVER)
        return browser.post(f"/measures/decide/{code}?only={measure.id}", data=form)

    def impose(self, code="suspended"):
        assert self.propose(code).status_code == 302
        assert self.decide().status_code == 302
        return self.measure()

    def measure(self) -> CertificateMeasure:
        self.session.rollback()
        newest = select(CertificateMeasure).order_by(CertificateMeasure.id.desc())
        found = self.session.scalars(newest).first()
        self.session.refresh(found)
        return found

    def status(self) -> CertificateStatus:
        self.session.rollback()
        return self.session.scalar(select(Certificate.status).where(Certificate.id == self.id))
