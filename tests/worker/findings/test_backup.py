"""The record of the last backup."""

from dataclasses import replace

import pytest

from app.worker.findings import backup
from tests import make


@pytest.fixture
def settings(system, tmp_path):
    return replace(system.settings, home=tmp_path)


def test_a_recorded_backup_is_read_back(settings):
    assert backup.last_backup(settings) is None
    backup.record(settings, at=make.NOON)
    assert backup.last_backup(settings) == make.NOON


@pytest.mark.parametrize("damaged", ["", "{}", '{"at": 7}', '{"at": "yesterday"}', '{"at": "2026-01-01T00:00:00"}', "[]"])
def test_a_damaged_record_is_none(settings, damaged):
    backup.record_file(settings).write_text(damaged)
    assert backup.last_backup(settings) is None
