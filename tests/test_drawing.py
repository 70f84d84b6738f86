import io

import pypdf
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.certificates.drawing import KINDS, POSITIONS, SEXES, face_of, paper_of
from app.config import Office
from app.models import CertificateVersion, Entry
from app.storage import FileMissing, Store
from app.vocabulary import Category, Position, Sex
from tests import make
from tests.hostile_files import jpeg

OFFICE = Office(public_url="https://ag.example.gov.cn")


@pytest.fixture
def store(house):
    return Store(house.settings.blobs)


def issued(session, store, **face):
    """A version as an approval leaves it, with a photo in the store."""
    enterprise = make.enterprise()
    person = make.person(enterprise, name="古丽·买买提")
    certificate = make.certificate(person)
    session.add_all([enterprise, person, certificate])
    session.flush()
    photo = make.paper(person_id=person.id, enterprise_id=enterprise.id)
    photo.digest = store.put(jpeg(413, 579))
    session.add(photo)
    session.flush()
    kept = {
        "number": certificate.number, "category": "C1", "name": person.name, "sex": person.sex.value,
        "birth_date": f"{person.birth_date}", "id_number": person.id_number, "position": "safety_officer",
        "technical_title": "", "education": "", "major": "", "enterprise": enterprise.name, "uscc": enterprise.uscc,
        "photo": photo.id, "issuer": OFFICE.issuer, "seal_text": OFFICE.seal_text, "first_issued_on": "2024-05-01",
        "issued_on": "2024-05-01", "valid_from": "2024-05-01", "valid_to": "2027-04-30",
    }  # fmt: skip
    version = CertificateVersion(
        certificate=certificate, version=1, token="t" * 22, face={**kept, **face}, issued_at=make.NOON
    )
    session.add(version)
    session.commit()
    return version


def test_the_paper_says_what_was_kept_and_that_it_is_a_specimen(session, store):
    version = issued(session, store)
    text = pypdf.PdfReader(io.BytesIO(paper_of(session, store, version, OFFICE))).pages[0].extract_text()
    for words in (version.face["number"], "古丽·买买提", "专职安全生产管理人员", "演示"):
        assert words in text


def test_the_code_leads_to_the_public_page_of_this_version(session, store):
    face = face_of(session, store, issued(session, store), OFFICE)
    assert face.address == f"https://ag.example.gov.cn/v/{'t' * 22}"
    assert face.specimen


def test_it_is_drawn_once_and_kept_without_a_line_in_the_diary(session, store):
    version = issued(session, store)
    lines = session.scalar(select(Entry.id).order_by(Entry.id.desc()))
    first = paper_of(session, store, version, OFFICE)
    session.commit()
    session.refresh(version)
    assert store.read(version.digest) == first == paper_of(session, store, version, OFFICE)
    assert session.scalar(select(Entry.id).order_by(Entry.id.desc())) == lines


def test_two_who_draw_at_once_keep_one_paper(house, session, store):
    version = issued(session, store)
    session.commit()
    with Session(house.engine) as one:
        first = one.get_one(CertificateVersion, version.id)
        paper = paper_of(one, store, first, OFFICE)
        one.commit()
    assert paper_of(session, store, version, OFFICE) == paper  # ``version`` still knows of none
    session.commit()
    session.refresh(version)
    assert store.read(version.digest) == paper


def test_a_paper_that_the_store_has_lost_is_drawn_again(session, store):
    version = issued(session, store)
    first = paper_of(session, store, version, OFFICE)
    session.commit()
    session.refresh(version)
    store.path(version.digest).unlink()
    assert paper_of(session, store, version, OFFICE) == first


def test_a_lost_photo_is_a_no_and_keeps_nothing(session, store):
    version = issued(session, store)
    photo = session.get_one(make.Paper, version.face["photo"])
    photo.digest = "f" * 64
    session.commit()
    with pytest.raises(FileMissing):
        paper_of(session, store, version, OFFICE)
    assert session.scalar(select(CertificateVersion.digest)) is None


def test_every_category_sex_and_post_has_its_chinese_words():
    assert set(KINDS) == set(Category)
    assert set(SEXES) == {term.value for term in Sex}
    assert set(POSITIONS) == {term.value for term in Position}
