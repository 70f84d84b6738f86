"""The auditor's pages: search, display, export and verification of the audit log."""

import ast
from collections.abc import Iterator
from contextvars import Context
from io import BytesIO

import pytest
from openpyxl import load_workbook
from sqlalchemy import select

from app.core import clock
from app.core.office import BY_NAME
from app.core.vocabulary import AuditAction, ChainFault, Education, Role
from app.db import audit
from app.db.audit import checkpoints
from app.db.audit.log import IGNORED_COLUMNS
from app.db.derived import Derived
from app.db.session import BlindIndex, db
from app.models import AuditEntry, Job
from app.outbox.sms_texts import province_translations
from app.web.admin.audit_log import DETAILS, TABLES, field_labels
from app.web.admin.audit_log_fields import FIELDS
from app.web.admin.audit_log_words import WORDS
from tests import make
from tests.query_counter import queries, tables_read_whole
from tests.source_guards import modules


@pytest.fixture
def auditor(holder, signed_in, session):
    client = signed_in(holder(Role.AUDITOR, first_name="稽核"))
    session.rollback()
    return client


def note(
    session, actor="李四", action=AuditAction.READ, table="person", row=7, change=None, *, at=make.NOON, address="203.0.113.7"
):
    audit.log(session, actor, action, table, row, change or {}, at=at, address=address)
    session.commit()


@pytest.fixture
def some(session):
    note(session, row=7)
    note(session, "王五", AuditAction.EXPORT, "application", 71, {"rows": 3}, at=clock.now(), address="198.51.100.1")
    note(session, "赵六", AuditAction.REFUSED, "certificate", 70, {"door": "x.show", "method": "GET", "status": 404})


@pytest.mark.parametrize(
    ("question", "finds"),
    [
        ("actor=王", {"王五"}),
        ("deed=refused", {"赵六"}),
        ("table=application", {"王五"}),
        ("row=7&table=person", {"李四"}),
        ("address=198.51.100.1", {"王五"}),
        ("address=198.51.100", set()),  # compared whole
        ("at_to=2026-03-02", {"李四", "赵六"}),
        ("at_from=2026-03-02&at_to=2026-03-02&deed=read", {"李四"}),
    ],
)
def test_entries_are_found_by_each_criterion(auditor, some, question, finds):
    page = auditor.get(f"/diary/list/?{question}").text
    body = page[page.find("<tbody") :] if "<tbody" in page else ""
    assert {name for name in ("李四", "王五", "赵六") if name in body} == finds


def test_a_change_shows_labels_before_and_after(auditor, session):
    person = make.person(make.enterprise(), education=Education.BACHELOR)
    session.add(person)
    session.commit()
    person.education, person.name = Education.COLLEGE, "<b>韩梅梅</b>"
    session.commit()
    number = session.scalars(
        select(AuditEntry.id).where(AuditEntry.deed == AuditAction.CHANGE, AuditEntry.table == "person")
    ).one()
    session.rollback()
    page = auditor.get(f"/diary/show/{number}").text
    for word in ("人员", "学历", "本科", "大专", "李雷", "&lt;b&gt;韩梅梅"):
        assert word in page, word
    assert "<b>韩梅梅" not in page
    assert "education" not in page


@pytest.mark.parametrize(
    ("deed", "words"),
    [(AuditAction.REFUSED, ("拒绝访问", "证书", "请求方式", "404")), (AuditAction.EXPORT, ("导出", "行数", ">3<"))],
)
def test_details_that_are_no_change_show_labels_too(auditor, session, some, deed, words):
    number = session.scalars(select(AuditEntry.id).where(AuditEntry.deed == deed)).one()
    session.rollback()
    page = auditor.get(f"/diary/show/{number}").text
    for word in (*words, "在日志链中的位置"):
        assert word in page, word


