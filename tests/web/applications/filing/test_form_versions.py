"""Two clerks, or two windows, with the form of the same filing open: no save loses the change of another."""

import io

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from app.core.vocabulary import PaperKind, ReplacementReason, Role, State
from app.models import Application, Filing, Paper, Person
from tests import make
from tests.at_once import at_once
from tests.hostile_files import jpeg
from tests.web.applications.case_fixture import filed, read_scalar, rolling_back
from tests.web.applications.correction_steps import MAJOR, PHOTO, CorrectingFirm
from tests.web.applications.filing.conftest import HANDLER
from tests.web.base.test_form_version import STALE, hidden
from tests.web.form_steps import save, seen

LOST = ReplacementReason.LOST.value


@pytest.fixture
def two(session, signed_in):
    """Browsers of two clerks of an enterprise."""

    def two(enterprise):
        accounts = [make.account(session, f"clerk{n}", Role.ENTERPRISE_CLERK, enterprise_id=enterprise.id) for n in (1, 2)]
        return [rolling_back(signed_in(account), session, "zh") for account in accounts]

    return two


def people_filing(holder):
    first, second, third = holder.passer(name="甲一"), holder.passer(name="乙二"), holder.passer(name="丙三")
    filed(holder.clerk, first)
    path = f"/filings/{read_scalar(holder.session, select(Filing.id))}/edit"
    return (
        path,
        [{**HANDLER, "rowid": [f"{p.id}-C1" for p in (first, more)]} for more in (second, third)],
        ("甲一 C1、乙二 C1", "丙三 C1"),
    )


def loss_filing(holder):
    held = holder.held()
    holder.file("replacement", held, then="", reason_code=LOST)
    path = f"/claims/{read_scalar(holder.session, select(Filing.id))}/edit"
    form = {**HANDLER, "rowid": held.id, "reason_code": LOST, f"declared_on-{held.id}": "2026-01-05"}
    return path, [form | {f"medium-{held.id}": word} for word in ("湖南日报", "长沙晚报")], ("湖南日报", "长沙晚报")


def transfer_filing(holder):
    other = type(holder)(holder.session, holder.signed_in, holder.system, name="湖南旧东家建设有限公司")
    held = other.held()
    who = {"name": held.person.name, "id_number": held.person.id_number}
    holder.file("transfer", held, then="", **who, **{f"position-{held.id}": "safety_officer"})
    path = f"/claims/{read_scalar(holder.session, select(Filing.id))}/edit"
    form = {**HANDLER, f"position-{held.id}": "safety_officer"}
    return path, [form | {f"major-{held.id}": word} for word in ("土木", "造价")], ("土木", "造价")


def correction(holder):
    firm = CorrectingFirm(holder.session, holder.signed_in, holder.system, "湖南补正建设有限公司")
    application = firm.submitted()
    firm.return_marked(application, **{MAJOR: "填错"})
    holder.enterprise = firm.enterprise
    return f"/corrections/{application.id}", [{"person-major": word} for word in ("土木", "造价")], ("土木", "造价")


def stored(session) -> str:
    """Everything that these forms save."""
    session.rollback()
    session.expire_all()
    filings = [(f.handler_name, f.handler_mobile) for f in session.scalars(select(Filing).order_by(Filing.id))]
    cases = session.scalars(select(Application).order_by(Application.person_id, Application.id))
    found = [*filings, *((a.person_id, a.certificate_id, a.reason_code, a.details) for a in cases)]
    majors = [p.major for p in session.scalars(select(Person).order_by(Person.id))]
    session.rollback()
    return str((found, majors))


EACH = {"people": people_filing, "loss": loss_filing, "transfer": transfer_filing, "correction": correction}


