"""The one list of other offices' titles."""

from app.files.spreadsheets import titles

LISTS = {name: value for name, value in vars(titles).items() if name.isupper() and isinstance(value, tuple)}
OVERLAPPING = {"REMARK", "STATUS_REASON", "DAY"}  # never columns of the same sheet


def test_no_title_belongs_to_two_columns_that_may_stand_in_one_sheet() -> None:
    seen: dict[str, str] = {}
    for name, known in LISTS.items():
        for title in known if name not in OVERLAPPING else ():
            assert seen.setdefault(titles.title_key(title), name) == name, title


def test_titles_are_kept_as_they_are_compared() -> None:
    assert [title for known in LISTS.values() for title in known if titles.title_key(title) != title] == []
    assert [name for name, known in LISTS.items() if len(set(known)) < len(known)] == []
