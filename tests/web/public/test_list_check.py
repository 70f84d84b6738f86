"""List check: every pair gets an answer, part of one none; pairs are limited; nothing is stored."""

import re
from datetime import timedelta
from io import BytesIO

import pytest
from flask_babel import force_locale
from sqlalchemy import func, select

from app.certificates.list_check import check
from app.core.clock import now, office_day
from app.core.vocabulary import CertificateStatus
from app.files import spreadsheets
from app.models import AuditEntry, Job, RateLimitCounter
from app.web.public.list_check import ANSWERS, COLUMNS
from tests import hostile_sheets, make
from tests.query_counter import queries

TODAY = office_day(now())
FIT = "湘建安C1(2024)0000001"
NOTHING = "No certificate fits this name and number"


@pytest.fixture
def held(session):
    """``held(name, number)``: a certificate with somebody's name on it."""

    def hold(name: str = "李雷", number: str = FIT, **facts):
        person = make.person(make.enterprise(), name=facts.pop("now", name))
        session.add(make.certificate(person, holder=name, number=number, **{"valid_to": TODAY + timedelta(days=9), **facts}))
        session.commit()

    return hold


@pytest.fixture
def ask(client, session):
    """``ask("李雷 …")``: the page after a list was pasted, in English; ``file=`` hands one in."""
    with client.session_transaction() as cookie:
        cookie["locale"] = "en"

    def send(text: str = "", file: bytes | None = None, name: str = "list.xlsx"):
        session.rollback()
        data = {"pairs": text} | ({"sheet": (BytesIO(file), name)} if file is not None else {})
        return client.post("/lookup/list/", data=data)

    return send


def words(page: str) -> list[str]:
    """The statuses in the table, row by row."""
    rows = re.findall(r'<tr role="row">\s*<td class="head".*?</tr>', page, re.DOTALL)
    return [re.search(r'<span class="tag [^"]*">([^<]*)<', row)[1] for row in rows]


def test_every_pair_is_answered_in_the_order_of_the_list(held, ask):
    held()
    held("古丽·买买提", "湘建安B(2024)0000002", status=CertificateStatus.SUSPENDED)
    held("韩梅", "湘建安A(2024)0000003", valid_to=TODAY - timedelta(days=1))
    page = ask(f"李雷 {FIT}\n古丽.买买提\t湘建安B（2024） 0000002\n\n韩梅，湘建安A(2024)0000003")
    assert words(page.text) == ["Valid", "Suspended", "Expired"]


def test_an_unknown_number_and_another_name_get_the_very_same_answer(held, ask):
    held()
    found = [ask(f"{name} {number}").text for name, number in (("李雷", "湘建安C1(2024)0000009"), ("王五", FIT))]
    assert [words(page) for page in found] == [[NOTHING], [NOTHING]]
    bare = [
        re.sub(r'value="[^"]*"|\d\d:\d\d:\d\d', "", page).replace("0000009", "0000001").replace("王五", "李雷")
        for page in found
    ]
    assert bare[0] == bare[1]


@pytest.mark.parametrize("typed", ["李", "李雷雷", "%", "李_", "雷"])
def test_a_part_of_a_name_finds_nothing(session, held, typed):
    held()
    for number in (FIT, FIT[:-1], "%", "湘建安C1(2024)000000_"):
        (found,) = check(session, [(typed, number)], on=TODAY)
        assert (found.status, found.valid_to) == (None, None)


def test_the_name_as_printed_and_the_name_of_today_both_fit(session, held):
    held("李雷", now="李雷鸣")
    assert [one.status for one in check(session, [("李雷", FIT), ("李雷鸣", FIT)], on=TODAY)] == [CertificateStatus.VALID] * 2


def test_a_list_costs_one_query(session, system, held):
    held()
    for pairs in ([("李雷", FIT)], [(f"第{n}", f"X{n}") for n in range(500)]):
        with queries(system.engine) as seen:
            check(session, pairs, on=TODAY)
        assert len(seen) == 1


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030", "utf-16"])
def test_a_csv_file_is_read_as_excel_and_wps_save_it(held, ask, encoding):
    held()
    page = ask(file=f"Certificate number,Full name\r\n{FIT},李雷\r\n".encode(encoding), name="list.csv")
    assert words(page.text) == ["Valid"]


