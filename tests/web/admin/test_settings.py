"""参数设置: what the administrator sees and sets, and that nobody else does."""

import html
import re
from dataclasses import replace

import pytest
from markupsafe import escape
from sqlalchemy import select

from app.core.office import ADJUSTABLE, Section
from app.core.vocabulary import Role
from app.models import AuditEntry, Parameter
from tests import make
from tests.query_counter import queries
from tests.web.applications.case_fixture import rolling_back

ACCEPT_DAYS = "Acceptance, or the one notice of what is to be corrected, is owed within"


@pytest.fixture
def admin(session, signed_in):
    return rolling_back(signed_in(make.account(session, "admin", Role.ADMIN, first_name="管理员")), session)


def stands(session) -> dict[str, str]:
    session.rollback()
    return {row.name: row.value for row in session.scalars(select(Parameter))}


def typed(admin, **values: str) -> dict[str, str]:
    """The form of the deadlines as the browser sends it, with these values changed."""
    return as_shown(admin.get("/parameters/deadlines").text) | values


@pytest.fixture
def pinned(app):
    """``pinned(accept_days=6)``: set by the operator's environment."""
    settings = app.extensions["anguan"]

    def pin(**values) -> None:
        office = replace(settings.office, **values, pinned=frozenset(values))
        app.extensions["anguan"] = replace(settings, office=office)

    yield pin
    app.extensions["anguan"] = settings


def test_the_page_shows_every_parameter_with_default_and_source_and_the_office(admin):
    page = admin.get("/parameters/").text
    for one in ADJUSTABLE:
        assert escape(str(one.label)) in page
    for words in ("20 working days", "Administrative Licensing Law, article 42", "10 MB", "430000", "湖南省"):
        assert words in page


def test_a_change_is_saved_shown_with_its_author_and_restored(admin, session):
    answer = admin.post("/parameters/deadlines", data=typed(admin, accept_days="７"), follow_redirects=True)
    assert (
        "Saved, and in effect from now on: Acceptance, or the one notice of what is to be corrected, is owed within."
        in answer.text
    )
    assert stands(session) == {"accept_days": "7"}
    row = re.search(rf"<tr role=\"row\">(?:(?!</tr>).)*{ACCEPT_DAYS}.*?</tr>", answer.text, re.DOTALL)[0]
    assert all(
        words in row for words in ("7 working days", "5 working days", "管理员", "Not the default", "Restore the default")
    )
    assert "within 7 working days after submission" in admin.get("/help").text
    stale = admin.post("/parameters/accept_days/restore?seen=2020-01-01T00:00:00%2B00:00", follow_redirects=True)
    assert "has meanwhile set this to" in stale.text
    button = html.unescape(re.search(r'formaction="(/parameters/accept_days/restore[^"]*)"', stale.text)[1])
    answer = admin.post(button, follow_redirects=True)
    assert f"{ACCEPT_DAYS}: the default counts again." in answer.text
    assert stands(session) == {}


def test_parameters_are_found_by_a_word_and_by_being_changed(admin):
    def labels(query: str) -> list[str]:
        page = admin.get(f"/parameters/?{query}").text
        return [str(one.label) for one in ADJUSTABLE if f"<b>{escape(str(one.label))}</b>" in page]

    assert len(labels("")) == len(ADJUSTABLE)
    assert labels("q=AGE least") == ["Least age"]
    assert set(labels("q=order 17, article 10")) == {"Renewal opens so long before the last day (0: at any time)"}
    assert labels("q=nonsense") == labels("changed=1") == []
    assert "No parameter matches." in admin.get("/parameters/?q=<b>").text
    admin.post("/parameters/deadlines", data=typed(admin, accept_days="7"))
    assert labels("changed=1") == [ACCEPT_DAYS]
    assert labels("changed=1&q=least") == []
    assert not re.search(r"\bR\d|domain\.md|\.py\b", admin.get("/parameters/").text.partition("<main")[2])


def as_shown(page: str) -> dict[str, str | list[str]]:
    """What the browser would send if nothing were typed."""
    form = page.split('<form method="post"', 2)[-1]
    fields = dict(re.findall(r'name="(\w+)"[^>]* value="([^"]*)"', form))
    fields |= dict(re.findall(r'<textarea[^>]* name="(\w+)"[^>]*>\s*(.*?)</textarea>', form, re.DOTALL))
    for name, options in re.findall(r'<select[^>]* name="(\w+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        fields[name] = re.search(r'<option selected value="(\w+)"', options)[1]
    for name in set(re.findall(r'<input [^>]*id="(\w+)-0"', form)):  # checkboxes of one field
        fields[name] = re.findall(rf'<input checked [^>]*name="{name}"[^>]* value="(\w+)"', form)
    return fields


def test_saving_an_unchanged_section_changes_nothing(admin, holder, signed_in, session):
    security = rolling_back(signed_in(holder(Role.SECURITY_ADMIN)), session)
    for section in Section:
        keeper = security if section is Section.SECURITY else admin
        fields = as_shown(keeper.get(f"/parameters/{section.value}").text)
        answer = keeper.post(f"/parameters/{section.value}", data=fields, follow_redirects=True)
        assert "Nothing was changed." in answer.text, section
    assert stands(session) == {}


def test_the_positions_of_a_category_are_ticked(admin, session):
    fields = as_shown(admin.get("/parameters/eligibility").text)
    assert fields["positions_b"] == ["project_manager"]
    ticked = fields | {"positions_b": ["project_manager", "technical_director"]}
    admin.post("/parameters/eligibility", data=ticked)
    assert stands(session) == {"positions_b": "project_manager,technical_director"}
    refused = admin.post("/parameters/eligibility", data=fields | {"positions_c": []})
    assert (refused.status_code, "Please choose a value within Legal representative、" in refused.text) == (422, True)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"accept_days": "0"}, "Please choose a value within 1 to 60 working days."),
        ({"accept_days": ""}, "Please choose a value within 1 to 60 working days."),
        ({"accept_days": "five"}, "Please enter a whole number."),
    ],
)
def test_an_error_is_shown_at_its_field_and_the_input_stays(admin, session, values, sentence):
    answer = admin.post("/parameters/deadlines", data=typed(admin, swift_days="8", **values))
    assert answer.status_code == 422
    assert sentence in answer.text
    assert 'name="swift_days" type="number" value="8"' in answer.text or 'value="8"' in answer.text
    assert stands(session) == {}


