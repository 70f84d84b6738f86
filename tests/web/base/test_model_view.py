"""Generated screens on a small application of its own: cases of two teams."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, g, redirect
from flask.testing import FlaskClient
from flask_appbuilder import AppBuilder, expose
from flask_appbuilder.models.sqla.base import SQLA
from flask_appbuilder.models.sqla.filters import FilterEqual
from flask_appbuilder.security.sqla.manager import SecurityManager
from flask_babel import lazy_gettext
from flask_login import UserMixin
from flask_wtf import CSRFProtect
from sqlalchemy import ForeignKey, Text, create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship
from werkzeug.datastructures import FileStorage, MultiDict

from app.core.errors import AppError, Refusal, TooMany, Unmet
from app.core.i18n import FOLDER
from app.core.vocabulary import PassSource, State
from app.db.session import Choice, UtcDateTime
from app.web.base import Link, ModelScreen, SelInterface, init_app, safe_next
from app.web.forms import (
    AppForm,
    ChoiceField,
    CreditCodeField,
    DayField,
    IdNumberField,
    MobileField,
    MomentField,
    TextField,
    UploadField,
    WholeNumberField,
    WordField,
)
from tests.at_once import at_once
from tests.query_counter import queries
from tests.web.form_steps import save

MINE, OTHERS = 900_001, 900_002  # above what the store numbers itself


class Base(DeclarativeBase):
    """With a metadata of its own, apart from the application's tables."""


class Team(Base):
    __tablename__ = "small_desk"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]

    def __str__(self) -> str:
        return self.name


class Case(Base):
    __tablename__ = "small_case"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    state: Mapped[State] = mapped_column(Choice(State), default=State.DRAFT)
    source: Mapped[PassSource | None] = mapped_column(Choice(PassSource))
    team_id: Mapped[int] = mapped_column(ForeignKey("small_desk.id"), default=MINE)
    team: Mapped[Team] = relationship()
    opened_on: Mapped[date | None]
    filed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    places: Mapped[int | None]
    urgent: Mapped[bool] = mapped_column(default=False)
    remark: Mapped[str | None] = mapped_column(Text)


class Reader(UserMixin):
    id, username, roles, region_code, enterprise_id = (0, "window", (), "", None)  # 0: no account, so nothing is logged

    def get_full_name(self) -> str:
        return "谭受理"


class Porter(SecurityManager):
    """One user with every permission but the forbidden ones; no users table."""

    forbidden: set[str] = set()

    def load_user(self, _pk: Any) -> Reader:
        return Reader()

    def has_access(self, permission: str, _view: str) -> bool:
        return bool(g.user.is_authenticated) and permission not in self.forbidden


class CaseScreen(ModelScreen):
    datamodel = SelInterface(Case)
    route_base = "/cases"
    list_title, add_title, edit_title, show_title = "Cases", "Add case", "Edit case", "Case"
    label_columns = {"name": "Name", "state": "State", "team.name": "Team", "filed_at": "Filed", "places": "Places"}
    list_columns = ["name", "team.name", "opened_on", "filed_at", "state"]
    sub_columns = {"name": "places"}
    tag_columns, tabs_column = ("state",), "state"
    search_columns = ["name", "source", "opened_on", "filed_at", "places", "team.name", "urgent", "team"]
    base_filters = [["team_id", FilterEqual, MINE]]
    add_columns = edit_columns = ["name", "source", "opened_on", "filed_at", "places", "urgent", "remark"]

    def save(self, item: Case, form: Any, *, new: bool) -> None:
        super().save(item, form, new=new)
        if item.name == "refused":
            raise Unmet([Refusal("bad-name", "That name is taken.", "name"), Refusal("closed", "The office is closed.")])

    def batch_links(self) -> list[Link]:
        return [
            Link("Accept all", "/cases/accept", confirm="Sure?"),
            Link("Decline all", "/cases/decline", danger=True, reason=('Unreadable "scan"', "Missing paper")),
        ]

    @expose("/fault")
    def fault(self) -> str:
        raise RuntimeError("a fault of ours")

    @expose("/no")
    def no(self) -> str:
        raise TooMany(retry_after=7)

    @expose("/onward", methods=["GET", "POST"])
    def onward(self) -> Any:
        return redirect(safe_next("/home"))


