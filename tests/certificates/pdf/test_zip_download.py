"""Many certificates in one zip: sound, well named, for whoever asked and nobody else."""

import io
import re
import subprocess
import zipfile
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from app.certificates.pdf import zip_download
from app.certificates.pdf.zip_download import ZipEntry, archive
from app.core.errors import Unmet
from app.core.office import Office
from app.core.vocabulary import CertificateStatus, Role
from app.models import Certificate, CertificateVersion
from tests import make
from tests.certificates.pdf.conftest import VIEWER, certificates, opened
from tests.pdf_text import stored_versions
from tests.query_counter import queries


def chosen(session, ids, actor=VIEWER, on=make.TODAY, **office):
    return zip_download.current_entries(session, ids, actor, on=on, office=Office(**office))


# --- the archive ------------------------------------------------------------------------------------------
def packed(store, leaves):
    return archive(store, leaves, at=make.NOON, left_out="没有的", not_drawn="因为")


def test_an_archive_is_read_by_other_programs_and_declares_utf8_names(store, tmp_path):
    leaves = [ZipEntry(n, f"李雷{n}-C1-湘建安C1(2024)000000{n}.pdf", store.put(b"%%PDF %d" % n)) for n in range(3)]
    data = b"".join(packed(store, leaves))
    with zipfile.ZipFile(io.BytesIO(data)) as made:
        for entry in made.infolist():
            assert entry.flag_bits == 0x800  # UTF-8 names; sizes stand in the heads, as Windows and Java want them
    (tmp_path / "a.zip").write_bytes(data)
    listed = subprocess.run(["python3", "-m", "zipfile", "-t", str(tmp_path / "a.zip")], capture_output=True, check=True)
    assert b"Done testing" in listed.stdout


def test_one_certificate_is_in_memory_at_a_time(store):
    leaves = [ZipEntry(n, f"{n}.pdf", store.put(b"x" * 50_000 + b"%d" % n)) for n in range(40)]
    pieces = list(packed(store, leaves))
    assert max(map(len, pieces)) < 60_000
    assert len(opened(b"".join(pieces))) == 40


def test_what_is_lost_is_named_inside(store):
    leaves = [
        ZipEntry(1, "李雷-C1-一.pdf", store.put(b"x")),
        ZipEntry(2, "韩梅-C1-二.pdf", None),
        ZipEntry(3, "王五-C1-三.pdf", "0" * 64),
    ]
    found = opened(b"".join(packed(store, leaves)))
    listing = found["没有的.txt"].decode("utf-8-sig")
    assert ("韩梅-C1-二" in listing, "王五-C1-三" in listing, "李雷" in listing) == (True, True, False)


@pytest.mark.parametrize("name", ["a/b", "..\\c", "CON", "x:y", "=1+1", "尾.", "换\n行"])
def test_a_name_is_safe_for_every_disk(session, store, name):
    stored_versions(session, store, 1)
    session.execute(update(Certificate).values(holder=name))
    (leaf,) = chosen(session, certificates(session))
    assert not re.search(r'[<>:"/\\|?*\n]', leaf.name)
    assert leaf.name.endswith(".pdf")


# --- which certificates -------------------------------------------------------------------------------------
def test_only_what_is_reached_and_current_is_packed(session, store):
    ours, theirs = make.enterprise(), make.enterprise(region_code="430200")
    stored_versions(session, store, 2, owner=ours)
    stored_versions(session, store, 2, owner=theirs)
    every = certificates(session)
    assert len(chosen(session, every, make.officer(Role.VIEWER, region="430100"))) == 2
    assert len(chosen(session, every, make.clerk(theirs))) == 2
    for other in (make.officer(Role.ADMIN), make.officer(Role.EXAM_CLERK), make.clerk(make.enterprise(id=999))):
        with pytest.raises(Unmet):
            chosen(session, every, other)
    session.execute(update(CertificateVersion).values(replaced_at=make.NOON))
    with pytest.raises(Unmet):
        chosen(session, every)


@pytest.mark.parametrize("status", [status for status in CertificateStatus if status is not CertificateStatus.VALID])
def test_what_is_not_in_force_is_left_out_and_says_why(session, store, status):
    stored_versions(session, store, 2)
    first, second = certificates(session)
    session.execute(update(Certificate).where(Certificate.id == first).values(status=status))
    left, taken = sorted(chosen(session, [first, second]), key=lambda entry: entry.certificate_id)
    assert (left.absent, taken.absent) == (str(status.label), "")
    found = opened(b"".join(packed(store, [left, replace(taken, digest=store.put(b"x"))])))
    assert sorted(found) == sorted([taken.name, "没有的.txt"])
    assert f"{left.name.removesuffix('.pdf')}：{status.label}" in found["没有的.txt"].decode("utf-8-sig")


def test_the_last_day_is_in_force_and_the_next_is_not(session, store):
    stored_versions(session, store, 1)
    last = session.scalar(select(Certificate.valid_to))
    assert [entry.absent for entry in chosen(session, certificates(session), on=last)] == [""]
    with pytest.raises(Unmet, match="in force"):
        chosen(session, certificates(session), on=last + timedelta(days=1))


def test_a_paper_certificate_of_the_selection_is_named(session, store):
    stored_versions(session, store, 2)
    session.execute(update(CertificateVersion).where(CertificateVersion.certificate_id == 1).values(replaced_at=make.NOON))
    assert [entry.absent for entry in chosen(session, [1, 2])].count("has no electronic version") == 1


def test_a_version_that_came_while_it_was_prepared_is_the_one_that_is_sent(session, store):
    (version_id,) = stored_versions(session, store, 1)
    number = zip_download.prepare(session, chosen(session, [1]), VIEWER, at=make.NOON)
    old = session.get_one(CertificateVersion, version_id)
    facts = {"version": 2, "token": "t" * 22, "face": old.face, "issued_at": make.NOON, "digest": store.put(b"new")}
    old.replaced_at = make.NOON
    session.add(CertificateVersion(certificate_id=1, **facts))
    session.commit()
    (entry,) = zip_download.prepared_entries(session, number, VIEWER, at=make.NOON, office=Office())
    assert entry.digest == facts["digest"]


def test_too_many_are_refused_with_the_number_that_is_allowed(session, store):
    stored_versions(session, store, 3)
    with pytest.raises(Unmet, match="At most 2 certificates"):
        chosen(session, certificates(session), largest_bundle=2)


def test_as_many_questions_for_many_as_for_few(session, system, store):
    asked = []
    for many in (2, 30):
        stored_versions(session, store, many)
        ids = certificates(session)
        with queries(system.engine) as seen:
            chosen(session, ids)
        asked.append(len(seen))
    assert asked == [1, 1]
