"""The page on which a measure is proposed."""

from io import BytesIO

import pytest
from sqlalchemy import select

from app.core.vocabulary import Role
from app.models import CertificateMeasure
from tests import make
from tests.hostile_files import jpeg


def test_a_form_that_lacks_something_is_shown_again_with_all_that_is_missing(bureau):
    answer = bureau.propose("suspended", facts=" ", document_number="", document=(BytesIO(b""), ""), last_day="", ground="")
    assert answer.status_code == 422
    assert answer.text.count('aria-invalid="true"') >= 4
    assert bureau.session.scalars(select(CertificateMeasure)).all() == []


def test_a_bad_document_is_refused_by_name(bureau):
    answer = bureau.propose("revoked", document=(BytesIO(b"%PDF-1.4 nothing"), "坏.pdf"))
    assert (answer.status_code, "坏.pdf" in answer.text) == (422, True)


def test_an_unknown_ground_or_measure_is_refused(bureau):
    assert bureau.propose("revoked", ground="accident").status_code == 422
    assert bureau.propose("issued").status_code == 404
    assert bureau.browser(Role.REVIEWER).get(f"/standing/{bureau.id}/approve").status_code == 404


def test_a_picture_is_a_document_as_well(bureau):
    assert bureau.propose("revoked", document=(BytesIO(jpeg(400, 600)), "决定.jpg")).status_code == 302
    assert bureau.measure().document_mime == "image/jpeg"


@pytest.mark.parametrize("value", ["a\0b", "a\r\nX-Evil: 1", "9" * 5000], ids=["nul", "line end", "5000 digits"])
def test_no_value_in_the_form_causes_an_error(bureau, value):
    for name in ("ground", "facts", "document_number", "last_day"):
        assert bureau.propose("suspended", **{name: value}).status_code in (302, 422), name
        if bureau.session.scalars(select(CertificateMeasure.id)).first():
            bureau.browser(Role.REVIEWER).post(f"/measures/{bureau.measure().id}/retract")
        bureau.session.rollback()


def test_a_certificate_is_found_by_part_of_number_or_name_within_the_region_only(bureau):
    other = make.certificate(make.person(bureau.enterprise, name="李雷雷"))
    away = make.certificate(make.person(make.enterprise(region_code="430200"), name="李雷鸣"))
    bureau.session.add_all([other, away])
    bureau.session.commit()
    numbers = [bureau.number, other.number, away.number]

    def shown(text: str, browser) -> tuple[int, list[bool], bool]:
        answer = browser.get("/standing/", query_string={"number": text}, follow_redirects=True)
        return answer.status_code, [number in answer.text for number in numbers], "/suspended" in answer.text

    province, town = bureau.browser(Role.REVIEWER), bureau.browser(Role.APPROVER, "town", region_code="430100")
    assert shown("李雷", province) == (200, [True, True, True], False)
    assert shown("李雷", town) == (200, [True, True, False], False)
    assert shown("lll", town) == (200, [False, True, False], False)  # one alone is opened; only reviewers propose
    assert shown("李雷鸣", town)[0] == 404
    assert shown(other.number, province) == (200, [False, True, False], True)
    assert shown("  ", province)[0] == 200
    assert [shown(nothing, province)[0] for nothing in ("-", "（）", "。", "😀")] == [404] * 4
    page = province.get("/standing/").text
    assert all(f"/certificates/?status={code}" in page for code in ("02", "03", "07"))
    assert bureau.browser(Role.VIEWER).get("/standing/?number=李雷").status_code == 403
