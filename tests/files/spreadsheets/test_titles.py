"""The one list of other offices' titles."""

from app.files.spreadsheets import titles

LISTS = {name: value for name, value in vars(titles).items() if name.isupper() and isinstance(value, tuple)}
OVERLAPPING = {"REMARK", "STATUS_REASON", "DAY"}  # never columns of the same sheet


def test_no_title_belongs_to_two_columns_that_may_stand_in_one_sheet() -> None:
    seen: dict[str, str] = {}
    for name, known in LISTS.items():
        for title in known if name not in OVERLAPPING else ():
            assert seen.setdefault(titles.title_key(title), name) == name, title


def test_titles_that_were_dropped_or_refused_before_are_known() -> None:
    wanted = {
        "企业名称（全称）": titles.ENTERPRISE, "所属地市": titles.REGION, "联系电话（手机）": titles.MOBILE,
        "公民身份号码": titles.ID_NUMBER,
        "有 效 期 至": titles.VALID_TO, "有效期（起）": titles.VALID_FROM, "*证书编号": titles.CERTIFICATE_NUMBER,
    }  # fmt: skip
    assert [title for title, known in wanted.items() if titles.title_key(title) not in known] == []


def test_titles_are_kept_as_they_are_compared() -> None:
    assert [title for known in LISTS.values() for title in known if titles.title_key(title) != title] == []
    assert [name for name, known in LISTS.items() if len(set(known)) < len(known)] == []
