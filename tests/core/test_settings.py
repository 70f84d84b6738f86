"""Settings: reading, refusing, and the completeness of their documentation."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.core import settings as app_settings
from app.core.office import ADJUSTABLE, SETTABLE, Office, Positions, stored_text
from app.core.settings import BadSetting, Keys, home_of, make_keys, reachable, read_office, read_settings
from app.core.vocabulary import Level, Term
from tests.test_docs import chinese

LIST = (Path(app_settings.__file__).parents[2] / "docs" / "SETTINGS.md").read_text()


@pytest.fixture
def home(tmp_path):
    make_keys(tmp_path / "home")
    return tmp_path / "home"


def test_keys_are_made_once_and_not_replaced(tmp_path):
    assert make_keys(tmp_path / "home") is True
    keys = (tmp_path / "home" / "keys.json").read_text()
    assert make_keys(tmp_path / "home") is False
    assert (tmp_path / "home" / "keys.json").read_text() == keys


def test_dumped_keys_load_unchanged():
    keys = Keys.fresh()
    assert Keys.load(keys.dump()) == keys


def test_missing_keys_are_reported_with_what_to_do(tmp_path):
    with pytest.raises(BadSetting, match="anguan init"):
        read_settings({"ANGUAN_HOME": str(tmp_path)})


def test_the_embedded_database_is_the_default(home):
    settings = read_settings({"ANGUAN_HOME": str(home)})
    assert settings.database_url == f"sqlite:///{home / 'anguan.db'}"
    assert not settings.production


@pytest.mark.parametrize("prefix", ["postgres://", "postgresql://", "postgresql+psycopg://"])
def test_postgresql_addresses_are_accepted_in_common_forms(home, prefix):
    settings = read_settings({"ANGUAN_HOME": str(home), "DATABASE_URL": f"{prefix}u:p@db/anguan"})
    assert settings.database_url == "postgresql+psycopg://u:p@db/anguan"


@pytest.mark.parametrize(
    ("text", "value"), [("1", True), ("true", True), ("ON", True), ("0", False), ("", False), ("no", False)]
)
def test_a_switch_is_read_in_common_spellings(home, text, value):
    assert read_settings({"ANGUAN_HOME": str(home), "ANGUAN_HTTPS": text}).https is value


def test_the_offices_parameters_are_overridden_one_by_one():
    office = read_office({"ANGUAN_PROVINCE": "湖北省", "ANGUAN_VALIDITY_YEARS": "5", "ANGUAN_TWO_PAIRS_OF_EYES": "0"})
    assert (office.province, office.validity_years, office.two_pairs_of_eyes) == ("湖北省", 5, False)
    assert office.accept_days == Office().accept_days


def test_an_invalid_number_is_refused_with_the_name_of_the_setting():
    with pytest.raises(BadSetting, match="ANGUAN_VALIDITY_YEARS"):
        read_office({"ANGUAN_VALIDITY_YEARS": "three"})


def test_parameters_from_the_environment_are_pinned():
    assert read_office({"ANGUAN_ACCEPT_DAYS": "5", "PORT": "9000"}).pinned == {"accept_days"}


@pytest.mark.parametrize(
    ("name", "text"), [("VALIDITY_YEARS", "0"), ("LOCK_AFTER", "2"), ("SEAL_TEXT", "章" * 21), ("REVIEW_LEVEL", "county")]
)
def test_parameters_from_the_environment_keep_their_limits(name, text):
    with pytest.raises(BadSetting, match=f"ANGUAN_{name}"):
        read_office({f"ANGUAN_{name}": text})


def test_a_level_is_read_by_its_code():
    assert read_office({"ANGUAN_REVIEW_LEVEL": "prefecture"}).review_level is Level.PREFECTURE


@pytest.mark.parametrize("one", ADJUSTABLE, ids=lambda one: one.name)
def test_every_parameter_reads_back_as_stored_and_its_default_is_within_limits(one):
    assert one.read(stored_text(one.default)) == one.default
    assert one.name in SETTABLE
    assert one.least < one.most or isinstance(one.default, bool | Term | Positions)
    assert one.least % one.scale == one.most % one.scale == 0


def test_the_public_url_defaults_to_the_address_of_the_server():
    assert read_office({"HOST": "192.0.2.7", "PORT": "9000"}).public_url == "http://192.0.2.7:9000"
    assert read_office({"PORT": "9000", "ANGUAN_PUBLIC_URL": "https://ag.example"}).public_url == "https://ag.example"


def test_behind_tls_the_session_cookie_has_the_host_prefix(home):
    flask = read_settings({"ANGUAN_HOME": str(home), "ANGUAN_HTTPS": "1"}).flask()
    assert flask["SESSION_COOKIE_NAME"].startswith("__Host-")
    assert flask["SESSION_COOKIE_SECURE"] is True


def test_an_empty_home_is_the_default_home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert home_of({"ANGUAN_HOME": ""}) == tmp_path / "var"


def test_every_setting_is_in_the_list():
    read = set(re.findall(r'"((?:ANGUAN_[A-Z0-9_]+|DATABASE_URL))"', Path(app_settings.__file__).read_text()))
    of_the_office = {f"ANGUAN_{name.upper()}" for name in SETTABLE}
    listed = set(re.findall(r"`(ANGUAN_[A-Z0-9_]+|DATABASE_URL)`", LIST))
    assert listed >= read | of_the_office
    assert not {name for name in listed if name.startswith("ANGUAN_")} - read - of_the_office - {"ANGUAN_BROWSER"}


def test_the_list_has_the_real_defaults():
    for name in SETTABLE:
        row = re.search(rf"^\| `ANGUAN_{name.upper()}` \| (.*?) \|", LIST, re.MULTILINE)
        assert row, name
        assert row[1].strip("`") == stored_text(getattr(Office(), name)), name


@pytest.mark.parametrize("one", ADJUSTABLE, ids=lambda one: one.name)
def test_the_list_describes_a_parameter_as_the_settings_page_does(one):
    translated = chinese()
    section = LIST.split(f"### {translated[str(one.section)]}\n", 1)[1].split("\n### ", 1)[0]
    row = re.search(rf"^\| `ANGUAN_{one.name.upper()}` \| (.*) \|$", section, re.MULTILINE)
    assert row, f"{one.name} is not listed under its section"
    _default, label, unit, limits, source = row[1].split(" | ")
    assert (label, source) == (translated[str(one.label)], translated[str(one.source)])
    if type(one.default) is int:
        assert limits == f"{one.least}–{one.most}"
        assert unit == translated.get(str(one.unit)) or one.scale > 1


def test_what_listens_everywhere_is_reached_by_the_address_of_this_machine():
    address = urlsplit(read_office({"HOST": "0.0.0.0", "PORT": "9000"}).public_url)  # noqa: S104
    assert address.hostname not in ("0.0.0.0", "")  # noqa: S104
    assert address.port == 9000
    assert reachable("192.0.2.7") == "192.0.2.7"


@pytest.mark.parametrize(
    ("name", "said"), [("ANGUAN_SMS_ULR", "did you mean ANGUAN_SMS_URL"), ("ANGUAN_XYZZY", "ANGUAN_XYZZY: unset it")]
)
def test_a_name_that_no_setting_has_is_refused_with_the_nearest(home, name, said):
    with pytest.raises(BadSetting, match=said):
        read_settings({"ANGUAN_HOME": str(home), name: "x"})


def test_names_of_settings_of_the_tests_and_of_others_are_no_mistake(home):
    assert read_settings({"ANGUAN_HOME": str(home), "ANGUAN_BROWSER": "required", "PATH": "x", "_ANGUAN_COMPLETE": "x"})


@pytest.mark.parametrize(("text", "production"), [("production", True), ("demo", False), ("", False)])
def test_it_is_production_or_a_demonstration(home, text, production):
    assert read_settings({"ANGUAN_HOME": str(home), "ANGUAN_ENV": text}).production is production


@pytest.mark.parametrize("text", ["prod", "Production", "test"])
def test_any_other_surroundings_are_refused(home, text):
    with pytest.raises(BadSetting, match="ANGUAN_ENV"):
        read_settings({"ANGUAN_HOME": str(home), "ANGUAN_ENV": text})


KEY = "aWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWk="


@pytest.mark.parametrize(
    "damaged",
    [
        "", "{", "[]", "null", "{}", '{"session": "x", "index": "%", "data": {}}', '{"session": "x", "index": 7, "data": {}}',
        f'{{"session": "x", "index": "{KEY}", "data": {{}}}}',
        f'{{"session": "", "index": "{KEY}", "data": {{"1": "{KEY}"}}}}',
        f'{{"session": "x", "index": "{KEY}", "data": {{"1": "aGFsZg=="}}}}',
        f'{{"session": "x", "index": "{KEY}", "data": {{"256": "{KEY}"}}}}',
        f'{{"session": "x", "index": "{KEY}", "data": {{"one": "{KEY}"}}}}',
        "\udcff",
    ],
)  # fmt: skip
def test_damaged_keys_are_refused_in_a_sentence(home, damaged):
    (home / "keys.json").write_bytes(damaged.encode(errors="surrogateescape"))
    with pytest.raises(BadSetting, match="damaged: put the file back"):
        read_settings({"ANGUAN_HOME": str(home)})


def test_mobiles_of_operators_are_read_and_wrong_ones_not_repeated(home):
    read = read_settings({"ANGUAN_HOME": str(home), "ANGUAN_ALERT_MOBILES": "13812345678, 13812345679"})
    assert read.alert_mobiles == ("13812345678", "13812345679")
    with pytest.raises(BadSetting, match="ANGUAN_ALERT_MOBILES") as error:
        read_settings({"ANGUAN_HOME": str(home), "ANGUAN_ALERT_MOBILES": "1381234567"})
    assert "1381234567" not in str(error.value)


def test_backups_lie_elsewhere_and_are_kept_by_three_numbers(home):
    given = {"ANGUAN_HOME": str(home), "ANGUAN_BACKUP_KEYS": "age1a, age1b", "ANGUAN_BACKUP_KEEP": "3, 0,24"}
    settings = read_settings({**given, "ANGUAN_BACKUP_FOLDER": str(home.parent / "backups")})
    assert (settings.backup_keys, settings.backup_keep, settings.backup_hours) == (("age1a", "age1b"), (3, 0, 24), 24)
    for name, text in (("FOLDER", str(home / "backups")), ("HOURS", "-1"), ("KEEP", "7,5"), ("KEEP", "a,b,c")):
        with pytest.raises(BadSetting, match=f"ANGUAN_BACKUP_{name}"):
            read_settings({**given, f"ANGUAN_BACKUP_{name}": text})


def test_backups_do_not_lie_among_the_files_in_one_bucket(home):
    service = {"URL": "https://s3.example", "REGION": "r", "KEY": "k", "SECRET": "s"}
    given = {"ANGUAN_HOME": str(home), "ANGUAN_BLOBS": "s3://files/x", "ANGUAN_BACKUP_FOLDER": "s3://files/x"}
    given |= {f"ANGUAN_{whose}S3_{name}": text for whose in ("", "BACKUP_") for name, text in service.items()}
    with pytest.raises(BadSetting, match="ANGUAN_BACKUP_FOLDER must not be the place of the files"):
        read_settings(given)
    read_settings(given | {"ANGUAN_BACKUP_FOLDER": "s3://files/backups"})
