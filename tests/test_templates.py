"""Templates stay readable: what djLint does not see to (make lint)."""

import pytest

from tests.test_house import HOUSE

LONGEST = 140
TEMPLATES = sorted((HOUSE).rglob("templates/**/*.html"))


def test_templates_are_found():
    assert len(TEMPLATES) > 50


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(HOUSE)))
def test_no_line_of_a_template_is_too_long_to_read(path):
    lines = path.read_text().splitlines()
    assert not [f"{path.name}:{n}: {len(line)}" for n, line in enumerate(lines, 1) if len(line) > LONGEST]
