"""Reasons: a fact and a clause, no stock conclusion; the stock reasons themselves."""

import pytest
from sqlalchemy import delete, func, select

from app.core.office import Office
from app.core.vocabulary import Action, MatterKind, ReasonStep
from app.eligibility.reasons import (
    ANY_FACT,
    NEEDS_CLAUSE,
    faults_of,
    has_blank,
    has_clause,
    offered_at,
    refusal_of,
    seed_reasons,
)
from app.models import StockReason
from app.workflow import MOVES
from tests import make

FACT, CLAUSE = "身份证载明的姓名与填报的姓名不一致", "《行政许可法》第三十一条"
OFFICE = Office()


def code(session, text, step=ReasonStep.DECLINE, office=OFFICE):
    wrong = refusal_of(session, step, text, office)
    return wrong and wrong.code


@pytest.fixture
def stock(session):
    """Stock reasons of the test, put back afterwards: the table is filled once for all tests."""
    before = set(session.scalars(select(StockReason.id)))
    yield session
    session.rollback()
    session.execute(delete(StockReason).where(StockReason.id.not_in(before)))
    session.commit()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "reason-missing"),
        (" \n", "reason-missing"),
        (FACT, "reason-clause"),
        (f"{FACT}（{CLAUSE}）", None),
        (f"{FACT}，令17号第九条", None),
        (f"{FACT}，不符合建质〔2015〕206号一的规定", None),
        (f"不符合安全生产考核合格条件（{CLAUSE}）", "reason-stock"),
        (f"经审查，该申请不符合 许可条件。依据{CLAUSE}", "reason-stock"),
        (f"材料不齐全（{CLAUSE}）", "reason-stock"),
        (f"姓名写错（{CLAUSE}）", "reason-short"),
        (f"{CLAUSE}第一款第二项，《建筑法》第十四条", "reason-short"),
        (f"经核查，申报材料载明【申报内容】，核查结果为张三，两者不一致（{CLAUSE}）", "reason-blank"),
        (f"经核查，申报材料载明，核查结果为，两者不一致（{CLAUSE}）", None),  # of the step of the review, see below
    ],
)
def test_a_refusal_states_a_fact_and_a_clause(session, text, expected):
    assert code(session, text) == expected


def test_a_stock_reason_with_its_blanks_left_out_says_no_fact(session):
    bare = f"经核查，申报材料载明，核查结果为，两者不一致（{CLAUSE}）"
    assert code(session, bare, ReasonStep.REFUSE_REVIEW) == "reason-stock"
    full = f"经核查，申报材料载明本科，核查结果为大专，两者不一致（{CLAUSE}）"
    assert code(session, full, ReasonStep.REFUSE_REVIEW) is None


@pytest.mark.parametrize(("characters", "expected"), [(9, "reason-short"), (10, None), (11, None)])
def test_the_least_length_is_a_parameter_and_counts_the_fact_alone(session, characters, expected):
    assert code(session, f"{'照' * characters}。（{CLAUSE}）") == expected
    assert code(session, f"{'照' * characters}（{CLAUSE}）", office=Office(least_reason=characters)) is None


@pytest.mark.parametrize("step", [step for step in ReasonStep if step not in NEEDS_CLAUSE], ids=lambda step: step.value)
def test_where_no_refusal_of_the_office_is_written_the_fact_will_do(session, step):
    assert code(session, FACT, step) is None
    assert code(session, "材料不全", step) == "reason-stock"
    assert code(session, "姓名写错", step) == "reason-short"


@pytest.mark.parametrize("text", [CLAUSE, "令17号第九条", "建质〔2015〕206号", "第三十二条", "article 31"])
def test_laws_orders_and_articles_are_clauses(text):
    assert has_clause(f"不一致，{text}")


def test_everything_that_needs_a_reason_is_a_step_with_stock_reasons(session):
    needing = {move.action.value for move in MOVES if move.reason} | {ReasonStep.REJECT_SIGNUP.value}
    assert {step.value for step in ReasonStep} == needing
    for step in ReasonStep:
        assert offered_at(session, step, tuple(MatterKind)) != [ANY_FACT], step


def test_the_standard_reasons_are_what_the_form_would_take_and_must_be_completed(session):
    for stock in session.scalars(select(StockReason)):
        assert faults_of(stock.step, stock.text, stock.clause) == [], stock.text
        assert has_blank(stock.text), stock.text
        assert code(session, stock.suggestion, stock.step) == "reason-blank", stock.text


def test_reasons_of_the_matter_come_first_and_those_of_others_not_at_all(stock):
    def reason(text, **facts):
        return StockReason(**{"matter": "", "step": ReasonStep.DECLINE, "text": text, "clause": "", **facts})

    stock.add_all([reason("延期的【事实】", matter="renewal"), reason("变更的【事实】", matter="transfer")])
    stock.add_all([reason("停用的【事实】", offered=False), reason("任何【事实】")])
    offered = offered_at(stock, ReasonStep.DECLINE, [MatterKind.RENEWAL])
    assert (offered[0], offered[-1]) == ("延期的【事实】", "任何【事实】")
    assert not {"变更的【事实】", "停用的【事实】"} & set(offered)


def test_a_step_without_stock_reasons_offers_a_blank(stock):
    stock.execute(delete(StockReason).where(StockReason.step == ReasonStep.EXTEND))
    assert offered_at(stock, ReasonStep.EXTEND) == [ANY_FACT]


def test_what_the_administrator_changed_stays_when_the_system_is_made_ready_again(stock):
    count = stock.scalar(select(func.count(StockReason.id)))
    assert seed_reasons(stock) == 0
    ours = stock.scalars(select(StockReason).where(StockReason.step == ReasonStep.EXTEND)).all()
    stock.delete(ours[0])
    ours[1].text = "改过的【事实】"
    stock.flush()
    assert seed_reasons(stock) == 0
    stock.execute(delete(StockReason).where(StockReason.step == ReasonStep.EXTEND))
    assert seed_reasons(stock) == len(ours)
    assert stock.scalar(select(func.count(StockReason.id))) == count


@pytest.mark.parametrize(
    ("text", "clause", "codes"),
    [
        ("【事实】与填报不一致", CLAUSE, set()),
        ("【事实】与填报不一致", "", {"reason-clause"}),
        ("与填报不一致", CLAUSE, {"reason-blank"}),
        ("【事实】", CLAUSE, {"reason-empty"}),
    ],
)
def test_a_stock_reason_of_a_refusal_has_a_blank_and_a_clause(text, clause, codes):
    assert {fault.code for fault in faults_of(ReasonStep.DECLINE, text, clause)} == codes


def test_the_reason_of_the_tests_is_one(session):
    assert [step for step in ReasonStep if code(session, make.REASON, step)] == []
    assert Action.RETURN.value == ReasonStep.RETURN.value
