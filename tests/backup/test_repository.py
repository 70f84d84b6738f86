"""Which archives and files are kept, and how a statement is read."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.backup import repository
from app.backup.repository import Backup, kept
from app.backup.targets import FolderTarget, TargetFault
from tests import make

DAY = timedelta(days=1)
ONE = Backup("one", make.NOON, make.NOON, "ours", "sqlite", "0027", "1", "0" * 64, 3, 0, 0, 0)


def at(day: int, hour: int = 4) -> datetime:
    return datetime(2026, 1, 1, hour, tzinfo=UTC) + timedelta(days=day)


def made(*moments: datetime) -> list[Backup]:
    return [replace(ONE, name=repository.name_of(moment), at=moment) for moment in moments]


def store_all(target: FolderTarget, backups: list[Backup]) -> None:
    for one in backups:
        with target.put(repository.archive_place(one.name)) as file:
            file.write(b"abc")
        with target.put(repository.statement_place(one.name)) as file:
            file.write(one.dump().encode())


def test_the_last_of_each_day_week_and_month_is_kept():
    every = made(*(at(day, hour) for day in range(100) for hour in (4, 15)))
    days = [one.at.date().isoformat() for one in every if one.name in kept(every, 7, 0, 0)]
    assert days == [f"2026-04-{day:02d}" for day in range(4, 11)]
    assert {one.at.hour for one in every if one.name in kept(every, 7, 0, 0)} == {15}
    months = [one.at.date().isoformat() for one in every if one.name in kept(every, 0, 0, 12)]
    assert months == ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-10"]
    weeks = [one.at.isoweekday() for one in every if one.name in kept(every, 0, 5, 0)]
    assert weeks == [7, 7, 7, 7, 5]
    assert kept(every, 0, 0, 0) == {every[-1].name}
    assert kept([], 7, 5, 12) == set()


def test_the_office_s_day_counts():
    """23:30 and 00:30 in the office are one day in UTC."""
    two = made(at(0, 15) + timedelta(minutes=30), at(0, 16) + timedelta(minutes=30))
    assert kept(two, 7, 0, 0) == {one.name for one in two}


def test_what_is_too_old_and_what_is_not_whole_is_removed(tmp_path):
    target = FolderTarget(tmp_path)
    store_all(target, made(*(at(day) for day in range(5))))
    with target.put(repository.archive_place("20260101T000000Z")) as file:
        file.write(b"no statement was written")
    rest = repository.thin_out(target, (2, 0, 0))
    assert [one.at for one in rest] == [at(3), at(4)] == [one.at for one in repository.backups(target)]
    assert len(list(target.names("archives"))) == 4
    assert repository.find(target).at == at(4)
    assert repository.find(target, rest[0].name) == rest[0]
    with pytest.raises(TargetFault, match="no backup 20260101T000000Z"):
        repository.find(target, "20260101T000000Z")


def test_a_file_goes_once_no_kept_archive_can_name_it(tmp_path):
    target, digests = FolderTarget(tmp_path), [character * 64 for character in "abc"]
    always, gone, back = digests
    for digest in digests:
        with target.put(repository.object_place(digest)) as file:
            file.write(b"x")
    named = [{*digests}, {*digests}, {always, back}, {always}, {always, back}, {always, back}, {always, back}]
    history = []
    for day, names in enumerate(named):
        store_all(target, made(at(day)))
        rest = repository.thin_out(target, (3, 0, 0))
        stored = repository.stored_objects(target)
        assert all(digest in stored for one in rest for digest in named[(one.at - at(0)).days]), day
        repository.remove_unnamed(target, names, stored, rest)
        history.append(gone in repository.stored_objects(target))
    assert history == [True, True, True, True, False, False, False]  # archives 2 to 4 are left then
    assert repository.stored_objects(target) == {always, back}
    (tmp_path / "unnamed.json").write_text("damaged")
    assert repository.remove_unnamed(target, {always}, {always, back}, rest) == 0
    assert repository.stored_objects(target) == {always, back}


def test_a_changed_archive_or_statement_is_noticed(tmp_path):
    target = FolderTarget(tmp_path)
    store_all(target, [ONE])
    assert not repository.is_intact(target, ONE)
    sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert repository.is_intact(target, replace(ONE, sha256=sha256))
    assert Backup.load(ONE.dump()) == ONE
    for text in ("{}", "[", json.dumps({"form": repository.FORM}), json.dumps({**json.loads(ONE.dump()), "at": 5})):
        with pytest.raises(ValueError, match=r"statement|Expecting|must be"):
            Backup.load(text)
    (tmp_path / repository.statement_place("one")).write_text("{}")
    with pytest.raises(TargetFault, match="no statement"):
        repository.backups(target)
