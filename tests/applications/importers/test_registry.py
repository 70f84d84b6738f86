"""Every kind of sheet can be brought in, read, and undone by one importer."""

from app.applications.importers.importer import Importer
from app.applications.importers.old_system import OLD_SYSTEM_IMPORTERS
from app.applications.importers.registry import IMPORTERS
from app.core.vocabulary import OLD_SYSTEM, ImportKind


def test_every_kind_of_import_has_its_importer_with_columns_of_its_own():
    assert set(IMPORTERS) == set(ImportKind)
    assert all(isinstance(one, Importer) and kind is one.kind for kind, one in IMPORTERS.items())
    assert len({tuple(column.key for column in one.columns) for one in IMPORTERS.values()}) == len(ImportKind)


def test_only_sheets_of_the_old_system_go_in_with_rows_left_out():
    assert {one.kind for one in IMPORTERS.values() if not one.whole} == {one.kind for one in OLD_SYSTEM_IMPORTERS}
    assert {one.kind for one in OLD_SYSTEM_IMPORTERS} == set(OLD_SYSTEM)
