"""No page reads, counts or sorts a large table.

Every GET route, and every tab, order and filter of every list, is asked as each kind of user, and both databases are asked
how they would answer with a million rows. A new screen is in by itself.
"""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import literal_column, select, table

from app.core import clock
from app.core.clock import office_day
from app.core.indicators import Indicator
from app.core.vocabulary import (
    Action,
    AuditAction,
    Category,
    CertificateEventKind,
    CertificateStatus,
    ImportKind,
    ImportPhase,
    LetterKind,
    MatterKind,
    MessageState,
    PaperKind,
    Role,
    SignupState,
    Stage,
    State,
)
from app.db.session import db
from app.models import (
    Application,
    AuditEntry,
    Certificate,
    CertificateEvent,
    CertificateVersion,
    LegacyRecord,
    Letter,
    Message,
    PublicNotice,
    SheetImport,
    StatisticsCount,
    StatisticsMonth,
    Step,
)
from app.outbox.jobs import JobRequest, enqueue_all
from app.web.base.model_view import EVERY, ModelScreen
from tests import make
from tests.planner import LARGE, millions, recorded
from tests.query_counter import queries

HERE, THERE = "430100", "430200"
FIRMS = 40
DECIDING = (Role.ACCEPTANCE_OFFICER, Role.REVIEWER, Role.APPROVER, Role.EXAM_CLERK)
USERS = {
    "province": (DECIDING, {}),
    "prefecture": (DECIDING, {"region_code": HERE}),
    "viewer": ((Role.VIEWER,), {}),
    "viewer of a prefecture": ((Role.VIEWER,), {"region_code": HERE}),
    "admin": ((Role.ADMIN,), {}),
    "security admin": ((Role.SECURITY_ADMIN,), {"region_code": None}),
    "auditor": ((Role.AUDITOR,), {"region_code": None}),
}
MOST_STATEMENTS = 60
NOT_ASKED = ("/logout/", "/demo", "/health")


@pytest.fixture
def province(session):
    """Enterprises of two prefectures, with a row of each large table for each: the planner takes an empty table for small."""
    notices = [make.notice() for _ in range(8)]
    session.add_all(notices)
    firms = [make.enterprise(name=f"第{n}建筑公司", region_code=THERE if n % 4 == 0 else HERE) for n in range(FIRMS)]
    account = make.plain_account(session)
    for n, firm in enumerate(firms):
        person = make.person(firm, name=f"李{chr(0x4E00 + n)}")
        state = tuple(State)[n % len(State)]
        later = make.TODAY + timedelta(days=n)
        held = make.certificate(person, valid_to=later, status=tuple(CertificateStatus)[n % 3 and n % 4])
        approved = {"certificate": held} if state is State.APPROVED else {}
        signup = make.signup(notices[n % 8], person, state=(SignupState.SUBMITTED, SignupState.ADMITTED)[n % 2])
        signup.submitted_at = make.NOON + timedelta(minutes=n)
        session.add_all([firm, held, make.application(person, state, **approved), signup, make.qualification(firm)])
        session.add_all([make.exam_pass(person), make.measure(held, account)])
        session.add(Message(mobile="13800000000", text="短信", state=tuple(MessageState)[n % 3], due_at=make.NOON))
        session.add(make.notification(account))
        session.flush()
        session.add_all([make.identity_correction(person), make.discrepancy()])
        session.add(make.paper(PaperKind.PHOTO, person_id=person.id, enterprise_id=firm.id))
        session.add(make.employment_release(person, firms[n - 1] if n else firms[-1]) if n else make.paper(
            PaperKind.PLEDGE, pledging_enterprise_id=firm.id, enterprise_id=firm.id))  # fmt: skip
        session.add(AuditEntry(at=make.NOON, actor=f"somebody {n}", deed=AuditAction.CREATE, table="person", row=str(n),
                               change={}))  # fmt: skip
    for n, case in enumerate(session.scalars(select(Application)).all()):
        session.add(PublicNotice(
            application_id=case.id, matter=MatterKind.NEW, category=Category.A, stage=Stage.APPROVAL, agreed=True, name="李",
            masked_id_number="4301************", enterprise_name=f"第{n}建筑公司", region_code=HERE, published_at=make.NOON,
        ))  # fmt: skip
    enqueue_all(session, [JobRequest("test", f"{n}", {}) for n in range(FIRMS)], at=make.NOON)
    session.add_all(history(session))
    session.add_all(statistics(session, notices[0], firms[0], account))
    session.commit()
    assert not [name for name in LARGE if not session.execute(select(literal_column("1")).select_from(table(name))).first()]
    session.rollback()
    return firms


