"""The letters of measures."""

import re
from io import BytesIO

import pytest
from pypdf import PdfReader

from app.core.vocabulary import Role
from app.models import Certificate
from tests.web.certificates.bureau import TITLES


@pytest.mark.parametrize("code", ["suspended", "revoked", "withdrawn"])
def test_the_letter_names_facts_ground_article_decision_and_remedy(bureau, code):
    measure = bureau.impose(code)
    answer = bureau.browser(Role.ENTERPRISE_CLERK).get(f"/measure-papers/{measure.id}/letter.pdf")
    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
    text = re.sub(r"\s", "", "".join(page.extract_text() for page in PdfReader(BytesIO(answer.data)).pages))
    wanted = [TITLES[code], measure.document_number, measure.facts, "李雷", bureau.number, "依照", "令第17号", "行政复议"]
    assert [part for part in wanted if re.sub(r"\s", "", part) not in text] == []
    assert ("不得再次申请考核" in text) is (code == "revoked")
    assert bureau.person.id_number not in text


def test_the_letter_stays_as_it_was_when_the_certificate_moves_on(bureau):
    measure = bureau.impose("suspended")
    address = f"/measure-papers/{measure.id}/letter.pdf"
    before = bureau.browser(Role.REVIEWER).get(address).data
    bureau.session.rollback()
    certificate = bureau.session.get_one(Certificate, bureau.id)
    certificate.holder, certificate.enterprise.name = "另名", "另一个建设有限公司"
    bureau.session.commit()
    assert bureau.browser(Role.REVIEWER).get(address).data == before
