"""Fixtures of the application pages, for certificates that an approval has issued."""

from tests.web.applications.conftest import admin, clerk, firm, other_firm

__all__ = ["admin", "clerk", "firm", "other_firm"]
