"""企业诚信承诺书 to be signed, filled in."""

import io

from pypdf import PdfReader


def test_the_pledge_is_filled_in_with_the_enterprise_s_own_data(clerk, session, ours):
    ours.legal_representative = "王五"
    name, code = ours.name, ours.uscc
    session.commit()
    assert "/enterprise/pledge.pdf" in clerk.get("/enterprise/").text
    answer = clerk.get("/enterprise/pledge.pdf")
    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
    text = "".join(PdfReader(io.BytesIO(answer.data)).pages[0].extract_text().split())
    for word in ("企业诚信承诺书", name, code, "王五", "郑重承诺", "法定代表人签字", "企业盖章"):
        assert word in text
