"""What a batch action says: a message when all was done, else a page of what was not, with its reasons."""

from dataclasses import dataclass, field

import pytest
from flask import get_flashed_messages

from app.core.errors import AppError, FixPlace, NotAllowed, Refusal
from app.web.base import batch_result


@dataclass
class Outcome:
    names: dict[int, str]
    refused: dict[int, tuple[Refusal, ...]] = field(default_factory=dict)


def refusal(sentence: str, page: str = "") -> Refusal:
    return Refusal("x", sentence, place=FixPlace(page, 1) if page else None)


@pytest.fixture
def run(app, session):
    """``run(outcome)``: status, page and flashed messages."""

    def run(outcome, home="/home/"):
        def act():
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        with app.test_request_context("/?next=//evil.example"):
            answer = batch_result.run_batch(act, "Accept", home)
            return answer.status_code, answer.headers.get("Location") or answer.get_data(as_text=True), get_flashed_messages()

    return run


@pytest.mark.parametrize(("many", "listed"), [(1, "P0"), (5, "P0、P1、P2、P3、P4"), (6, "P0、P1、P2、P3、P4 …")])
def test_what_was_done_is_named_up_to_five(run, many, listed):
    status, home, (message,) = run(Outcome({n: f"P{n}" for n in range(many)}))
    assert (status, home) == (302, "/home/")
    assert message == f"Accept：{many} 条成功（{listed}）。"


@pytest.mark.parametrize(("names", "status"), [({1: "甲", 2: "乙"}, 200), ({1: "甲"}, 422)])
def test_what_was_not_done_is_a_page_with_each_reason_once(run, names, status):
    refused = {1: (refusal("照片<不清>"), refusal("照片<不清>"), refusal("没有学历"))}
    code, page, _flashed = run(Outcome(names, refused))
    assert (code, page.count("照片&lt;不清&gt;"), page.count("没有学历")) == (status, 1, 1)


def test_a_refused_action_goes_back_with_its_sentence_and_an_error_of_its_own_is_raised(run):
    assert run(AppError("太多了")) == (302, "/home/", ["太多了"])
    with pytest.raises(NotAllowed):
        run(NotAllowed())


def test_a_sign_up_has_nothing_to_put_right_and_a_row_out_of_reach_no_name(app):
    with app.test_request_context():
        assert batch_result.gaps_of([refusal("满", "signup"), refusal("迟")]) == [("满", ""), ("迟", "")]
        assert "9" in batch_result.name_of(Outcome({}), 9)
