"""Exams: notices, the people who sign up, and their scores, from publishing to the pass list (R44–R62).

Only this package writes ``ExamSignup.state``; everything is checked again on every step.
"""

from app.exams.notice_files import add_file, file_of, remove_file
from app.exams.notice_states import cancel, recall, republish
from app.exams.notices import amend, publish, withdraw
from app.exams.papers import lacks_papers, signup_papers
from app.exams.pass_rates import PassRate, pass_rates
from app.exams.score_drafts import ImportedMark, discard_scores, take_back
from app.exams.scores import (
    READ_COLUMNS,
    SCORE_COLUMNS,
    ScoreChange,
    ScoreCheck,
    ScoreRow,
    mark_of,
    notice_to_score,
    plain_mark,
    signup_sheet,
    submit_scores,
)
from app.exams.signup_background import SignupBackground, background
from app.exams.signup_changes import change_category, retract
from app.exams.signup_review import SignupPlan, plan_review, review
from app.exams.signups import (
    CandidateGroup,
    SignupCandidate,
    SignupOutcome,
    all_open,
    candidates,
    deselect,
    not_open,
    own_names,
    select,
    submit,
)

__all__ = [
    "READ_COLUMNS",
    "SCORE_COLUMNS",
    "CandidateGroup",
    "ImportedMark",
    "PassRate",
    "ScoreChange",
    "ScoreCheck",
    "ScoreRow",
    "SignupBackground",
    "SignupCandidate",
    "SignupOutcome",
    "SignupPlan",
    "add_file",
    "all_open",
    "amend",
    "background",
    "cancel",
    "candidates",
    "change_category",
    "deselect",
    "discard_scores",
    "file_of",
    "lacks_papers",
    "mark_of",
    "not_open",
    "notice_to_score",
    "own_names",
    "pass_rates",
    "plain_mark",
    "plan_review",
    "publish",
    "recall",
    "remove_file",
    "republish",
    "retract",
    "review",
    "select",
    "signup_papers",
    "signup_sheet",
    "submit",
    "submit_scores",
    "take_back",
    "withdraw",
]
