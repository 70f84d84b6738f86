"""Whatever a question does to the process, the next one is answered."""

import signal
import sys

import pytest

from app.core.limited_process import MEMORY, LimitedProcess, Overran

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def patient():
    """With so much time that only the limits of the process itself can end it."""
    process = LimitedProcess("tests.core.limited_answers", seconds=600)
    yield process
    process.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="the limits are the system's own")
@pytest.mark.parametrize(
    ("question", "code"),
    [(b"compute", -signal.SIGXCPU), (b"fill 110", 1), (b"die", 3), (b"raise", 1)],
    ids=("computing", "memory", "death", "defect"),
)
def test_a_question_that_takes_too_much_ends_the_process_and_the_next_is_answered(patient, question, code):
    assert patient.ask(b"say hello") == b"hello"
    with pytest.raises(Overran):
        patient.ask(question)
    assert patient.ended == code
    assert patient.ask(b"say hello") == b"hello"


def test_what_is_within_the_limits_is_answered_again_and_again(patient):
    for _question in range(3):
        assert patient.ask(b"fill 80") == str(80 * MIB).encode()
        assert patient.ask(b"say " + b"x" * 4 * MIB) == b"x" * 4 * MIB
    assert MEMORY > 80 * MIB


def test_without_limits_of_the_system_the_time_alone_ends_it(patient):
    process = LimitedProcess("tests.core.limited_answers", seconds=0.5)
    with pytest.raises(Overran):
        process.ask(b"sleep")
    assert process.ended == -signal.SIGKILL
    process.stop()


def test_the_process_knows_no_setting_of_ours(patient, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://somebody:secret@host/db")
    patient.stop()
    assert patient.ask(b"setting DATABASE_URL") == b""
    assert patient.ask(b"setting PYTHONPATH")


def test_it_ends_with_its_parent():
    process = LimitedProcess("tests.core.limited_answers", seconds=600)
    process.ask(b"say hello")
    with process._running as running:
        running.stdin.close()
        assert running.wait(timeout=60) == 0
