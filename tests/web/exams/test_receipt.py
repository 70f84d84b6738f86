"""报名回执: what was submitted for an exam, for the enterprise that did."""

import io

from pypdf import PdfReader

from tests import make
from tests.web.exams.exam_steps import SELECTED, SUBMITTED


def test_the_receipt_names_who_was_submitted_and_nobody_else(own, session, notice, sign):
    page, receipt = f"/exam/notices/{notice.id}/signup", f"/exam/signups/receipt/{notice.id}.pdf"
    sign(SELECTED, names=["未报人"])
    other = make.enterprise(name="湖南别家建设有限公司")
    session.add(other)
    session.commit()
    [foreign] = sign(SUBMITTED, at=other)
    assert own.get(receipt).status_code == 404
    assert receipt not in own.get(page).text
    [mine] = sign(SUBMITTED, names=["已报人"])
    assert receipt in own.get(page).text
    text = "".join(PdfReader(io.BytesIO(own.get(receipt).data)).pages[0].extract_text().split())
    for word in ("报名回执", "已报人", mine.number):
        assert word in text
    for word in ("未报人", foreign.number, mine.person.id_number):
        assert word not in text