class TeamScreen(ModelScreen):
    """Without tabs."""

    datamodel = SelInterface(Team)
    route_base = "/teams"
    list_columns = ["name"]
    search_columns = ["name"]
    base_permissions = ["can_list"]


def small_app(url: str) -> Flask:
    app = Flask(
        "app", root_path=str(Path(__file__).parents[3] / "app"), template_folder="web/templates", static_folder="web/static"
    )
    app.config.update(
        SECRET_KEY="small", SQLALCHEMY_DATABASE_URI=url, FAB_CREATE_DB=False, FAB_UPDATE_PERMS=False,
        APP_NAME="Small house",
        FAB_ADD_SECURITY_VIEWS=False, MAX_CONTENT_LENGTH=200_000,
        LANGUAGES={"zh": {"name": "中文"}, "en": {"name": "English"}},
        BABEL_DEFAULT_LOCALE="en", BABEL_TRANSLATION_DIRECTORIES=str(FOLDER), FAB_BASE_TEMPLATE="base/frame.html",
    )  # fmt: skip
    db = SQLA()
    db.init_app(app)
    CSRFProtect(app)
    with app.app_context():
        builder = AppBuilder(app, db.session, security_manager_class=Porter)
        builder.add_view(CaseScreen, "Cases", category="Work")
        builder.add_view(TeamScreen, "Desks", category="Work")
        init_app(app)
    return app


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def app(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    small = f"sqlite:///{tmp_path_factory.mktemp('small') / 'small.db'}"
    url = request.getfixturevalue("postgres") if request.param == "postgresql" else small
    engine = create_engine(url)
    Base.metadata.create_all(engine)
    yield small_app(url)
    Base.metadata.drop_all(engine)


@pytest.fixture(autouse=True)
def store(app: Flask) -> Iterator[Session]:
    """Two teams; the tables are emptied afterwards."""
    with app.app_context():
        engine = app.appbuilder.session.get_bind()
    with Session(engine, expire_on_commit=False) as session:
        session.add_all([Team(id=MINE, name="mine"), Team(id=OTHERS, name="others")])
        session.commit()
        yield session
    with engine.begin() as connection:
        for table in reversed(Base.metadata.sorted_tables):
            connection.execute(table.delete())
    Porter.forbidden = set()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return enter(app)


def enter(app: Flask) -> FlaskClient:
    client = app.test_client()
    with client.session_transaction() as session:
        session["_user_id"], session["_fresh"] = "1", True
    return client


def keep(store: Session, *cases: Case) -> None:
    store.add_all(cases)
    store.commit()


def cases(store: Session) -> list[str]:
    store.expire_all()
    return list(store.scalars(select(Case.name).order_by(Case.id)))


def token(client: FlaskClient, page: str = "/cases/add") -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get(page).text)
    assert found
    return found[1]


def send(client: FlaskClient, url: str, **fields: Any) -> Any:
    return save(client, url, {"csrf_token": token(client), **fields})


def names(page: str) -> list[str]:
    """The names in the first column of a list, in order."""
    return re.findall(r'class="head[^"]*">\s*(?:<span class="two"><b title="[^"]*">|<span>)([^<]*)<', page)


# --- reading ---------------------------------------------------------------------------------------------
def test_a_list_page_takes_as_many_queries_for_fifty_rows_as_for_one(client: FlaskClient, store: Session) -> None:
    asked = []
    for rows in (1, 49):
        keep(store, *(Case(name=f"case {n}") for n in range(rows)))
        with queries(store.get_bind()) as said:
            assert client.get("/cases/list/?size=50").status_code == 200
        asked.append(len(said))
    assert asked[0] == asked[1] <= 5  # session, tallies, count, ids of the page, its rows


