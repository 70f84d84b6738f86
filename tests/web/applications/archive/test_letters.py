"""Official letters of a case as PDF."""

import io
import re
from datetime import timedelta

import pytest
from pypdf import PdfReader
from sqlalchemy import select

from app.applications.office_settings import change
from app.core.clock import now
from app.core.office import Office
from app.core.vocabulary import Action, Role
from app.models import Parameter, Step
from tests import make
from tests.web.applications.case_fixture import decide, read_scalar


def test_a_slip_shows_what_was_promised_whatever_is_set_afterwards(firm, clerk, session):
    application = firm.case()
    decide(firm.browser(Role.ACCEPTANCE_OFFICER), application, Action.ACCEPT)
    session.add(Parameter(name="decide_days", value="7", changed_at=now(), changed_by="管理员"))
    session.commit()
    page = clerk.get(f"/archive/{application.id}").text
    assert "within 20 working days" in page
    assert "within 7 working days" not in page


@pytest.mark.parametrize(("action", "title"), [(Action.DECLINE, "不予受理通知书"), (Action.RETURN, "补正通知书")])
def test_a_letter_is_in_chinese_with_its_reason_and_the_legal_remedies(firm, clerk, acceptance, action, title):
    application = firm.case()
    decide(acceptance, application, action, "照片面部被遮挡，无法与身份证核对\n学历证编号不清晰（《行政许可法》第三十二条）")
    part = re.search(rf"/archive/{application.id}/(letter-\d+).pdf", clerk.get(f"/archive/{application.id}").text)[1]
    text = PdfReader(io.BytesIO(clerk.get(f"/archive/{application.id}/{part}.pdf").data)).pages[0].extract_text()
    for expected in (title, "照片面部被遮挡", "学历证编号不清晰", firm.enterprise.name):
        assert expected in text
    text = "".join(text.split())
    assert ("如不服本通知，可自收到本通知之日起六十日内向湖南省人民政府申请行政复议" in text) is (action is Action.DECLINE)
    assert "行政审批专用章" in text
    assert "电子证照" not in text


def test_a_letter_bears_the_office_of_its_own_day_whatever_was_set_since(firm, clerk, acceptance, session):
    application = firm.case()
    decide(acceptance, application, Action.DECLINE, make.REASON)
    admin, new = make.officer(Role.ADMIN), {"issuer": "湖南省住房城乡建设委员会"}
    change(session, new, {"issuer": Office().issuer}, admin, base=Office(), at=now() + timedelta(hours=1))
    session.commit()
    page = clerk.get(f"/archive/{application.id}").text
    part = re.search(rf"/archive/{application.id}/(letter-\d+).pdf", page)[1]
    assert f'<p class="sign">{Office().issuer}<br>' in page
    text = PdfReader(io.BytesIO(clerk.get(f"/archive/{application.id}/{part}.pdf").data)).pages[0].extract_text()
    assert Office().issuer in text
    assert "委员会" not in text


def test_no_document_but_the_case_s_own_is_found(firm, clerk, acceptance):
    application, other = firm.case(), firm.case()
    decide(acceptance, other, Action.ACCEPT)
    step = read_scalar(firm.session, select(Step.id).where(Step.application_id == other.id))
    for part in (f"letter-{step}", "letter-0", "anything"):
        assert clerk.get(f"/archive/{application.id}/{part}.pdf").status_code == 404
