"""An enterprise with complete documents, and applications of every matter that are ready for submission."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy.orm import Session

from app.accounts.access import Actor
from app.core.vocabulary import (
    MATTER_PAPERS,
    PERSON_PAPERS,
    CancellationReason,
    Category,
    MatterKind,
    PaperKind,
    ReplacementReason,
    Role,
    Side,
    State,
)
from app.models import Application, Certificate
from tests import make

LOST = {"declared_on": "2026-02-20", "medium": "湖南日报"}
INCOMING = {
    "old_number": "粤建安C1(2024)0000007",
    "old_province": "广东",
    "first_issued_on": "2024-05-01",
    "valid_to": "2027-04-30",
}


class Firm:
    def __init__(self, session: Session, **facts) -> None:
        self.session = session
        self.enterprise = make.enterprise(contact_mobile="13700000000", **facts)
        session.add(self.enterprise)
        session.flush()
        scan = make.qualification(self.enterprise)
        session.add(scan)
        session.flush()
        mine = {"enterprise_id": self.enterprise.id}
        session.add(make.paper(PaperKind.QUALIFICATION, qualification_id=scan.id, **mine))
        session.add(make.paper(PaperKind.PLEDGE, pledging_enterprise_id=self.enterprise.id, **mine))
        session.commit()
        self.commit = session.commit
        self._old: Firm | None = None

    @contextmanager
    def together(self) -> Iterator[None]:
        """Applications made inside are committed at its end: hundreds of commits take as long as all the rest."""
        self.commit = self.session.flush
        yield
        self.commit = self.session.commit
        self.commit()

    @property
    def old(self) -> "Firm":
        """The enterprise from which people transfer to this one."""
        self._old = self._old or Firm(self.session, name="湖南旧东家建设有限公司")
        return self._old

    def person(self, without=(), **facts):
        person = make.person(self.enterprise, **facts)
        self.session.add(person)
        self.session.flush()
        self.session.add_all(make.complete_papers(person, without=without))
        return person

    def certificate(self, person=None, **facts) -> Certificate:
        """Of a person of this enterprise; by default within the renewal window."""
        certificate = make.certificate(person or self.person(), **{"valid_to": make.TODAY + timedelta(days=60), **facts})
        self.session.add(certificate)
        self.session.flush()
        return certificate

    def application(self, state=State.DRAFT, category=Category.C1, matter=MatterKind.NEW, **facts) -> Application:
        """An application of any matter in any state, ready for its next action."""
        if state is State.ABANDONED or facts.pop("seen", False):
            facts = {"round": 1, **facts}
        if matter is MatterKind.NEW:
            return self._new(state, category, **facts)
        certificate = facts.pop("certificate", None)
        if certificate is None:
            certificate = (self.old if matter is MatterKind.TRANSFER else self).certificate(category=category)
        return self.on(certificate, matter, state, **facts)

    def on(self, certificate, matter, state=State.DRAFT, **facts) -> Application:
        """An application on a certificate, with all its papers; a replacement is for loss by default."""
        if matter is MatterKind.REPLACEMENT:
            facts = {"reason_code": ReplacementReason.LOST.value, "details": LOST, **facts}
        if matter is MatterKind.CANCELLATION:
            facts = {"reason_code": CancellationReason.LEFT.value, **facts}
        if matter is MatterKind.TRANSFER:
            application = make.transfer(certificate.person, self.enterprise, state, certificate=certificate, **facts)
        else:
            given = {"matter": matter, "certificate": certificate, "category": certificate.category, **facts}
            application = make.application(certificate.person, state, enterprise=self.enterprise, **given)
        self.session.add(application)
        self.session.flush()
        kinds = (*MATTER_PAPERS, *(PERSON_PAPERS if matter is MatterKind.TRANSFER else ()))
        self.session.add_all(
            [make.paper(kind, application_id=application.id, enterprise_id=self.enterprise.id) for kind in kinds]
        )
        self.commit()
        return application

    def on_a_certificate_of_another_province(self, state=State.DRAFT, **details) -> Application:
        """A replacement that rests neither on an exam nor on a certificate of ours."""
        person = self.person()
        application = make.application(
            person,
            state,
            matter=MatterKind.REPLACEMENT,
            reason_code=ReplacementReason.FROM_OTHER_PROVINCE.value,
            details={**INCOMING, **details},
        )
        self.session.add(application)
        self.session.flush()
        mine = {"application_id": application.id, "enterprise_id": self.enterprise.id}
        self.session.add_all([make.paper(kind, **mine) for kind in MATTER_PAPERS])
        self.commit()
        return application

    def _new(self, state, category, **facts) -> Application:
        given = {"position": make.position_for(category), **facts.pop("person", {})}
        person = self.person(facts.pop("without", ()), **given)
        self.session.add(make.exam_pass(person, category=category, **facts.pop("exam", {})))
        if state is State.APPROVED:
            facts["certificate"] = make.certificate(person, category=category)
        application = make.application(person, state, category=category, **facts)
        self.session.add(application)
        self.commit()
        return application

    def actor(self, role: Role, side: Side = Side.FILER) -> Actor:
        if role is Role.ENTERPRISE_CLERK:
            return make.clerk((self if side is Side.FILER else self.old).enterprise)
        return make.officer(role)
