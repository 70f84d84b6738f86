"""Every sentence is translated, with the same placeholders; no sentence is hard-coded in Chinese."""

import ast
import io
import re
import subprocess
import sys
import tokenize
from functools import cache
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from flask_babel import force_locale, gettext, lazy_gettext

from app.core import i18n
from app.core.office import Office
from app.core.vocabulary import Term

ROOT = i18n.FOLDER.parent
CATALOGUES = sorted(i18n.FOLDER.glob("*/LC_MESSAGES/messages.po"))
PLACEHOLDER = re.compile(r"%\((\w+)\)([sd])")
CHINESE = re.compile(r"[\u3400-\u9fff]")


@cache
def read(path: Path):
    """Its messages, for every test that asks the same file."""
    with path.open("rb") as file:
        return [message for message in read_po(file) if message.id]


@pytest.fixture(scope="module")
def extracted(tmp_path_factory):
    """The sentences of the present source, not those of the last ``make messages``."""
    target = tmp_path_factory.mktemp("extracted") / "messages.pot"
    command = [
        Path(sys.executable).parent / "pybabel", "-q", "extract", "-F", "pyproject.toml", "-o", target, "app",
        "translations",
    ]  # fmt: skip
    subprocess.run(command, cwd=ROOT, check=True)
    return read(target)


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parts[-3])
def test_every_sentence_of_the_source_is_in_the_catalogue(path, extracted):
    known = {message.id for message in read(path)}
    assert not [message.id for message in extracted if message.id not in known], "run make messages, and translate"


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parts[-3])
def test_every_sentence_is_translated(path):
    untranslated = [message.id for message in read(path) if not message.string or not all(message.string) or message.fuzzy]
    assert not untranslated, f"{len(untranslated)} to translate"


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parts[-3])
def test_a_translation_has_the_placeholders_of_its_original(path):
    for message in read(path):
        for string in [message.string] if isinstance(message.string, str) else message.string:
            original = message.id if isinstance(message.id, str) else message.id[-1]
            assert sorted(PLACEHOLDER.findall(string)) == sorted(PLACEHOLDER.findall(original)), original


def test_no_sentence_is_composed_before_it_is_translated():
    """An f-string or a concatenation inside ``_()`` is never found in the catalogue."""
    for path in (ROOT / "app").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {"_", "gettext", "lazy_gettext"} and node.args:
                literal = isinstance(node.args[0], ast.Constant)
                assert literal or not isinstance(node.args[0], ast.JoinedStr | ast.BinOp), f"{path.name}:{node.lineno}"


# Chinese that is data: proper names, forms of numbers, texts on certificates and in sheets of others.
CHINESE_ALLOWED = {
    "app/core/settings.py": "the name of the language",
    "app/core/office.py": "the province's own names and sentences, each a setting",
    "app/core/regions.py": "names of places",
    "app/core/pinyin.py": "characters that are read otherwise at the start of a name",
    "app/core/spellings.py": "terms and days as offices write them",
    "app/core/identifiers.py": "characters of names at their Unicode place",
    "app/files/ofd/glyphs.py": "parts of the names of fonts",
    "app/db/sequences.py": "the form of certificate numbers",
    "app/cli/demo_data/fill.py": "people and firms that do not exist",
    "app/cli/demo_data/people.py": "as fill.py",
    "app/web/demo/licence_phone.py": "a firm that does not exist",
    "app/certificates/pdf/layout.py": "a certificate is printed in Chinese, whoever looks at it",
    "app/certificates/pdf/background.py": "as layout.py",
    "app/certificates/pdf/seal_and_store.py": "as layout.py",
    "app/certificates/national_record.py": "values that the national platform defines",
    "app/core/crypto/demo_ca.py": "names in certificates of the demonstration's seal",
    "app/accounts/pki/demo_keys.py": "the name in certificates of the demonstration's UKeys",
    "app/accounts/passwords.py": "common passwords",
    "app/accounts/people_import.py": "words that clerks type into the sheet",
    "app/applications/letters/text.py": "as layout.py, for letters",
    "app/applications/letters/issue.py": "as layout.py, for letters",
    "app/db/tables/letters.py": "the legal term beside a column",
    "app/applications/bulk_scans/names.py": "words in the names of clerks' files",
    "app/applications/legacy_import/columns.py": "headings and words of other offices' sheets, forms of numbers and dates",
    "app/applications/reconciliation/rules.py": "words that offices write around a certificate's number",
    "app/applications/office_calendar.py": "what the State Council announced, and the two words of its sheet",
    "app/files/spreadsheets/days.py": "shapes in which days are written",
    "app/files/spreadsheets/number_format.py": "formats that Excel and WPS build in",
    "app/files/spreadsheets/titles.py": "headings of other offices' sheets",
    "app/eligibility/reasons.py": "stock reasons as they are stored, forms of clauses, conclusions that say nothing",
    "app/exams/scores.py": "words that clerks type into the workbook",
    "app/applications/own_sms_texts.py": "made-up values for the examples of text messages",
    "app/outbox/sms_texts.py": "the signature that carriers demand, and how the issuer is abbreviated",
    "app/db/tables/applications.py": "a law beside a column",
    "app/db/tables/exams.py": "the legal term beside a column",
    "app/web/demo/specimens.py": "what stands on invented scans",
    "app/web/public/lookup.py": "an example of a certificate number",
    "app/web/public/list_check.py": "an example of a certificate number",
    "app/certificates/bulk_status_changes.py": "words that officers type into the sheet",
}
MARKS_ALLOWED = {
    "base/frame.html": "安人员中文",
    "base/public_frame.html": "安",
}  # the logo, and the name of the language itself


