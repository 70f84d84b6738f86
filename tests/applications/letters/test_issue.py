"""Letters are issued once: by jobs, twice, at once, after a kill; their numbers have neither gaps nor duplicates."""

import io
import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.applications.letters import issue
from app.applications.letters.lookup import letter_numbered, letter_sealed
from app.applications.letters.text import KIND_WORDS
from app.applications.office_settings import change
from app.certificates.pdf import letter_jobs
from app.core.crypto.demo_ca import EmbeddedSeal
from app.core.crypto.seal_provider import NoSeal, SealUnavailable
from app.core.crypto.verify_signature import trusted_roots, verify
from app.core.errors import Unmet
from app.core.office import Office, numbers_letters
from app.core.settings import BadSetting, read_office
from app.core.vocabulary import LETTER_OF, Action, CertificateEventKind, JobState, LetterKind, Role, State
from app.db import sequences
from app.files.folder_store import FolderStore
from app.models import Application, Job, Letter, Step
from app.outbox.jobs import JobLease
from app.worker.handlers import HANDLERS, render_unsealed
from app.worker.runner import JobContext, JobRun, run_due
from app.workflow import carry_out
from tests import make, measures
from tests.at_once import at_once
from tests.query_counter import queries, tables_read_whole
from tests.workflow_fixture import Firm

ACCEPTANCE = make.officer(Role.ACCEPTANCE_OFFICER)


@pytest.fixture
def tools(system, session, tmp_path) -> JobContext:
    return JobContext(
        system.engine, None, FolderStore(tmp_path / "blobs"), lambda: make.NOON, seal=EmbeddedSeal(system.settings.seals)
    )


@pytest.fixture
def firm(session) -> Firm:
    return Firm(session)


def decide(session, applications, action=Action.DECLINE, *, at=make.NOON):
    ids = [application.id for application in applications]
    planned = carry_out(session, ids, action, ACCEPTANCE, reason=make.REASON, at=at, office=Office())
    assert planned.passes.keys() == set(ids)
    session.commit()
    return ids


def waiting(firm, many=1):
    return [firm.application(State.AWAITING_ACCEPTANCE) for _ in range(many)]


def work(tools, kinds=(letter_jobs.KIND,)):
    return run_due(tools, {kind: HANDLERS[kind] for kind in kinds}, most=99)


def letters(session) -> list[Letter]:
    session.rollback()
    session.expire_all()
    found = list(session.scalars(select(Letter).order_by(Letter.id)))
    session.expunge_all()
    session.rollback()  # SQLite has one writer
    return found


# --- enqueued with the decision ------------------------------------------------------------------------------
def test_a_decision_queues_its_letters_in_its_own_transaction(session, firm):
    cases = waiting(firm, 3)
    ids = [case.id for case in cases]
    carry_out(session, ids, Action.ACCEPT, ACCEPTANCE, at=make.NOON, office=Office())
    session.rollback()
    mine = select(func.count(Job.id)).where(Job.kind == letter_jobs.KIND)
    assert session.scalar(mine) == 0
    carry_out(session, ids, Action.ACCEPT, ACCEPTANCE, at=make.NOON, office=Office())
    session.commit()
    job = session.scalars(select(Job).where(Job.kind == letter_jobs.KIND)).one()
    assert (job.payload["applications"], job.total) == (ids, 3)
    assert letters(session) == []


def test_a_step_without_a_letter_queues_none(session, firm):
    case = firm.application(State.AWAITING_REVIEW)
    carry_out(session, [case.id], Action.ENDORSE, make.officer(Role.REVIEWER), at=make.NOON, office=Office())
    assert session.scalar(select(func.count(Job.id)).where(Job.kind == letter_jobs.KIND)) == 0
    assert Action.ENDORSE not in LETTER_OF


# --- issued once ---------------------------------------------------------------------------------------------
def test_the_job_numbers_draws_and_seals_each_letter(session, firm, tools, system):
    decide(session, waiting(firm, 3))
    assert work(tools) == [JobState.DONE]
    issued = letters(session)
    assert [letter.number for letter in issued] == [f"湘建许不受〔2026〕{n}号" for n in (1, 2, 3)]
    assert {letter.kind for letter in issued} == {LetterKind.NON_ACCEPTANCE}
    assert len({letter.digest for letter in issued}) == 3
    for letter in issued:
        pdf = tools.store.read(letter.digest)
        text = "".join(PdfReader(io.BytesIO(pdf)).pages[0].extract_text().split())
        assert letter.number in text
        assert letter.face["addressee"] in text
        assert verify(pdf, trusted_roots(system.settings.seals), at=make.NOON).good