def test_a_column_in_which_nothing_stands_is_not_shown(client: FlaskClient, store: Session) -> None:
    keep(store, Case(name="first"), Case(name="second"))
    assert 'data-l="Filed"' not in client.get("/cases/list/").text
    keep(store, Case(name="third", filed_at=datetime(2026, 3, 1, tzinfo=UTC)))
    assert client.get("/cases/list/").text.count('data-l="Filed"') == 3


def test_a_row_outside_the_base_filters_is_not_found_by_any_route(client: FlaskClient, store: Session) -> None:
    keep(store, Case(id=7, name="theirs", team_id=OTHERS))
    assert "theirs" not in client.get("/cases/list/").text
    assert client.get("/cases/show/7").status_code == client.get("/cases/edit/7").status_code == 404
    assert send(client, "/cases/edit/7", name="mine now").status_code == send(client, "/cases/delete/7").status_code == 404
    assert cases(store) == ["theirs"]


def test_the_datamodel_returns_only_accessible_rows(app: Flask, store: Session) -> None:
    keep(store, Case(id=7, name="theirs", team_id=OTHERS), Case(id=8, name="ours"))
    screen = next(view for view in app.appbuilder.baseviews if isinstance(view, CaseScreen))
    with app.app_context():
        assert [case.name for case in screen.datamodel.get_many(["7", "8", "x"])] == ["ours"]
        assert screen.datamodel.get(7) is None


@pytest.mark.parametrize("pk", ["x", "-1", "0", "1.0", "99999999999999999999999", "１", "%00", "a'b"])
def test_an_invalid_id_is_not_found(client: FlaskClient, pk: str) -> None:
    assert client.get(f"/cases/show/{pk}").status_code == 404


def test_percent_and_underscore_are_searched_literally(client: FlaskClient, store: Session) -> None:
    keep(store, *(Case(name=name) for name in ("100%", "1000", "a_b", "axb", "a/b", "Axx")))
    assert names(client.get("/cases/list/?name=0%25").text) == ["100%"]
    assert names(client.get("/cases/list/?name=a_b").text) == ["a_b"]
    assert names(client.get("/cases/list/?name=a/").text) == ["a/b"]
    assert names(client.get("/cases/list/?name=AX&sort=name").text) == ["Axx", "axb"]


def test_a_range_of_days_includes_both_ends_in_office_time(client: FlaskClient, store: Session) -> None:
    first, last = datetime(2026, 3, 1, 16, 0, tzinfo=UTC), datetime(2026, 3, 2, 15, 59, tzinfo=UTC)  # 2 March in Shanghai
    keep(
        store,
        Case(name="first", filed_at=first),
        Case(name="last", filed_at=last),
        Case(name="next", filed_at=last.replace(hour=16)),
    )
    page = client.get("/cases/list/?filed_at_from=2026-03-02&filed_at_to=2026-03-02&sort=name").text
    assert names(page) == ["first", "last"]


def test_terms_numbers_booleans_and_related_names_can_be_queried(client: FlaskClient, store: Session) -> None:
    keep(store, Case(name="a", source=PassSource.LEGACY, places=3, urgent=True), Case(name="b", opened_on=date(2026, 5, 1)))
    for query in ("source=legacy", "places=3", "urgent=yes", "team.name=MIN&places=3"):
        assert names(client.get(f"/cases/list/?{query}").text) == ["a"], query
    assert names(client.get("/cases/list/?opened_on_from=2026-05-01&opened_on_to=2026-05-01").text) == ["b"]


def test_a_relation_is_never_a_field_of_the_query_bar(client: FlaskClient) -> None:
    page = client.get("/cases/list/").text
    assert 'name="team.name"' in page
    assert 'name="team"' not in page
    assert "others" not in page


