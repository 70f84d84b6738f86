"""The public lookups, and that nobody learns more than they may."""

import re
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.certificates.lookup import certificates_of, index_printed_numbers
from app.certificates.pdf.seal_and_store import address_of
from app.certificates.qr import payload
from app.core.crypto import signing_keys
from app.core.crypto.signing_keys import CodeKey, ring
from app.core.identifiers import mask_id_publicly
from app.core.vocabulary import Category, CertificateEventKind, CertificateStatus
from app.db.session import db
from app.models import CertificateEvent, CertificateVersion
from app.web.public.front import MEANS
from tests import make
from tests.query_counter import queries, tables_read_whole
from tests.web.public.conftest import ID_NUMBER, RequestFacts, published

NUMBER = "湘建安C1(2024)0000001"
TOKEN = "q" * 22
PER_REQUEST = {"Set-Cookie", "X-Request-ID"}


@pytest.fixture
def holder(session: Session):
    """A person with one electronic certificate, version 1, in force."""
    person = make.person(make.enterprise(name="湖南湘江建设有限公司"), id_number=ID_NUMBER)
    certificate = make.certificate(person, number=NUMBER)
    certificate.versions.append(CertificateVersion(version=1, token=TOKEN, face={}, issued_at=make.NOON))
    session.add(certificate)
    session.commit()
    return certificate


def look_up(visitor: FlaskClient, name: str = "李雷", number: str = ID_NUMBER):
    return visitor.post("/lookup", data={"name": name, "number": number})


def content(page: str) -> str:
    return re.search(r"<main.*</main>", page, re.DOTALL)[0]


def test_the_three_ways_show_the_same_result(visitor, holder):
    pages = [look_up(visitor).text, look_up(visitor, number=NUMBER).text, visitor.get(f"/v/{TOKEN}").text]
    assert content(pages[0]) == content(pages[1]) == content(pages[2])
    for part in ("李雷", "110*************2X", NUMBER, "湖南湘江建设有限公司", "2024-05-01", "2027-04-30", "cert ok"):
        assert part in pages[0]


@pytest.mark.parametrize(
    "typed",
    [
        "１１０１０５１９４９１２３１００２ｘ",
        "110105 19491231 002x",
        "湘建安c1（2024）0000001",
        " 湘建安Ｃ１(2024) 0000001 ",
        "\u202d湘建安C1(2024)0000001\u202c",
    ],
)
def test_numbers_are_found_in_whatever_width_and_case_they_are_typed(visitor, holder, typed):
    assert NUMBER in look_up(visitor, number=typed).text


@pytest.mark.parametrize(
    ("stored", "typed"),
    [("阿依古丽·买买提", "阿依古丽•买买提"), ("John Smith", "ＪＯＨＮ smith"), ("李雷", " 李 雷 "), ("李雷", "李雷\u200e")],
)
def test_names_are_compared_as_people_mean_them(visitor, session, stored, typed):
    session.add(make.certificate(make.person(make.enterprise(), name=stored, id_number=ID_NUMBER)))
    session.commit()
    assert "110*************2X" in look_up(visitor, typed).text


def test_the_name_printed_on_the_certificate_counts_as_well_as_the_persons_present_one(visitor, holder, session):
    holder.holder = "李磊"
    session.commit()
    assert NUMBER in look_up(visitor, "李磊").text
    assert NUMBER in look_up(visitor, "李雷").text


def test_every_certificate_of_the_person_is_shown_and_nobody_elses(visitor, holder, session):
    session.add_all(
        [
            make.certificate(holder.person, number="湘建安B(2025)0000009", category=Category.B),
            make.certificate(make.person(holder.enterprise), number="湘建安A(2025)0000007", category=Category.A),
        ]
    )
    session.commit()
    page = look_up(visitor, number=NUMBER).text
    assert page.count('<section class="cert ') == 2
    assert "湘建安B(2025)0000009" in page
    assert "湘建安A(2025)0000007" not in page


def test_a_lookup_takes_four_queries(visitor, holder, system):
    with queries(system.engine), queries(db_engine(visitor)) as asked:
        look_up(visitor)
    asked = [statement for statement in asked if not statement.startswith("SET ")]
    assert len(asked) == 4  # the office, its calendar, the rate limit, and the lookup
    with queries(db_engine(visitor)) as asked:
        visitor.get(f"/v/{TOKEN}")
    assert len(asked) == 3


