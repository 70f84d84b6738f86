"""Every sentence is said in Chinese, with the same blanks; and no sentence is said in Chinese only."""

import ast
import io
import re
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from flask_babel import force_locale, gettext, lazy_gettext

from app.core import i18n
from app.core.vocabulary import Term

ROOT = i18n.FOLDER.parent
CATALOGUES = sorted(i18n.FOLDER.glob("*/LC_MESSAGES/messages.po"))
BLANK = re.compile(r"%\((\w+)\)([sd])")
CHINESE = re.compile(r"[\u3400-\u9fff]")


def read(path: Path):
    with path.open("rb") as file:
        return [message for message in read_po(file) if message.id]


@pytest.fixture(scope="module")
def extracted(tmp_path_factory):
    """Every sentence in the house as it is now, not as it was when the catalogue was last updated."""
    target = tmp_path_factory.mktemp("words") / "messages.pot"
    command = [
        Path(sys.executable).parent / "pybabel",
        "-q",
        "extract",
        "-F",
        "pyproject.toml",
        "-o",
        target,
        "app",
        "translations",
    ]
    subprocess.run(command, cwd=ROOT, check=True)
    return read(target)


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parts[-3])
def test_every_sentence_of_the_house_is_in_the_catalogue(path, extracted):
    known = {message.id for message in read(path)}
    assert not [message.id for message in extracted if message.id not in known], "run make messages, and translate"


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parts[-3])
def test_nothing_is_left_unsaid(path):
    silent = [message.id for message in read(path) if not message.string or not all(message.string) or message.fuzzy]
    assert not silent, f"{len(silent)} to translate"


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parts[-3])
def test_a_translation_has_the_blanks_of_its_original(path):
    for message in read(path):
        for string in [message.string] if isinstance(message.string, str) else message.string:
            original = message.id if isinstance(message.id, str) else message.id[-1]
            assert sorted(BLANK.findall(string)) == sorted(BLANK.findall(original)), original


def test_no_sentence_is_put_together_before_it_is_translated(extracted):
    """An f-string or a sum inside ``_()`` is looked up after it was filled in, and never found."""
    for path in (ROOT / "app").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {"_", "gettext", "lazy_gettext"} and node.args:
                literal = isinstance(node.args[0], ast.Constant)
                assert literal or not isinstance(node.args[0], ast.JoinedStr | ast.BinOp), f"{path.name}:{node.lineno}"


# Chinese that is data, not speech: proper names, marks of the trade's own numbers, what is printed on certificates.
CHINESE_ALLOWED = {
    "app/core/settings.py": "the province's own names and sentences, each a setting",
    "app/core/regions.py": "names of places",
    "app/core/identifiers.py": "characters that occur in names",
    "app/db/sequences.py": "the form of certificate numbers",
    "app/demo/__init__.py": "people and firms that do not exist",
    "app/cli/demo_data/people.py": "as __init__.py",
    "app/web/demo/licence_phone.py": "a firm that does not exist",
    "app/certificates/pdf/layout.py": "a certificate is printed in Chinese, whoever looks at it",
    "app/certificates/pdf/background.py": "as layout.py",
    "app/certificates/pdf/seal_and_store.py": "as layout.py",
    "app/certificates/national_record.py": "what the national platform is told, in its words",
    "app/core/crypto/demo_ca.py": "names in certificates of the demonstration's seal",
    "app/accounts/pki/demo_keys.py": "the name in certificates of the demonstration's UKeys",
    "app/accounts/passwords.py": "words that are tried first as passwords here",
    "app/accounts/people_import.py": "words that clerks type into the sheet",
    "app/applications/legacy_import/columns.py": "headings and words of other offices' sheets, forms of numbers and dates",
    "app/applications/office_calendar.py": "what the State Council announced, and the two words of its sheet",
    "app/exams/scores.py": "words that clerks type into the workbook",
    "app/outbox/sms.py": "the signature that carriers demand, and how the issuer is abbreviated",
    "app/models.py": "the trade's word beside a column",
    "app/web/demo/specimens.py": "what stands on invented scans",
    "app/web/public/lookup.py": "an example of a certificate number",
    "app/web/public/list_check.py": "an example of a certificate number",
    "app/certificates/bulk_status_changes.py": "words that officers type into the sheet",
}
MARKS_ALLOWED = {"frame.html": "安人员中文", "gate.html": "安"}  # the stamp, and the name of the language itself


def chinese_literals(path: Path) -> list[str]:
    documented = {
        node.body[0].value.lineno
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
        and isinstance(node.body[0].value, ast.Constant)
    }
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text()).readline)
    return [
        f"{path.name}:{token.start[0]}: {token.string[:40]}"
        for token in tokens
        if token.type in {tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", -1)}
        and token.start[0] not in documented
        and CHINESE.search(token.string)
    ]


@pytest.mark.parametrize("path", sorted((ROOT / "app").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_code_speaks_through_the_catalogue(path):
    if str(path.relative_to(ROOT)) not in CHINESE_ALLOWED:
        assert not chinese_literals(path)


@pytest.mark.parametrize("path", sorted((ROOT / "app").rglob("*.html")), ids=lambda path: str(path.relative_to(ROOT)))
def test_templates_speak_through_the_catalogue(path):
    spoken = re.sub(r"\{#.*?#\}", "", path.read_text(), flags=re.DOTALL)
    assert not set(CHINESE.findall(spoken)) - set(MARKS_ALLOWED.get(path.name, ""))


def test_every_word_of_the_vocabulary_has_a_chinese_label(built):
    with built.app_context(), force_locale("zh"):
        words = [word for kind in Term.__subclasses__() for word in kind]
        assert not [f"{type(word).__name__}.{word.name}" for word in words if not re.search(r"[\u4e00-\u9fff]", str(word))]


def test_english_is_a_switch_away(built):
    with built.app_context():
        with force_locale("zh"):
            assert gettext("Sign in") != "Sign in"
        with force_locale("en"):
            assert gettext("Sign in") == "Sign in"


def test_our_words_win_over_those_of_the_libraries(built):
    """FAB brings a catalogue of its own, older than this trade."""
    ours = {message.id: message.string for message in read(i18n.FOLDER / "zh/LC_MESSAGES/messages.po")}
    with built.app_context(), force_locale("zh"):
        for sentence in ("Save", "Back", "Search"):
            if sentence in ours:
                assert str(lazy_gettext(sentence)) == ours[sentence]


def test_a_half_written_catalogue_is_never_read(tmp_path):
    folder = tmp_path / "zh" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "messages.po").write_text('msgid "a"\nmsgstr "甲"\n\n#, fuzzy\nmsgid "b"\nmsgstr "乙"\n')
    assert i18n.compile_all(tmp_path) == [folder / "messages.mo"]
    assert "乙".encode() not in (folder / "messages.mo").read_bytes()
    assert i18n.compile_all(tmp_path) == []
    assert sorted(path.name for path in folder.iterdir()) == ["messages.mo", "messages.po"]


@pytest.mark.parametrize("path", sorted((ROOT / "app").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_sentence_hides_within_an_f_string_where_extraction_does_not_see_it(path):
    assert not re.findall(r"\{(?:gettext|_)\(", path.read_text())
