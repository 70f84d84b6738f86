"""What the letters of applications say."""

from datetime import timedelta

import pytest

from app.applications.letters import case_letters, issue
from app.core.letter_titles import GRANTS, REFUSALS, letter_title
from app.core.office import Office
from app.core.vocabulary import LETTER_OF, Action, LetterKind, MatterKind, Role, State
from app.workflow import carry_out
from tests import make
from tests.workflow_fixture import Firm

LATER = make.NOON + timedelta(days=3)


@pytest.fixture
def firm(session) -> Firm:
    return Firm(session)


def letter_of(session, application, action, by, *, at=make.NOON, reason="", office=None):
    office = office or Office()
    planned = carry_out(session, [application.id], action, make.officer(by), reason=reason, at=at, office=office)
    assert planned.passes, planned.refused
    session.commit()
    (draft,) = issue.case_drafts(session, [application.id], office, at=at).values()
    return draft


def said(draft) -> str:
    return "".join((*draft.page.sentences, *draft.page.reasons, *draft.page.closing))


def test_every_letter_has_a_title_for_every_matter():
    titles = {letter_title(action, matter) for action in LETTER_OF for matter in MatterKind}
    assert titles >= {*GRANTS.values(), *REFUSALS.values()}


def test_a_slip_names_the_day_the_number_and_the_promise(session, firm):
    draft = letter_of(session, firm.application(State.AWAITING_ACCEPTANCE), Action.ACCEPT, Role.ACCEPTANCE_OFFICER)
    assert (draft.kind, draft.page.title) == (LetterKind.ACCEPTANCE, "受理单")
    text = said(draft)
    assert "第三十二条受理，受理编号：430000-SL-20260302-0001。" in text
    assert "20个工作日内" in text
    assert "复议" not in text


@pytest.mark.parametrize(
    ("matter", "title", "particular"),
    [
        (MatterKind.NEW, "准予行政许可决定书", "第八条、第九条"),
        (MatterKind.RENEWAL, "准予延续行政许可决定书", "延续后有效期：2024年5月1日至2029年5月1日"),
        (MatterKind.TRANSFER, "准予变更行政许可决定书", "原企业：湖南旧东家建设有限公司；变更后企业："),
        (MatterKind.REPLACEMENT, "准予换发证书决定书", "第十二条"),
        (MatterKind.CANCELLATION, "注销决定书", "自即日起失效"),
    ],
)
def test_a_grant_is_named_by_its_matter_and_says_what_it_grants(session, firm, matter, title, particular):
    case = firm.application(State.AWAITING_APPROVAL, matter=matter)
    draft = letter_of(session, case, Action.APPROVE, Role.APPROVER)
    assert (draft.kind, draft.page.title) == (LetterKind.GRANT, title)
    text = said(draft)
    assert particular in text
    assert "依据《中华人民共和国行政许可法》第三十八条" in text
    assert "证书编号：湘建安" in text
    assert "复议" not in text


@pytest.mark.parametrize("matter", MatterKind)
def test_a_refusal_has_articles_reason_and_remedy_with_the_right_noun(session, firm, matter):
    case = firm.application(State.AWAITING_APPROVAL, matter=matter)
    office = Office(appeal_authority="住房和城乡建设部", appeal_court="长沙铁路运输法院")
    reason = "学历证书编号与学信网不符（令第17号第八条）"
    draft = letter_of(session, case, Action.REFUSE_APPROVAL, Role.APPROVER, reason=reason, office=office)
    assert draft.page.title.startswith("不予")
    assert draft.page.reasons == (reason,)
    (remedy,) = draft.page.closing
    assert "如不服本决定，可自收到本决定之日起六十日内向住房和城乡建设部申请行政复议" in remedy
    assert "六个月内向长沙铁路运输法院提起行政诉讼" in remedy


def test_a_notice_calls_itself_a_notice(session, firm):
    case = firm.application(State.AWAITING_ACCEPTANCE)
    draft = letter_of(session, case, Action.DECLINE, Role.ACCEPTANCE_OFFICER, reason=make.REASON)
    assert "本通知" in said(draft)
    assert "本决定" not in said(draft)


def test_a_notice_of_an_earlier_round_keeps_its_day_its_name_and_its_enterprise(session, firm):
    case = firm.application(State.AWAITING_ACCEPTANCE, snapshot=None)
    first = letter_of(session, case, Action.RETURN, Role.ACCEPTANCE_OFFICER, reason=make.REASON)
    assert "2026年" in first.page.sentences[0]
    clerk = make.clerk(firm.enterprise)
    planned = carry_out(session, [case.id], Action.SUBMIT, clerk, reason=make.REASON, at=LATER, office=Office())
    assert planned.passes, planned.refused
    session.commit()
    (again,) = issue.case_drafts(session, [case.id], Office(), at=make.NOON).values()
    assert "3月5日收到" not in again.page.sentences[0]


def test_only_steps_that_require_a_letter_have_one(session, firm):
    case = firm.application(State.AWAITING_REVIEW)
    carry_out(session, [case.id], Action.ENDORSE, make.officer(Role.REVIEWER), at=make.NOON, office=Office())
    session.commit()
    assert issue.case_drafts(session, [case.id], Office(), at=make.NOON) == {}
    assert not case_letters.has_letter(case.steps[-1])
