"""The journey of each matter on a certificate: from the enterprise's form to the public lookup.

Everybody signs in with a password and uses the forms on the pages, with CSRF protection on; what everybody has
before the journey begins is in ``Journey``.
"""

from datetime import timedelta
from io import BytesIO

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.certificates.lifecycle import extended
from app.core.clock import now, office_day
from app.core.vocabulary import PERSON_PAPERS, MatterKind, PaperKind, Role, State
from app.files.folder_store import FolderStore
from app.models import Application, Certificate, Paper
from tests import make
from tests.hostile_files import jpeg
from tests.journeys.http_visitor import Visitor
from tests.sign_in_fixture import PASSWORD, quickly_hashed
from tests.workflow_fixture import Firm

HANDLER = {"handler_name": "韩梅梅", "handler_mobile": "13800000000"}
OFFICERS = {"acceptance": Role.ACCEPTANCE_OFFICER, "review": Role.REVIEWER, "approval": Role.APPROVER}
ROAD = (("acceptance", "accept"), ("review", "endorse"), ("approval", "approve"))


class Journey:
    """Two enterprises, a certificate that runs out in sixty days with the second, and everybody signed in."""

    def __init__(self, app, session, system) -> None:
        self.engine, firm = system.engine, Firm(session)
        firms = {"firm": firm.enterprise, "former": firm.old.enterprise}
        begun = office_day(now()) - timedelta(days=1000)
        dates = {"first_issued_on": begun, "issued_on": begun, "valid_from": begun}
        self.certificate = firm.old.certificate(**dates, valid_to=office_day(now()) + timedelta(days=60))
        photo = FolderStore(system.settings.blobs).put(jpeg(413, 579))
        for paper in session.scalars(select(Paper)):
            paper.digest = photo
        self.holder, self.names = self.certificate.person, {key: firm.name for key, firm in firms.items()}
        accounts = {key: (Role.ENTERPRISE_CLERK, {"enterprise_id": firm.id}) for key, firm in firms.items()}
        for name, (role, own) in (accounts | {name: (role, {}) for name, role in OFFICERS.items()}).items():
            make.account(session, name, role, **own).password = quickly_hashed(PASSWORD)
        session.commit()
        self.at = {name: Visitor(app).sign_in(name, PASSWORD) for name in (*accounts, *OFFICERS)}
        self.anonymous = Visitor(app)

    def look(self, query):
        with Session(self.engine, expire_on_commit=False) as session:
            return session.scalars(query).one()

    def files(self, who, matter, *kinds, page="", **typed) -> None:
        """The form with a scan for each kind, 保存并上报 at once."""
        path, key = f"/claims/{matter.value}/add", self.certificate.id
        scans = {f"paper_{kind.value}-{key}": (BytesIO(jpeg(600, 800)), "扫描件.jpg") for kind in kinds}
        fields = {f"{name}-{key}": text for name, text in typed.items()}
        page = page or f"{path}?certificate={key}"
        answer = self.at[who].press(page, path, then="submit", **HANDLER, **fields, **scans)
        assert "已上报" in answer.text, answer.text

    def decides(self) -> None:
        case = self.look(select(Application))
        for who, action in ROAD:
            self.at[who].press(f"/cases/{case.id}", f"/cases/{case.id}/decide", decision=action)
        assert self.look(select(Application.state)) is State.APPROVED

    def found(self) -> str:
        held = self.look(select(Certificate))
        return self.anonymous.press("/lookup", "/lookup", name=self.holder.name, number=held.number).text


@pytest.fixture
def journey(strict, session, system) -> Journey:
    return Journey(strict, session, system)


def test_a_renewal_from_the_form_to_the_lookup(journey):
    journey.files("former", MatterKind.RENEWAL, PaperKind.OLD_CERTIFICATE, PaperKind.CONTINUING_EDUCATION)
    journey.decides()
    assert extended(journey.certificate.valid_to, 3).isoformat() in journey.found()


def test_a_transfer_from_the_search_over_the_consent_to_the_lookup(journey):
    path = "/claims/transfer/add"
    typed = {"name": journey.holder.name, "id_number": journey.holder.id_number}
    found = journey.at["firm"].press(path, path, then="search", **typed)
    kinds = (*PERSON_PAPERS[:4], PaperKind.END_OF_EMPLOYMENT, PaperKind.EMPLOYMENT_CONTRACT)
    journey.files("firm", MatterKind.TRANSFER, *kinds, page=found)
    case = journey.look(select(Application))
    journey.at["former"].press("/releases/", f"/releases/decide/release?only={case.id}")
    journey.decides()
    page = journey.found()
    assert journey.names["firm"] in page
    assert journey.names["former"] not in page


def test_a_replacement_from_the_form_to_the_lookup(journey):
    path = f"/claims/replacement/add?certificate={journey.certificate.id}&reason=lost"
    fields = {"declared_on": "2026-02-20", "medium": "湖南日报"}
    journey.files("former", MatterKind.REPLACEMENT, PaperKind.LOSS_STATEMENT, page=path, **fields)
    journey.decides()
    assert journey.certificate.valid_to.isoformat() in journey.found()
    assert journey.look(select(Certificate.is_electronic))


def test_a_cancellation_from_the_form_to_the_lookup(journey):
    path = f"/claims/cancellation/add?certificate={journey.certificate.id}&reason=left"
    journey.files("former", MatterKind.CANCELLATION, PaperKind.DISMISSAL_PROOF, page=path)
    journey.decides()
    assert "注销" in journey.found()