@pytest.mark.parametrize("which", EACH)
def test_the_second_save_shows_both_versions_and_changes_nothing_until_it_is_repeated(holder, two, which):
    path, (first, second), (theirs, mine) = EACH[which](holder)
    one, other = two(holder.enterprise)
    opened = seen(other, path)
    assert save(one, path, first).status_code == 302
    kept = stored(holder.session)
    answer = other.post(path, data=second | opened)
    assert (answer.status_code, STALE in answer.text) == (409, True)
    assert (theirs in answer.text, mine in answer.text) == (True, True)
    assert stored(holder.session) == kept
    assert other.post(path, data=second | {"seen": hidden(answer)}).status_code == 302
    changed = stored(holder.session)
    assert changed != kept
    assert save(other, path, second).status_code == 302
    assert stored(holder.session) == changed


@pytest.mark.parametrize("which", EACH)
def test_of_two_saves_at_the_same_moment_one_is_told_of_the_other(holder, two, which):
    path, typed, _words = EACH[which](holder)
    sent = [(browser, words | seen(browser, path)) for browser, words in zip(two(holder.enterprise), typed, strict=True)]
    holder.session.rollback()
    codes = at_once(lambda each: FlaskClient.open(each[0], path, method="POST", data=each[1]).status_code, sent)
    assert sorted(codes) == [302, 409]
    alone = stored(holder.session)
    browser, words = sent[codes.index(302)]
    assert save(browser, path, words | {"seen": ""}).status_code == 302
    assert stored(holder.session) == alone


@pytest.mark.parametrize("which", EACH)
def test_a_form_without_its_version_overwrites_nothing(holder, two, which):
    path, (first, second), _words = EACH[which](holder)
    one, other = two(holder.enterprise)
    save(one, path, first)
    kept = stored(holder.session)
    for version in ({}, {"seen": "[1"}):
        assert other.post(path, data=second | version).status_code == 409
    assert stored(holder.session) == kept


def test_giving_way_ticks_the_people_of_the_other_and_keeps_the_own_handler(holder, two):
    path, (first, second), _words = people_filing(holder)
    one, other = two(holder.enterprise)
    opened = seen(other, path)
    save(one, path, first)
    mine = second | {"handler_name": "王经办"}
    answer = other.post(path, data=mine | opened)
    page = other.post(path, data=mine | {"seen": hidden(answer), "theirs": "rowid"})
    assert page.status_code == 200
    assert 'value="王经办"' in page.text
    for value in first["rowid"]:
        assert f'value="{value}" checked' in page.text
    assert f'value="{second["rowid"][1]}" checked' not in page.text
    assert other.post(path, data=mine | {"rowid": first["rowid"], "seen": hidden(page)}).status_code == 302
    names = list(holder.session.scalars(select(Person.name).join(Application, Application.person_id == Person.id)))
    assert sorted(names) == ["乙二", "甲一"]


def test_people_added_by_the_other_are_ticked_where_the_own_ticks_were_left_alone(holder, two):
    path, (first, _second), _words = people_filing(holder)
    one, other = two(holder.enterprise)
    mine = {**HANDLER, "handler_name": "王经办", "rowid": first["rowid"][:1]}
    opened = seen(other, path)
    assert save(one, path, first | {"handler_name": "韩梅梅"}).status_code == 302
    answer = other.post(path, data=mine | opened)
    assert (answer.status_code, "您未改动" in answer.text) == (409, True)
    for value in first["rowid"]:
        assert f'value="{value}" checked' in answer.text
    assert 'name="theirs"' not in answer.text


def test_a_certificate_added_by_the_other_comes_with_its_fields_and_scans(holder, two):
    first, second = holder.held(), holder.held()
    holder.file("replacement", first, then="", reason_code=LOST)
    path = f"/claims/{read_scalar(holder.session, select(Filing.id))}/edit"
    form = {**HANDLER, "reason_code": LOST, f"declared_on-{first.id}": "", f"medium-{first.id}": ""}
    one, other = two(holder.enterprise)
    opened = seen(other, path)
    scan = {f"paper_loss_statement-{second.id}": (io.BytesIO(jpeg(600, 800)), "声明.jpg")}
    more = {f"medium-{second.id}": "长沙晚报", f"declared_on-{second.id}": "2026-01-05", **scan}
    assert save(one, path, form | more | {"rowid": [first.id, second.id]}).status_code == 302
    kept = stored(holder.session)
    answer = other.post(path, data=form | {"rowid": first.id, "handler_name": "王经办"} | opened)
    assert answer.status_code == 409
    assert 'value="长沙晚报"' in answer.text
    assert "声明.jpg" in answer.text
    assert stored(holder.session) == kept


