"""Certificates to take measures on, and sheets of measures. (PYTEST_DONT_REWRITE: imported by name and as a plugin.)"""

import pytest
from sqlalchemy import select

from app.certificates.bulk_status_changes import COLUMNS
from app.core.vocabulary import CertificateStatus
from app.files import spreadsheets
from app.models import Certificate, CertificateMeasure
from tests import make

GROUNDS = {"暂扣": "专职未履职", "恢复": "已整改", "暂扣发还": "已整改", "撤销": "欺骗贿赂", "吊销": "专职未履职"}
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
    given = {"name": "李雷", "facts": "发生事故", "evidence": "湘建罚〔2026〕1号", "last_day": "2026-08-31", **more}
    columns = [spreadsheets.Column(column.key, column.title) for column in COLUMNS]
    lines = [{"ground": GROUNDS.get(deed, "事故"), **given, "number": number, "deed": deed} for number, deed in rows]
    return spreadsheets.write(columns, lines, sheet_title="x")


def proposed(session) -> list[CertificateMeasure]:
    return list(session.scalars(select(CertificateMeasure).order_by(CertificateMeasure.certificate_id)))


def statuses(session) -> list[CertificateStatus]:
    session.rollback()
    return list(session.scalars(select(Certificate.status).order_by(Certificate.id)))