def test_tabs_count_the_accessible_rows_of_every_term_and_keep_the_query(client: FlaskClient, store: Session) -> None:
    draft, approved = State.DRAFT, State.APPROVED
    keep(
        store,
        *(Case(name=f"x{n}", state=draft) for n in range(3)),
        Case(name="x9", state=approved),
        Case(name="y", state=draft),
    )
    keep(store, Case(name="x-theirs", state=draft, team_id=OTHERS))
    page = client.get("/cases/list/?name=x&state=draft").text
    tabs = re.findall(r'<a href="([^"]*)"( aria-current="page")?>([^<]*)<b>(\d+)</b>', page)
    assert [(label, n) for _url, _now, label, n in tabs if n != "0"] == [
        ("All", "4"),
        (str(draft), "3"),
        (str(approved), "1"),
    ]
    assert [label for _url, now, label, _n in tabs if now] == [str(draft)]
    assert tabs[0][0] == "/cases/list/?name=x"
    assert names(page) == ["x2", "x1", "x0"]


def test_empty_fields_are_removed_from_the_url(client: FlaskClient) -> None:
    answer = client.get("/cases/list/?name=x&source=&opened_on_from=&page=")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/cases/list/?name=x")


@pytest.mark.parametrize(
    "query",
    ["page=abc", "page=-4", "page=99999999", "size=abc", "size=1000000", "size=-1", "sort=password", "sort=team",
     "sort=__class__", "state=nonsense", "urgent=2", "opened_on_from=tomorrow", "opened_on_from=0001-01-01", "places=1e9",
     "filed_at_to=9999-12-31", "places=99999999999999999999", "unknown=1", "name=%00%0a", "_flt_0_name=",
     "name=" + "x" * 5000],
)  # fmt: skip
def test_an_invalid_query_string_still_gives_the_list(client: FlaskClient, store: Session, query: str) -> None:
    keep(store, Case(name="there"))
    assert client.get(f"/cases/list/?{query}", follow_redirects=True).status_code == 200


def test_a_page_beyond_the_last_is_the_last_and_the_size_is_bounded(client: FlaskClient, store: Session) -> None:
    keep(store, *(Case(name=f"n{n:03}") for n in range(150)))
    assert names(client.get("/cases/list/?page=99&sort=name").text) == [f"n{n:03}" for n in range(140, 150)]
    assert len(names(client.get("/cases/list/?size=5000").text)) == 100


def test_rows_are_sorted_by_declared_columns_either_way(client: FlaskClient, store: Session) -> None:
    keep(store, *(Case(name=name) for name in "bca"))
    assert names(client.get("/cases/list/?sort=name").text) == ["a", "b", "c"]
    page = client.get("/cases/list/?sort=-name").text
    assert names(page) == ["c", "b", "a"]
    assert 'aria-sort="descending"' in page


def test_counting_stops_above_the_cap(client: FlaskClient, store: Session) -> None:
    store.bulk_insert_mappings(Team.__mapper__, [{"name": f"d{n}"} for n in range(10_050)])
    store.commit()
    page = client.get("/teams/list/?page=999999").text
    assert "10000+" in page
    assert client.get("/teams/list/?name=d100").text.count('role="row"') == 20 + 1