def test_the_job_run_twice_changes_nothing(session, firm, tools):
    decide(session, waiting(firm, 2))
    work(tools)
    before = [(letter.id, letter.number, letter.digest) for letter in letters(session)]
    session.execute(Job.__table__.update().values(state=JobState.READY, finished_at=None))
    session.commit()
    assert work(tools) == [JobState.DONE]
    assert [(letter.id, letter.number, letter.digest) for letter in letters(session)] == before


def test_many_at_once_give_one_letter_each_and_no_gap(session, firm, tools, engine):
    ids = decide(session, waiting(firm, 4))
    with Session(engine) as reading:
        drafts = issue.case_drafts(reading, ids, Office(), at=make.NOON)

    def number(_n: int) -> None:
        with Session(engine) as own, own.begin():
            issue.number_steps(own, drafts, at=make.NOON)

    at_once(number, range(8))
    assert [letter.number for letter in letters(session)] == [f"湘建许不受〔2026〕{n}号" for n in (1, 2, 3, 4)]


def test_different_cases_at_once_are_numbered_without_gap_or_duplicate(session, firm, engine):
    cases = waiting(firm, 8)
    ids = decide(session, cases)

    def number(application_id: int) -> None:
        with Session(engine) as own:
            drafts = issue.case_drafts(own, [application_id], Office(), at=make.NOON)
            own.rollback()
            issue.number_steps(own, drafts, at=make.NOON)
            own.commit()

    at_once(number, ids)
    found = sorted(int(re.search(r"〕(\d+)号", letter.number)[1]) for letter in letters(session))
    assert found == [*range(1, 9)]


def test_a_kill_between_number_and_file_gives_one_letter_with_its_first_number(session, firm, tools):
    ids = decide(session, waiting(firm))
    drafts = issue.case_drafts(session, ids, Office(), at=make.NOON)
    issue.number_steps(session, drafts, at=make.NOON)
    session.commit()  # and here the worker dies
    (numbered,) = letters(session)
    assert numbered.digest is None
    assert work(tools) == [JobState.DONE]
    (letter,) = letters(session)
    assert (letter.id, letter.number) == (numbered.id, numbered.number)
    assert tools.store.has(letter.digest)


def test_a_kill_before_the_numbers_are_committed_gives_them_back(session, firm, tools):
    ids = decide(session, waiting(firm, 2))
    issue.number_steps(session, issue.case_drafts(session, ids, Office(), at=make.NOON), at=make.NOON)
    session.rollback()
    work(tools)
    assert [letter.number for letter in letters(session)] == ["湘建许不受〔2026〕1号", "湘建许不受〔2026〕2号"]


def test_of_two_files_drawn_at_the_same_time_the_first_is_kept(session, firm, tools):
    ids = decide(session, waiting(firm))
    issue.number_steps(session, issue.case_drafts(session, ids, Office(), at=make.NOON), at=make.NOON)
    session.commit()
    (letter,) = letters(session)
    drawn = [issue.draw(session, tools.store, [letter.id], tools.seal, at=make.NOON + timedelta(seconds=n)) for n in (0, 1)]
    digests = [next(iter(one.papers.values()))[0] for one in drawn]
    assert digests[0] != digests[1]
    for one in drawn:
        issue.record(session, one)
    session.commit()
    assert letters(session)[0].digest == digests[0]


def test_one_letter_that_cannot_be_printed_stops_no_other(session, firm, tools):
    cases = waiting(firm, 2)
    ids = [case.id for case in cases]
    decide(session, cases)
    step = session.scalars(select(Step).where(Step.application_id == ids[0], Step.action == Action.DECLINE)).one()
    session.execute(Step.__table__.update().where(Step.id == step.id).values(reason=f"{make.REASON}坏字\ue000"))
    session.commit()
    assert work(tools) == [JobState.DONE]
    bad, good = letters(session)
    assert (bad.fault, bad.digest) == ("unprintable", None)
    assert tools.store.has(good.digest)


def test_without_a_seal_letters_keep_their_numbers_and_are_drawn_once_it_is_back(session, firm, tools):
    decide(session, waiting(firm))
    away = JobContext(tools.engine, None, tools.store, tools.now, chance=lambda: 1.0, seal=_Away())
    assert work(away) == [JobState.READY]  # to be tried again
    (letter,) = letters(session)
    assert (letter.fault, letter.digest) == (SealUnavailable.code, None)
    session.execute(Job.__table__.update().values(state=JobState.DEAD, finished_at=make.NOON))
    session.commit()
    render_unsealed(JobRun(JobLease(1, "seal", {}, "token", 1), tools))
    assert work(tools) == [JobState.DONE]
    (drawn,) = letters(session)
    assert (drawn.number, drawn.fault) == (letter.number, "")
    assert tools.store.has(drawn.digest)


class _Away(NoSeal):
    def seal(self, *_args, **_more):
        raise SealUnavailable("down for the night")


