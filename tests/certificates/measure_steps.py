"""Certificates to take measures on, and sheets of measures. (PYTEST_DONT_REWRITE: imported by name and as a plugin.)"""

import pytest
from sqlalchemy import select

from app.certificates.bulk_status_changes import COLUMNS
from app.core.vocabulary import CertificateStatus
from app.files import spreadsheets
from app.models import Certificate
from tests import make

VALID, SUSPENDED = CertificateStatus.VALID, CertificateStatus.SUSPENDED


@pytest.fixture
def held(session):
    """``held(n)``: the numbers of so many certificates, all of 李雷."""

    def hold(many: int = 1, **facts) -> list[str]:
        owner = facts.pop("owner", None) or make.enterprise()
        found = [make.certificate(make.person(owner, name="李雷"), **facts) for _ in range(many)]
        session.add_all(found)
        session.commit()
        return [certificate.number for certificate in found]

    return hold


def sheet(*rows: tuple[str, str], **more: str) -> bytes:
    given = {"name": "李雷", "reason": "发生事故", "evidence": "湘建罚〔2026〕1号", **more}
    columns = [spreadsheets.Column(column.key, column.title) for column in COLUMNS]
    return spreadsheets.write(columns, [{**given, "number": number, "deed": deed} for number, deed in rows], sheet_title="x")


def statuses(session) -> list[CertificateStatus]:
    session.rollback()
    return list(session.scalars(select(Certificate.status).order_by(Certificate.id)))
