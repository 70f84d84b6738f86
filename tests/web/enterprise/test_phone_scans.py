"""Scans from the telephone: what its code admits to, and what it does not."""

import re
import time

import pytest
from itsdangerous import TimestampSigner, URLSafeTimedSerializer
from sqlalchemy import select, update

from app.core.clock import now
from app.core.scan_vocabulary import ScanSide
from app.core.sign_in_vocabulary import SessionEndReason
from app.core.vocabulary import PaperKind, Role
from app.models import Account, Paper, UserSession, WaitingScan
from app.web.enterprise.phone_scans import PICTURES_PER_CODE
from tests import make
from tests.conftest import KEYS
from tests.hostile_files import HTML, jpeg
from tests.web.enterprise.conftest import count, file, kept

BOARD = "/people/scans/"


@pytest.fixture
def person(session, ours):
    return kept(session, make.person(ours, name="欧阳震华"))


@pytest.fixture
def code(clerk, person):
    """``code()``: the address that the clerk's page shows."""

    def show(paper: PaperKind = PaperKind.ID_CARD) -> str:
        page = clerk.get(f"{BOARD}phone/{person.id}?paper={paper.value}")
        assert page.status_code == 200
        return re.search(r'href="[^"]*?(/phone-scan/[^"]+)"', page.text)[1]

    return show


@pytest.fixture
def phone(client, session):
    """A browser without an account. SQLite has one writer, and the test's own session must not be it."""
    knock = client.open

    def open_after_letting_go(*args, **kwargs):
        session.rollback()
        return knock(*args, **kwargs)

    client.open = open_after_letting_go
    return client


def rows(session) -> list[WaitingScan]:
    session.rollback()
    found = list(session.scalars(select(WaitingScan).order_by(WaitingScan.id)))
    session.rollback()
    return found


def test_front_and_back_come_onto_the_clerks_page_and_are_confirmed_there(phone, clerk, session, person, code):
    address = code()
    poll = re.search(r'data-poll="([^"]+)"', clerk.get(f"{BOARD}phone/{person.id}").text)[1].replace("&amp;", "&")
    assert clerk.get(poll).json["waiting"]
    shown = phone.get(address)
    assert shown.status_code == 200
    assert "欧***" in shown.text
    for hidden in (person.name, person.id_number, person.id_number[-4:], person.enterprise.name):
        assert hidden not in shown.text
    sent = {"front": file(jpeg(600, 400), "IMG_1.jpg"), "back": file(jpeg(600, 401), "IMG_2.jpg")}
    assert phone.post(address, data=sent).status_code == 200
    assert not clerk.get(poll).json["waiting"]
    assert [(row.person_id, row.kind, row.side, row.by_phone) for row in rows(session)] == [
        (person.id, PaperKind.ID_CARD, side, True) for side in (ScanSide.FRONT, ScanSide.BACK)
    ]
    assert phone.post(address, data={"back": file(jpeg(600, 402), "IMG_3.jpg")}).status_code == 200
    assert len(rows(session)) == 2  # a picture taken anew replaces the one before
    ready = re.findall(r'name="ready" value="([^"]+)"', clerk.get(BOARD).text)
    clerk.post(f"{BOARD}confirm", data={"ready": ready})
    assert [paper.kind for paper in session.scalars(select(Paper))] == [PaperKind.ID_CARD]


def test_what_is_no_paper_is_refused_and_said_on_the_telephone(phone, session, code):
    address = code(PaperKind.PHOTO)
    refused = phone.post(address, data={"whole": file(HTML, "x.jpg")})
    assert refused.status_code == 422
    assert phone.post(address, data={"whole": file(jpeg(900, 600), "x.jpg")}).status_code == 422  # no portrait
    assert phone.post(address, data={"front": file(jpeg(600, 400), "x.jpg")}).status_code == 200  # no field of this page
    assert phone.post(address).status_code == 200
    assert not rows(session)


def signed(content: object, age: int, salt: str = "phone-scan", key: str = KEYS.session) -> str:
    """The address of a ticket that was made ``age`` seconds ago."""

    class Earlier(TimestampSigner):
        def get_timestamp(self) -> int:
            return int(time.time()) - age

    return f"/phone-scan/{URLSafeTimedSerializer(key, salt=salt, signer=Earlier).dumps(content)}"


def test_a_forged_expired_or_other_ticket_opens_nothing(phone, session, person, clerk):
    clerk.get(BOARD)
    visit = session.scalars(select(UserSession)).one()
    content = [visit.id, visit.account_id, person.enterprise_id, person.id, "id_card"]
    session.rollback()
    assert phone.get(signed(content, 9 * 60)).status_code == 200
    wrong = {
        "expired": signed(content, 11 * 60),
        "another key": signed(content, 0, key="another key"),
        "another purpose": signed(content, 0, salt="roster"),
        "another account": signed([visit.id, visit.account_id + 1, *content[2:]], 0),
        "another session": signed([visit.id + 1, *content[1:]], 0),
        "cut off": signed(content, 0)[:-3],
        "nothing": "/phone-scan/x",
    }
    for why, address in wrong.items():
        for answer in (phone.get(address), phone.post(address, data={"front": file(jpeg(600, 400), "x.jpg")})):
            assert answer.status_code == 409, why
            assert "欧" not in answer.text
    assert not rows(session)


def test_a_ticket_ends_with_the_session_that_showed_it(phone, clerk, session, code):
    address = code()
    clerk.post("/logout/")
    assert phone.get(address).status_code == 409
    assert phone.post(address, data={"front": file(jpeg(600, 400), "x.jpg")}).status_code == 409
    assert not rows(session)


def test_a_ticket_ends_when_session_account_or_person_are_no_longer_what_they_were(
    phone, clerk, session, person, theirs, code
):
    address = code()

    def refused_while(change, back) -> None:
        session.execute(change)
        session.commit()
        assert phone.get(address).status_code == 409
        assert phone.post(address, data={"front": file(jpeg(600, 400), "x.jpg")}).status_code == 409
        session.execute(back)
        session.commit()
        assert phone.get(address).status_code == 200

    visits, accounts = update(UserSession), update(Account).where(Account.enterprise_id.is_not(None))
    ended = {"ended_at": now(), "ended_why": SessionEndReason.IDLE}
    refused_while(visits.values(**ended), visits.values(ended_at=None, ended_why=None))
    refused_while(accounts.values(active=False), accounts.values(active=True))
    refused_while(accounts.values(enterprise_id=theirs.id), accounts.values(enterprise_id=person.enterprise_id))
    clerk.post(f"/people/release/{person.id}")
    assert phone.get(address).status_code == 409
    assert not rows(session)


def test_a_ticket_takes_some_pictures_and_no_flood(phone, session, code):
    address = code()
    statuses = [
        phone.post(address, data={"front": file(jpeg(200, 150 + n), "x.jpg")}).status_code
        for n in range(PICTURES_PER_CODE + 1)
    ]
    assert statuses == [200] * PICTURES_PER_CODE + [429]
    assert len(rows(session)) == 1


def test_no_code_is_shown_for_the_people_of_others(clerk, enter, session, theirs):
    stranger = kept(session, make.person(theirs))
    assert clerk.get(f"{BOARD}phone/{stranger.id}").status_code == 404
    assert clerk.get(f"{BOARD}phone/{stranger.id}/arrived").status_code == 404
    assert enter(Role.REVIEWER).get(f"{BOARD}phone/{stranger.id}").status_code == 403
    assert count(session, WaitingScan) == 0
