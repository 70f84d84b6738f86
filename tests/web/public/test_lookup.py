"""The public pages: lookups, notices, the front page, and that nobody learns more than they may."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from cryptography.hazmat.primitives.asymmetric import ec
from flask import Flask, g
from flask.testing import FlaskClient
from flask_appbuilder import BaseView, expose
from flask_wtf import CSRFProtect
from sqlalchemy.orm import Session

from app.certificates.lookup import certificates_of
from app.certificates.pdf.seal_and_store import address_of
from app.certificates.qr import payload
from app.core.crypto import signing_keys
from app.core.crypto.signing_keys import CodeKey, ring
from app.core.vocabulary import Category, CertificateEventKind, CertificateStatus, MatterKind, Role, Stage
from app.db.session import db
from app.models import CertificateEvent, CertificateVersion
from app.outbox.public_notices import DecisionResult, publish
from app.web.auth.security_manager import SecurityManager
from app.web.base import init_app
from app.web.middleware import AppBuilder, guard
from app.web.public.front import MEANS, stages
from app.web.public.lookup import register_public
from tests import make
from tests.conftest import System
from tests.query_counter import queries

ID_NUMBER = "11010519491231002X"
NUMBER = "湘建安C1(2024)0000001"
TOKEN = "q" * 22
PER_REQUEST = {"Set-Cookie", "X-Request-ID"}


class WorkView(BaseView):
    """In place of the dashboard."""

    route_base = "/work"
    default_view = "home"

    @expose("/")
    def home(self):
        return "the workbench"


class RequestFacts:
    """Time and signed-in user of every request."""

    at: datetime = make.NOON
    actor = None


def two_words(home: Path) -> Path:
    """A catalogue of its own, so that these tests do not wait for the translators."""
    catalogue = Catalog(locale="zh")
    catalogue.add("Skip to the content", "跳到正文")
    folder = home / "translations" / "zh" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    with (folder / "messages.mo").open("wb") as file:
        write_mo(file, catalogue)
    return home / "translations"


@pytest.fixture(scope="session")
def counter(system: System) -> Flask:
    """An application of the middleware, the layout and the public views alone."""
    app = Flask("app", template_folder="web/templates", static_folder="web/static")
    app.config.from_mapping(system.settings.flask(), BABEL_TRANSLATION_DIRECTORIES=str(two_words(system.settings.home)))
    app.config.update(TESTING=True, FAB_BASE_TEMPLATE="base/frame.html")
    app.extensions["anguan"] = system.settings

    @app.before_request
    def set_facts():
        g.moment = RequestFacts.at
        if RequestFacts.actor:
            g.actor = RequestFacts.actor

    db.init_app(app)
    guard(app, system.settings)
    CSRFProtect(app)
    with app.app_context():
        builder = AppBuilder(app, db.session, security_manager_class=SecurityManager)
        register_public(builder)
        builder.add_view_no_menu(WorkView)
        init_app(app)
    return app


@pytest.fixture
def client(counter: Flask, session: Session) -> Iterator[FlaskClient]:
    yield counter.test_client()
    RequestFacts.at, RequestFacts.actor = make.NOON, None


@pytest.fixture
def holder(session: Session):
    """A person with one electronic certificate, version 1, in force."""
    person = make.person(make.enterprise(name="湖南湘江建设有限公司"), id_number=ID_NUMBER)
    certificate = make.certificate(person, number=NUMBER)
    certificate.versions.append(CertificateVersion(version=1, token=TOKEN, face={}, issued_at=make.NOON))
    session.add(certificate)
    session.commit()
    return certificate


def look_up(client: FlaskClient, name: str = "李雷", number: str = ID_NUMBER):
    form = client.get("/lookup").text
    csrf = re.search(r'name="csrf_token"[^>]* value="([^"]+)"', form)[1]
    return client.post("/lookup", data={"name": name, "number": number, "csrf_token": csrf})


def without_tokens(page: str) -> str:
    return re.sub(r'(name="csrf_token" value=")[^"]+', r"\1", page)


def content(page: str) -> str:
    return re.search(r"<main.*</main>", page, re.DOTALL)[0]


def test_the_three_ways_show_the_same_result(client, holder):
    pages = [look_up(client).text, look_up(client, number=NUMBER).text, client.get(f"/v/{TOKEN}").text]
    assert content(pages[0]) == content(pages[1]) == content(pages[2])
    for part in ("李雷", "110*************2X", NUMBER, "湖南湘江建设有限公司", "2024-05-01", "2027-04-30", "cert ok"):
        assert part in pages[0]


@pytest.mark.parametrize(
    "typed",
    ["１１０１０５１９４９１２３１００２ｘ", "110105 19491231 002x", "湘建安c1（2024）0000001", " 湘建安Ｃ１(2024) 0000001 "],
)
def test_numbers_are_found_in_whatever_width_and_case_they_are_typed(client, holder, typed):
    assert NUMBER in look_up(client, number=typed).text


@pytest.mark.parametrize(
    ("stored", "typed"), [("阿依古丽·买买提", "阿依古丽•买买提"), ("John Smith", "ＪＯＨＮ smith"), ("李雷", " 李 雷 ")]
)
def test_names_are_compared_as_people_mean_them(client, session, stored, typed):
    session.add(make.certificate(make.person(make.enterprise(), name=stored, id_number=ID_NUMBER)))
    session.commit()
    assert "110*************2X" in look_up(client, typed).text


def test_the_name_printed_on_the_certificate_counts_as_well_as_the_persons_present_one(client, holder, session):
    holder.holder = "李磊"
    session.commit()
    assert NUMBER in look_up(client, "李磊").text
    assert NUMBER in look_up(client, "李雷").text


def test_every_certificate_of_the_person_is_shown_and_nobody_elses(client, holder, session):
    session.add_all(
        [
            make.certificate(holder.person, number="湘建安B(2025)0000009", category=Category.B),
            make.certificate(make.person(holder.enterprise), number="湘建安A(2025)0000007", category=Category.A),
        ]
    )
    session.commit()
    page = look_up(client, number=NUMBER).text
    assert page.count('<section class="cert ') == 2
    assert "湘建安B(2025)0000009" in page
    assert "湘建安A(2025)0000007" not in page


def test_a_lookup_takes_four_queries(client, holder, system):
    form = client.get("/lookup").text
    csrf = re.search(r'name="csrf_token"[^>]* value="([^"]+)"', form)[1]
    with queries(system.engine), queries(db_engine(client)) as asked:
        client.post("/lookup", data={"name": "李雷", "number": ID_NUMBER, "csrf_token": csrf})
    assert len(asked) == 4  # the office, its calendar, the rate limit, and the lookup
    with queries(db_engine(client)) as asked:
        client.get(f"/v/{TOKEN}")
    assert len(asked) == 3


def db_engine(client: FlaskClient):
    with client.application.app_context():
        return db.engine


def test_a_lookup_goes_by_indexes_alone(system, session, holder):
    with queries(system.engine) as asked:
        certificates_of(session, "李雷", ID_NUMBER, on=make.TODAY)
    statement = re.sub(r"\?|%\(\w+\)s", "'x'", asked[-1])
    connection = session.connection()
    if system.kind == "postgresql":  # so few rows are read whole unless that is forbidden
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        plan = "\n".join(connection.exec_driver_sql(f"EXPLAIN {statement}").scalars())
        assert "Seq Scan" not in plan
        return
    steps = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}")]
    assert not [step for step in steps if re.match("SCAN (person|certificate|enterprise)", step)]


@pytest.mark.parametrize("number", [ID_NUMBER, NUMBER])
def test_an_unknown_number_and_a_wrong_name_get_the_same_answer_byte_by_byte(client, holder, number):
    unknown = "110105194912310046" if number == ID_NUMBER else "湘建安C1(2024)0000002"
    wrong_name, nobody = look_up(client, "韩梅梅", number), look_up(client, "韩梅梅", unknown)
    assert without_tokens(wrong_name.text) == without_tokens(nobody.text)
    assert wrong_name.status_code == nobody.status_code == 200
    headers = [{name: value for name, value in answer.headers if name not in PER_REQUEST} for answer in (wrong_name, nobody)]
    assert headers[0] == headers[1]


def test_an_unknown_number_and_a_wrong_name_cost_the_same(client, holder):
    counts = []
    for number in (ID_NUMBER, "110105194912310046"):
        with queries(db_engine(client)) as asked:
            look_up(client, "韩梅梅", number)
        counts.append(len(asked))
    assert counts[0] == counts[1]


@pytest.mark.parametrize("name", ["李雷", "韩梅梅", ""])
@pytest.mark.parametrize("number", [ID_NUMBER, ID_NUMBER.lower()])
def test_an_id_number_never_comes_back_in_full(client, holder, name, number):
    page = look_up(client, name, number).text
    assert "0519491231" not in page


def test_an_address_with_parameters_looks_up_nothing(client, holder):
    with queries(db_engine(client)) as asked:
        answer = client.get("/lookup", query_string={"name": "李雷", "number": ID_NUMBER})
    assert (asked, answer.status_code, answer.location) == ([], 302, "/lookup")
    assert ID_NUMBER not in answer.text


def test_a_lookup_without_a_token_of_the_form_is_refused(client, holder):
    answer = client.post("/lookup", data={"name": "李雷", "number": ID_NUMBER})
    assert answer.status_code == 400
    assert NUMBER not in answer.text


def test_results_are_not_cached_or_indexed(client, holder):
    for answer in (look_up(client), client.get(f"/v/{TOKEN}"), look_up(client, "韩梅梅"), client.get("/v/unknown")):
        assert answer.headers["Cache-Control"] == "no-store"
        assert "noindex" in answer.headers["X-Robots-Tag"]


def test_a_name_that_is_markup_is_shown_as_text(client, holder):
    page = look_up(client, "<script>alert(1)</script>").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


@pytest.mark.parametrize(
    ("name", "number"), [("", ID_NUMBER), ("李雷", ""), (" ", " "), ("李" * 51, ID_NUMBER), ("李雷", "1" * 61)]
)
def test_missing_or_too_long_input_is_reported_and_the_name_stays(client, holder, name, number):
    answer = look_up(client, name, number)
    assert answer.status_code == 422
    assert "err-sum" in answer.text
    assert f'value="{name.strip()}"' in answer.text or not name.strip()


@pytest.mark.parametrize(
    "odd", ["\0", "李\0雷", "%", "' OR 1=1 --", "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"), "\u200b"]
)
def test_odd_characters_find_nothing_and_break_nothing(client, holder, odd):
    assert look_up(client, odd, odd).status_code in (200, 422)


def test_the_31st_lookup_of_a_minute_is_refused_and_the_next_minute_is_free(client, holder):
    answers = [look_up(client) for _ in range(31)]
    assert [answer.status_code for answer in answers] == [200] * 30 + [429]
    assert NUMBER not in answers[-1].text
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 60
    RequestFacts.at = make.NOON + timedelta(minutes=1)
    assert look_up(client).status_code == 200


def test_an_imported_paper_certificate_is_found_by_name_and_not_by_code(client, holder, session):
    holder.is_electronic = False
    session.commit()
    assert client.get(f"/v/{TOKEN}").status_code == 404
    assert NUMBER in look_up(client).text


@pytest.mark.parametrize("token", ["unknown", "q" * 23, "Q" * 22, "%00", "%F0%9F%98%80", "q" * 5000, "..%2f", "' OR 1=1"])
def test_an_unknown_code_gets_a_clear_page(client, holder, token):
    answer = client.get(f"/v/{token}")
    assert answer.status_code == 404
    assert NUMBER not in answer.text


def test_an_older_version_shows_the_present_certificate_and_says_so(client, holder, session):
    holder.versions[0].replaced_at = datetime(2026, 2, 3, 16, 30, tzinfo=make.NOON.tzinfo)  # the 4th in the office
    holder.versions.append(CertificateVersion(version=2, token="r" * 22, face={}, issued_at=make.NOON))
    session.commit()
    older, newest = client.get(f"/v/{TOKEN}").text, client.get(f"/v/{'r' * 22}").text
    assert "old-print" in older
    assert "2026-02-04" in older
    assert "2026-02-04" not in newest
    assert NUMBER in older
    assert "old-print" not in newest


@pytest.mark.parametrize(("day", "tone"), [(date(2027, 4, 30), "ok"), (date(2027, 5, 1), "bad")])
def test_a_certificate_is_expired_the_day_after_its_last_without_any_job(client, holder, day, tone):
    RequestFacts.at = datetime.combine(day, datetime.min.time(), tzinfo=make.NOON.tzinfo) + timedelta(hours=4)
    assert f'<section class="cert {tone}"' in client.get(f"/v/{TOKEN}").text


@pytest.mark.parametrize("status", list(CertificateStatus))
def test_every_status_is_shown_by_word_sign_and_tone(client, holder, session, status):
    holder.status, holder.status_reason = status, "说明文字"
    session.commit()
    page = client.get(f"/v/{TOKEN}").text
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


def test_a_signed_code_opens_the_same_page_and_says_that_it_is_genuine(client, coded):
    page = client.get(coded).text
    for part in ("110*************2X", NUMBER, "cert ok", 'class="signed"', "1.2.156.3005.2.X"):
        assert part in page
    assert 'class="signed"' not in client.get(f"/v/{TOKEN}").text  # an older code is not signed


def test_a_signed_code_costs_one_query(client, coded):
    with queries(db_engine(client)) as asked:
        client.get(coded)
    assert len([statement for statement in asked if "certificate" in statement]) == 1


def changed(coded: str) -> str:
    return coded[:-1] + str((int(coded[-1]) + 1) % 10)


def test_a_forged_code_is_called_so_and_shows_nothing(client, coded, holder, session):
    stranger = CodeKey(ec.generate_private_key(ec.SECP256R1()))
    claims = payload.read(payload.digits_in(coded), ring.public)
    for address in (
        changed(coded),
        f"/v/{payload.write(claims, stranger)}",
        f"/v/0{coded[3:]}",
        coded + "1",
        f"/v/{'1' * 320}",
    ):
        answer = client.get(address)
        assert answer.status_code == 404
        assert "This code was not issued by this system." in answer.text
        assert NUMBER not in answer.text
        assert "李雷" not in answer.text


def test_a_code_with_our_signature_but_without_a_record_shows_nothing(client, coded, session):
    """Signed with a stolen key, or lost from the records: the database decides."""
    claims = payload.read(payload.digits_in(coded), ring.public)
    for other in (
        replace(claims, name="韩梅梅"),
        replace(claims, number="湘建安A(2024)0000001"),
        replace(claims, version=2),
        replace(claims, certificate_id=claims.certificate_id + 1),
    ):
        answer = client.get(f"/v/{payload.write(other, ring.newest)}")
        assert answer.status_code == 404
        assert "no such certificate on record" in answer.text
        assert NUMBER not in answer.text


def test_guessing_codes_is_limited_and_a_genuine_code_never_is(client, coded):
    answers = [client.get(f"/v/{n}{'0' * 300}") for n in range(1, 32)]
    assert [answer.status_code for answer in answers] == [404] * 30 + [429]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 60
    assert client.get(coded).status_code == 200
    assert client.get(f"/v/{TOKEN}").status_code == 200


def test_codes_of_a_key_that_was_rotated_out_still_open(client, coded, tmp_path):
    path = tmp_path / "codes.json"
    path.write_text((Path(ring._path)).read_text())
    ring.open(path)
    signing_keys.rotate(path, at=make.NOON)
    assert client.get(coded).status_code == 200


def test_an_older_version_names_the_date_the_number_and_the_version_that_replaced_it(client, coded, holder, session):
    holder.versions[0].replaced_at = datetime(2026, 2, 3, 16, 30, tzinfo=make.NOON.tzinfo)
    holder.versions.append(CertificateVersion(version=2, token="r" * 22, face={**FACE, "name": "李磊"}, issued_at=make.NOON))
    session.commit()
    block = re.search(r'<section class="cert bad old-print".*?</section>', client.get(coded).text, re.DOTALL)[0]
    for part in ("Updated", "2026-02-04", NUMBER, "version 2"):
        assert part in block


def test_a_replaced_certificate_names_its_successor(client, coded, holder, session):
    holder.status, holder.status_reason = CertificateStatus.CANCELLED, "→ 湘建安C3(2026)0000009"
    holder.events.append(
        CertificateEvent(deed=CertificateEventKind.SUPERSEDED, status=CertificateStatus.CANCELLED, actor="审批", at=make.NOON)
    )
    session.commit()
    means = " ".join(re.findall(r'<p class="means">.*?</p>', client.get(coded).text, re.DOTALL))
    assert "湘建安C3(2026)0000009" in means
    assert "2026-03-02" in means


def test_every_status_is_explained():
    assert set(MEANS) == set(CertificateStatus)


def published(session: Session, **facts) -> None:
    application = make.application(make.person(make.enterprise()))
    session.add(application)
    session.flush()
    given = {
        "application_id": application.id,
        "matter": MatterKind.NEW,
        "category": Category.C1,
        "stage": Stage.ACCEPTANCE,
        "agreed": True,
        "name": "李雷",
        "id_number": ID_NUMBER,
        "enterprise_name": "湖南湘江建设有限公司",
        "region_code": "430100",
    }
    publish(session, [DecisionResult(**{**given, **facts})], at=make.NOON)
    session.commit()


def test_the_front_page_links_to_sign_in_and_public_services(client):
    page = client.get("/").text
    assert 'href="/login/"' in page
    assert 'href="/lookup"' in page


def test_the_front_page_shows_the_newest_notices_masked(client, session):
    published(session)
    session.add(make.notice())
    session.commit()
    page = client.get("/").text
    assert "2026年第1期安管人员考核" in page
    assert "湖南湘江建设有限公司" in page
    assert "0519491231" not in page


def test_a_signed_in_user_is_redirected_to_the_dashboard(client):
    RequestFacts.actor = make.officer(Role.VIEWER)
    answer = client.get("/")
    assert (answer.status_code, answer.location) == (302, "/work/")


def test_the_diagram_of_the_procedure_has_every_deciding_stage():
    assert [(node.label, len(node.onward)) for node in stages()] == [(stage, 1) for stage in Stage]


def test_notices_are_masked_and_can_be_searched(client, session):
    published(session)
    published(session, enterprise_name="株洲二建", name="韩梅梅", matter=MatterKind.RENEWAL)
    assert "110*************2X" in client.get("/notices").text
    page = client.get("/notices", query_string={"q": "株洲", "matter": "renewal"}).text
    assert "韩梅梅" in page
    assert "李雷" not in page


@pytest.mark.parametrize(
    "asked", ["q=%00", "matter=nonsense", "stage=%F0%9F", "page=-1", "page=99999999999999999999", "page=x", "q=" + "长" * 500]
)
def test_invalid_query_parameters_are_ignored(client, session, asked):
    published(session)
    assert client.get(f"/notices?{asked}").status_code == 200


def test_a_search_is_shown_back_as_text(client):
    assert "<script>alert" not in client.get("/notices", query_string={"q": '"><script>alert(1)</script>'}).text


def test_pages_of_notices_keep_the_query(client, session):
    for n in range(21):
        published(session, name=f"甲{n}")
    page = client.get("/notices?q=湘江").text
    assert re.search(r'href="/notices\?page=2&amp;q=[^"]+"', page)
    assert "甲0<" in client.get("/notices?q=湘江&page=2").text


def test_an_exam_notice_is_a_page_of_its_own_for_everybody(client, session):
    notice = make.notice(number="湘建培〔2026〕6号", body="一、报名\n\n<b>二、考试</b>")
    session.add(notice)
    session.commit()
    page = client.get(f"/exam-notices/{notice.id}").text
    assert "湘建培〔2026〕6号" in page
    assert "<p>&lt;b&gt;二、考试&lt;/b&gt;</p>" in page


@pytest.mark.parametrize("address", ["/exam-notices/1", "/exam-notices/99999999999999999999", "/exam-notices/x"])
def test_an_exam_notice_that_does_not_exist_is_a_clear_page(client, address):
    assert client.get(address).status_code == 404


@pytest.mark.parametrize("address", ["/", "/notices", "/exam-notices/1", f"/v/{TOKEN}"])
def test_public_pages_accept_no_post_but_lookups(client, address):
    assert client.post(address).status_code in (400, 405)


@pytest.mark.parametrize("address", ["/", "/lookup", "/notices"])
def test_every_page_exists_in_both_languages(client, session, address):
    published(session)
    chinese = client.get(address).text
    with client.session_transaction() as cookie:
        cookie["locale"] = "en"
    english = client.get(address).text
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
