"""No search of any list reads a big table whole, on either database: asked of the planner, with enough rows to tell."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from flask import url_for
from sqlalchemy import Engine, event, insert

from app.core.identifiers import birth_date
from app.core.vocabulary import Category, CertificateStatus, MatterKind, PassSource, Role, Sex, SignupState, State
from app.db import search
from app.db.session import side_connection
from app.models import Application, Certificate, Enterprise, ExamPass, ExamSignup, Person
from app.web.auth.permissions import held_by
from app.web.base import ModelScreen
from app.web.base import query as list_query
from tests import make

ROWS = 4_000
BIG = {"person", "certificate", "application", "exam_signup", "exam_pass"}
RARE, COMMON = "欧阳修远", "王"
_NUMBERS = ("0000017", "20260302")  # of one row, of every row
NUMBERS = {"number": _NUMBERS, "certificate.number": _NUMBERS, "uscc": ("91430100", "91")}


@pytest.fixture
def province(session, system, monkeypatch):
    """Thousands of people called 王…, each with a certificate, an application, a sign-up and a pass; one called otherwise."""
    firms = [make.enterprise(name=f"湖南{n}建设有限公司") for n in range(40)]
    notice = make.notice()
    filing = make.filing(firms[0])
    session.add_all([*firms, notice, filing])
    session.flush()
    people, certificates, cases, signups, passes = [], [], [], [], []
    for n in range(1, ROWS + 1):
        name, number, firm = RARE if n == ROWS else f"王{chr(0x4E00 + n)}", make.id_number(), firms[n % 40].id
        people.append({"id": n, "name": name, "enterprise_id": firm, "id_number": number, "id_number_key": number,
                       "sex": Sex.MALE, "birth_date": birth_date(number)})  # fmt: skip
        on = make.TODAY - timedelta(days=n % 900)
        certificates.append({"id": n, "number": f"湘建安C1(2024){n:07d}", "category": Category.C1, "person_id": n,
                             "holder": name, "enterprise_id": firm, "first_issued_on": on, "issued_on": on, "valid_from": on,
                             "valid_to": on + timedelta(days=1095), "status": CertificateStatus.VALID})  # fmt: skip
        at = make.NOON - timedelta(minutes=n)
        state = State.ABANDONED if n % 2 else State.AWAITING_REVIEW
        cases.append({"id": n, "number": f"430000-AG-20260302-{n:04d}", "filing_id": filing.id, "matter": MatterKind.RENEWAL,
                      "category": Category.C1, "state": state, "person_id": n, "enterprise_id": firm, "certificate_id": n,
                      "region_code": "430100", "created_at": at, "submitted_at": at,
                      "closed_at": at if n % 2 else None})  # fmt: skip
        signups.append({"id": n, "number": f"BM{n}", "notice_id": notice.id, "enterprise_id": firm, "person_id": n,
                        "region_code": "430100", "category": Category.C1, "state": SignupState.SUBMITTED, "created_at": at,
                        "submitted_at": at})  # fmt: skip
        passes.append({"person_id": n, "category": Category.C1, "passed_on": on, "source": PassSource.LEGACY})
    for model, rows in ((Person, people), (Certificate, certificates), (Application, cases), (ExamSignup, signups),
                        (ExamPass, passes)):  # fmt: skip
        session.execute(insert(model), rows)
    session.commit()
    with system.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")
    system.engine.dispose()  # SQLite's connections keep the statistics that they first read
    monkeypatch.setattr(search, "COMMON", ROWS // 4)


@contextmanager
def sent(engine: Engine) -> Iterator[list[tuple[str, Any]]]:
    """The statements of a block with their parameters."""
    seen: list[tuple[str, Any]] = []

    def note(_connection, _cursor, statement, parameters, *_rest) -> None:
        seen.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def plans(engine: Engine, statements: list[tuple[str, Any]]) -> Iterator[tuple[str, str]]:
    """The searches among the statements of a request with their plans, under the settings that the request made."""
    explain = "EXPLAIN QUERY PLAN" if engine.dialect.name == "sqlite" else "EXPLAIN"
    with side_connection(engine, for_reading=True) as connection:
        for statement, parameters in statements:
            if "set_config" in statement:
                connection.exec_driver_sql(statement, parameters)
            elif is_search(statement):
                steps = connection.exec_driver_sql(f"{explain} {statement}", parameters)
                yield statement, "\n".join(str(row[-1]) for row in steps)


def is_search(statement: str) -> bool:
    """Whether it asks a search index, or for the ids that one gave."""
    return statement.startswith("SELECT") and bool(
        re.search(r"_search|\.search|json_each|ANY \(|id IN \((?!SELECT)", statement)
    )


def read_whole(planned: str) -> set[str]:
    return BIG & set(re.findall(r"(?:Seq Scan on|^SCAN) (\w+)", planned, re.MULTILINE))


def searched_boxes(app) -> Iterator[tuple[ModelScreen, str]]:
    """Every list and its fields that are searched by an index."""
    for screen in app.extensions["appbuilder"].baseviews:
        if not isinstance(screen, ModelScreen):
            continue
        for box in screen.boxes:
            by_index = isinstance(box.holds, partial) and box.holds.func is list_query._found
            if by_index or box.name in NUMBERS & screen.search_by.keys():
                yield screen, box.name


def test_no_search_reads_a_big_table_whole(app, session, province, signed_in, system):
    """For a rare word. For a common one SQLite reads a page in the list's order, and counts by the index."""
    del province
    firm, browsers = session.get(Enterprise, 1), {}
    for role in Role:
        of = {"enterprise": firm} if role is Role.ENTERPRISE_CLERK else {}
        browsers[role] = signed_in(make.account(session, role.value, role, **of))
    session.rollback()
    asked, wrong = set(), []
    for screen, name in searched_boxes(app):
        role = next(role for role in Role if ("can_list", screen.class_permission_name) in held_by(role))
        with app.test_request_context():
            address = url_for(f"{screen.endpoint}.list")
        for word in NUMBERS.get(name, (RARE, COMMON)):
            with sent(system.engine) as statements:
                answer = browsers[role].get(address, query_string={name: word})
            assert answer.status_code == 200, (address, name, role)
            asked.add((screen.endpoint, name))
            for statement, planned in plans(system.engine, statements):
                is_whole, by_index = read_whole(planned), "_search VIRTUAL TABLE" in planned
                if word == COMMON and system.kind == "sqlite":
                    is_wrong = by_index if "ORDER BY" in statement else is_whole
                else:
                    is_wrong = is_whole and word in (RARE, _NUMBERS[0])
                if is_wrong:
                    wrong.append(f"{screen.endpoint} {name}={word} {role}\n{statement}\n{planned}")
    assert len(asked) > 20, asked
    assert not wrong, "\n\n".join(wrong)