@pytest.mark.parametrize("sort", ["opened_on", "-opened_on", "state", "-state", "id"])
def test_the_page_after_a_row_goes_on_where_the_list_does_empty_values_included(
    client: FlaskClient, store: Session, sort: str
) -> None:
    days = [None, date(2026, 3, 1), date(2026, 3, 2)]
    keep(store, *(Case(name=f"n{n:03}", opened_on=days[n % 3], state=tuple(State)[n % 2]) for n in range(47)))
    keep(store, Case(name="theirs", team_id=OTHERS))
    ids = {row.name: row.id for row in store.query(Case)}
    store.commit()
    whole = names(client.get(f"/cases/list/?sort={sort}&size=50").text)
    assert len(whole) == 47
    for n in range(0, 47, 5):
        page = client.get(f"/cases/list/?sort={sort}&size=10&after={ids[whole[n]]}").text
        assert names(page) == whole[n + 1 : n + 11]
        assert ('rel="next"' in page) == (n + 11 < 47)
        page = client.get(f"/cases/list/?sort={sort}&size=10&before={ids[whole[n]]}").text
        assert names(page) == whole[max(n - 10, 0) : n]
        assert ('rel="prev"' in page) == (n > 10)
    assert names(client.get(f"/cases/list/?after={ids['theirs']}").text) == []


def test_the_last_counted_page_leads_to_the_rows_beyond_it(client: FlaskClient, store: Session) -> None:
    store.bulk_insert_mappings(Team.__mapper__, [{"name": f"d{n}"} for n in range(10_050)])
    store.commit()
    page = client.get("/teams/list/?page=500").text
    shown = [int(number) for number in re.findall(r">d([0-9]+)<", page)]
    found = re.search(r'rel="next" href="([^"]+)"', page)
    assert len(shown) == 20
    assert found is not None
    following = re.findall(r">d([0-9]+)<", client.get(found[1]).text)
    assert [int(number) for number in following] == [*range(shown[-1] - 1, shown[-1] - 21, -1)]


def test_eight_threads_on_one_screen_never_see_each_others_query(app: Flask, store: Session) -> None:
    keep(store, *(Case(name=f"only{n}") for n in range(8)))

    def look(n: int) -> bool:
        client = enter(app)
        pages = [client.get(f"/cases/list/?name=only{n}").text for _ in range(12)]
        return all(names(page) == [f"only{n}"] and f'value="only{n}"' in page for page in pages)

    assert all(at_once(look, range(8)))


# --- writing ---------------------------------------------------------------------------------------------
def test_no_get_changes_anything(client: FlaskClient, app: Flask, store: Session) -> None:
    keep(store, Case(id=1, name="kept"))
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/cases/") and "onward" not in rule.rule:
            client.get(rule.rule.replace("<pk>", "1") + "?name=changed&csrf_token=x")
    assert cases(store) == ["kept"]
    assert client.get("/cases/delete/1").status_code == client.get("/preference").status_code == 405


