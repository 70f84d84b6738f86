"""Two enterprises whose people hold certificates, and forms filled in on them."""

import io
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.core.clock import now, office_day
from app.core.vocabulary import PaperKind, Role, State
from app.files.folder_store import FolderStore
from app.models import Application, Certificate
from tests import make
from tests.hostile_files import jpeg
from tests.web.applications.case_fixture import Firm

HANDLER = {"handler_name": "周敏", "handler_mobile": "13812345678"}
TODAY = office_day(now())
P = PaperKind


class Holder(Firm):
    """An enterprise whose people hold certificates."""

    def held(self, **facts) -> Certificate:
        person = make.person(self.enterprise)
        self.session.add(person)
        self.session.flush()
        papers = make.complete_papers(person)
        digest = FolderStore(self.system.settings.blobs).put(jpeg(413, 579))
        for paper in papers:
            paper.digest = digest
        certificate = make.certificate(person, **{"valid_to": TODAY + timedelta(days=60), **facts})
        self.session.add_all([*papers, certificate])
        self.session.commit()
        return certificate

    @property
    def clerk(self):
        return self.browser(Role.ENTERPRISE_CLERK)

    def file(self, matter, *certificates, papers=(), then="submit", **typed):
        """Post the form as a browser would, one scan for each kind and certificate."""
        keys = typed.pop("keys", None) or [c.id for c in certificates]
        scans = {f"paper_{kind.value}-{key}": (io.BytesIO(jpeg(600, 800)), "scan.jpg") for kind in papers for key in keys}
        data = {**HANDLER, "then": then, "rowid": [c.id for c in certificates], **typed, **scans}
        return self.clerk.post(f"/claims/{matter}/add", data=data, content_type="multipart/form-data")

    def states(self) -> list[State]:
        self.session.rollback()
        mine = select(Application.state).where(Application.enterprise_id == self.enterprise.id)
        found = list(self.session.scalars(mine.order_by(Application.id)))
        self.session.rollback()
        return found


@pytest.fixture
def holder(session, signed_in, system) -> Holder:
    return Holder(session, signed_in, system)


@pytest.fixture
def other(session, signed_in, system) -> Holder:
    return Holder(session, signed_in, system, name="湖南旧东家建设有限公司")


RENEWAL = (P.OLD_CERTIFICATE, P.CONTINUING_EDUCATION)
TRANSFER = (P.PHOTO, P.ID_CARD, P.EDUCATION, P.TITLE, P.END_OF_EMPLOYMENT, P.EMPLOYMENT_CONTRACT)


def person_fields(certificate) -> dict[str, str]:
    return {"name": certificate.person.name, "id_number": certificate.person.id_number}


def certificate_to_transfer(holder, other, **facts) -> tuple[Certificate, dict[str, str]]:
    certificate = other.held(**facts)
    return certificate, person_fields(certificate)