def test_the_list_shows_the_state_of_the_chain(auditor, session, some):
    assert "尚未核对" in auditor.get("/diary/list/").text
    checkpoints.record_inspection(
        session, checkpoints.Verification(12, checkpoints.ChainHead(12, "a" * 64), None), at=make.NOON
    )
    session.commit()
    page = auditor.get("/diary/list/").text
    assert "2026-03-02 12:00" in page
    assert "12 条" in page
    broken = checkpoints.ChainBreak(ChainFault.CHANGED, 5, 9)
    checkpoints.record_inspection(
        session, checkpoints.Verification(4, checkpoints.ChainHead(4, "a" * 64), broken), at=make.NOON
    )
    session.commit()
    page = auditor.get("/diary/list/").text
    assert "有一条日志被改动" in page
    assert 'class="alert alert-danger"' in page


def test_verification_is_enqueued_once_by_post_only(auditor, session):
    assert auditor.get("/diary/verify").status_code == 405
    for _press in range(3):
        assert auditor.post("/diary/verify").status_code == 302
    assert session.scalars(select(Job.kind).where(Job.kind == checkpoints.VERIFY_JOB)).all() == ["diary"]


def test_an_export_is_safe_and_logged(auditor, session):
    note(session, "=HYPERLINK(1)", row="+7", change={"what": "@SUM(A1)"})
    note(session, "别人", row="8")
    answer = auditor.post("/diary/export?actor=HYPER")
    book = load_workbook(BytesIO(answer.data))
    rows = [[cell.value for cell in row] for row in book.active.iter_rows(min_row=2)]
    assert [row[1] for row in rows] == ["=HYPERLINK(1)"]
    assert {cell.data_type for row in book.active.iter_rows() for cell in row if cell.value} == {"s"}
    line = session.scalars(select(AuditEntry).where(AuditEntry.deed == AuditAction.EXPORT)).one()
    assert (line.actor, line.table, line.change["rows"]) == ("稽核", "entry", 1)
    assert line.change["query"] == {"actor": "HYPER"}


def test_nobody_else_reads_or_exports_it(session, holder, signed_in):
    for role in set(Role) - {Role.AUDITOR}:
        client = signed_in(holder(role))
        session.rollback()
        assert client.get("/diary/list/").status_code == 403, role
        assert client.post("/diary/export").status_code == 403, role
        assert client.post("/diary/verify").status_code == 403, role
    assert not session.scalars(select(AuditEntry).where(AuditEntry.deed == AuditAction.EXPORT)).all()


def test_every_kind_of_record_has_a_name(auditor):
    assert {kind.__tablename__ for kind in audit.AUDITED} - TABLES.keys() <= {"worker"}


@pytest.mark.parametrize("question", ["", "?row=39999&table=person", "?address=198.51.100.1", "?deed=export", "?actor=王五"])
def test_the_log_is_searched_by_indexes(auditor, session, system, question):
    """benchmarks/audit_log.py measures it with 200,000 entries."""
    session.rollback()
    with auditor.application.app_context(), queries(db.engine) as asked:
        assert auditor.get(f"/diary/list/{question}").status_code == 200
    listed = [statement for statement in asked if "FROM entry" in statement]
    assert listed
    assert not [statement for statement in listed if tables_read_whole(session, statement)]


def test_every_column_that_can_be_logged_has_a_label(auditor):
    """A technical name says nothing to an auditor."""
    with auditor.application.test_request_context():
        unnamed = [
            f"{kind.__tablename__}.{column.key}"
            for kind in audit.AUDITED
            for column in kind.__mapper__.columns
            if not isinstance(column.type, (BlindIndex, Derived))
            if column.key
            not in field_labels(kind.__tablename__).keys()
            | DETAILS.keys()
            | FIELDS.keys()
            | IGNORED_COLUMNS.get(kind.__tablename__, set())
        ]
    assert not unnamed, " ".join(unnamed)


