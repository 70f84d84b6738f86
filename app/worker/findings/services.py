"""Checks of what the system leans on: seals, SMS gateway, virus scanner, licence platform."""

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from app.accounts.business_licence.provider import LicencePlatformUnavailable
from app.core.clock import office_day
from app.core.crypto import demo_ca
from app.core.crypto.seal_provider import SealUnavailable, SealUse, Suite
from app.models import CertificateVersion, Letter
from app.worker.findings.finding import SystemFinding
from app.worker.findings.installation import Installation
from app.worker.findings.kinds import PAPERS
from app.worker.providers import Clamd, licences_of, unreachable

SEAL_SOON = timedelta(days=180)  # buying a seal and having it certified takes months


def seals(of: Installation) -> Iterator[SystemFinding]:
    """Certificates and letters can be sealed, and for some time to come."""
    settings = of.settings
    if not settings.seal_url and (missing := demo_ca.missing(settings.seals)):
        with of.reading() as session:
            lost = has_sealed(session)
        yield SystemFinding("seal-lost" if lost else "no-seal", str(settings.seals / missing[0] if lost else settings.seals))
        return
    provider = of.provider()
    for use in SealUse:
        try:
            seal = provider.seal(Suite.P256, at=of.at, use=use)
        except SealUnavailable as away:
            yield SystemFinding("seal-away", use.value, {"why": str(away.why), "of": str(PAPERS[use.value])})
            continue
        last = seal.certificate.not_valid_after_utc
        if last < of.at + SEAL_SOON:
            yield SystemFinding("seal-ends", use.value, {"day": str(office_day(last)), "of": str(PAPERS[use.value])})


def has_sealed(session: Session) -> bool:
    """Whether any certificate or letter was sealed."""
    sealed = (exists().where(CertificateVersion.sealed_by.is_not(None)), exists().where(Letter.sealed_by.is_not(None)))
    return any(session.scalar(select(one)) for one in sealed)


def scanner(of: Installation) -> Iterator[SystemFinding]:
    """ClamAV answers, where it is set."""
    if of.settings.clamd and not Clamd(of.settings.clamd).answers():
        yield SystemFinding("scanner-away", of.settings.clamd)


def messages(of: Installation) -> Iterator[SystemFinding]:
    """The SMS gateway can be reached. Nothing is sent; what it refuses is found by ``operation.unsent``."""
    if of.settings.sms_url and (why := unreachable(of.settings.sms_url)):
        yield SystemFinding("sms-away", "ANGUAN_SMS_URL", {"why": why})


def licences(of: Installation) -> Iterator[SystemFinding]:
    """The platform of business licences answers, where it is set."""
    platform = licences_of(of.settings)
    if platform is None:
        return
    try:
        platform.health(at=of.at)
    except LicencePlatformUnavailable as away:
        yield SystemFinding("licences-away", "ANGUAN_LICENCE_URL", {"why": away.why})
