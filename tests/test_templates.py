"""Templates stay readable: what djLint (``make lint``) does not check."""

import re

from tests.source_guards import APP

LONGEST = 140
TEMPLATES = sorted(APP.rglob("templates/**/*.html"))


def test_no_line_of_a_template_is_longer_than_140_characters():
    lines = [(path, number, line) for path in TEMPLATES for number, line in enumerate(path.read_text().splitlines(), 1)]
    assert len(TEMPLATES) > 50
    assert not [f"{path.relative_to(APP)}:{number}" for path, number, line in lines if len(line) > LONGEST]


def test_no_template_has_two_macros_of_one_name():
    """The second would silently take the place of the first."""
    named = {path.name: re.findall(r"{%-? macro (\w+)", path.read_text()) for path in TEMPLATES}
    assert not {name: names for name, names in named.items() if len(names) > len(set(names))}
