"""Letters of a case as the enterprise and the officers open them: issued once, sealed, in Chinese."""

import io
import re
from datetime import timedelta

import pytest
from pypdf import PdfReader
from sqlalchemy import select

from app.applications.office_settings import change
from app.core.clock import now
from app.core.crypto.verify_signature import trusted_roots, verify
from app.core.office import Office
from app.core.vocabulary import Action, Role, State
from app.models import Letter, Parameter, Step
from tests import make
from tests.web.applications.case_fixture import approved, decide, read_scalar


def part_of(client, application) -> str:
    return re.search(rf"/archive/{application.id}/(letter-\d+).pdf", client.get(f"/archive/{application.id}").text)[1]


def opened(client, application):
    answer = client.get(f"/archive/{application.id}/{part_of(client, application)}.pdf")
    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
    return answer.data


def text_of(pdf: bytes) -> str:
    return "".join("".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages).split())


def test_a_slip_shows_what_was_promised_whatever_is_set_afterwards(firm, clerk, session):
    application = firm.case()
    decide(firm.browser(Role.ACCEPTANCE_OFFICER), application, Action.ACCEPT)
    session.add(Parameter(name="decide_days", value="7", changed_at=now(), changed_by="管理员"))
    session.commit()
    page = clerk.get(f"/archive/{application.id}").text
    assert "自受理之日起20个工作日内" in page
    assert "自受理之日起7个工作日内" not in page


@pytest.mark.parametrize(("action", "title"), [(Action.DECLINE, "不予受理通知书"), (Action.RETURN, "补正通知书")])
def test_a_letter_is_in_chinese_with_its_reason_and_the_legal_remedies(firm, clerk, acceptance, action, title):
    application = firm.case()
    decide(acceptance, application, action, "照片面部被遮挡，无法与身份证核对\n学历证编号不清晰（《行政许可法》第三十二条）")
    text = text_of(opened(clerk, application))
    for expected in (title, "照片面部被遮挡", "学历证编号不清晰", firm.enterprise.name, "〔"):
        assert expected in text
    assert ("如不服本通知，可自收到本通知之日起六十日内向湖南省人民政府申请行政复议" in text) is (action is Action.DECLINE)
    assert "行政审批专用章" in text
    assert "电子证照" not in text


def test_a_letter_is_issued_once_numbered_sealed_and_found_to_be_genuine(firm, clerk, acceptance, system):
    application = firm.case()
    decide(acceptance, application, Action.DECLINE, make.REASON)
    first = opened(clerk, application)
    assert first == opened(acceptance, application) == opened(clerk, application)
    letter = read_scalar(firm.session, select(Letter))
    assert letter.number in text_of(first)
    assert letter.number in clerk.get(f"/archive/{application.id}").text
    verdict = verify(first, trusted_roots(system.settings.seals), at=now())
    assert (verdict.good, verdict.demonstration) == (True, True)
    assert "行政审批" in verdict.signer


def test_a_letter_names_the_day_of_its_own_round_whatever_was_submitted_since(firm, clerk, acceptance, session):
    """A notice of the 19th must not say that the application was received on the 30th."""
    submitted = now() - timedelta(days=9)
    application = firm.case(State.RETURNED, submitted_at=now(), round=2)
    about = {"application_id": application.id, "actor": "王受理"}
    for n, (action, source, target) in enumerate(
        [
            (Action.SUBMIT, State.DRAFT, State.AWAITING_ACCEPTANCE),
            (Action.RETURN, State.AWAITING_ACCEPTANCE, State.RETURNED),
            (Action.SUBMIT, State.RETURNED, State.AWAITING_ACCEPTANCE),
        ]
    ):
        at = submitted + timedelta(days=3 * n)
        session.add(Step(action=action, source=source, target=target, round=1 + n // 2, at=at, reason="照片", **about))
        session.flush()
    session.commit()
    text = text_of(opened(clerk, application))
    day = (submitted + timedelta(hours=8)).date()
    assert f"本机关于{day.year}年{day.month}月{day.day}日收到" in text


def test_a_letter_bears_the_office_of_its_own_day_whatever_was_set_since(firm, clerk, acceptance, session):
    application = firm.case()
    decide(acceptance, application, Action.DECLINE, make.REASON)
    admin, new = make.officer(Role.ADMIN), {"issuer": "湖南省住房城乡建设委员会"}
    change(session, new, {"issuer": Office().issuer}, admin, base=Office(), at=now() + timedelta(hours=1))
    session.commit()
    page = clerk.get(f"/archive/{application.id}").text
    assert f'<p class="sign">{Office().issuer}<br>' in page
    text = text_of(opened(clerk, application))
    assert Office().issuer in text
    assert "委员会" not in text


def test_while_the_seal_is_away_nothing_is_shown_and_the_letter_keeps_its_number(firm, clerk, acceptance, system):
    application = firm.case()
    decide(acceptance, application, Action.DECLINE, make.REASON)
    key = system.settings.seals / "letter-seal-1.pem"
    away = key.rename(key.with_suffix(".away"))
    try:
        answer = clerk.get(f"/archive/{application.id}/{part_of(clerk, application)}.pdf")
        assert (answer.status_code, b"%PDF" in answer.data) == (503, False)
        number = read_scalar(firm.session, select(Letter.number))
    finally:
        away.rename(key)
    assert number in text_of(opened(clerk, application))


def test_no_document_but_the_case_s_own_is_found(firm, clerk, acceptance):
    application, other = firm.case(), firm.case()
    decide(acceptance, other, Action.ACCEPT)
    step = read_scalar(firm.session, select(Step.id).where(Step.application_id == other.id))
    for part in (f"letter-{step}", "letter-0", "anything"):
        assert clerk.get(f"/archive/{application.id}/{part}.pdf").status_code == 404
    assert read_scalar(firm.session, select(Letter.id)) is None


def test_another_enterprise_neither_reads_nor_issues_a_letter(firm, acceptance, signed_in, session):
    application = firm.case()
    decide(acceptance, application, Action.DECLINE, make.REASON)
    other = make.enterprise(name="湖南外人建设有限公司")
    session.add(other)
    session.commit()
    stranger = signed_in(make.account(session, "stranger", Role.ENTERPRISE_CLERK, enterprise_id=other.id))
    case = application.id
    step = read_scalar(session, select(Step.id).where(Step.application_id == case))
    session.rollback()  # for the entry about the refusal
    assert stranger.get(f"/archive/{case}/letter-{step}.pdf").status_code == 404
    assert read_scalar(session, select(Letter.id)) is None


def test_the_application_form_holds_photo_and_all_fields_on_one_page(firm, clerk):
    application, _version = approved(firm)
    reader = PdfReader(io.BytesIO(clerk.get(f"/archive/{application.id}/form.pdf").data))
    assert len(reader.pages) == 1
    assert len(reader.pages[0].images) == 1
    text = "".join(reader.pages[0].extract_text().split())
    for label in ("姓名", "身份证号码", "职务", "统一社会信用代码", "办理意见"):
        assert label in text


def test_no_paper_of_a_case_holds_tags_of_a_page(firm, clerk, acceptance):
    """Neither a case without acceptance number, without mobile and without reason, nor one that was returned."""
    waiting, returned = firm.case(), firm.case()
    decide(acceptance, returned, Action.RETURN, make.REASON)
    for case in (waiting, returned):
        for part in ("form", "steps"):
            text = text_of(clerk.get(f"/archive/{case.id}/{part}.pdf").data)
            assert "<span" not in text, part
            assert "muted" not in text, part
    assert "受理编号—" in text_of(clerk.get(f"/archive/{waiting.id}/form.pdf").data)
