"""Fixtures of the application pages, for certificates that an approval has issued."""

from tests.web.applications.conftest import clerk, firm, other_firm

__all__ = ["clerk", "firm", "other_firm"]
