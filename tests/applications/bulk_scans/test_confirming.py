"""A pile from receiving to papers: what is ready, what is refused, and two clerks at once."""

from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from io import BytesIO
from itertools import count

import pytest
from PIL import Image
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.accounts.role_assignment import actor_of
from app.applications.attachments import current
from app.applications.bulk_scans import confirming, judging, waiting
from app.applications.bulk_scans.names import match
from app.applications.scan_retention import referenced_digests
from app.core.errors import NotFound, Stale
from app.core.office import Office
from app.core.scan_vocabulary import ScanDoubt, ScanSide
from app.core.vocabulary import PaperKind, Role
from app.files.inspect import FileRefused
from app.files.storage import FileMissing, keep_scan
from app.models import Paper, Person, WaitingScan
from tests import make
from tests.at_once import at_once
from tests.hostile_files import jpeg, pdf

OFFICE = Office(waiting_scans=5)
HEIGHTS = count(400)  # no two pictures are equal
WHEN = {"at": make.NOON, "office": OFFICE}


@pytest.fixture
def firm(session, built):
    firm = make.enterprise()
    session.add(firm)
    session.flush()
    session.add_all([make.person(firm, name="李雷"), make.person(firm, name="韩梅梅")])
    session.commit()
    return firm


@pytest.fixture
def actor(session, firm):
    actor = actor_of(make.account(session, "clerk", Role.ENTERPRISE_CLERK, enterprise_id=firm.id))
    session.rollback()
    return actor


def received(session, store, actor, path: str, data: bytes | None = None, **when) -> WaitingScan:
    data = data or jpeg(600, next(HEIGHTS))
    folder, _slash, name = path.rpartition("/")
    matched = match(path, waiting.roster(session, actor, [path]))
    scan = keep_scan(store, data, name, office=OFFICE)
    file = waiting.Received(folder, sha256(data).hexdigest(), scan, matched)
    row = waiting.receive(session, actor, file, **{**WHEN, **when})
    session.commit()
    return row


def judged(session, actor) -> judging.Judged:
    scans = waiting.waiting(session, actor, **WHEN)
    return judging.judge(scans, {scan.person_id for scan in scans})


def confirm(session, store, actor, ready) -> Paper:
    scan = confirming.prepare(store, ready, OFFICE)
    paper = confirming.confirm(session, actor, ready, scan, at=make.NOON)
    session.commit()
    return paper


def test_matched_files_become_papers_and_doubtful_ones_stay(session, store, firm, actor):
    received(session, store, actor, "李雷-身份证.jpg")
    received(session, store, actor, "2026/韩梅梅/学历证.jpg")
    received(session, store, actor, "赵六-身份证.jpg")
    assert session.scalars(select(WaitingScan.folder).order_by(WaitingScan.id)).all() == ["", "2026/韩梅梅", ""]
    found = judged(session, actor)
    assert [str(why) for why in found.doubtful.values()] == [str(ScanDoubt.UNKNOWN_NAME)]
    for ready in found.ready:
        confirm(session, store, actor, ready)
    people = {person.name: person for person in firm_people(session, firm)}
    assert current(session, people["李雷"]).keys() == {PaperKind.ID_CARD}
    assert current(session, people["韩梅梅"])[PaperKind.EDUCATION].filename == "学历证.jpg"
    assert session.scalars(select(WaitingScan.filename)).all() == ["赵六-身份证.jpg"]


def firm_people(session, firm):
    return session.scalars(select(Person).where(Person.enterprise_id == firm.id))


def test_front_and_back_become_one_picture(session, store, firm, actor):
    front = received(session, store, actor, "李雷_身份证_正面.jpg", jpeg(600, 400))
    assert [str(why) for why in judged(session, actor).doubtful.values()] == [str(judging.FRONT_ALONE)]
    received(session, store, actor, "李雷_身份证_反面.jpg", jpeg(300, 210))
    (ready,) = judged(session, actor).ready
    paper = confirm(session, store, actor, ready)
    assert Image.open(BytesIO(store.read(paper.digest))).size == (600, 400 + 420)
    assert paper.filename == front.filename
    assert session.scalar(select(func.count(WaitingScan.id))) == 0


def test_what_is_twice_or_cannot_be_put_together_is_doubtful(session, store, actor):
    first = received(session, store, actor, "李雷_身份证.jpg")
    received(session, store, actor, "李雷_身份证(1).jpg")
    assert {str(why) for why in judged(session, actor).doubtful.values()} == {str(judging.TWICE)}
    waiting.discard(session, actor, first)
    received(session, store, actor, "李雷_学历证正面.jpg")
    received(session, store, actor, "李雷_学历证反面.pdf", pdf())
    found = judged(session, actor)
    assert [ready.kind for ready in found.ready] == [PaperKind.ID_CARD]
    assert {str(why) for why in found.doubtful.values()} == {str(judging.NO_PICTURES)}
    gone = judging.judge(waiting.waiting(session, actor, **WHEN), set())
    assert {str(why) for why in gone.doubtful.values()} == {str(judging.GONE)}