def test_what_the_other_typed_for_a_certificate_that_was_unticked_is_shown_before_it_is_given_up(holder, two):
    first, second = holder.held(), holder.held()
    holder.file("replacement", first, second, then="", reason_code=LOST)
    path = f"/claims/{read_scalar(holder.session, select(Filing.id))}/edit"
    form = {**HANDLER, "reason_code": LOST, "rowid": [first.id, second.id]}
    one, other = two(holder.enterprise)
    opened = seen(other, path)
    assert save(one, path, form | {f"medium-{second.id}": "长沙晚报"}).status_code == 302
    answer = other.post(path, data=form | {"rowid": first.id} | opened)
    assert (answer.status_code, "长沙晚报" in answer.text, "已由您移出表单" in answer.text) == (409, True, True)
    assert len(holder.states()) == 2
    assert other.post(path, data=form | {"rowid": first.id, "seen": hidden(answer)}).status_code == 302
    assert len(holder.states()) == 1


def test_showing_other_cards_keeps_the_version_that_was_opened(holder, two):
    path, (first, second), _words = loss_filing(holder)
    one, other = two(holder.enterprise)
    opened = seen(other, path)
    save(one, path, first)
    page = other.post(path, data=second | opened | {"then": "choose"})
    assert page.status_code == 200
    assert other.post(path, data=second | {"seen": hidden(page)}).status_code == 409


def test_a_mistake_keeps_the_version_that_was_opened(holder, two):
    path, (first, second), _words = loss_filing(holder)
    one, other = two(holder.enterprise)
    page = save(other, path, second | {"handler_mobile": "12"})
    assert page.status_code == 422
    save(one, path, first)
    assert other.post(path, data=second | {"seen": hidden(page)}).status_code == 409


def test_a_filing_submitted_meanwhile_says_so_and_keeps_what_was_submitted(holder, two):
    path, (first, second), _words = people_filing(holder)
    one, other = two(holder.enterprise)
    opened = seen(other, path)
    assert save(one, path, first | {"then": "submit"}).status_code == 302
    kept = stored(holder.session)
    answer = other.post(path, data=second | opened)
    assert answer.status_code == 422
    assert stored(holder.session) == kept
    assert set(holder.states()) == {State.AWAITING_ACCEPTANCE}


def test_a_scan_replaced_by_the_other_is_shown_and_not_replaced_unseen(holder, two):
    firm = CorrectingFirm(holder.session, holder.signed_in, holder.system, "湖南补正建设有限公司")
    application = firm.submitted()
    firm.return_marked(application, **{PHOTO: "不清晰"})
    one, other = two(firm.enterprise)
    path = f"/corrections/{application.id}"
    opened = seen(other, path)
    photos = [(io.BytesIO(jpeg(*size)), name) for size, name in (((500, 700), "他人.jpg"), ((510, 714), "我的.jpg"))]
    assert save(one, path, {"papers-photo": photos[0]}).status_code == 302
    answer = other.post(path, data={"papers-photo": photos[1]} | opened)
    assert answer.status_code == 409
    for word in ("他人.jpg", "我的.jpg", 'name="papers-photo-kept"'):
        assert word in answer.text
    current = select(Paper.filename).where(Paper.kind == PaperKind.PHOTO, Paper.replaced_at.is_(None))
    assert "他人.jpg" in set(holder.session.scalars(current.where(Paper.person_id == application.person_id)))


def test_names_of_other_enterprises_people_are_not_told(holder, other, two):
    path, (first, _second), _words = people_filing(holder)
    stranger = other.passer(name="外单位人")
    one, mine = two(holder.enterprise)
    opened = seen(mine, path)
    save(one, path, first)
    answer = mine.post(path, data=first | {"rowid": f"{stranger.id}-C1"} | opened)
    assert (answer.status_code, "外单位人" in answer.text) == (409, False)
