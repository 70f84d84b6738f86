"""The steps of an import are those of ``tests.applications.sheet_imports``."""

from tests.applications.sheet_imports.conftest import means  # noqa: F401 - a fixture