def chinese_literals(path: Path) -> list[str]:
    if not CHINESE.search(path.read_text()):
        return []
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
        f"{path.relative_to(ROOT)}:{token.start[0]}: {token.string[:40]}"
        for token in tokens
        if token.type in {tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", -1)}
        and token.start[0] not in documented
        and CHINESE.search(token.string)
    ]


def test_code_has_no_chinese_but_what_is_allowed():
    found = {str(path.relative_to(ROOT)): chinese_literals(path) for path in (ROOT / "app").rglob("*.py")}
    with_chinese = {path for path, literals in found.items() if literals}
    assert not [literal for path in sorted(with_chinese - CHINESE_ALLOWED.keys()) for literal in found[path]]
    assert not sorted(CHINESE_ALLOWED.keys() - with_chinese), "take these off the list"


def test_templates_have_no_chinese_but_what_is_allowed():
    found = []
    for path in sorted((ROOT / "app" / "web" / "templates").rglob("*.html")):
        text = re.sub(r"\{#.*?#\}", "", path.read_text(), flags=re.DOTALL)
        name = str(path.relative_to(ROOT / "app" / "web" / "templates"))
        found += [f"{name}: {mark}" for mark in set(CHINESE.findall(text)) - set(MARKS_ALLOWED.get(name, ""))]
    assert not found


def test_every_term_of_the_vocabulary_has_a_chinese_label(built):
    with built.app_context(), force_locale("zh"):
        terms = [term for kind in Term.__subclasses__() for term in kind]
        assert not [f"{type(term).__name__}.{term.name}" for term in terms if not CHINESE.search(str(term))]


def test_sentences_follow_the_chosen_language(built):
    with built.app_context():
        with force_locale("zh"):
            assert gettext("Sign in") != "Sign in"
        with force_locale("en"):
            assert gettext("Sign in") == "Sign in"


def test_our_catalogue_overrides_those_of_the_libraries(built):
    """FAB brings a catalogue of its own."""
    ours = {message.id: message.string for message in read(i18n.FOLDER / "zh/LC_MESSAGES/messages.po")}
    with built.app_context(), force_locale("zh"):
        for sentence in ("Save", "Back", "Search"):
            if sentence in ours:
                assert str(lazy_gettext(sentence)) == ours[sentence]


def test_a_catalogue_is_compiled_in_one_step_and_only_when_it_changed(tmp_path):
    folder = tmp_path / "zh" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "messages.po").write_text('msgid "a"\nmsgstr "甲"\n\n#, fuzzy\nmsgid "b"\nmsgstr "乙"\n')
    assert i18n.compile_all(tmp_path) == [folder / "messages.mo"]
    assert "乙".encode() not in (folder / "messages.mo").read_bytes()
    assert i18n.compile_all(tmp_path) == []
    assert sorted(path.name for path in folder.iterdir()) == ["messages.mo", "messages.po"]


def test_no_sentence_is_translated_within_an_f_string_where_extraction_does_not_see_it():
    nested = re.compile(r"\{(?:gettext|_)\(")
    assert not [str(path) for path in sorted((ROOT / "app").rglob("*.py")) if nested.search(path.read_text())]


WRONG_WORDS = (  # each was shown or printed once; docs/GLOSSARY.md has the words to use
    r"(?<!行政)许可决定书$", r"考核申请（", r"依法申请行政复议", r"^不符合安全生产考核合格条件$", r"请先办结或删除",
    r"申请人会看到", r"操作手册", r"docs/", r"^%\(enterprise\)s申报的", r"不填则不限名额", r"企业注册%",
    r"密码由他人设置", r"没有成绩", r"前还需办理", r"要么.*要么", r"写有等级", r"已报名的考试尚未结束", r"身份证号(?!码)",
    r"主管部门--", r"点这里", r"数字证(?!书)", r"^您的账号没有这项权限.*请联系系统管理员授权",
)  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG_WORDS)
def test_a_word_that_was_found_wrong_does_not_come_back(wrong):
    """In the Chinese catalogue, and in the sentences and seals of letters that are parameters."""
    texts = [message.string for message in read(i18n.FOLDER / "zh" / "LC_MESSAGES" / "messages.po")]
    texts += [Office().ways_to_appeal(), Office().ways_to_appeal(decision=False), Office().letter_seal_text]
    assert not [text for text in texts if isinstance(text, str) and re.search(wrong, text)]
