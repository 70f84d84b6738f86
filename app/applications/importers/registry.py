"""The importer of each kind of sheet."""

from collections.abc import Mapping, Sequence

from app.applications.importers.importer import Importer
from app.applications.importers.old_system import OLD_SYSTEM_IMPORTERS
from app.applications.importers.roster import RosterImporter
from app.applications.importers.scores import ScoreImporter
from app.core.vocabulary import ImportKind

_ALL: Sequence[Importer] = (*OLD_SYSTEM_IMPORTERS, ScoreImporter(), RosterImporter())
IMPORTERS: Mapping[ImportKind, Importer] = {importer.kind: importer for importer in _ALL}
