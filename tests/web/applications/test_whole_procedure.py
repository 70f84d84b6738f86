"""One application through the whole procedure."""

from sqlalchemy import select

from app.core.clock import now, office_day
from app.core.vocabulary import Action, PaperKind, PassSource, Role, State
from app.models import Application, CertificateVersion, Filing
from tests import make
from tests.web.applications.case_fixture import ALL_THREE, UNSEEN, decide, filed, read_scalar, traces


def test_an_application_goes_through_the_whole_procedure(firm, clerk, session, system):
    """添加申报 → 上报 (a scan is missing) → 补齐 → 上报 → 受理 → 初审 → 发证审批 → 电子档案 → 二维码."""
    person = firm.passer(name="李雷", without=(PaperKind.TITLE,), exam={"source": PassSource.LEGACY, **UNSEEN})
    filed(clerk, person, then="submit")
    session.add(make.paper(PaperKind.TITLE, person_id=person.id, enterprise_id=firm.enterprise.id))
    session.commit()
    filed(clerk, person, then="submit", path=f"/filings/{read_scalar(session, select(Filing.id))}/edit")
    application = read_scalar(session, select(Application))
    decide(firm.browser(Role.ACCEPTANCE_OFFICER), application, Action.ACCEPT, original=ALL_THREE)
    decide(firm.browser(Role.REVIEWER), application, Action.ENDORSE)
    decide(firm.browser(Role.APPROVER), application, Action.APPROVE, "同意发证")
    assert firm.state(application) is State.APPROVED
    version = read_scalar(session, select(CertificateVersion))
    assert version.face["number"] == f"湘建安C1({office_day(now()).year})0000001"
    assert version.face["number"] in clerk.get(f"/v/{version.token}").text
    assert f"/archive/{application.id}" in firm.browser(Role.VIEWER).get("/closed/").text
    assert traces(session) == (4, 3, 3, 1)
