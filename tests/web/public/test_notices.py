"""The public notices: masked, searched and paged."""

import re

import pytest

from app.core.vocabulary import MatterKind, Stage
from tests import make
from tests.web.public.conftest import published


def test_notices_are_masked_and_can_be_searched(visitor, session):
    published(session)
    published(session, enterprise_name="株洲二建", name="韩梅梅", matter=MatterKind.RENEWAL)
    assert "110*************2X" in visitor.get("/notices").text
    page = visitor.get("/notices", query_string={"q": "株洲", "matter": "renewal"}).text
    assert "韩梅梅" in page
    assert "李雷" not in page


@pytest.mark.parametrize("path", ["/notices", "/"])
def test_an_acceptance_is_published_as_a_result_not_as_a_button(visitor, session, path):
    published(session, stage=Stage.ACCEPTANCE, agreed=True, certificate_number="")
    assert re.search('<span class="tag [a-z]+">Accepted</span>', visitor.get(path).text)


@pytest.mark.parametrize(
    "asked", ["q=%00", "matter=nonsense", "stage=%F0%9F", "page=-1", "page=99999999999999999999", "page=x", "q=" + "长" * 500]
)
def test_invalid_query_parameters_are_ignored(visitor, session, asked):
    published(session)
    assert visitor.get(f"/notices?{asked}").status_code == 200


def test_a_search_is_shown_back_as_text(visitor):
    assert "<script>alert" not in visitor.get("/notices", query_string={"q": '"><script>alert(1)</script>'}).text


def test_pages_of_notices_keep_the_query(visitor, session):
    for n in range(21):
        published(session, name=f"甲{n}")
    page = visitor.get("/notices?q=湘江").text
    assert re.search(r'href="/notices\?page=2&amp;q=[^"]+"', page)
    assert "甲0<" in visitor.get("/notices?q=湘江&page=2").text


def test_an_exam_notice_is_a_page_of_its_own_for_everybody(visitor, session):
    notice = make.notice(number="湘建培〔2026〕6号", body="一、报名\n\n<b>二、考试</b>")
    session.add(notice)
    session.commit()
    page = visitor.get(f"/exam-notices/{notice.id}").text
    assert "湘建培〔2026〕6号" in page
    assert "<p>&lt;b&gt;二、考试&lt;/b&gt;</p>" in page


@pytest.mark.parametrize("address", ["/exam-notices/1", "/exam-notices/99999999999999999999", "/exam-notices/x"])
def test_an_exam_notice_that_does_not_exist_is_a_clear_page(visitor, address):
    assert visitor.get(address).status_code == 404
