"""The simulated UKey agent: five wrong PINs lock a key, and each simulated fault is what it says."""

from base64 import b64encode

import pytest

from app.accounts.pki import demo_keys
from app.accounts.pki.demo_agent import TRIES, Agent, AgentError, Mishap
from tests.make import NOON

ASKED = {"id": "acceptance", "pin": "123456", "words": b64encode(b"words").decode()}


@pytest.fixture
def agent(tmp_path) -> Agent:
    demo_keys.create_key(tmp_path, "acceptance", "谭受理", "123456", at=NOON)
    return Agent(tmp_path / "keys", "http://localhost")


def error(agent: Agent, **asked) -> dict:
    with pytest.raises(AgentError) as refused:
        agent.sign({**ASKED, **asked})
    return refused.value.body


def test_the_right_pin_signs_and_forgets_the_wrong_ones(agent):
    assert error(agent, pin="0") == {"error": "wrong-pin", "tries": TRIES - 1}
    assert agent.list()["keys"][0]["tries"] == TRIES - 1
    assert agent.sign(ASKED).keys() == {"chain", "signature"}
    assert agent.list()["keys"] == [{**agent.list()["keys"][0], "id": "acceptance", "holder": "谭受理", "tries": TRIES}]


def test_the_fifth_wrong_pin_locks_the_key_for_the_right_one_too(agent):
    answers = [error(agent, pin=str(n))["error"] for n in range(TRIES)]
    assert answers == ["wrong-pin"] * (TRIES - 1) + ["locked"]
    assert error(agent) == {"error": "locked"}


@pytest.mark.parametrize("name", ["", "nobody", "../keys/acceptance", "*"])
def test_only_a_key_of_the_folder_signs(agent, name):
    assert error(agent, id=name) == {"error": "no-key"}


@pytest.mark.parametrize(
    ("mishap", "code"),
    [(Mishap.WRONG_PIN, "wrong-pin"), (Mishap.LOCKED, "locked"), (Mishap.ABSENT, "no-key"), (Mishap.PULLED, "no-key")],
)
def test_a_simulated_fault_is_answered_as_such(agent, mishap, code):
    agent.mishap = mishap
    assert error(agent)["error"] == code
    assert bool(agent.list()["keys"]) is (mishap is not Mishap.ABSENT)