def db_engine(visitor: FlaskClient):
    with visitor.application.app_context():
        return db.engine


def test_a_lookup_goes_by_indexes_alone(system, session, holder):
    with queries(system.engine) as asked:
        certificates_of(session, "李雷", ID_NUMBER, on=make.TODAY)
    assert not tables_read_whole(session, asked[-1])


@pytest.mark.parametrize("number", [ID_NUMBER, NUMBER])
def test_an_unknown_number_and_a_wrong_name_get_the_same_answer_byte_by_byte(visitor, holder, number):
    unknown = "110105194912310046" if number == ID_NUMBER else "湘建安C1(2024)0000002"
    wrong_name, nobody = look_up(visitor, "韩梅梅", number), look_up(visitor, "韩梅梅", unknown)
    assert wrong_name.text == nobody.text
    assert wrong_name.status_code == nobody.status_code == 200
    headers = [{name: value for name, value in answer.headers if name not in PER_REQUEST} for answer in (wrong_name, nobody)]
    assert headers[0] == headers[1]


def test_an_unknown_number_and_a_wrong_name_cost_the_same(visitor, holder):
    counts = []
    for number in (ID_NUMBER, "110105194912310046"):
        with queries(db_engine(visitor)) as asked:
            look_up(visitor, "韩梅梅", number)
        counts.append(len(asked))
    assert counts[0] == counts[1]


@pytest.mark.parametrize("name", ["李雷", "韩梅梅", ""])
@pytest.mark.parametrize("number", [ID_NUMBER, ID_NUMBER.lower()])
def test_an_id_number_never_comes_back_in_full(visitor, holder, name, number):
    page = look_up(visitor, name, number).text
    assert "0519491231" not in page


def test_an_address_with_parameters_looks_up_nothing(visitor, holder):
    with queries(db_engine(visitor)) as asked:
        answer = visitor.get("/lookup", query_string={"name": "李雷", "number": ID_NUMBER})
    others = ("FROM parameter", "FROM calendar_day", "FROM link")  # the clock of a demonstration, and what changed last
    assert [one for one in asked if not any(part in one for part in others)] == []
    assert (answer.status_code, answer.location) == (302, "/lookup")
    assert ID_NUMBER not in answer.text


def test_results_are_not_cached_or_indexed(visitor, holder):
    for answer in (look_up(visitor), visitor.get(f"/v/{TOKEN}"), look_up(visitor, "韩梅梅"), visitor.get("/v/unknown")):
        assert answer.headers["Cache-Control"] == "no-store"
        assert "noindex" in answer.headers["X-Robots-Tag"]


def test_a_name_that_is_markup_is_shown_as_text(visitor, holder):
    page = look_up(visitor, "<script>alert(1)</script>").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


@pytest.mark.parametrize(
    ("name", "number"), [("", ID_NUMBER), ("李雷", ""), (" ", " "), ("李" * 51, ID_NUMBER), ("李雷", "1" * 61)]
)
def test_missing_or_too_long_input_is_reported_and_the_name_stays(visitor, holder, name, number):
    answer = look_up(visitor, name, number)
    assert answer.status_code == 422
    assert "err-sum" in answer.text
    assert f'value="{name.strip()}"' in answer.text or not name.strip()


@pytest.mark.parametrize(
    "odd", ["\0", "李\0雷", "%", "' OR 1=1 --", "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"), "\u200b"]
)
def test_odd_characters_find_nothing_and_break_nothing(visitor, holder, odd):
    assert look_up(visitor, odd, odd).status_code in (200, 422)


def test_the_31st_lookup_of_a_minute_is_refused_and_the_next_minute_is_free(visitor, holder):
    answers = [look_up(visitor) for _ in range(31)]
    assert [answer.status_code for answer in answers] == [200] * 30 + [429]
    assert NUMBER not in answers[-1].text
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 60
    RequestFacts.at = make.NOON + timedelta(minutes=1)
    assert look_up(visitor).status_code == 200


def test_an_imported_paper_certificate_is_found_by_name_and_not_by_code(visitor, holder, session):
    holder.is_electronic = False
    session.commit()
    assert visitor.get(f"/v/{TOKEN}").status_code == 404
    assert NUMBER in look_up(visitor).text


