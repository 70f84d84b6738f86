"""The page 批量上传扫描件: from the files of a form, or of script, to the papers of people."""

import io
import re
import zipfile
from hashlib import sha256

import pytest
from sqlalchemy import select

from app.core.scan_vocabulary import ScanSide
from app.core.vocabulary import PaperKind, Role
from app.files.archives import MOST_AT_ONCE
from app.models import Paper, Person, WaitingScan
from app.web.enterprise.scan_pile import Sent, is_archive
from tests import make
from tests.hostile_files import HTML, jpeg
from tests.web.enterprise.conftest import count, file, kept
from tests.web.form_steps import asks_for_json

AT = "/people/scans/"


@pytest.fixture
def people(session, ours) -> dict[str, Person]:
    names = ("李雷", "韩梅梅", "王芳", "王芳")
    found = [kept(session, make.person(ours, name=name)) for name in names]
    session.rollback()
    return {"李雷": found[0], "韩梅梅": found[1], "王芳": found[2], "another": found[3]}


def send(clerk, *files: tuple[str, bytes]):
    return clerk.post(f"{AT}receive", data={"files": [file(data, name) for name, data in files]})


def ready(page: str) -> list[str]:
    return re.findall(r'name="ready" value="([^"]+)"', page)


def waiting(session) -> list[WaitingScan]:
    session.rollback()
    rows = session.scalars(select(WaitingScan).order_by(WaitingScan.id)).all()
    session.rollback()
    return list(rows)


def test_many_files_are_matched_asked_about_and_confirmed(clerk, session, people, store):
    answer = send(
        clerk,
        (f"{people['李雷'].id_number}_身份证.jpg", jpeg(600, 400)),
        ("李雷-照片.jpg", jpeg(413, 579)),
        ("韩梅梅/学历证.jpg", jpeg(600, 401)),
        ("王芳_身份证.jpg", jpeg(600, 402)),
        ("合同.jpg", jpeg(600, 403)),
        ("韩梅梅-照片.jpg", jpeg(900, 600)),
        ("网页.jpg", HTML),
    )
    assert answer.status_code == 422
    for said in (
        "2 files were not taken",
        "5 files were received",
        "wider than high",
        "2 files are doubtful",
        "several people",
    ):
        assert said.casefold() in answer.text.casefold(), said
    assert people["李雷"].id_number not in answer.text
    assert count(session, Paper) == 0
    homonym, unknown = (row.id for row in waiting(session) if row.doubt)
    chosen = {
        "scan": [homonym, unknown],
        f"person-{homonym}": f"={people['another'].id}", f"kind-{homonym}": "id_card", f"side-{homonym}": "whole",
        f"person-{unknown}": "王芳", f"kind-{unknown}": "title",
    }  # fmt: skip
    answer = clerk.post(f"{AT}settle", data=chosen)
    assert answer.status_code == 422  # the first is settled, the second has its reason
    assert "Several people on your list are called 王芳" in answer.text
    digest = next(row.digest for row in waiting(session) if row.id == unknown)
    untouched = {"scan": unknown, f"person-{unknown}": "", f"kind-{unknown}": "", f"side-{unknown}": "whole"}
    assert clerk.post(f"{AT}settle", data=untouched).status_code == 303  # what was not answered is no fault
    assert clerk.post(f"{AT}settle", data={"discard": unknown}).status_code == 303
    assert not store.has(digest)
    page = clerk.get(AT).text
    assert len(ready(page)) == 4
    left = ready(page)[0]
    answer = clerk.post(f"{AT}confirm", data={"ready": ready(page)[1:]}, follow_redirects=True)
    assert "3 scans are now with the people" in answer.text
    assert ready(answer.text) == [left]
    answer = clerk.post(f"{AT}confirm", data={"ready": [left, ready(page)[1], "nonsense"]}, follow_redirects=True)
    assert "2 have been changed or confirmed" in answer.text
    papers = {(paper.person_id, paper.kind) for paper in session.scalars(select(Paper))}
    assert papers == {
        (people["李雷"].id, PaperKind.ID_CARD),
        (people["李雷"].id, PaperKind.PHOTO),
        (people["韩梅梅"].id, PaperKind.EDUCATION),
        (people["another"].id, PaperKind.ID_CARD),
    }
    assert not waiting(session)