def history(session) -> Iterator[object]:
    """Of every certificate an event, a drawn version and its imported row; of every application a step and its letter."""
    imported = SheetImport(kind=ImportKind.CERTIFICATES, phase=ImportPhase.DONE, filename="证书.xlsx", sha256="0" * 64,
                            received_at=make.NOON, by="x", expires_at=make.NOON)  # fmt: skip
    session.add(imported)
    session.flush()
    for held in session.scalars(select(Certificate)).all():
        yield CertificateEvent(certificate_id=held.id, deed=CertificateEventKind.ISSUED, status=held.status, actor="x",
                               at=make.NOON)  # fmt: skip
        yield LegacyRecord(kind=ImportKind.CERTIFICATES, key=held.number, row_id=held.id, import_id=imported.id, taken={})
        yield CertificateVersion(certificate_id=held.id, version=1, token=f"{held.id:032d}", face={}, issued_at=make.NOON,
                                 digest=f"{held.id:064d}")  # fmt: skip
    for case in session.scalars(select(Application)).all():
        step = Step(application_id=case.id, round=1, action=Action.SUBMIT, source=State.DRAFT, target=case.state, actor="x",
                    at=make.NOON)  # fmt: skip
        session.add(step)
        session.flush()
        yield Letter(kind=LetterKind.ACCEPTANCE, number=f"{case.id}", title="受理通知书", issued_on=make.TODAY, face={},
                     application_id=case.id, step_id=step.id, made_at=make.NOON, digest=f"{case.id:064d}",
                     sealed_at=make.NOON)  # fmt: skip


def statistics(session, notice, firm, account) -> Iterator[StatisticsCount]:
    """One of each indicator in this month, so that the page asks for everything that it names."""
    month = office_day(clock.now()).replace(day=1)
    session.add(StatisticsMonth(month=month, counted_at=make.NOON, holdings_at=make.NOON))
    session.flush()
    firms = dict.fromkeys((Indicator.MOVED_IN, Indicator.MOVED_OUT), firm.id)
    subjects = {Indicator.EXAM: notice.id, Indicator.WORK: account.id, **firms}
    for indicator in Indicator:
        yield StatisticsCount(month=month, indicator=indicator, region_code=HERE, matter="", category="A", value="1",
                              subject=str(subjects.get(indicator, "")), count=1)  # fmt: skip


def addresses(app, screens) -> dict[str, list[str]]:
    """Every GET route without arguments; for every list its tabs, orders and filters, and what follows a row."""
    found: dict[str, list[str]] = {}
    for rule in app.url_map.iter_rules():
        if "GET" not in rule.methods or rule.arguments or "static" in rule.endpoint or rule.rule.startswith(NOT_ASKED):
            continue
        view, _dot, method = rule.endpoint.partition(".")
        found[rule.rule] = of_list(screens[view]) if method == "list" and view in screens else []
    return found