def test_a_file_chosen_as_photo_is_checked_as_one(session, store, actor, firm):
    row = received(session, store, actor, "李雷_体检表.jpg", jpeg(900, 600))
    person_id = row.person_id
    with pytest.raises(FileRefused, match="wider"):
        confirming.portrait(store, row, OFFICE)
    upright = received(session, store, actor, "韩梅梅_体检表.jpg", jpeg(600, 840))
    portrait = confirming.portrait(store, upright, OFFICE)
    waiting.settle(session, actor, upright, person_id, PaperKind.PHOTO, ScanSide.WHOLE, portrait)
    session.commit()
    assert {upright.digest, upright.portrait_digest} <= referenced_digests(session)
    (ready,) = judged(session, actor).ready
    paper = confirm(session, store, actor, ready)
    assert (paper.kind, paper.person_id, paper.digest) == (PaperKind.PHOTO, person_id, portrait.digest)
    assert paper.size <= OFFICE.photo_bytes


def test_the_same_file_waits_once_and_a_full_pile_takes_no_more(session, store, actor):
    rows = {received(session, store, actor, name, jpeg(600, 400)).id for name in ("李雷_身份证.jpg", "韩梅梅_身份证.jpg")}
    assert len(rows) == 1
    for n in range(4):
        received(session, store, actor, f"李雷_{n}.jpg", jpeg(500, 400 + n))
    with pytest.raises(waiting.PileFull, match="5"):
        received(session, store, actor, "李雷_学历证.jpg", jpeg(700, 400))
    with pytest.raises(waiting.PileFull):
        received(session, store, actor, "李雷_学历证.jpg", jpeg(700, 400), office=Office(waiting_scan_bytes=9000))
    later = make.NOON + timedelta(hours=OFFICE.waiting_scan_hours)
    assert received(session, store, actor, "李雷_学历证.jpg", jpeg(700, 400), at=later)  # the others have waited too long
    assert len(waiting.waiting(session, actor, at=later, office=OFFICE)) == 1
    waiting.sweep(session, at=later + timedelta(hours=OFFICE.waiting_scan_hours), office=OFFICE)
    assert session.scalar(select(func.count(WaitingScan.id))) == 0


def test_nobody_else_sees_changes_or_confirms_a_waiting_file(session, store, firm, actor):
    row = received(session, store, actor, "李雷_身份证.jpg")
    (ready,) = judged(session, actor).ready
    other = make.enterprise()
    session.add(other)
    session.flush()
    stranger = make.person(other, name="外人")
    session.add(stranger)
    session.commit()
    colleague = actor_of(make.account(session, "colleague", Role.ENTERPRISE_CLERK, enterprise_id=firm.id))
    foreign = actor_of(make.account(session, "foreign", Role.ENTERPRISE_CLERK, enterprise_id=other.id))
    for somebody in (colleague, foreign):
        assert not waiting.waiting(session, somebody, **WHEN)
        assert not waiting.known(session, somebody, [row.source], **WHEN)
        with pytest.raises(NotFound):
            waiting.get(session, somebody, row.id, **WHEN)
        with pytest.raises(Stale):
            confirm(session, store, somebody, ready)
        session.rollback()
    with pytest.raises(NotFound):
        waiting.settle(session, actor, row, stranger.id, PaperKind.ID_CARD, ScanSide.WHOLE)
    session.execute(text("UPDATE waiting_scan SET person_id = :other"), {"other": stranger.id})  # whoever moved meanwhile
    session.commit()
    (moved,) = judged(session, actor).ready
    with pytest.raises(NotFound):
        confirm(session, store, actor, moved)
    session.rollback()
    assert session.scalar(select(func.count(Paper.id))) == 0
    assert session.scalar(select(func.count(WaitingScan.id))) == 1


def test_two_confirmations_at_once_attach_once(session, store, engine, actor):
    received(session, store, actor, "李雷_身份证.jpg")
    (ready,) = judged(session, actor).ready
    session.rollback()
    scan = confirming.prepare(store, ready, OFFICE)

    def press(_n: int) -> str:
        with Session(engine) as own:
            try:
                confirming.confirm(own, actor, ready, scan, at=make.NOON)
                own.commit()
            except Stale:
                return "stale"
            return "done"

    assert sorted(at_once(press, range(4))) == ["done", "stale", "stale", "stale"]
    assert session.scalar(select(func.count(Paper.id))) == 1


def test_two_uploads_of_the_same_file_at_once_are_one(session, store, engine, actor):
    data = jpeg(600, 400)
    scan = keep_scan(store, data, "李雷_身份证.jpg", office=OFFICE)
    matched = match("李雷_身份证.jpg", waiting.roster(session, actor, []))
    session.rollback()

    def send(_n: int) -> int:
        with Session(engine) as own:
            row = waiting.receive(own, actor, waiting.Received("", sha256(data).hexdigest(), scan, matched), **WHEN)
            own.commit()
            return row.id

    assert len(set(at_once(send, range(4)))) == 1


def test_bytes_that_are_gone_are_said_to_be_missing(session, store, actor):
    row = received(session, store, actor, "李雷_身份证.jpg")
    (ready,) = judged(session, actor).ready
    store.remove(row.digest, make.NOON + timedelta(days=36500))
    with pytest.raises(FileMissing):
        confirming.prepare(store, ready, OFFICE)


def test_a_picture_refused_for_want_of_space_leaves_the_one_before(session, store, actor):
    """Whoever takes several files commits what was taken of them."""
    before = received(session, store, actor, "李雷_身份证正面.jpg", by_phone=True).id
    with pytest.raises(waiting.PileFull):
        received(session, store, actor, "李雷_身份证正面.jpg", by_phone=True, office=replace(OFFICE, waiting_scan_bytes=1))
    session.commit()
    assert session.scalars(select(WaitingScan.id)).all() == [before]
    after = received(session, store, actor, "李雷_身份证正面.jpg", by_phone=True).id
    assert session.scalars(select(WaitingScan.id)).all() == [after]