def test_what_was_matched_can_be_given_to_somebody_else(clerk, session, people):
    send(clerk, ("李雷_身份证正面.jpg", jpeg(600, 400)))
    (row,) = waiting(session)
    page = clerk.get(f"{AT}?change={row.id}").text
    assert f'id="scan-{row.id}"' in page
    chosen = {"scan": row.id, f"person-{row.id}": people["韩梅梅"].id_number, f"kind-{row.id}": "title",
              f"side-{row.id}": "whole"}  # fmt: skip
    assert clerk.post(f"{AT}settle", data=chosen).status_code == 303
    (row,) = waiting(session)
    assert (row.person_id, row.kind, row.side) == (people["韩梅梅"].id, PaperKind.TITLE, ScanSide.WHOLE)
    refused = clerk.post(f"{AT}settle", data={**chosen, f"kind-{row.id}": "photo"})
    assert refused.status_code == 422
    assert "wider than high" in refused.text


def test_script_sends_one_by_one_and_asks_what_is_here_already(clerk, session, people):
    asks_for_json(clerk)
    data = jpeg(600, 400)
    told = send(clerk, ("李雷/身份证.jpg", data)).json
    assert told == {
        "outcomes": [{"name": "李雷/身份证.jpg", "state": "given", "sentence": "ID card of 李雷"}],
        "archives": [],
    }
    again = send(clerk, ("李雷/身份证.jpg", data)).json["outcomes"]
    assert [one["state"] for one in again] == ["known"]
    sources = [sha256(one).hexdigest() for one in (data, b"another")]
    assert clerk.post(f"{AT}known", data={"source": sources}).json == {"known": sources[:1]}
    refused = send(clerk, ("李雷_学历证.jpg", HTML)).json["outcomes"]
    assert [one["state"] for one in refused] == ["refused"]
    assert len(waiting(session)) == 1


def test_a_path_is_taken_apart_however_it_is_written():
    windows = Sent("报名\\李雷\\身份证.jpg", b"")
    assert (windows.folder, windows.name) == ("报名/李雷", "身份证.jpg")
    assert (Sent("身份证.jpg", b"").folder, is_archive("扫描件.ZIP"), is_archive("zip.jpg")) == ("", True, False)


def archive(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for name, data in files.items():
            packed.writestr(name, data)
    return out.getvalue()


def test_a_zip_is_unpacked_portion_by_portion(clerk, session, people, store):
    names = [f"{n:02}_材料.jpg" for n in range(MOST_AT_ONCE)]
    data = archive({**{name: jpeg(100, 100 + n) for n, name in enumerate(names)}, "人员/李雷_身份证.jpg": jpeg(600, 400)})
    page = send(clerk, ("扫描件.zip", data))
    assert page.status_code == 200
    assert f"{MOST_AT_ONCE} of {MOST_AT_ONCE + 1} files have been unpacked" in page.text
    ticket = re.search(r'name="ticket" value="([^"]+)"', page.text)[1]
    assert clerk.post(f"{AT}unpack", data={"ticket": ticket}).status_code == 200
    rows = waiting(session)
    assert (len(rows), rows[-1].path, rows[-1].person_id) == (MOST_AT_ONCE + 1, "人员/李雷_身份证.jpg", people["李雷"].id)
    assert not store.has(sha256(data).hexdigest())  # it is removed when all of it is unpacked
    refused = clerk.post(f"{AT}unpack", data={"ticket": ticket})
    assert refused.status_code == 422
    assert "has expired" in refused.text
    broken = send(clerk, ("坏.zip", b"PK\x03\x04"))
    assert broken.status_code == 422
    assert "is damaged or packed in a way" in broken.text


def test_waiting_files_are_seen_by_the_account_that_sent_them_alone(clerk, enter, session, people, theirs):
    send(clerk, ("李雷_身份证.jpg", jpeg(600, 400)))
    (row,) = waiting(session)
    shown = clerk.get(f"{AT}{row.id}")
    assert (shown.mimetype, shown.headers["Cache-Control"]) == ("image/jpeg", "no-store")
    assert clerk.get(f"{AT}{row.id}/small").mimetype == "image/jpeg"
    stranger = enter(Role.ENTERPRISE_CLERK, enterprise_id=theirs.id)
    for address in (f"{AT}{row.id}", f"{AT}{row.id}/small"):
        assert stranger.get(address).status_code == 404
    chosen = {"scan": row.id, f"person-{row.id}": "李雷", f"kind-{row.id}": "title"}
    assert stranger.post(f"{AT}settle", data=chosen).status_code == 404
    assert stranger.post(f"{AT}settle", data={"discard": row.id}).status_code == 404
    key = f"{row.person_id}-id_card-{row.id}"
    stranger.post(f"{AT}confirm", data={"ready": key})
    foreign = kept(session, make.person(theirs, name="外人"))
    chosen[f"person-{row.id}"] = f"={foreign.id}"
    assert clerk.post(f"{AT}settle", data=chosen).status_code == 404
    assert (count(session, Paper), len(waiting(session))) == (0, 1)