def test_a_workbook_is_read_and_its_answer_comes_back_as_one(app, held, ask, client):
    held("=1+1", FIT)
    with app.test_request_context(), force_locale("en"):
        data = spreadsheets.write(
            COLUMNS, [{"name": "=1+1", "number": FIT}, {"name": "李雷", "number": FIT}], sheet_title="x"
        )
    page = ask(file=data).text
    assert words(page) == ["Valid", NOTHING]
    answer = client.post("/lookup/list/answer.xlsx", data={"answer": re.search(r'name="answer" value="([^"]+)"', page)[1]})
    with app.test_request_context(), force_locale("en"):
        rows = [row.values for row in spreadsheets.read(answer.data, ANSWERS[:3]).rows]
    assert [(row["name"], row["status"]) for row in rows] == [("=1+1", "Valid"), ("李雷", NOTHING)]


def test_a_forged_result_is_not_downloaded(client, session):
    for forged in ("", "x", "W1tdXQ.aaaa.bbbb"):
        assert client.post("/lookup/list/answer.xlsx", data={"answer": forged}).status_code == 409


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "There is nothing to check."),
        ("李雷", "Row 1, Certificate number: Please fill this in."),
        (f"李雷 {FIT}\n\n{'长' * 51} {FIT}", "Row 3, Full name: At most 50 characters fit here."),
        ("\n".join(f"李雷 {n}" for n in range(502)), "more than 500 rows"),
        (f"Full name\tNumber\n李雷\t{FIT}", "Row 1, Certificate number: This column is missing."),
    ],
)
def test_a_bad_list_is_named_and_stays_in_the_form(ask, text, sentence):
    answer = ask(text)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert text.split("\n")[0] in answer.text


HOSTILE = {
    "zip bomb": lambda: hostile_sheets.zip_bomb(64 * 1024 * 1024),
    "entities": hostile_sheets.laughing_entities,
    "outside": hostile_sheets.outside_entity,
    "parts": lambda: hostile_sheets.many_parts(500),
    "size": hostile_sheets.lying_size,
    "overlap": hostile_sheets.overlapping,
    "last cell": hostile_sheets.last_cell_only,
    "encrypted": hostile_sheets.encrypted_flag,
    "rows": lambda: hostile_sheets.tall(5_000),
}


@pytest.mark.parametrize("made", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_workbook_is_refused_with_a_sentence(ask, made):
    assert ask(file=made()).status_code == 422


@pytest.mark.parametrize("file", [b"\x00\x01\x02", b"%PDF-1.4\xff\xff", b"PK\x03\x04", b"\xff\xfe\x00"])
def test_what_is_no_table_is_refused(ask, file):
    assert ask(file=file, name="list.csv").status_code == 422


def test_pairs_are_counted_for_an_address_and_not_only_lists(ask):
    many = "\n".join(f"李雷 {n}" for n in range(500))
    answers = [ask(many) for _list in range(9)]
    assert [answer.status_code for answer in answers[:4]] == [200] * 4
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["Retry-After"]) > 0


def test_nothing_of_a_list_is_stored_or_logged(session, held, ask, caplog):
    held()
    before = session.scalar(select(func.count(AuditEntry.id)))
    ask(f"李雷 {FIT}")
    assert session.scalar(select(func.count(AuditEntry.id))) == before
    assert session.scalar(select(func.count(Job.id))) == 0
    assert "李雷" not in caplog.text + str(session.execute(select(RateLimitCounter.key)).all())


def test_the_page_is_not_cached_or_indexed(client):
    headers = client.get("/lookup/list/").headers
    assert (headers["Cache-Control"], headers["X-Robots-Tag"]) == ("no-store", "noindex, nofollow")
    assert client.get("/lookup/list/template.xlsx").data.startswith(b"PK")