@pytest.mark.parametrize("path", ["/cases/action/wipe/1", "/cases/action_post", "/cases/download/x"])
def test_stock_actions_and_downloads_do_not_exist(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 404
    assert send(client, path, action="wipe", rowid="1").status_code == 404


def test_a_saved_form_is_stored_and_leads_back_to_the_list(client: FlaskClient, store: Session) -> None:
    answer = send(
        client, "/cases/add", name="  new ", source="system", filed_at="2026-03-02T00:00", urgent="y", remark="a\r\nb"
    )
    assert (answer.status_code, answer.headers["Location"]) == (302, "/cases/list/")
    case = store.scalars(select(Case)).one()
    assert (case.name, case.source, case.urgent, case.remark) == ("new", PassSource.SYSTEM, True, "a\nb")
    assert case.filed_at == datetime(2026, 3, 1, 16, 0, tzinfo=UTC)


def test_an_edit_shows_the_stored_values_and_changes_only_what_was_typed(client: FlaskClient, store: Session) -> None:
    keep(
        store,
        Case(
            id=3, name="old", source=PassSource.LEGACY, filed_at=datetime(2026, 3, 1, 16, 0, tzinfo=UTC), state=State.APPROVED
        ),
    )
    page = client.get("/cases/edit/3").text
    assert 'value="old"' in page
    assert 'value="2026-03-02T00:00"' in page
    assert '<option selected value="legacy">' in page
    send(client, "/cases/edit/3", name="new", source="legacy", filed_at="2026-03-02T00:00")
    case = store.get(Case, 3, populate_existing=True)
    assert (case.name, case.source, case.state) == ("new", PassSource.LEGACY, State.APPROVED)


def test_a_refused_form_keeps_what_was_typed_and_stores_nothing(client: FlaskClient, store: Session) -> None:
    answer = send(client, "/cases/add", name="refused", remark="typed with care")
    assert answer.status_code == 422
    assert "typed with care" in answer.text
    assert '<a href="#name">Name: That name is taken.</a>' in answer.text
    assert "<li>The office is closed.</li>" in answer.text
    assert re.search(r'<input[^>]*aria-describedby="name-e"[^>]*aria-invalid="true"[^>]*id="name"', answer.text)
    assert cases(store) == []


def test_a_constraint_violation_keeps_the_typed_form(client: FlaskClient, store: Session, monkeypatch: Any) -> None:
    monkeypatch.setattr(CaseScreen, "new_item", lambda _self: Case(id=5))
    keep(store, Case(id=5, name="first"))
    answer = send(client, "/cases/add", name="second")
    assert (answer.status_code, "second" in answer.text, cases(store)) == (422, True, ["first"])


def test_every_missing_field_is_named_at_once(client: FlaskClient) -> None:
    page = send(client, "/cases/add", name=" ", source="x", opened_on="2026-02-30", filed_at="soon", places="many").text
    assert "5 things need your attention" in page
    assert [f'href="#{name}"' in page for name in ("name", "source", "opened_on", "filed_at", "places")] == [True] * 5
    assert 'value="soon"' in page


def test_a_form_without_its_token_changes_nothing_and_says_how_to_go_on(client: FlaskClient, store: Session) -> None:
    answer = client.post("/cases/add", data={"name": "forged"})
    assert (answer.status_code, cases(store)) == (400, [])
    assert "Go back: what you typed is still in the form." in answer.text


def test_without_the_permission_the_button_is_hidden_and_the_route_forbidden(client: FlaskClient, store: Session) -> None:
    keep(store, Case(id=1, name="kept"))
    Porter.forbidden = {"can_delete", "can_add"}
    page = client.get("/cases/list/").text
    assert ("/cases/delete/1" in page, "/cases/add" in page) == (False, False)
    answer = client.post("/cases/delete/1", data={"csrf_token": token(client, "/cases/edit/1")})
    assert answer.status_code in (302, 403)
    assert cases(store) == ["kept"]


def test_a_row_others_depend_on_is_not_deleted(app: Flask, client: FlaskClient, store: Session, monkeypatch: Any) -> None:
    keep(store, Case(id=1, name="kept"))
    monkeypatch.setattr(CaseScreen, "delete_item", lambda self, item: self.datamodel.session.delete(item.team))
    answer = client.post("/cases/delete/1", data={"csrf_token": token(client)}, follow_redirects=True)
    assert "Other records depend on this one" in answer.text
    assert cases(store) == ["kept"]


@pytest.mark.parametrize(
    "wish",
    [
        "//evil.example", "https://evil.example/", "/\\evil.example", "/\t/evil.example", "javascript:alert(1)",
        "\\\\evil", "", "home", "///e",
    ],
)  # fmt: skip
def test_next_leads_only_to_a_path_of_this_site(client: FlaskClient, wish: str) -> None:
    assert client.get("/cases/onward", query_string={"next": wish}).headers["Location"] == "/home"
    assert send(client, "/cases/onward", next=wish).headers["Location"] == "/home"


def test_next_leads_back_to_the_list_with_its_query(client: FlaskClient, store: Session) -> None:
    keep(store, Case(id=1, name="x"))
    page = client.get("/cases/list/?name=x").text
    assert "/cases/edit/1?next=/cases/list/?name%3Dx" in page
    form = client.get("/cases/edit/1?next=/cases/list/?name%3Dx").text
    assert 'name="next" value="/cases/list/?name=x"' in form
    assert send(client, "/cases/edit/1", name="x", next="/cases/list/?name=x").headers["Location"] == "/cases/list/?name=x"


# --- pages -----------------------------------------------------------------------------------------------
PAGES = (
    "/cases/list/", "/cases/list/?name=none", "/cases/show/1", "/cases/add", "/cases/edit/1", "/teams/list/",
    "/nowhere", "/cases/no",
)  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
def test_no_page_carries_inline_script_handler_or_style(client: FlaskClient, store: Session, path: str) -> None:
    keep(store, Case(id=1, name='"><script>alert(1)</script>', remark="<b onclick=x>"))
    page = client.get(path).text
    assert re.findall(r"<script(?![^>]*\ssrc=)[^>]*>|<style|\sstyle=|\son[a-z]+=", re.sub(r"&lt;.*?&gt;", "", page)) == []
    assert '<html lang="en"' in page


def test_a_post_link_is_a_button_and_its_reasons_survive_the_attribute(client: FlaskClient, store: Session) -> None:
    keep(store, Case(id=1, name="x"))
    page = client.get("/cases/list/").text
    assert re.search(r'<button class="lnk danger" formaction="/cases/delete/1" formmethod="post" data-confirm="[^"]+"', page)
    assert 'data-reasons="[&#34;Unreadable \\&#34;scan\\&#34;&#34;, &#34;Missing paper&#34;]"' in page
    assert '<a class="lnk" href="/cases/show/1" data-open>' in page


def test_the_menu_shows_what_the_user_may_open_with_its_counts(app: Flask, client: FlaskClient) -> None:
    app.jinja_env.globals["menu_counts"] = lambda: {"Cases": 32}
    page = client.get("/cases/list/").text
    assert re.search(r'href="/cases/list/" aria-current="page">.*?<span>Cases</span><span class="count">32<', page)
    Porter.forbidden = {"menu_access"}
    assert "/teams/list/" not in client.get("/cases/list/").text


@pytest.mark.parametrize(
    ("path", "status"), [("/nowhere", 404), ("/cases/no", 429), ("/cases/fault", 500), ("/cases/delete/1", 405)]
)
def test_an_error_page_says_what_to_do_next(app: Flask, client: FlaskClient, path: str, status: int) -> None:
    app.config["PROPAGATE_EXCEPTIONS"] = False
    for reader in (client, app.test_client()):
        answer = reader.get(path)
        assert answer.status_code == status
        assert 'href="/"' in answer.text
    assert "RuntimeError" not in answer.text


def test_too_many_attempts_send_retry_after_and_a_code_as_json(client: FlaskClient) -> None:
    answer = client.get("/cases/no", headers={"Accept": "application/json"})
    assert (answer.headers["Retry-After"], answer.json["code"]) == ("7", "too-many")


def test_too_large_a_request_is_answered_with_a_page(client: FlaskClient) -> None:
    answer = client.post("/cases/add", data={"csrf_token": token(client), "file": (BytesIO(b"x" * 300_000), "a.jpg")})
    assert answer.status_code == 413
    assert "choose smaller ones" in answer.text


def test_preferences_are_set_by_post_and_return_to_the_page(client: FlaskClient) -> None:
    answer = send(client, "/preference", theme="dark", size="large", contrast="<x>", locale="zh", next="/cases/list/?name=x")
    assert answer.headers["Location"] == "/cases/list/?name=x"
    page = client.get("/cases/list/").text
    assert '<html lang="zh-CN" data-theme="dark" data-size="large" data-contrast=""' in page
    send(client, "/preference", locale="tlh")
    assert 'lang="zh-CN"' in client.get("/cases/list/").text


# --- fields ----------------------------------------------------------------------------------------------
class Everything(AppForm):
    class Meta(AppForm.Meta):
        csrf = False

    number = IdNumberField("ID number")
    code = CreditCodeField("Credit code")
    mobile = MobileField("Mobile")
    state = WordField(State, "State", only=(State.DRAFT, State.APPROVED))
    pick = ChoiceField("Pick", choices=[("1", "one")])
    day = DayField("Day")
    moment = MomentField("Moment")
    places = WholeNumberField("Places")
    text = TextField("Text")
    scan = UploadField("Scan", accept=(".jpg",), limit_mb=0.001, removable=True)
    sheet = UploadField("Sheet", accept=(".xlsx",), limit_mb=0.001)


def filled(app: Flask, **given: Any) -> Everything:
    with app.test_request_context():
        form = Everything(formdata=MultiDict(given))
        form.validate()
        return form


def test_fields_give_the_values_of_the_domain(app: Flask) -> None:
    form = filled(app, number="11010519491231002x", mobile="138 0013 8000", state="approved", pick="1",
                  day="2026-01-31", moment="2026-01-31T09:00", places=" １２ ", text=" a\0b ")  # fmt: skip
    assert form.errors == {}
    assert (form.number.data, form.mobile.data, form.state.data) == ("11010519491231002X", "13800138000", State.APPROVED)
    assert (form.day.data, form.moment.data) == (date(2026, 1, 31), datetime(2026, 1, 31, 1, 0, tzinfo=UTC))
    assert (form.places.data, form.text.data, form.pick.data) == (12, "ab", "1")


@pytest.mark.parametrize(
    ("name", "wrong"),
    [("number", "110105194912310021"), ("number", "12"), ("code", "91430000"), ("mobile", "12345"), ("state", "returned"),
     ("pick", "2"), ("day", "2026-02-29"), ("day", "0026-02-28"), ("moment", "9 o'clock"), ("places", "1.5"),
     ("moment", "2026-01-31T09:00+02:00")],
)  # fmt: skip
def test_a_wrong_entry_is_refused_with_a_sentence(app: Flask, name: str, wrong: str) -> None:
    errors = filled(app, **{name: wrong}).errors
    assert list(errors) == [name]
    assert str(errors[name][0]).endswith(".")


@pytest.mark.parametrize(("field", "name", "size"), [("sheet", "x.pdf", 10), ("scan", "x.jpg", 0), ("scan", "x.jpg", 2000)])
def test_a_file_of_the_wrong_kind_or_size_is_refused(app: Flask, field: str, name: str, size: int) -> None:
    assert list(filled(app, **{field: FileStorage(BytesIO(b"x" * size), name)}).errors) == [field]


def test_a_paper_may_bear_any_name(app: Flask) -> None:
    for name in ("x.png", "x.heic", "x.exe", "x"):
        assert filled(app, scan=FileStorage(BytesIO(b"x"), name)).errors == {}


def test_an_upload_field_gives_the_file_and_never_fills_a_column(app: Flask) -> None:
    form = filled(app, scan=FileStorage(BytesIO(b"x" * 10), "扫描.JPG"))
    item = type("Item", (), {"scan": "there"})()
    form.scan.populate_obj(item, "scan")
    assert (form.errors, form.scan.data.read(), item.scan) == ({}, b"x" * 10, "there")


# --- charts and values -----------------------------------------------------------------------------------
def test_an_error_without_refusals_still_has_a_sentence() -> None:
    assert AppError("Not today.", field="day").refusals[0].field == "day"


def test_a_sentence_with_typed_words_in_it_is_escaped_like_any_other_text(app):
    with app.test_request_context():
        sentence = lazy_gettext(
            "%(name)s: there is no photo, and no certificate without one. Add it first.", name="<b>甲</b>"
        )
        shown = app.jinja_env.from_string("{{ said }}|{% set kept %}{{ said }}{% endset %}{{ kept }}").render(said=sentence)
    assert shown.count("&lt;b&gt;甲&lt;/b&gt;") == 2
    assert "<b>" not in shown
