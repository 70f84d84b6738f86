"""Personal numbers are found in any spelling, and other digits are not."""

import logging

import pytest
from sqlalchemy import select

from app.core.identifiers import ID_CHECKS, ID_WEIGHTS
from app.core.redaction import MaskingFormatter, disclosure_refusals, find_numbers, mask_numbers, may_hold_number
from app.core.vocabulary import Role
from app.files.folder_store import FolderStore
from app.files.spreadsheets.hidden_content import texts_in
from app.models import CertificateVersion, ExamNotice
from app.web.auth.permissions import ANONYMOUS
from tests.core.redaction_steps import ID, MOBILE, OLD, workbook
from tests.test_attacks import town


def luhn(body: str) -> str:
    doubled = (int(digit) * (2 - place % 2) for place, digit in enumerate(reversed(body)))
    return body + str(-sum(n // 10 + n % 10 for n in doubled) % 10)


CARD = luhn("622202123456789012")  # 19 digits
CARD_16 = luhn("622575123456789")


def wide(text: str) -> str:
    return "".join(chr(ord(mark) + 0xFEE0) if mark.isascii() and mark.isalnum() else mark for mark in text)


@pytest.fixture(scope="module")
def numbers():
    body = ID[:17]
    valid = body + ID_CHECKS[sum(w * int(d) for w, d in zip(ID_WEIGHTS, body, strict=True)) % 11]
    return {"id": valid, "old": OLD, "mobile": MOBILE, "card": CARD, "card 16": CARD_16}


@pytest.mark.parametrize("which", ["id", "old", "mobile", "card", "card 16"])
def test_a_number_is_found_in_any_spelling(numbers, which):
    plain = numbers[which]
    cuts = {"id": (6, 14), "old": (6, 12), "mobile": (3, 7), "card": (4, 8, 12, 16), "card 16": (4, 8, 12)}[which]
    parts = [plain[a:b] for a, b in zip((0, *cuts), (*cuts, None), strict=True)]
    writings = [
        plain, " ".join(parts), "-".join(parts), wide(plain), "\u200b".join(parts), "\u3000".join(parts),
        "\xa0".join(parts),
    ]  # fmt: skip
    writings += [f"No{plain}", f"张三{plain}先生", f"（{plain}）", f"{plain},{plain}", plain.lower()]
    for text in writings:
        found = {one.masked for one in find_numbers(text)}
        assert len(found) == 1, text
        assert plain not in mask_numbers(text).replace(" ", "")
        assert may_hold_number(text), text
    assert "*" in found.pop()


def test_a_country_prefix_and_a_lower_case_x_do_not_hide_a_number():
    assert [one.masked for one in find_numbers("+86 138-7311-2345")] == ["138****2345"]
    assert [one.masked for one in find_numbers("8613873112345")] == ["138****2345"]
    assert [one.masked for one in find_numbers("11010519491231002x")] == ["110105********002X"]


def test_two_adjacent_numbers_are_both_found(numbers):
    assert len(list(find_numbers(f"{MOBILE} 13900001111"))) == 2
    assert len(list(find_numbers(f"{numbers['id']} {MOBILE}"))) == 2


@pytest.mark.parametrize(
    "text",
    [
        "湘建安C1(2025)0000001", "91430100MA4L1234X1", "11430000006122244L",
        "430000-XZ-20251124-0001", "2025-11-24 09:00-11:00",
        "0731-88888888", "430102198506150019", "430102********0013", "138****2345", "12345678901234567890123",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "v=1e240a13873112345bc", "2026.03.02 13:00 2026.03.05",
        "911101080000000000", "6222021234567890120", "一共 13 人，18 20260302 12",
    ],
)  # fmt: skip
def test_other_digits_are_not_taken_for_personal_numbers(text):
    assert list(find_numbers(text)) == []
    assert mask_numbers(text) == text


def test_a_refusal_names_the_place_and_the_masked_number(numbers):
    found = list(disclosure_refusals({"title": ("标题", "考核通知"), "body": ("正文", f"联系人 {MOBILE}，{numbers['id']}")}))
    assert [refusal.field for refusal in found] == ["body", "body"]
    assert "138****2345" in str(found[0].sentence)
    assert "正文" in str(found[0].sentence)
    assert not any(MOBILE in str(one.sentence) or numbers["id"] in str(one.sentence) for one in found)


def test_a_log_line_is_masked_with_its_traceback():
    try:
        raise RuntimeError(f"no such person {MOBILE}")
    except RuntimeError as error:
        record = logging.LogRecord(
            "x", logging.ERROR, "", 0, "GET /?q=%s", (MOBILE,), (type(error), error, error.__traceback__)
        )
    line = MaskingFormatter("%(message)s").format(record)
    assert MOBILE not in line
    assert line.count("138****2345") == 2


# --- files and pages ------------------------------------------------------------------------------------------------
def test_a_workbook_is_searched_with_its_hidden_content():
    found = {place for place, text in texts_in(workbook(MOBILE)) for _one in find_numbers(text)}
    assert {"sheet1.xml B2", "sheet1.xml C3", "sheet2.xml A1", "docprops/core.xml", "xl/workbook.xml"} <= found
    assert any("comment" in place for place in found)
    assert "xl/worksheets/sheet1.xml" in found  # the page header
    assert not [place for place, text in texts_in(workbook("12345")) for _one in find_numbers(text)]


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
@pytest.mark.parametrize("field", ["title", "number", "place", "body"])
def test_a_notice_with_a_number_in_it_is_not_published(session, signed_in, holder, numbers, field):
    clerk = signed_in(holder(Role.EXAM_CLERK))
    typed = {
        "title": "安管人员考核通知", "number": "湘建考〔2026〕1号", "categories": ["A"], "signup_start": "2099-01-01T00:00",
        "signup_end": "2099-02-01T00:00", "exam_on": "2099-03-01", "place": "长沙", "pass_mark": "60", "body": "请按时参加",
    }  # fmt: skip
    for number in (numbers["id"], MOBILE, CARD):
        answer = clerk.post("/exam/notices/add", data=typed | {field: f"联系人：{number}"})
        assert answer.status_code == 422
        assert "公开后任何人都能看到" in answer.text
        assert session.scalars(select(ExamNotice)).all() == []
        session.rollback()
    assert clerk.post("/exam/notices/add", data=typed).status_code == 302


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
def test_no_public_page_shows_a_personal_number(app, client, session, system):
    here = town(session, FolderStore(system.settings.blobs), "430100")
    pages = [
        rule.rule.replace("<int:notice_id>", str(here.notice))
        for rule in app.url_map.iter_rules()
        if rule.endpoint in ANONYMOUS and "GET" in rule.methods and "static" not in rule.endpoint
    ]
    token = session.scalars(select(CertificateVersion.token)).first()
    session.rollback()
    seen = 0
    for page in {*pages, f"/v/{token}", f"/exam-notices/{here.notice}"}:
        answer = client.get(page)
        if answer.status_code == 200:
            seen += 1
            assert list(find_numbers(answer.data.decode(errors="replace"))) == [], page
    assert seen >= 8