@pytest.mark.parametrize("token", ["unknown", "q" * 23, "Q" * 22, "%00", "%F0%9F%98%80", "q" * 5000, "..%2f", "' OR 1=1"])
def test_an_unknown_code_gets_a_clear_page(visitor, holder, token):
    answer = visitor.get(f"/v/{token}")
    assert answer.status_code == 404
    assert NUMBER not in answer.text


def test_an_older_version_shows_the_present_certificate_and_says_so(visitor, holder, session):
    holder.versions[0].replaced_at = datetime(2026, 2, 3, 16, 30, tzinfo=make.NOON.tzinfo)  # the 4th in the office
    holder.versions.append(CertificateVersion(version=2, token="r" * 22, face={}, issued_at=make.NOON))
    session.commit()
    older, newest = visitor.get(f"/v/{TOKEN}").text, visitor.get(f"/v/{'r' * 22}").text
    assert "old-print" in older
    assert "2026-02-04" in older
    assert "2026-02-04" not in newest
    assert NUMBER in older
    assert "old-print" not in newest


@pytest.mark.parametrize(("day", "tone"), [(date(2027, 4, 30), "ok"), (date(2027, 5, 1), "bad")])
def test_a_certificate_is_expired_the_day_after_its_last_without_any_job(visitor, holder, day, tone):
    RequestFacts.at = datetime.combine(day, datetime.min.time(), tzinfo=make.NOON.tzinfo) + timedelta(hours=4)
    assert f'<section class="cert {tone}"' in visitor.get(f"/v/{TOKEN}").text


@pytest.mark.parametrize("status", list(CertificateStatus))
def test_every_status_is_shown_by_word_sign_and_tone(visitor, holder, session, status):
    holder.status, holder.status_reason = status, "说明文字"
    session.commit()
    page = visitor.get(f"/v/{TOKEN}").text
    top = re.search(r"<h2 class=\"cert-top\".*?</h2>", page, re.DOTALL)[0]
    assert ("shield-check" in top) == (status is CertificateStatus.VALID)
    assert ("说明文字" in page) == (status is CertificateStatus.OTHER)


FACE = {"number": NUMBER, "name": "李雷", "valid_to": "2027-04-30", "licence_identifier": "1.2.156.3005.2.X"}


@pytest.fixture
def coded(holder, session, office):
    """The URL in a signed code."""
    holder.versions[0].face, holder.versions[0].status_index = FACE, 7
    session.commit()
    return address_of(holder.versions[0], office).removeprefix(office.public_url)


def test_a_signed_code_opens_the_same_page_and_says_that_it_is_genuine(visitor, coded):
    page = visitor.get(coded).text
    for part in ("110*************2X", NUMBER, "cert ok", 'class="signed"', "1.2.156.3005.2.X"):
        assert part in page
    assert 'class="signed"' not in visitor.get(f"/v/{TOKEN}").text  # an older code is not signed


def test_a_signed_code_costs_one_query(visitor, coded):
    with queries(db_engine(visitor)) as asked:
        visitor.get(coded)
    assert len([statement for statement in asked if "certificate" in statement]) == 1


def changed(coded: str) -> str:
    return coded[:-1] + str((int(coded[-1]) + 1) % 10)


def test_a_forged_code_is_called_so_and_shows_nothing(visitor, coded, holder, session):
    stranger = CodeKey(ec.generate_private_key(ec.SECP256R1()))
    claims = payload.read(payload.digits_in(coded), ring.public)
    for address in (
        changed(coded),
        f"/v/{payload.write(claims, stranger)}",
        f"/v/0{coded[3:]}",
        coded + "1",
        f"/v/{'1' * 320}",
    ):
        answer = visitor.get(address)
        assert answer.status_code == 404
        assert "This code was not issued by this system." in answer.text
        assert NUMBER not in answer.text
        assert "李雷" not in answer.text


def test_a_code_with_our_signature_but_without_a_record_shows_nothing(visitor, coded, session):
    """Signed with a stolen key, or lost from the records: the database decides."""
    claims = payload.read(payload.digits_in(coded), ring.public)
    for other in (
        replace(claims, name="韩梅梅"),
        replace(claims, number="湘建安A(2024)0000001"),
        replace(claims, version=2),
        replace(claims, certificate_id=claims.certificate_id + 1),
    ):
        answer = visitor.get(f"/v/{payload.write(other, ring.newest)}")
        assert answer.status_code == 404
        assert "no such certificate on record" in answer.text
        assert NUMBER not in answer.text


