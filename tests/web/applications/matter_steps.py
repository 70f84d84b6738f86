"""Certificates on which something is applied for, and browsers of everybody who decides."""

from datetime import date, timedelta

from sqlalchemy import select

from app.core.clock import now, office_day
from app.core.vocabulary import Action, MatterKind, ReplacementReason, Role, State
from app.files.folder_store import FolderStore
from app.models import Certificate, CertificateVersion, Paper
from tests import make
from tests.hostile_files import jpeg
from tests.web.applications.case_fixture import read_scalar, rolling_back
from tests.workflow_fixture import Firm


def today() -> date:
    """Called by each test, as a run may cross midnight of the office."""
    return office_day(now())


RENEWAL, TRANSFER, REPLACEMENT, CANCELLATION = (
    MatterKind.RENEWAL,
    MatterKind.TRANSFER,
    MatterKind.REPLACEMENT,
    MatterKind.CANCELLATION,
)
DECISIONS = ((Role.ACCEPTANCE_OFFICER, Action.ACCEPT), (Role.REVIEWER, Action.ENDORSE), (Role.APPROVER, Action.APPROVE))
WRONG = {"reason_code": ReplacementReason.WRONG_INFORMATION.value, "details": {"name": "李蕾"}}


class MatterFirm(Firm):
    """Two enterprises, their certificates, and a browser for each role."""

    def __init__(self, session, signed_in, system) -> None:
        super().__init__(session)
        self.signed_in, self.system = signed_in, system
        self.browsers = {}

    def held(self, firm=None, **facts) -> Certificate:
        facts = {"first_issued_on": today() - timedelta(days=1000), "valid_to": today() + timedelta(days=60), **facts}
        begun = {"issued_on": facts["first_issued_on"], "valid_from": facts["first_issued_on"]}
        certificate = (firm or self).certificate(**{**begun, **facts})
        digest = FolderStore(self.system.settings.blobs).put(jpeg(413, 579))
        for paper in self.session.scalars(select(Paper).where(Paper.person_id == certificate.person_id)):
            paper.digest = digest
        return certificate

    def case(self, matter, state=State.AWAITING_ACCEPTANCE, certificate=None, **facts):
        held = certificate or self.held(self.old if matter is TRANSFER else None)
        return self.on(held, matter, state, **facts)

    def browser(self, role, enterprise=None):
        key = (role, enterprise.id if enterprise else None)
        if key not in self.browsers:
            facts = {"enterprise_id": enterprise.id} if enterprise else {}
            account = make.account(self.session, f"{role.value}-{key[1]}", role, **facts)
            self.browsers[key] = rolling_back(self.signed_in(account), self.session)
        return self.browsers[key]

    def decide(self, application) -> None:
        """Decide all three stages on the case page."""
        for role, action in DECISIONS:
            page = self.browser(role).get(f"/cases/{application.id}")
            assert page.status_code == 200
            answer = self.browser(role).post(f"/cases/{application.id}/decide", data={"decision": action.value})
            assert answer.status_code == 302, (action, answer.text)

    def now(self, certificate) -> Certificate:
        self.session.rollback()
        self.session.expire_all()
        return self.session.get_one(Certificate, certificate.id)

    def token(self, certificate) -> str:
        newest = CertificateVersion.certificate_id == certificate.id, CertificateVersion.replaced_at.is_(None)
        return read_scalar(self.session, select(CertificateVersion.token).where(*newest))
