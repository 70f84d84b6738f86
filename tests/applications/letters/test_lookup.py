"""The public lookup of letters, as a visitor meets it."""

import io
import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.applications.demo_clock import set_day
from app.core.clock import now
from app.core.vocabulary import Action, Role
from app.models import Letter
from tests import make
from tests.web.applications.case_fixture import Firm, decide


@pytest.fixture
def issued(session, signed_in, system):
    """A letter that its enterprise has opened: the row, and the file."""
    firm = Firm(session, signed_in, system)
    application = firm.case(name="欧阳明")
    decide(firm.browser(Role.ACCEPTANCE_OFFICER), application, Action.DECLINE, make.REASON)
    clerk = firm.browser(Role.ENTERPRISE_CLERK)
    part = re.search(rf"/archive/{application.id}/(letter-\d+).pdf", clerk.get(f"/archive/{application.id}").text)[1]
    pdf = clerk.get(f"/archive/{application.id}/{part}.pdf").data
    letter = session.execute(select(Letter.number, Letter.issued_on)).one()
    session.rollback()  # SQLite has one writer
    return letter, pdf


def look_up(client, name, number):
    client.application.config["WTF_CSRF_ENABLED"] = False
    return client.post("/lookup", data={"name": name, "number": number})


@pytest.mark.parametrize("spelling", ["{}", " {} ", "brackets", "wide"])
def test_it_is_found_by_name_and_number_and_says_which_letter_it_is(client, issued, spelling):
    letter, _pdf = issued
    number = letter.number
    typed = {"brackets": number.replace("〔", "[").replace("〕", "]"), "wide": number.replace("〔", "（").replace("〕", "）")}
    page = look_up(client, "欧阳明", typed.get(spelling, spelling.format(number))).text
    for part in (letter.number, "不予受理通知书", f"{letter.issued_on}", "欧**"):
        assert part in page
    main = re.search(r"<main.*</main>", page, re.DOTALL)[0]
    for secret in ("欧阳明", "身份证载明", "湘江"):
        assert secret not in main


def test_in_a_demonstration_the_moment_of_the_lookup_is_the_office_s_as_for_certificates(client, session, system, issued):
    letter, _pdf = issued
    later = letter.issued_on + timedelta(days=20)
    set_day(session, later, by="演示人员", base=system.settings.office, at=now())
    session.commit()
    main = re.search(r"<main.*</main>", look_up(client, "欧阳明", letter.number).text, re.DOTALL)[0]
    assert f"{later}" in main


def test_a_wrong_name_and_an_unknown_number_get_the_same_answer(client, issued):
    letter, _pdf = issued
    answers = [look_up(client, "李雷", letter.number), look_up(client, "欧阳明", "湘建许不受〔2026〕99号")]
    mains = [re.search(r"<main.*</main>", answer.text, re.DOTALL)[0] for answer in answers]
    blank = [re.sub(r' value="[^"]*"', "", main) for main in mains]
    assert blank[0] == blank[1]
    assert letter.number not in mains[0]


def test_its_file_is_genuine_and_on_record_and_a_changed_one_is_not(client, issued):
    letter, pdf = issued
    page = client.post("/verify-file", data={"paper": (io.BytesIO(pdf), "文书.pdf")}).text
    assert letter.number in page
    assert "文件与签章时完全一致" in page
    assert "欧阳明" not in page
    changed = pdf.replace(b"%PDF-1", b"%PDF-2", 1)
    page = client.post("/verify-file", data={"paper": (io.BytesIO(changed), "文书.pdf")}).text
    assert letter.number not in page
    assert "被改动" in page