def test_sizes_are_typed_in_megabytes_and_switches_ticked(admin, session):
    sizes = as_shown(admin.get("/parameters/quantities").text)
    admin.post("/parameters/quantities", data={**sizes, "scan_bytes": "20"})
    levels = as_shown(admin.get("/parameters/decisions").text)
    del levels["two_pairs_of_eyes"]  # a box that is not ticked is not sent
    admin.post("/parameters/decisions", data={**levels, "acceptance_level": "prefecture"})
    assert stands(session) == {"scan_bytes": str(20 * 1024**2), "acceptance_level": "prefecture", "two_pairs_of_eyes": "0"}


def test_a_concurrent_change_is_reported_and_may_be_overwritten(admin, session):
    mine = typed(admin, accept_days="8")
    session.add(Parameter(name="accept_days", value="7", changed_at=make.NOON, changed_by="另一位"))
    session.add(Parameter(name="swift_days", value="9", changed_at=make.NOON, changed_by="另一位"))
    session.commit()
    late = admin.post("/parameters/deadlines", data=mine)
    assert late.status_code == 422
    assert "另一位 has meanwhile set this to “7 working days”. Save once more if yours is to count." in late.text
    fields = as_shown(late.text)
    assert (fields["accept_days"], fields["swift_days"]) == ("8", "9")
    admin.post("/parameters/deadlines", data=fields)
    assert stands(session) == {"accept_days": "8", "swift_days": "9"}


def test_a_pinned_parameter_has_no_field_and_cannot_be_set(admin, session, pinned):
    pinned(accept_days=6)
    page = admin.get("/parameters/deadlines").text
    assert 'name="accept_days"' not in page
    assert "Locked by the operator" in page
    assert "6 working days" in page
    answer = admin.post("/parameters/deadlines", data=typed(admin, accept_days="9", swift_days="8"))
    assert answer.status_code == 302
    assert stands(session) == {"swift_days": "8"}


def test_an_unreadable_stored_value_is_reported_and_breaks_no_page(admin, client, session):
    session.add(Parameter(name="publicity_days", value="<b>ever</b>", changed_at=make.NOON, changed_by="x"))
    session.commit()
    assert client.get("/").status_code == 200
    page = admin.get("/parameters/").text
    assert "“&lt;b&gt;ever&lt;/b&gt;” is stored, which says nothing: the default counts" in page


def test_unknown_sections_and_parameters_are_not_found(admin):
    assert admin.get("/parameters/nonsense").status_code == 404
    assert admin.post("/parameters/province/restore").status_code == 404


def test_the_security_administrator_edits_the_sign_in_section_only(holder, signed_in, session, admin):
    client = rolling_back(signed_in(holder(Role.SECURITY_ADMIN)), session)
    assert re.findall(r'href="/parameters/(\w+)"', client.get("/parameters/").text) == ["security"]
    assert "security" not in re.findall(r'href="/parameters/(\w+)"', admin.get("/parameters/").text)
    form = as_shown(client.get("/parameters/security").text) | {"lock_after": "7"}
    assert admin.get("/parameters/security").status_code == admin.post("/parameters/security", data=form).status_code == 403
    assert client.post("/parameters/security", data=form).status_code == 302
    assert client.get("/parameters/deadlines").status_code == 403
    assert admin.post("/parameters/lock_after/restore").status_code == 403
    assert stands(session) == {"lock_after": "7"}


@pytest.mark.parametrize("role", [role for role in Role if role not in (Role.ADMIN, Role.SECURITY_ADMIN)])
def test_nobody_else_may_open_it(holder, signed_in, session, role):
    client = rolling_back(signed_in(holder(role)), session)
    assert client.get("/parameters/").status_code == 403
    assert client.get("/parameters/deadlines").status_code == 403
    assert client.post("/parameters/deadlines", data={"accept_days": "9", "was_accept_days": "5"}).status_code == 403
    assert client.post("/parameters/accept_days/restore").status_code == 403
    assert stands(session) == {}


def test_the_page_loads_all_parameters_in_one_query(admin, app):
    with app.app_context():
        engine = app.extensions["sqlalchemy"].engine
    with queries(engine) as asked:
        admin.get("/parameters/")
    assert len([one for one in asked if "FROM parameter" in one]) == 2  # the office of the frame, and the page's own


def test_a_change_is_logged_with_old_and_new_value(admin, session):
    admin.post("/parameters/deadlines", data=typed(admin, accept_days="7"))
    session.rollback()
    line = session.scalars(select(AuditEntry).where(AuditEntry.table == "parameter")).one()
    assert (line.row, line.change, line.actor, line.address) == ("accept_days", {"value": ["5", "7"]}, "管理员", "127.0.0.1")