# --- in words ---------------------------------------------------------------------------------------------------
def test_a_record_has_its_name_and_a_link_to_all_lines_about_it(auditor, session, system):
    firm, other = make.enterprise(name="湘江建设"), make.enterprise(name="洞庭路桥")
    person = make.person(firm, name="韩梅梅")
    session.add_all([person, other])
    session.commit()
    person.enterprise = other
    session.commit()
    note(session, row=person.id, change={"shown": "id_number", "person": person.id})
    note(session, row=39_999)  # gone
    note(session, action=AuditAction.CHANGE, table="parameter", row="accept_days", change={"value": ["5", "7"]})
    with auditor.application.app_context(), queries(db.engine) as asked:
        page = auditor.get("/diary/list/?table=person").text
    assert len([statement for statement in asked if "UNION ALL" in statement]) == 1
    assert "韩梅梅" in page
    assert f"企业: 湘江建设（编号 {firm.id}） → 洞庭路桥（编号 {other.id}）" in page
    assert f'href="/diary/list/?table=person&amp;row={person.id}"' in page
    assert "查看内容: 身份证号码" in page
    assert ">39999<" in page
    parameter = auditor.get("/diary/list/?table=parameter").text
    assert str(BY_NAME["accept_days"].label) not in parameter  # in Chinese
    assert "accept_days" not in parameter.replace("row=accept_days", "")
    assert "5 → 7" in parameter


def test_roles_sign_ins_refusals_and_lists_are_in_words_also_in_the_export(auditor, session, holder):
    account = holder(Role.REVIEWER, first_name="吴审")
    note(session, action=AuditAction.SIGN_IN, table="ab_user", row=account.id, change={"way": "sms_code"})
    note(session, table="ab_user", row=account.id, change={"lock": ["there", "ended"]})
    note(session, action=AuditAction.REFUSED, change={"door": "CertificateScreen.show", "method": "GET", "status": 404})
    note(session, action=AuditAction.EXPORT, change={"list": "PersonScreen", "rows": 3, "query": {"state": "x"}})
    book = load_workbook(BytesIO(auditor.post("/diary/export").data)).active
    rows = [[str(cell.value or "") for cell in row] for row in book.iter_rows()]
    assert rows[0][5:7] == ["记录", "变更内容"]
    said = "\n".join(row[6] for row in rows[1:])
    for words in (
        "角色: — → 初审工作人员",
        "登录方式: 短信验证码",
        "已锁定 → 已解除",
        "安管人员证书（CertificateScreen.show）",
        "人员信息（PersonScreen）",
    ):
        assert words in said, words
    assert {row[5] for row in rows[1:] if row[3] == "用户"} >= {"吴审"}
    for code in ("sms_code", "there"):
        assert code not in said, code


NOTES = {"note_export", "note_reading"}
LOGGING = {"log", "log_many", *NOTES}
NOTED = {"change", "how", "what", "summary"}  # names of what is handed to audit.log


def logged_details() -> Iterator[tuple[str, object]]:
    """Names and constant values in what the source hands to the audit log besides columns."""
    functions = (node for tree in modules().values() for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    for tree in functions:
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        if LOGGING.isdisjoint(ast.unparse(call.func).split(".")[-1] for call in calls):
            continue
        for call in calls:
            if ast.unparse(call.func).split(".")[-1] in NOTES:
                yield from ((word.arg, getattr(word.value, "value", None)) for word in call.keywords if word.arg)
            if ast.unparse(call.func).endswith("log_reveal") and isinstance(call.args[2], ast.Constant):
                yield "shown", call.args[2].value
        for node in ast.walk(tree):
            named = isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id in NOTED
            for made in ast.walk(node.value) if named else ():
                for key, value in zip(made.keys, made.values, strict=True) if isinstance(made, ast.Dict) else ():
                    if isinstance(key, ast.Constant):
                        yield key.value, getattr(value, "value", None)


def test_every_detail_that_the_source_logs_has_a_label_and_every_code_a_word():
    details = set(logged_details())
    assert {("shown", "archive"), ("list", "holidays"), ("search", "transfer"), ("scores", "final")} <= details
    assert not {name for name, _value in details if name not in DETAILS.keys() | FIELDS.keys()}
    unsaid = {
        (name, value) for name, value in details if name in WORDS and isinstance(value, str) and value not in WORDS[name]
    }
    assert not unsaid


def test_names_and_words_are_in_both_languages():
    chinese = province_translations()
    for words in (*WORDS.values(), TABLES, DETAILS, FIELDS):
        for word in words.values():
            msgid = Context().run(str, word)
            assert chinese.gettext(msgid) != msgid, msgid