def test_guessing_codes_is_limited_and_a_genuine_code_never_is(visitor, coded):
    answers = [visitor.get(f"/v/{n}{'0' * 300}") for n in range(1, 32)]
    assert [answer.status_code for answer in answers] == [404] * 30 + [429]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 60
    assert visitor.get(coded).status_code == 200
    assert visitor.get(f"/v/{TOKEN}").status_code == 200


def test_codes_of_a_key_that_was_rotated_out_still_open(visitor, coded, tmp_path):
    path = tmp_path / "codes.json"
    path.write_text((Path(ring._path)).read_text())
    ring.open(path)
    signing_keys.rotate(path, at=make.NOON)
    assert visitor.get(coded).status_code == 200


def test_an_older_version_names_the_date_the_number_and_the_version_that_replaced_it(visitor, coded, holder, session):
    holder.versions[0].replaced_at = datetime(2026, 2, 3, 16, 30, tzinfo=make.NOON.tzinfo)
    holder.versions.append(CertificateVersion(version=2, token="r" * 22, face={**FACE, "name": "李磊"}, issued_at=make.NOON))
    session.commit()
    block = re.search(r'<section class="cert bad old-print".*?</section>', visitor.get(coded).text, re.DOTALL)[0]
    for part in ("Updated", "2026-02-04", NUMBER, "version 2"):
        assert part in block


def test_a_replaced_certificate_names_its_successor(visitor, coded, holder, session):
    holder.status, holder.status_reason = CertificateStatus.CANCELLED, "→ 湘建安C3(2026)0000009"
    holder.events.append(
        CertificateEvent(deed=CertificateEventKind.SUPERSEDED, status=CertificateStatus.CANCELLED, actor="审批", at=make.NOON)
    )
    session.commit()
    means = " ".join(re.findall(r'<p class="means">.*?</p>', visitor.get(coded).text, re.DOTALL))
    assert "湘建安C3(2026)0000009" in means
    assert "2026-03-02" in means


def test_every_status_is_explained():
    assert set(MEANS) == set(CertificateStatus)


@pytest.mark.parametrize("address", ["/", "/notices", "/exam-notices/1", f"/v/{TOKEN}"])
def test_public_pages_accept_no_post_but_lookups(visitor, address):
    assert visitor.post(address).status_code in (400, 405)


@pytest.mark.parametrize("address", ["/", "/lookup", "/notices"])
def test_every_page_exists_in_both_languages(visitor, session, address):
    published(session)
    chinese = visitor.get(address).text
    with visitor.session_transaction() as cookie:
        cookie["locale"] = "en"
    english = visitor.get(address).text
    assert '<html lang="zh-CN"' in chinese
    assert ">跳到正文<" in chinese
    assert '<html lang="en"' in english
    assert ">Skip to the content<" in english


@pytest.mark.parametrize("address", ["/", "/lookup", "/notices"])
def test_public_pages_need_no_account_in_the_whole_application(app, session, address):
    published(session)
    answer = app.test_client().get(address)
    assert answer.status_code == 200
    assert "public.css" in answer.text


def test_what_is_printed_finds_the_certificate_whatever_the_record_says(client, holder, session):
    """Another certificate of the person was corrected; or the record was changed behind the domain's back."""
    holder.versions[0].face, holder.versions[0].id_number = {"name": "李雷", "id_number": ID_NUMBER}, ID_NUMBER
    holder.person.name, holder.person.id_number = "王五", make.id_number()
    session.commit()
    page = content(look_up(client).text)
    for shown in (NUMBER, mask_id_publicly(ID_NUMBER), "李雷"):
        assert shown in page
        assert shown in client.get(f"/v/{TOKEN}").text


def test_older_versions_are_indexed_by_what_they_show(holder, session):
    holder.versions[0].face = {"name": "李雷", "id_number": ID_NUMBER}
    session.commit()
    assert index_printed_numbers(session) == 1
    assert index_printed_numbers(session) == 0
    holder.person.id_number = make.id_number()
    session.commit()
    assert certificates_of(session, "李雷", ID_NUMBER, on=make.TODAY)