def of_list(screen: ModelScreen) -> list[str]:
    """Both directions of an order are one index; a far page is the same statement as the first."""
    tabs = [f"{screen.tabs_column}={word.value}" for word in screen._words()] if screen.tabs_column else []
    tabs += [f"{screen.tabs_column}={EVERY}"] if screen.tabs_column else []
    orders = [f"sort={column}" for column in screen.order_columns]
    filters = [
        "notice=1",
        *(f"{box.name}={value}" for box in screen.boxes if box.name in FILTERS for value, _word in box.options),
    ]
    follow = ["after=2", "before=2", *(f"{order}&after=2" for order in orders)]
    return [*tabs, *orders, *filters, *follow, *(f"{tab}&{order}" for tab in tabs for order in orders)]


# The pickers of filing forms, which search by POST: everything, a name, an ID number, all that match.
PICKERS = [
    (address, {"then": then, "find": text, "kind": kind, "order": order})
    for address in ("/filings/add", "/claims/renewal/add")
    for then, text, kind, order in (
        *(("find", "", "", ""), ("find", "", "C1", "name"), ("find", "李", "", "name"), ("find", make.id_number(), "", "")),
        ("tick", "", "", ""),
    )
]
# Those of tiles, and those that have an index.
FILTERS = ("status", "check_result", "urgency", "correction", "by", "result", "locked")


def clients(signed_in, holder, firms) -> dict[str, FlaskClient]:
    officers = {who: signed_in(holder(*roles, **facts)) for who, (roles, facts) in USERS.items()}
    return officers | {"clerk": signed_in(holder(Role.ENTERPRISE_CLERK, enterprise=firms[0]))}


def test_no_page_of_any_user_reads_counts_or_sorts_a_large_table(app, session, signed_in, holder, province):
    with app.app_context():
        engine = db.engine
    screens = {view.endpoint: view for view in app.extensions["appbuilder"].baseviews if isinstance(view, ModelScreen)}
    seen, wrong, many = {}, {}, []
    for who, client in clients(signed_in, holder, province).items():
        for address, queries_of in addresses(app, screens).items():
            for query in ("", *queries_of):
                with recorded(engine) as sent, queries(engine) as said:
                    status = client.get(f"{address}?{query}").status_code
                assert status < 500, (who, address, query)
                many += [(who, address, query, len(said))] if len(said) > MOST_STATEMENTS else []
                for shape, statement in sent.items():
                    seen.setdefault(shape, (f"{who} {address}?{query}", *statement))
                if status != 200:
                    break  # not this user's page
        for address, sent_form in PICKERS if who == "clerk" else ():
            with recorded(engine) as sent:
                assert client.post(address, data=sent_form).status_code == 200, (address, sent_form)
            for shape, statement in sent.items():
                seen.setdefault(shape, (f"{who} {address} {sent_form}", *statement))
    session.rollback()
    with millions(engine) as slow:
        for first, statement, parameters in seen.values():
            if reason := slow(statement, parameters):
                wrong[" ".join(statement.split())] = f"{first}: {reason}"
    assert len(seen) > 100
    assert not many
    slow_ones = [f"{reason}\n    {statement}" for statement, reason in wrong.items() if not statement.startswith(KNOWN)]
    assert not slow_ones, "\n".join(slow_ones)


KNOWN = (
    "SELECT CASE WHEN (application.submitted_at",  # the chart of half a year: from an index, kept for ten minutes
    "SELECT application.state, application.region_code, application.due_on,",  # groups what waits, from an index of only that
    "SELECT application.state, count(*) AS count_1 FROM application WHERE application.state IN",  # the chart of what waits
    # All sign-ups of the notices on a page, which the page shows by state: from an index alone, but every one is counted.
    "SELECT exam_signup.notice_id, exam_signup.state, count(*) AS count_1 FROM exam_signup WHERE exam_signup.notice_id IN",
    "SELECT exam_notice.id, exam_notice.title FROM exam_notice WHERE (EXISTS",  # sorts the notices, which are few
    "SELECT certificate_version.status_index,",  # the status list names every certificate that is not valid
)