# --- what it says is fixed -----------------------------------------------------------------------------------
def test_what_a_letter_says_does_not_follow_the_record(session, firm, tools):
    (case_id,) = decide(session, waiting(firm))
    work(tools)
    said = dict(letters(session)[0].face)
    case = session.get_one(Application, case_id)
    case.enterprise.name, case.person.name = "改名后的建设有限公司", "改名"
    session.commit()
    work(tools)
    assert letters(session)[0].face == said


def test_measures_have_letters_too(session, firm, tools):
    certificate = firm.certificate()
    session.commit()
    measures.impose(session, certificate, CertificateEventKind.REVOKED)
    session.commit()
    assert work(tools) == [JobState.DONE]
    (letter,) = letters(session)
    assert (letter.kind, letter.number) == (LetterKind.MEASURE, "湘建许监〔2026〕1号")
    assert letter.measure_id is not None
    assert "撤销" in letter.title
    assert tools.store.has(letter.digest)


def test_letters_are_found_by_indexes_alone(session, system):
    with queries(system.engine) as asked:
        letter_numbered(session, "李雷", "湘建许受〔2026〕1号")
        letter_sealed(session, "0" * 64)
        issue.letters_by_step(session, [1, 2])
        issue.letter_of(session, step_id=1)
        issue.letter_of(session, measure_id=1)
        issue.undrawn(session, steps=[1], measures=[2])
        issue.waiting_for_seal(session)
    assert len(asked) == 7
    assert not set().union(*(tables_read_whole(session, statement) for statement in asked))


def test_more_letters_take_no_more_statements(session, firm, engine):
    counts = []
    for many in (2, 12):
        ids = decide(session, waiting(firm, many))
        with queries(engine) as asked, Session(engine) as own:
            drafts = issue.case_drafts(own, ids, Office(), at=make.NOON)
            issue.number_steps(own, drafts, at=make.NOON)
            own.commit()
        counts.append(len(asked))
    assert counts[0] == counts[1]


# --- numbers -------------------------------------------------------------------------------------------------
def test_each_year_and_each_kind_begins_with_one(session, firm, tools):
    old, new = waiting(firm, 2)
    decide(session, [old], at=datetime(2025, 12, 31, 15, 59, tzinfo=UTC))
    decide(session, [new], at=datetime(2025, 12, 31, 16, 0, tzinfo=UTC))  # midnight in the office
    decide(session, waiting(firm), Action.RETURN)
    work(tools)
    assert {letter.number for letter in letters(session)} == {
        "湘建许不受〔2025〕1号", "湘建许不受〔2026〕1号", "湘建许补〔2026〕1号",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ("{省}建许{类}〔{年}〕{序号}号", True), ("湘建审〔{年}〕第{序号}号", True), ("湘建许{类}{序号}号", False),
        ("湘建许{类}〔{年}〕号", False), ("湘建许〔{年}〕{序号}-{序号}号", False), ("湘建许{年}{序号}号", False),
        ("湘建许〔{年}〕1{序号}号", False),
    ],
)  # fmt: skip
def test_a_pattern_must_tell_years_and_numbers_apart(pattern, fits):
    assert numbers_letters(pattern) is fits


def test_neither_administrator_nor_operator_can_set_a_pattern_that_does_not(session):
    wrong = {"letter_number": "湘建许{类}{序号}号"}
    seen = {"letter_number": Office().letter_number}
    with pytest.raises(Unmet) as refused:
        change(session, wrong, seen, make.officer(Role.ADMIN), base=Office(), at=make.NOON)
    assert [refusal.code for refusal in refused.value.refusals] == ["letter-number"]
    with pytest.raises(BadSetting, match="ANGUAN_LETTER_NUMBER"):
        read_office({"ANGUAN_LETTER_NUMBER": wrong["letter_number"]})


def test_a_pattern_without_the_kind_numbers_all_letters_together():
    office = Office(letter_number="{省}建审〔{年}〕第{序号}号")
    assert len({office.letter_number_blank(kind, 2026) for kind in KIND_WORDS.values()}) == 1


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(LetterKind), st.integers(2024, 2027)), max_size=30))
def test_no_two_series_ever_give_the_same_number(wanted):
    office, given_out, counters = Office(), set(), {}
    for kind, year in wanted:
        blank = office.letter_number_blank(KIND_WORDS[kind], year)
        counters[blank] = counters.get(blank, 0) + 1
        number = f"{counters[blank]}".join(blank)
        assert number not in given_out
        given_out.add(number)
        assert len("L:{}#{}".format(*blank)) <= 40


def test_a_locked_series_gives_no_number_away(session):
    sequences.lock(session, "L:x#")
    assert [*sequences.next_numbers(session, "L:x#", 2)] == [1, 2]
    sequences.lock(session, "L:x#")
    assert [*sequences.next_numbers(session, "L:x#", 0)] == []
    assert [*sequences.next_numbers(session, "L:x#", 1)] == [3]
